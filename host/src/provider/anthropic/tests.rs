//! Both directions of the wire, as tables; and a server that speaks it.

use serde_json::json;

use super::{stream::Blocks, *};
use crate::provider::{
    Author, ChatRequest, Finish, Kind, Usage,
    bounds::MAX_TOOL_CALLS,
    service::Merged,
    sse::Events,
    testing::{self, answer, asking, call, conversation, events, said, stream, tool_call},
};

fn body(request: ChatRequest) -> Value {
    Anthropic::body(&call(request), false, "").unwrap()
}

fn read(answer: Value, request: ChatRequest) -> Result<ChatResponse, ProviderError> {
    let Value::Object(fields) = answer else { panic!("no object: {answer}") };
    Anthropic::read(fields, &call(request))
}

#[test]
fn a_conversation_is_written() {
    assert_eq!(
        body(conversation()),
        json!({
            "model": "m-1",
            "stream": false,
            "max_tokens": 8192,
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Read a."}]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "read_file", "input": {"path": "a"}},
                    {"type": "tool_use", "id": "c2", "name": "read_file",
                        "input": {"invalid": "{cut"}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "result c1"},
                    {"type": "tool_result", "tool_use_id": "c2", "content": ""},
                ]},
            ],
            "tools": [{"name": "read_file", "description": "Reads.",
                "input_schema": {"type": "object"}}],
        })
    );
}

#[test]
fn turns_alternate_and_blank_texts_go() {
    let messages = vec![
        said(Author::User, "a"),
        said(Author::System, "s1"),
        said(Author::User, " \n"),
        said(Author::User, "b"),
        said(Author::Assistant, ""),
        said(Author::System, "s2"),
    ];
    let body = body(ChatRequest { messages, ..ChatRequest::default() });
    let text = |it| json!({"type": "text", "text": it});
    assert_eq!(body["messages"], json!([{"role": "user", "content": [text("a"), text("b")]}]));
    assert_eq!(body["system"], "s1\n\ns2");
    let err = Anthropic::body(&call(asking(" ")), false, "").unwrap_err();
    assert_eq!(err, ProviderError::Invalid("the conversation has no text".to_owned()));
}

#[test]
fn what_is_wanted_of_the_answer_is_written() {
    let request = ChatRequest {
        max_tokens: Some(7),
        temperature: Some(1.7),
        response_schema: Some(r#"{"type": "object"}"#.to_owned()),
        ..asking("hello")
    };
    let body = body(request);
    assert_eq!((&body["max_tokens"], &body["temperature"]), (&json!(7), &json!(1.0)));
    let system = body["system"].as_str().unwrap();
    assert!(system.ends_with("no code fence:\n{\"type\":\"object\"}"), "{system}");
}

#[test]
fn the_models_own_blocks_are_sent_back_as_they_came() {
    let blocks = json!([{"type": "thinking", "thinking": "hm", "signature": "abc"}]);
    let mut message = said(Author::Assistant, "something else");
    let own = json!({"role": "assistant", "content": blocks});
    message.original = Some(std::sync::Arc::new(own.clone()));
    let request = ChatRequest { messages: vec![message], ..ChatRequest::default() };
    assert_eq!(body(request)["messages"], json!([own]));
}

fn whole() -> Value {
    json!({
        "id": "x", "type": "message", "role": "assistant", "model": "m-2",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "text", "text": "Häh?"},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "b", "name": "g", "input": {}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 4, "output_tokens": 7},
        "container": {"id": "c"},
    })
}

#[test]
fn an_answer_is_read() {
    let res = read(whole(), asking("hello")).unwrap();
    assert_eq!((res.text.as_str(), res.finish), ("Häh?", Finish::ToolCalls));
    assert_eq!(res.tool_calls, [tool_call("a", "f", r#"{"x":1}"#), tool_call("b", "g", "{}")]);
    assert_eq!(res.usage, Usage { input_tokens: 9, output_tokens: 7 });
    assert_eq!((res.model.as_str(), res.cost), ("m-2", None));
    let original = json!({"role": "assistant", "content": whole()["content"]});
    assert_eq!(res.original.as_deref(), Some(&original));
    assert_eq!(Value::Object(res.extra), json!({"container": {"id": "c"}}));
}

#[test]
fn why_it_ended_is_read() {
    let check = |reason: &str, expect: Finish| {
        let answer = json!({"content": [], "stop_reason": reason});
        assert_eq!(read(answer, asking("hello")).unwrap().finish, expect, "{reason}");
    };
    check("end_turn", Finish::Stop);
    check("stop_sequence", Finish::Stop);
    check("tool_use", Finish::Stop);
    check("max_tokens", Finish::Length);
    check("model_context_window_exceeded", Finish::Length);
    check("refusal", Finish::Filtered);
}

#[test]
fn a_fence_around_json_goes_when_json_was_wanted() {
    let check = |text: &str, expect: &str| {
        let answer = json!({"content": [{"type": "text", "text": text}]});
        let schema = Some("{}".to_owned());
        let wanted = ChatRequest { response_schema: schema, ..asking("hello") };
        assert_eq!(read(answer.clone(), wanted).unwrap().text, expect);
        assert_eq!(read(answer, asking("hello")).unwrap().text, text);
    };
    check("```json\n{\"a\": 1}\n```\n", "{\"a\": 1}");
    check("```\n[]\n```", "[]");
    check("```json\nno\n```", "```json\nno\n```");
    check("{}", "{}");
}

#[test]
fn an_answer_that_is_none_is_broken() {
    let check = |answer: Value, expect: &str| {
        let expect = ProviderError::Broken(format!("the answer {expect}"));
        assert_eq!(read(answer, asking("hello")), Err(expect));
    };
    check(json!({}), "has no content");
    check(json!({"content": 7, "x": 1}), r#"has no content: {"x":1}"#);
    let unnamed = "asks for a tool without a usable name or id";
    check(json!({"content": [{"type": "tool_use"}]}), unnamed);
    let one = json!({"type": "tool_use", "name": "f"});
    check(json!({"content": vec![one; MAX_TOOL_CALLS + 1]}), "asks for more than 128 tools");
}

fn streamed() -> String {
    let start = |index, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index| json!({"type": "content_block_stop", "index": index});
    events(&[
        json!({"type": "message_start", "message": {
            "id": "x", "type": "message", "role": "assistant", "model": "m-2", "content": [],
            "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 4, "output_tokens": 1},
        }}),
        start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        json!({"type": "ping"}),
        delta(0, json!({"type": "thinking_delta", "thinking": "h"})),
        delta(0, json!({"type": "thinking_delta", "thinking": "m"})),
        delta(0, json!({"type": "signature_delta", "signature": "sig"})),
        stop(0),
        start(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "Hä"})),
        delta(1, json!({"type": "text_delta", "text": "h?"})),
        stop(1),
        json!({"type": "something_new", "index": 1}),
        start(2, json!({"type": "tool_use", "id": "a", "name": "f", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"x\""})),
        delta(2, json!({"type": "input_json_delta", "partial_json": ": 1}"})),
        stop(2),
        start(3, json!({"type": "tool_use", "id": "b", "name": "g", "input": {}})),
        stop(3),
        json!({"type": "message_delta", "usage": {"output_tokens": 7}, "container": {"id": "c"},
            "delta": {"stop_reason": "tool_use", "stop_sequence": null}}),
        json!({"type": "message_stop"}),
    ])
}

fn merged(pieces: &[&[u8]]) -> Result<ChatResponse, ProviderError> {
    let (mut blocks, mut events) = (Blocks::default(), Events::default());
    for event in pieces.iter().flat_map(|it| events.push(it).unwrap()) {
        blocks.event(&event, None).unwrap();
    }
    read(Value::Object(blocks.whole()), asking("hello"))
}

#[test]
fn a_stream_is_the_answer_that_would_have_come_at_once() {
    let mut whole = read(whole(), asking("hello")).unwrap();
    // As the model wrote them.
    whole.tool_calls[0].arguments = r#"{"x": 1}"#.to_owned();
    assert_eq!(merged(&[streamed().as_bytes()]), Ok(whole));
}

#[test]
fn calls_of_one_id_get_ids_of_their_own() {
    let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": {}});
    let answer = json!({"content": [call, call, call], "stop_reason": "tool_use"});
    let res = read(answer, asking("hello")).unwrap();
    let ids: Vec<&str> = res.tool_calls.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["a", "call_1_1", "call_1_2"]);
    assert_eq!(res.original.unwrap()["content"][2]["id"], "call_1_2");
}

#[test]
fn arguments_that_were_cut_are_handed_on_as_they_are() {
    let text = streamed().replace(": 1}", ": ");
    let res = merged(&[text.as_bytes()]).unwrap();
    assert_eq!(res.tool_calls[0], tool_call("a", "f", "{\"x\": "));
    let block = &res.original.unwrap()["content"][2];
    assert_eq!(block["input"], json!({"invalid": "{\"x\": "}));
}

#[tokio::test]
async fn a_server_is_asked_and_answers() {
    let server = testing::Server::start(vec![testing::json("200 OK", &whole())]).await;
    let mut spec = testing::spec(Kind::Anthropic, &server.url, false);
    spec.key = Some(crate::secret::Source::Command(["echo", "k-1"].map(str::to_owned).to_vec()));
    let res = spec.build().unwrap().chat(call(asking("hello"))).await.unwrap();
    assert_eq!(res.text, "Häh?");
    let asked = server.asked().pop().unwrap();
    assert!(asked.head.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{}", asked.head);
    for header in ["x-api-key: k-1", "anthropic-version: 2023-06-01"] {
        assert!(asked.head.contains(&format!("\r\n{header}")), "{}", asked.head);
    }
    assert!(!asked.head.to_lowercase().contains("authorization"), "{}", asked.head);
}

#[tokio::test]
async fn a_stream_of_a_server_is_read() {
    let res = answer(Kind::Anthropic, true, vec![stream(&streamed())]).await.unwrap();
    assert_eq!((res.text.as_str(), res.tool_calls.len()), ("Häh?", 2));
    let cut = streamed().split_once("data: {\"container\"").unwrap().0.to_owned();
    let err = answer(Kind::Anthropic, true, vec![stream(&cut)]).await;
    assert_eq!(err, Err(ProviderError::Broken("the answer broke off".to_owned())));
}

#[tokio::test]
async fn an_error_in_the_middle_is_one() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "full"}});
    let text = format!("event: error\n{}", events(&[error]));
    let err = answer(Kind::Anthropic, true, vec![stream(&text)]).await;
    let message = "HTTP 529: full".to_owned();
    assert_eq!(err, Err(ProviderError::Busy { message, retry_after: None }));
}
