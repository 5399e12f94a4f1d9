//! Both directions of the wire, as tables; and what a server may do to it.

use std::sync::Mutex;

use serde_json::json;

use super::{stream::Chunks, *};
use crate::provider::{
    Author, ChatRequest, Finish, Kind, Usage,
    bounds::{MAX_ARGUMENT_BYTES, MAX_TOOL_CALLS},
    service::Merged,
    sse::Events,
    testing::{self, answer, asking, call, conversation, events, reply, said, stream, tool_call},
};

fn body(request: ChatRequest) -> Value {
    OpenAi::body(&call(request), false, "localhost").unwrap()
}

fn read(answer: Value) -> Result<ChatResponse, ProviderError> {
    let Value::Object(fields) = answer else { panic!("no object: {answer}") };
    OpenAi::read(fields, &call(asking("hello")))
}

fn with_message(message: Value, finish: &str) -> Value {
    json!({"choices": [{"message": message, "finish_reason": finish}]})
}

#[test]
fn a_conversation_is_written() {
    let function = |arguments| json!({"name": "read_file", "arguments": arguments});
    assert_eq!(
        body(conversation()),
        json!({
            "model": "m-1",
            "stream": false,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Read a."},
                {"role": "assistant", "content": "I look.", "tool_calls": [
                    {"id": "c1", "type": "function", "function": function(r#"{"path":"a"}"#)},
                    {"id": "c2", "type": "function",
                        "function": function(r#"{"invalid":"{cut"}"#)},
                ]},
                {"role": "tool", "tool_call_id": "c1", "content": "result c1"},
                {"role": "tool", "tool_call_id": "c2", "content": ""},
            ],
            "tools": [{"type": "function", "function":
                {"name": "read_file", "description": "Reads.", "parameters": {"type": "object"}}}],
        })
    );
}

#[test]
fn what_is_wanted_of_the_answer_is_written() {
    let request = ChatRequest {
        max_tokens: Some(7),
        temperature: Some(0.7),
        response_schema: Some(r#"{"type": "object"}"#.to_owned()),
        ..asking("hello")
    };
    let expect = json!({
        "model": "m-1",
        "stream": true,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 7,
        "temperature": 0.7,
        "response_format": {"type": "json_schema", "json_schema":
            {"name": "answer", "schema": {"type": "object"}}},
    });
    assert_eq!(OpenAi::body(&call(request.clone()), true, "localhost").unwrap(), expect);
    let body = OpenAi::body(&call(request), true, "api.openai.com").unwrap();
    assert_eq!((&body["max_completion_tokens"], &body["max_tokens"]), (&json!(7), &Value::Null));
}

#[test]
fn the_models_own_message_is_sent_back_as_it_came() {
    let own = json!({"role": "assistant", "content": null, "reasoning_details": [{"x": 1}]});
    let mut message = said(Author::Assistant, "something else");
    message.original = Some(std::sync::Arc::new(own.clone()));
    let request = ChatRequest { messages: vec![message], ..ChatRequest::default() };
    assert_eq!(body(request)["messages"], json!([own]));
}

#[test]
fn a_schema_that_is_none_is_refused() {
    let mut request = conversation();
    request.tools[0].parameters = "{".to_owned();
    let err = OpenAi::body(&call(request), false, "").unwrap_err();
    let text = "the schema of the tool `read_file` is no JSON Schema".to_owned();
    assert_eq!(err, ProviderError::Invalid(text));
    let request = ChatRequest { response_schema: Some("7".to_owned()), ..asking("hello") };
    let err = OpenAi::body(&call(request), false, "").unwrap_err();
    let text = "the schema of the answer is no JSON Schema".to_owned();
    assert_eq!(err, ProviderError::Invalid(text));
}

#[test]
fn an_answer_is_read() {
    let message = json!({"role": "assistant", "content": "hi", "reasoning_content": "hm"});
    let res = read(json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "m-1-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.25},
        "timings": {"ms": 3}, "system_fingerprint": null,
    }))
    .unwrap();
    assert_eq!((res.text.as_str(), res.finish, res.cost), ("hi", Finish::Stop, Some(0.25)));
    assert_eq!(res.usage, Usage { input_tokens: 5, output_tokens: 2 });
    assert_eq!((res.model.as_str(), res.tool_calls), ("m-1-2026", Vec::new()));
    assert_eq!(res.original.as_deref(), Some(&message));
    assert_eq!(Value::Object(res.extra), json!({"timings": {"ms": 3}}));
}

#[test]
fn what_an_answer_lacks_is_filled_in() {
    let res = read(json!({"choices": [{"message": {"content": "12345678"}}]})).unwrap();
    assert_eq!(res.usage, Usage { input_tokens: 2, output_tokens: 2 });
    assert_eq!((res.model.as_str(), res.finish, res.cost), ("m-1", Finish::Stop, None));
    assert_eq!(res.original.unwrap()["role"], "assistant");
    let nonsense = json!({"prompt_tokens": -3, "completion_tokens": 1e300, "cost": "free"});
    let res = read(json!({"choices": [{"message": {}}], "usage": nonsense, "model": 7})).unwrap();
    assert_eq!(res.usage, Usage { input_tokens: 2, output_tokens: 1 });
}

#[test]
fn tool_calls_are_read() {
    let check = |calls: Value, expect: &[(&str, &str, &str)]| {
        let res = read(with_message(json!({"tool_calls": calls}), "stop")).unwrap();
        let expect: Vec<_> = expect.iter().map(|it| tool_call(it.0, it.1, it.2)).collect();
        assert_eq!((res.tool_calls, res.finish), (expect, Finish::ToolCalls));
        // Results name the calls by the ids in the message that is sent back.
        let ids = res.original.unwrap()["tool_calls"].clone();
        ids.as_array().unwrap().iter().map(|it| it["id"].clone()).collect::<Vec<_>>()
    };
    let function = |arguments: Value| json!({"name": "f", "arguments": arguments});
    check(json!([{"id": "a", "function": function(json!("{\"x\": "))}]), &[("a", "f", "{\"x\": ")]);
    check(json!([{"id": "a", "function": function(json!({"x": 1}))}]), &[("a", "f", "{\"x\":1}")]);
    check(json!([{"id": "a", "function": function(json!(" "))}]), &[("a", "f", "{}")]);
    let ids = check(
        json!([
            {"function": {"name": "f"}},
            {"id": "a", "function": {"name": "g"}},
            {"id": "a", "function": {"name": "h"}},
        ]),
        &[("call_1_0", "f", "{}"), ("a", "g", "{}"), ("call_1_2", "h", "{}")],
    );
    assert_eq!(ids, ["call_1_0", "a", "call_1_2"]);
}

#[test]
fn why_it_ended_is_read() {
    let check = |message: Value, finish: &str, expect: (&str, Finish)| {
        let res = read(with_message(message, finish)).unwrap();
        assert_eq!((res.text.as_str(), res.finish), expect);
    };
    check(json!({"content": "a"}), "length", ("a", Finish::Length));
    check(json!({"content": "a"}), "content_filter", ("a", Finish::Filtered));
    check(json!({"content": "a"}), "tool_calls", ("a", Finish::Stop));
    check(json!({"content": "a"}), "eos", ("a", Finish::Stop));
    check(json!({"content": "a"}), "MAX_TOKENS", ("a", Finish::Length));
    check(json!({"content": ""}), "SAFETY", ("", Finish::Filtered));
    check(json!({"content": null, "refusal": "no"}), "stop", ("no", Finish::Filtered));
    check(json!({"content": "a", "refusal": "no"}), "stop", ("a\nno", Finish::Filtered));
    check(json!({"content": "a", "refusal": ""}), "stop", ("a", Finish::Stop));
    let refusal = json!([{"type": "refusal", "refusal": "no"}]);
    check(json!({"content": refusal}), "stop", ("no", Finish::Filtered));
    let thought = json!([{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}, "a"]);
    check(json!({"content": thought}), "stop", ("a", Finish::Stop));
    let parts = json!([{"type": "text", "text": "a"}, {"type": "x"}, {"text": "b"}]);
    check(json!({"content": parts}), "stop", ("ab", Finish::Stop));
}

#[test]
fn an_answer_that_is_none_is_broken() {
    let check = |answer: Value, expect: &str| {
        assert_eq!(read(answer), Err(ProviderError::Broken(format!("the answer {expect}"))));
    };
    check(json!({}), "has no choices");
    check(json!({"choices": []}), r#"has no choices: {"choices":[]}"#);
    check(json!({"choices": [{}]}), r#"has no message: {"choices":[{}]}"#);
    check(with_message(json!({}), "error"), "broke off with an error");
    let calls = |calls: Value| with_message(json!({"tool_calls": calls}), "");
    let unnamed = "asks for a tool without a usable name or id";
    for call in [json!({}), json!(7), json!({"function": {"name": "x".repeat(300)}})] {
        check(calls(json!([call])), unnamed);
    }
    let one = json!({"function": {"name": "f"}});
    check(calls(json!(vec![one; MAX_TOOL_CALLS + 1])), "asks for more than 128 tools");
    let long = json!({"name": "f", "arguments": "x".repeat(MAX_ARGUMENT_BYTES + 1)});
    check(calls(json!([{"function": long}])), "has more than 1048576 bytes of arguments");
}

fn chunk(delta: Value) -> Value {
    json!({"id": "x", "model": "m-2", "choices": [{"index": 0, "delta": delta}]})
}

fn last_chunks(finish: &str) -> [Value; 2] {
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 3});
    [
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": null}),
        json!({"choices": [], "usage": usage, "timings": {"ms": 1}}),
    ]
}

fn merged(text: &[u8]) -> Value {
    let (mut chunks, mut events) = (Chunks::default(), Events::default());
    for event in events.push(text).unwrap() {
        chunks.event(&event, None).unwrap();
    }
    Value::Object(chunks.whole())
}

fn calling(pieces: &[&str]) -> String {
    let first = json!({"index": 0, "id": "a", "type": "function",
        "function": {"name": "f", "arguments": ""}});
    let mut chunks = vec![
        chunk(json!({"role": "assistant", "content": null})),
        chunk(json!({"reasoning": "h", "content": "Hä"})),
        chunk(json!({"reasoning": "m", "content": "h?"})),
        chunk(json!({"tool_calls": [first]})),
    ];
    chunks.extend(
        pieces
            .iter()
            .map(|it| chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": it}}]}))),
    );
    chunks.extend(last_chunks("tool_calls"));
    format!("{}data: [DONE]\n\n", events(&chunks))
}

#[test]
fn a_stream_is_the_answer_that_would_have_come_at_once() {
    let whole = json!({
        "id": "x", "model": "m-2",
        "choices": [{"finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Häh?", "reasoning": "hm",
            "tool_calls": [{"id": "a", "type": "function",
                "function": {"name": "f", "arguments": "{\"x\":1}"}}],
        }}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3},
        "timings": {"ms": 1},
    });
    assert_eq!(merged(calling(&["{\"x\"", ":1}"]).as_bytes()), whole);
}

#[tokio::test]
async fn a_server_is_asked_and_answers() {
    let message = json!({"role": "assistant", "content": "hi"});
    let reply = testing::json("200 OK", &with_message(message, "stop"));
    let server = testing::Server::start(vec![reply]).await;
    let mut spec = testing::spec(Kind::OpenAi, &server.url, false);
    spec.headers.insert("x-title".to_owned(), "hermitage".to_owned());
    let provider = spec.build().unwrap();
    let res = provider.chat(call(asking("hello"))).await.unwrap();
    assert_eq!(res.text, "hi");
    let asked = server.asked().pop().unwrap();
    assert!(asked.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", asked.head);
    assert!(asked.head.contains("\r\nx-title: hermitage"), "{}", asked.head);
    for unwanted in ["authorization", "referer", "cookie", "accept-encoding"] {
        assert!(!asked.head.to_lowercase().contains(unwanted), "{}", asked.head);
    }
    assert_eq!(asked.body["messages"], json!([{"role": "user", "content": "hello"}]));
}

#[tokio::test]
async fn a_stream_is_read_and_told_of_as_it_comes() {
    let server = testing::Server::start(vec![vec![stream(&calling(&["{}"]))]]).await;
    let provider = testing::spec(Kind::OpenAi, &server.url, true).build().unwrap();
    let told = std::sync::Arc::new(Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&told);
    let mut call = call(asking("hello"));
    call.partial = Some(std::sync::Arc::new(move |it| log.lock().unwrap().push(it.to_owned())));
    let res = provider.chat(call).await.unwrap();
    assert_eq!(*told.lock().unwrap(), ["Hä", "h?"]);
    assert_eq!((res.text.as_str(), res.finish), ("Häh?", Finish::ToolCalls));
    assert_eq!(res.tool_calls, [tool_call("a", "f", "{}")]);
    assert_eq!((res.usage.input_tokens, res.model.as_str()), (9, "m-2"));
    assert_eq!(Value::Object(res.extra), json!({"timings": {"ms": 1}}));
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_read_all_the_same() {
    let whole = testing::json("200 OK", &with_message(json!({"content": "hi"}), "stop"));
    assert_eq!(answer(Kind::OpenAi, true, whole).await.unwrap().text, "hi");
    let streamed = vec![stream(&calling(&["{}"]))];
    assert_eq!(answer(Kind::OpenAi, false, streamed).await.unwrap().text, "Häh?");
}

#[tokio::test]
async fn a_stream_without_a_mark_at_its_end_is_whole_when_the_model_ended() {
    let text = events(&[chunk(json!({"content": "hi"})), last_chunks("stop")[0].clone()]);
    assert_eq!(answer(Kind::OpenAi, true, vec![stream(&text)]).await.unwrap().text, "hi");
}

#[tokio::test]
async fn an_error_in_the_middle_is_one() {
    let error = json!({"error": {"code": 429, "message": "slow down"}});
    let text = events(&[chunk(json!({"content": "h"})), error.clone()]);
    let busy =
        |text: &str| Err(ProviderError::Busy { message: text.to_owned(), retry_after: None });
    let slow = "HTTP 429 Too Many Requests: slow down";
    assert_eq!(answer(Kind::OpenAi, true, vec![stream(&text)]).await, busy(slow));
    let named = "event: error\ndata: {\"code\": 503, \"message\": \"later\"}\n\n";
    let later = "HTTP 503 Service Unavailable: later";
    assert_eq!(answer(Kind::OpenAi, true, vec![stream(named)]).await, busy(later));
    let whole = reply("200 OK", &["content-type: application/json"], &error.to_string());
    assert_eq!(answer(Kind::OpenAi, false, whole).await, busy(slow));
}
