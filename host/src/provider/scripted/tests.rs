//! Cassettes: which turn answers, what it says, and what is wrong with a file.

use std::{fs, slice};

use super::{cassette::parse, *};
use crate::provider::{
    Kind,
    testing::{asking, call, said, spec, tool_call},
};

const TWO_CHILDREN: &str = r#"{"turns": [
    {"when": {"goal": ["alpha"], "tools": ["read_file"]},
     "tool_calls": [{"name": "read_file", "arguments": {"path": "a", "why": ["{{last}}!"]}}]},
    {"when": {"goal": ["beta"]}, "text": "b1"},
    {"when": {"last": ["oops"]}, "text": "again", "repeat": true},
    {"when": {"goal": ["alpha"], "any": ["secret"]}, "text": "found {{last}}"},
    {"text": "end", "finish": "length", "usage": {"input_tokens": 3, "output_tokens": 4}}
]}"#;

/// Every answer of a conversation that goes on with these words of a tool.
async fn played(cassette: &str, goal: &str, tools: &[&str], results: &[&str]) -> Vec<String> {
    let cassette = parse(cassette).unwrap();
    let mut request = asking(goal);
    request.tools = tools
        .iter()
        .map(|it| super::super::ToolSpec {
            name: (*it).to_owned(),
            description: String::new(),
            parameters: "{}".to_owned(),
        })
        .collect();
    let mut res = Vec::new();
    for result in results {
        let answer = match cassette.chat(call(request.clone())).await {
            Ok(answer) => answer,
            Err(error) => {
                res.push(format!("error: {error}"));
                break;
            }
        };
        let calls: Vec<String> = answer
            .tool_calls
            .iter()
            .map(|it| format!("{} {}({})", it.id, it.name, it.arguments))
            .collect();
        res.push(format!("{}{}", answer.text, calls.join(" ")));
        let mut message = said(Author::Assistant, &answer.text);
        message.tool_calls = answer.tool_calls;
        request.messages.extend([message, said(Author::Tool, result)]);
    }
    res
}

#[tokio::test]
async fn each_conversation_takes_its_own_way() {
    let alpha = ["call_1_0 read_file({\"path\":\"a\",\"why\":[\"!\"]})", "found the secret", "end"];
    let results = ["the secret", "", ""];
    assert_eq!(played(TWO_CHILDREN, "do alpha", &["read_file"], &results).await, alpha);
    assert_eq!(
        played(TWO_CHILDREN, "do beta", &[], &["", "", ""]).await,
        ["b1", "end", "error: the cassette has no turn that fits answer 3",]
    );
    let again = ["end", "again", "again"];
    assert_eq!(played(TWO_CHILDREN, "alpha", &[], &["oops", "oops", ""]).await, again);
}

#[tokio::test]
async fn a_field_of_a_result_stands_for_itself() {
    let cassette = r#"{"turns": [
        {"text": "?"}, {"text": "{{last.lines}}: {{last.text}} {{last.more}}", "repeat": true}
    ]}"#;
    let results = [r#"{"text": "a\nb", "lines": 2}"#, "no object", ""];
    let expect = ["?", "2: a\nb {{last.more}}", "{{last.lines}}: {{last.text}} {{last.more}}"];
    assert_eq!(played(cassette, "x", &[], &results).await, expect);
}

#[tokio::test]
async fn many_at_once_are_each_as_one_alone() {
    let cassette = parse(TWO_CHILDREN).unwrap();
    let ask = |goal: &'static str| cassette.chat(call(asking(goal)));
    let (one, two, three) = tokio::join!(ask("beta"), ask("gamma"), ask("beta"));
    let texts = [one, two, three].map(|it| it.unwrap().text);
    assert_eq!(texts, ["b1", "end", "b1"]);
}

#[tokio::test]
async fn a_turn_says_what_it_took() {
    let cassette = parse(TWO_CHILDREN).unwrap();
    let res = cassette.chat(call(asking("gamma"))).await.unwrap();
    assert_eq!(res.usage, Usage { input_tokens: 3, output_tokens: 4 });
    assert_eq!((res.finish, res.model.as_str()), (Finish::Length, "m-1"));
    let res = cassette.chat(call(asking("beta"))).await.unwrap();
    assert_eq!((res.usage.input_tokens, res.finish), (1, Finish::Stop));
}

#[tokio::test]
async fn arguments_may_be_no_json() {
    let cassette = r#"{"turns": [{"tool_calls": [{"name": "f", "arguments": "{cut"}]}]}"#;
    let res = parse(cassette).unwrap().chat(call(asking("x"))).await.unwrap();
    assert_eq!(res.tool_calls, slice::from_ref(&tool_call("call_1_0", "f", "{cut")));
    assert_eq!(res.finish, Finish::ToolCalls);
}

#[tokio::test]
async fn an_error_is_one_every_time() {
    let cassette = parse(
        r#"{"turns": [{"error": {"kind": "busy", "message": "full", "retry_after_ms": 5}}]}"#,
    );
    let cassette = cassette.unwrap();
    for _ in 0..2 {
        let res = cassette.chat(call(asking("x"))).await;
        let retry_after = Some(Duration::from_millis(5));
        assert_eq!(res, Err(ProviderError::Busy { message: "full".to_owned(), retry_after }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_can_be_cancelled() {
    let cassette = parse(r#"{"turns": [{"text": "late", "delay_ms": 60000}]}"#).unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(cassette.chat(call(asking("x"))).await.unwrap().text, "late");
    assert_eq!(start.elapsed().as_secs(), 60);
    let call = call(asking("x"));
    call.cancelled.cancel();
    assert_eq!(cassette.chat(call).await, Err(ProviderError::Cancelled));
}

fn check_wrong(cassette: &str, expect: &str) {
    assert_eq!(parse(cassette).unwrap_err(), expect, "{cassette}");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let turn = |it: &str| format!("{{\"turns\": [{{\"text\": \"x\"}}, {it}]}}");
    check_wrong("{\n  \"turns\": [,]}", "expected value at line 2 column 13");
    check_wrong("{\"turns\": []}", "`turns` is empty");
    check_wrong(&turn("{}"), "`turns[1]`: has no `text`, no `tool_calls` and no `error`");
    let error = r#""error": {"kind": "key", "message": "no"}"#;
    let both = "`turns[1]`: has an `error` and an answer beside it";
    check_wrong(&turn(&format!("{{\"text\": \"\", {error}}}")), both);
    let retry = turn(r#"{"error": {"kind": "key", "retry_after_ms": 1}}"#);
    check_wrong(&retry, "`turns[1]`: `retry_after_ms` is for `busy` only");
    check_wrong(
        &turn(r#"{"tool_calls": [{"name": "f", "arguments": 7}]}"#),
        "`turns[1]`: the `arguments` of `f` are neither an object nor a text",
    );
    check_wrong(&turn(r#"{"text": "", "delay_ms": 600001}"#), {
        "`turns[1]`: `delay_ms` is at most 600000"
    });
    let unknown = parse(&turn(r#"{"texts": "x"}"#)).unwrap_err();
    assert!(unknown.starts_with("unknown field `texts`, expected one of `when`"), "{unknown}");
}

#[test]
fn a_file_that_cannot_be_played_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tape.json");
    let build = || {
        let mut spec = spec(Kind::Scripted, "", false);
        spec.cassette = Some(path.clone());
        spec.build().err().map(|it| it.to_string())
    };
    let shown = path.display();
    let missing = build().unwrap();
    assert!(missing.starts_with(&format!("cannot read the cassette `{shown}`: ")), "{missing}");
    fs::write(&path, "{\"turns\": []}").unwrap();
    assert_eq!(build().unwrap(), format!("the cassette `{shown}` is wrong: `turns` is empty"));
    fs::write(&path, "{\"turns\": [{\"text\": \"x\"}]}").unwrap();
    assert_eq!(build(), None);
}
