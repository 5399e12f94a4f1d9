//! What a server sends that repeats something: whole answers with it in a
//! place, streamed as each service streams them, and errors.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::provider::{
    Kind,
    testing::{self, CANARY, Step, events, reply, stream},
};

/// Ways to write the key, by name.
pub(super) fn forms() -> Vec<(&'static str, String)> {
    let each = |map: fn(char) -> String| CANARY.chars().map(map).collect::<String>();
    let split =
        |by: &str| CANARY.replace("can", &format!("ca{by}n")).replace("r37", &format!("{by}r37"));
    vec![
        ("plain", CANARY.to_owned()),
        ("upper case", CANARY.to_uppercase()),
        ("reversed", CANARY.chars().rev().collect()),
        ("hex", each(|it| format!("{:02x}", u32::from(it)))),
        ("hex with colons", each(|it| format!("{:02X}:", u32::from(it)))),
        ("base64", STANDARD.encode(CANARY)),
        ("base64 of a login", STANDARD.encode(format!("user:{CANARY}"))),
        ("base64 of a header", URL_SAFE_NO_PAD.encode(format!("Bearer {CANARY}\r\n"))),
        ("percent", each(|it| format!("%{:02X}", u32::from(it)))),
        ("percent where needed", CANARY.replace('-', "%2D")),
        ("percent twice", CANARY.replace('-', "%252D")),
        ("escaped", each(|it| format!("\\u{:04x}", u32::from(it)))),
        ("escaped in part", CANARY.replace('s', "\\x73").replace('5', "\\u0035")),
        ("HTML", each(|it| format!("&#{};", u32::from(it)))),
        ("HTML in part", CANARY.replace('-', "&#x2d;")),
        ("zero width", split("\u{200b}")),
        ("soft hyphen", split("\u{ad}")),
        ("joiner", split("\u{2060}\u{34f}")),
        ("tags", split("\u{e0041}")),
        ("line end", split("\n")),
        ("blanks", each(|it| format!("{it} "))),
        ("a terminal's colour", split("\u{1b}[31m")),
        ("another hyphen", CANARY.replace('-', "\u{2011}")),
        ("full width", each(|it| char::from_u32(u32::from(it) + 0xfee0).unwrap().to_string())),
    ]
}

/// Places of an answer, by name; the path to each over each wire.
pub(super) const PLACES: [(&str, &str, &str); 12] = [
    ("text", "/choices/0/message/content", "/content/1/text"),
    ("reasoning", "/choices/0/message/reasoning", "/content/0/thinking"),
    ("signature", "/choices/0/message/details/0/signature", "/content/0/signature"),
    ("tool", "/choices/0/message/tool_calls/0/function/name", "/content/2/name"),
    ("id of a call", "/choices/0/message/tool_calls/0/id", "/content/2/id"),
    ("arguments", "/choices/0/message/tool_calls/0/function/arguments", "/content/2/input/path"),
    ("field nobody knows", "/choices/0/message/details/0/note", "/content/2/cache/note"),
    ("model", "/model", "/model"),
    ("id", "/id", "/id"),
    ("field beside the message", "/provider", "/container/id"),
    ("finish", "/choices/0/finish_reason", "/stop_reason"),
    ("usage", "/usage/note", "/usage/note"),
];

/// Those of which nothing is kept.
pub(super) const DROPPED: [&str; 3] = ["id", "finish", "usage"];

/// An answer with something in each of the places.
pub(super) fn whole(kind: Kind) -> Value {
    if kind == Kind::Anthropic {
        return json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m-2",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "read_file", "input": {"path": "a"},
                 "cache": {"note": "x"}},
            ],
            "stop_reason": "tool_use", "container": {"id": "c"},
            "usage": {"input_tokens": 7, "output_tokens": 2, "note": "x"},
        });
    }
    let call = json!({
        "id": "t1", "type": "function",
        "function": {"name": "read_file", "arguments": "{\"path\":\"a\"}"},
    });
    let message = json!({
        "role": "assistant", "content": "I look.", "reasoning": "Hm.",
        "details": [{"signature": "c2ln", "note": "x"}], "tool_calls": [call],
    });
    json!({
        "id": "x", "object": "chat.completion", "model": "m-2", "provider": "p",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "note": "x"},
    })
}

/// The same, with `text` in that place.
pub(super) fn with(kind: Kind, (name, openai, anthropic): (&str, &str, &str), text: &str) -> Value {
    let mut res = whole(kind);
    let path = if kind == Kind::OpenAi { openai } else { anthropic };
    let is_json = kind == Kind::OpenAi && name == "arguments";
    *res.pointer_mut(path).unwrap() =
        if is_json { json!({"path": text}).to_string().into() } else { text.into() };
    res
}

/// Pieces of a few characters, so that the key is never in one of them.
fn pieces(of: &str) -> Vec<String> {
    let chars: Vec<char> = of.chars().collect();
    chars.chunks(5).map(|it| it.iter().collect()).collect()
}

pub(super) fn take(of: &mut Value, field: &str) -> Value {
    of.as_object_mut().unwrap().remove(field).unwrap_or_default()
}

/// The answer as its service streams it.
pub(super) fn streamed(kind: Kind, mut whole: Value) -> String {
    if kind == Kind::Anthropic {
        return anthropic(whole);
    }
    let mut choice = take(&mut whole, "choices")[0].take();
    let mut message = choice["message"].take();
    let chunk = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
    let mut res = Vec::new();
    for field in ["content", "reasoning"] {
        let text = take(&mut message, field);
        res.extend(pieces(text.as_str().unwrap()).iter().map(|it| chunk(json!({field: it}))));
    }
    let mut call = take(&mut message, "tool_calls")[0].take();
    let arguments = take(&mut call["function"], "arguments");
    call["index"] = json!(0);
    res.push(chunk(json!({"tool_calls": [call]})));
    res.extend(
        pieces(arguments.as_str().unwrap())
            .iter()
            .map(|it| chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": it}}]}))),
    );
    res.insert(0, chunk(message));
    whole["choices"] = json!([{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]);
    res.push(whole);
    format!(": a comment\n\n{}data: [DONE]\n\n", events(&res))
}

fn anthropic(mut whole: Value) -> String {
    let blocks = take(&mut whole, "content");
    let [reason, usage, container] =
        ["stop_reason", "usage", "container"].map(|it| take(&mut whole, it));
    let mut res = vec![json!({"type": "message_start", "message": whole})];
    for (index, mut block) in blocks.as_array().unwrap().iter().cloned().enumerate() {
        let mut deltas = Vec::new();
        for (field, kind) in [("thinking", "thinking_delta"), ("text", "text_delta")] {
            let text = take(&mut block, field);
            let delta = |it: &String| json!({"type": kind, field: it});
            deltas.extend(pieces(text.as_str().unwrap_or_default()).iter().map(delta));
        }
        if block["type"] == "tool_use" {
            let input = std::mem::replace(&mut block["input"], json!({})).to_string();
            let delta = |it: &String| json!({"type": "input_json_delta", "partial_json": it});
            deltas.extend(pieces(&input).iter().map(delta));
        }
        res.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        res.extend(
            deltas
                .into_iter()
                .map(|it| json!({"type": "content_block_delta", "index": index, "delta": it})),
        );
        res.push(json!({"type": "content_block_stop", "index": index}));
    }
    let end = json!({"stop_reason": reason, "container": container});
    res.push(json!({"type": "message_delta", "delta": end, "usage": usage}));
    res.push(json!({"type": "message_stop"}));
    events(&res)
}

pub(super) fn sent(kind: Kind, is_streamed: bool, whole: Value) -> Vec<Step> {
    if is_streamed { vec![stream(&streamed(kind, whole))] } else { testing::json("200 OK", &whole) }
}

/// JSON in which every letter of every text is an escape.
pub(super) fn escaped(json: &str) -> String {
    let mut is_text = false;
    let mut chars = json.chars();
    let mut res = String::new();
    while let Some(it) = chars.next() {
        match it {
            '"' => is_text = !is_text,
            '\\' => {
                res.extend([it, chars.next().unwrap()]);
                continue;
            }
            it if is_text && it.is_ascii_alphabetic() => {
                res.push_str(&format!("\\u{:04X}", u32::from(it)));
                continue;
            }
            _ => (),
        }
        res.push(it);
    }
    res
}

/// Refusals and broken answers with something in them.
pub(super) fn errors(kind: Kind, form: &str) -> Vec<(&'static str, Vec<Step>)> {
    let error = |fields: Value| match kind {
        Kind::Anthropic => json!({"type": "error", "error": fields}),
        _ => json!({"error": fields}),
    };
    let message = format!("bad key: {form}, ask");
    let said = |kind: &str| error(json!({"type": kind, "message": message}));
    let plain = format!("<p>{message}</p>");
    let text = |status: &str| reply(status, &["content-type: text/plain"], &plain);
    let late = events(&[said("overloaded_error")]);
    vec![
        ("400", testing::json("400 Bad Request", &said("invalid_request_error"))),
        ("401", testing::json("401 Unauthorized", &said("authentication_error"))),
        ("404", testing::json("404 Not Found", &said("not_found_error"))),
        ("429", testing::json("429 Too Many Requests", &said("rate_limit_error"))),
        ("detail", testing::json("500 Oops", &json!({"detail": message}))),
        ("text of an error", text("500 Oops")),
        ("page of a gateway", text("502 Bad Gateway")),
        ("error in its place", testing::json("200 OK", &said("api_error"))),
        ("error in a stream", vec![stream(&format!("event: error\n{late}"))]),
        ("text instead of JSON", testing::json("200 OK", &json!(message))),
        ("text instead of an event", vec![stream(&format!("data: {}\n\n", json!(message)))]),
    ]
}
