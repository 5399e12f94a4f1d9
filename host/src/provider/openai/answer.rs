//! The body of an answer as a chat's answer.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::content::{refusal, texts};
use crate::provider::{
    Call, ChatResponse, Finish, ProviderError, ToolCall, Usage,
    bounds::MAX_TOOL_CALLS,
    refusal::is_nothing,
    rendering::{Ids, count, extra, joined, model_name, tool_call, usage},
    service::{broken, no_answer},
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
    let refused = refusal(&message);
    let text = joined(&[text(&message), refused.clone()]);
    let counted = fields.remove("usage").unwrap_or_default();
    let said = text.len() + tool_calls.iter().map(|it| it.arguments.len()).sum::<usize>();
    let usage = usage(tokens(&counted), &call.request, said);
    let finish = match finished(&finish, &tool_calls)? {
        _ if !refused.trim().is_empty() => Finish::Filtered,
        finish => finish,
    };
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
    let Some(Value::Object(choice)) = choices.and_then(|it| it.first_mut()) else {
        return Err(no_answer("has no choices", fields));
    };
    let finish = choice.get("finish_reason").and_then(Value::as_str).unwrap_or_default().to_owned();
    // Some forget that they were not asked for a stream.
    let said = ["message", "delta"].iter().find_map(|it| choice.remove(*it));
    match said {
        Some(Value::Object(message)) => Ok((message, finish)),
        _ => Err(no_answer("has no message", fields)),
    }
}

fn text(message: &Map<String, Value>) -> String {
    message.get("content").map(|it| texts(it).collect()).unwrap_or_default()
}

/// The calls; in the message, those without an id of their own are given one,
/// because their results have to name it.
fn tool_calls(
    message: &mut Map<String, Value>,
    place: usize,
) -> Result<Vec<ToolCall>, ProviderError> {
    if let Some(function @ Value::Object(_)) = message.remove("function_call")
        && message.get("tool_calls").is_none_or(is_nothing)
    {
        // The form that calls had before there could be several.
        let call = json!({"type": "function", "function": function});
        message.insert("tool_calls".to_owned(), json!([call]));
    }
    let calls = match message.get_mut("tool_calls") {
        Some(Value::Array(calls)) => calls.as_mut_slice(),
        Some(call @ Value::Object(_)) => std::slice::from_mut(call),
        _ => return Ok(Vec::new()),
    };
    if MAX_TOOL_CALLS < calls.len() {
        return Err(broken(&format!("asks for more than {MAX_TOOL_CALLS} tools")));
    }
    let (mut ids, mut res) = (Ids::at(place), Vec::new());
    for (index, call) in calls.iter_mut().enumerate() {
        let function = call.get("function");
        let [name, arguments] = ["name", "arguments"].map(|it| function.and_then(|of| of.get(it)));
        let mut read = tool_call(call.get("id"), name, arguments)?;
        let given = read.id.clone();
        read.id = ids.own(read.id, index);
        if read.id != given
            && let Value::Object(fields) = call
        {
            fields.insert("id".to_owned(), read.id.clone().into());
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

/// Servers pass on the words of what they stand before, in any case.
fn finished(reason: &str, tool_calls: &[ToolCall]) -> Result<Finish, ProviderError> {
    match reason.to_ascii_lowercase().as_str() {
        "length" | "max_tokens" | "model_length" => Ok(Finish::Length),
        "content_filter" | "safety" | "prohibited_content" | "recitation" | "blocklist"
        | "spii" | "sensitive" | "refusal" => Ok(Finish::Filtered),
        "error" | "network_error" => Err(broken("broke off with an error")),
        "abort" | "cancelled" | "insufficient_system_resource" => {
            Err(broken("was given up by the server"))
        }
        "malformed_function_call" | "unexpected_tool_call" if tool_calls.is_empty() => {
            Err(broken("has a tool call that the server could not read"))
        }
        // Not every server says `tool_calls` when it asks for some.
        _ if tool_calls.is_empty() => Ok(Finish::Stop),
        _ => Ok(Finish::ToolCalls),
    }
}
