//! The body of an answer as a chat's answer.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};

use crate::provider::{
    Call, ChatResponse, Finish, ProviderError, ToolCall, Usage,
    bounds::MAX_TOOL_CALLS,
    rendering::{count, extra, model_name, tool_call, usage},
    service::broken,
};

/// Fields whose meaning is known; the rest is handed on.
const KNOWN: [&str; 6] = ["choices", "created", "id", "model", "object", "usage"];

/// Fails on an answer that is none, and on what is out of bounds.
pub(super) fn read(
    mut fields: Map<String, Value>,
    call: &Call,
) -> Result<ChatResponse, ProviderError> {
    let (mut message, finish) = first_choice(&mut fields)?;
    let tool_calls = tool_calls(&mut message, call.request.messages.len())?;
    let (text, is_refused) = text(&message);
    let counted = fields.remove("usage").unwrap_or_default();
    let said = text.len() + tool_calls.iter().map(|it| it.arguments.len()).sum::<usize>();
    let usage = usage(tokens(&counted), &call.request, said);
    let finish = if is_refused { Finish::Filtered } else { finished(&finish, &tool_calls)? };
    let model = model_name(fields.get("model"), &call.model);
    let cost = counted.get("cost").and_then(Value::as_f64).filter(|it| 0.0 <= *it);
    message.entry("role").or_insert_with(|| "assistant".into());
    let original = Some(Arc::new(Value::Object(message)));
    let extra = extra(fields, &KNOWN);
    Ok(ChatResponse { text, tool_calls, finish, usage, cost, model, original, extra })
}

/// The message, and the word for why it ends.
fn first_choice(
    fields: &mut Map<String, Value>,
) -> Result<(Map<String, Value>, String), ProviderError> {
    let choices = fields.get_mut("choices").and_then(Value::as_array_mut);
    let choice = choices.and_then(|it| it.first_mut());
    let Some(Value::Object(choice)) = choice else { return Err(broken("has no choices")) };
    let finish = choice.get("finish_reason").and_then(Value::as_str).unwrap_or_default().to_owned();
    match choice.remove("message") {
        Some(Value::Object(message)) => Ok((message, finish)),
        _ => Err(broken("has no message")),
    }
}

/// What it says, and whether that is a refusal.
fn text(message: &Map<String, Value>) -> (String, bool) {
    let text = match message.get("content") {
        Some(Value::String(it)) => it.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|it| it.get("text")?.as_str()).collect()
        }
        _ => String::new(),
    };
    match message.get("refusal").and_then(Value::as_str) {
        Some(refusal) if text.is_empty() && !refusal.is_empty() => (refusal.to_owned(), true),
        _ => (text, false),
    }
}

/// The calls; in the message, those without an id of their own are given one,
/// because their results have to name it.
fn tool_calls(
    message: &mut Map<String, Value>,
    place: usize,
) -> Result<Vec<ToolCall>, ProviderError> {
    let Some(Value::Array(calls)) = message.get_mut("tool_calls") else { return Ok(Vec::new()) };
    if MAX_TOOL_CALLS < calls.len() {
        return Err(broken(&format!("asks for more than {MAX_TOOL_CALLS} tools")));
    }
    let mut ids = BTreeSet::new();
    let mut res = Vec::new();
    for (index, call) in calls.iter_mut().enumerate() {
        let function = call.get("function");
        let [name, arguments] = ["name", "arguments"].map(|it| function.and_then(|of| of.get(it)));
        let mut read = tool_call(call.get("id"), name, arguments)?;
        if read.id.is_empty() || !ids.insert(read.id.clone()) {
            read.id = format!("call_{place}_{index}");
            if let Value::Object(fields) = call {
                fields.insert("id".to_owned(), read.id.clone().into());
            }
        }
        res.push(read);
    }
    Ok(res)
}

fn tokens(usage: &Value) -> Usage {
    let [input_tokens, output_tokens] =
        ["prompt_tokens", "completion_tokens"].map(|it| count(usage, it));
    Usage { input_tokens, output_tokens }
}

fn finished(reason: &str, tool_calls: &[ToolCall]) -> Result<Finish, ProviderError> {
    match reason {
        "length" => Ok(Finish::Length),
        "content_filter" => Ok(Finish::Filtered),
        "error" => Err(broken("broke off with an error")),
        // Not every server says `tool_calls` when it asks for some.
        _ if tool_calls.is_empty() => Ok(Finish::Stop),
        _ => Ok(Finish::ToolCalls),
    }
}
