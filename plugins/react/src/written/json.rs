//! Calls as JSON: one value after the other, each a call or a list of calls.

use hermitage_guest::model::ToolCall;
use serde_json::{Deserializer, Map, Value};

use super::call;

/// The calls in a text that is nothing else.
pub(super) fn calls(text: &str) -> Option<Vec<ToolCall>> {
    let mut calls = Vec::new();
    for value in Deserializer::from_str(text).into_iter::<Value>() {
        collect(value.ok()?, &mut calls)?;
    }
    (!calls.is_empty()).then_some(calls)
}

/// A name, and an object after it.
pub(super) fn named(text: &str) -> Option<Vec<ToolCall>> {
    let (name, _) = text.split_once('{')?;
    let arguments: Map<String, Value> = serde_json::from_str(text.get(name.len()..)?).ok()?;
    let name = name.trim();
    is_name(name).then(|| vec![call(name, Value::Object(arguments).to_string())])
}

/// Whether a text can be the name of a tool, a namespace before it included.
pub(super) fn is_name(text: &str) -> bool {
    let is_part = |it: char| it.is_ascii_alphanumeric() || ['_', '-', '.', ':', '/'].contains(&it);
    !text.is_empty() && text.chars().all(is_part)
}

fn collect(value: Value, calls: &mut Vec<ToolCall>) -> Option<()> {
    match value {
        Value::Array(values) => values.into_iter().try_for_each(|it| collect(it, calls)),
        Value::Object(fields) => collect_object(fields, calls),
        _ => None,
    }
}

/// An object with any other field is something else: a description of the
/// tool, for example.
fn collect_object(mut fields: Map<String, Value>, calls: &mut Vec<ToolCall>) -> Option<()> {
    for beside in ["id", "type", "tool_call_id"] {
        fields.remove(beside);
    }
    if fields.len() == 1
        && let Some(inner) = fields.remove("tool_calls").or_else(|| fields.remove("function"))
    {
        return collect(inner, calls);
    }
    let taken = ["arguments", "parameters"].iter().find_map(|it| fields.remove(*it));
    let name = ["name", "tool_name"].iter().find_map(|it| fields.remove(*it));
    let (Some(Value::String(name)), true) = (name, fields.is_empty()) else {
        return None;
    };
    let arguments = match taken? {
        Value::String(text) => text,
        it @ Value::Object(_) => it.to_string(),
        _ => return None,
    };
    calls.push(call(&name, arguments));
    Some(())
}
