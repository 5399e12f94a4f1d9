//! The body of an answer as a chat's answer.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::provider::{
    Call, ChatResponse, Finish, ProviderError, ToolCall, Usage,
    bounds::MAX_TOOL_CALLS,
    rendering::{Ids, count, extra, input, joined, model_name, tool_call, usage},
    service::{broken, no_answer},
};

/// Fields whose meaning is known; the rest is handed on.
const KNOWN: [&str; 8] =
    ["content", "id", "model", "role", "stop_reason", "stop_sequence", "type", "usage"];

/// Fails on an answer that is none, and on what is out of bounds.
pub(super) fn read(
    mut fields: Map<String, Value>,
    call: &Call,
) -> Result<ChatResponse, ProviderError> {
    let mut blocks = match fields.remove("content") {
        Some(Value::Array(blocks)) => blocks,
        Some(Value::String(text)) => vec![json!({"type": "text", "text": text})],
        _ => return Err(no_answer("has no content", &fields)),
    };
    let tool_calls = tool_calls(&mut blocks, call.request.messages.len())?;
    let said = text(&blocks, call.request.response_schema.is_some());
    let text = joined(&[said, explanation(&fields)]);
    let counted = fields.remove("usage").unwrap_or_default();
    let said = text.len() + tool_calls.iter().map(|it| it.arguments.len()).sum::<usize>();
    let usage = usage(tokens(&counted), &call.request, said);
    let finish = finished(fields.get("stop_reason"), &tool_calls);
    let model = model_name(fields.get("model"), &call.model);
    let original = Some(Arc::new(json!({"role": "assistant", "content": blocks})));
    let extra = extra(fields, &KNOWN);
    Ok(ChatResponse { text, tool_calls, finish, usage, cost: None, model, original, extra })
}

fn is(block: &Value, kind: &str) -> bool {
    block.get("type").is_some_and(|it| it == kind)
}

/// Why the model refuses, in words.
fn explanation(fields: &Map<String, Value>) -> String {
    let said = fields.get("stop_details").and_then(|it| it.get("explanation")?.as_str());
    said.unwrap_or_default().to_owned()
}

/// What it says; without the code fence that some models put around JSON
/// whatever they are told.
fn text(blocks: &[Value], is_json: bool) -> String {
    let texts = blocks.iter().filter(|it| is(it, "text"));
    let text: String = texts.filter_map(|it| it.get("text")?.as_str()).collect();
    if is_json { unfenced(&text).unwrap_or(&text).to_owned() } else { text }
}

fn unfenced(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("```")?.strip_suffix("```")?;
    let inner = inner.strip_prefix("json").unwrap_or(inner).trim();
    serde_json::from_str::<Value>(inner).is_ok().then_some(inner)
}

/// The calls. A streamed one has its arguments as text, which is what is handed
/// on; in the block they become the object that the API wants back.
fn tool_calls(blocks: &mut [Value], place: usize) -> Result<Vec<ToolCall>, ProviderError> {
    let (mut ids, mut res) = (Ids::at(place), Vec::new());
    for block in blocks.iter_mut().filter(|it| is(it, "tool_use")) {
        let mut read = tool_call(block.get("id"), block.get("name"), block.get("input"))?;
        read.id = ids.own(read.id, res.len());
        if let Value::Object(fields) = block {
            fields.insert("id".to_owned(), read.id.clone().into());
            fields.insert("input".to_owned(), input(&read.arguments));
        }
        res.push(read);
        if MAX_TOOL_CALLS < res.len() {
            return Err(broken(&format!("asks for more than {MAX_TOOL_CALLS} tools")));
        }
    }
    Ok(res)
}

/// What was read from a cache, or put there, was read by the model.
fn tokens(usage: &Value) -> Usage {
    let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    let input_tokens = input.map(|it| count(usage, it)).iter().sum();
    Usage { input_tokens, output_tokens: count(usage, "output_tokens") }
}

fn finished(reason: Option<&Value>, tool_calls: &[ToolCall]) -> Finish {
    match reason.and_then(Value::as_str) {
        Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
        Some("refusal") => Finish::Filtered,
        _ if tool_calls.is_empty() => Finish::Stop,
        _ => Finish::ToolCalls,
    }
}
