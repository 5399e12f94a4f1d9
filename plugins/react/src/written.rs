//! Tool calls that a model wrote into its text instead of making them.
//!
//! Small models do, each in the form it was trained on. A form counts when
//! everything in it is a call of a granted tool; the rest stays an answer.

use hermitage_guest::model::ToolCall;
use serde_json::{Deserializer, Map, Value};

use crate::fence::fences;

/// A message with calls in it.
#[derive(Debug)]
pub(crate) struct Written {
    /// What stands before the first of them.
    pub(crate) said: String,
    /// Without ids: the model gave none.
    pub(crate) calls: Vec<ToolCall>,
}

/// The calls in `text`; nothing when it is an answer.
pub(crate) fn calls(text: &str, is_tool: impl Fn(&str) -> bool) -> Option<Written> {
    let mut forms = [alone, functions, tags, fenced].into_iter().filter_map(|it| it(text));
    forms.find(|it| it.calls.iter().all(|it| is_tool(&it.name)))
}

/// Tokens around calls that a server should have taken off.
const MARKS: &[&str] = &[
    "[TOOL_CALLS]",
    "<|python_tag|>",
    "<|tool_call|>",
    "<|/tool_call|>",
    "<|eom_id|>",
    "<|im_end|>",
    "functools",
    "</tool_call>",
    "</tools>",
];

/// JSON and nothing else.
fn alone(text: &str) -> Option<Written> {
    let mut bare = text.trim();
    for mark in MARKS {
        bare = bare.strip_prefix(mark).unwrap_or(bare).trim_start();
    }
    for mark in MARKS {
        bare = bare.strip_suffix(mark).unwrap_or(bare).trim_end();
    }
    Some(Written { said: String::new(), calls: read(bare)? })
}

/// `<function=NAME>{…}</function>`, any number of them.
fn functions(text: &str) -> Option<Written> {
    let (said, mut rest) = text.split_once("<function=")?;
    let mut calls = Vec::new();
    loop {
        let (name, opened) = rest.split_once('>')?;
        let (body, after) = opened.split_once("</function>").unwrap_or((opened, ""));
        let arguments: Map<String, Value> = serde_json::from_str(body).ok()?;
        calls.push(call(name.trim(), Value::Object(arguments).to_string()));
        match after.split_once("<function=") {
            Some((_, next)) => rest = next,
            None => return Some(Written { said: said.trim().to_owned(), calls }),
        }
    }
}

const TAGS: &[(&str, &str)] = &[
    ("<tool_call>", "</tool_call>"),
    ("<tool_calls>", "</tool_calls>"),
    ("<tools>", "</tools>"),
    ("<function_call>", "</function_call>"),
];

/// JSON between tags, any number of them.
fn tags(text: &str) -> Option<Written> {
    TAGS.iter().find_map(|(open, close)| tagged(text, open, close))
}

/// Models forget the closing tag, or write the opening one in its place.
fn tagged(text: &str, open: &str, close: &str) -> Option<Written> {
    let (said, rest) = text.split_once(open)?;
    let mut calls = Vec::new();
    for part in rest.split(open) {
        let body = part.split_once(close).map_or(part, |(body, _)| body).trim();
        let body = fences(body).first().map_or(body, |it| it.body);
        if !body.is_empty() {
            calls.append(&mut read(body)?);
        }
    }
    (!calls.is_empty()).then(|| Written { said: said.trim().to_owned(), calls })
}

/// In fences, at the end of the text and in all fences there are: others are
/// quotations.
fn fenced(text: &str) -> Option<Written> {
    let fences = fences(text);
    let (first, last) = (fences.first()?, fences.last()?);
    if !last.after.trim().is_empty() {
        return None;
    }
    let calls: Option<Vec<_>> = fences.iter().map(|it| read(it.body)).collect();
    Some(Written { said: first.before.trim().to_owned(), calls: calls?.concat() })
}

/// One value after the other, each a call or a list of calls.
fn read(text: &str) -> Option<Vec<ToolCall>> {
    let mut calls = Vec::new();
    for value in Deserializer::from_str(text).into_iter::<Value>() {
        collect(value.ok()?, &mut calls)?;
    }
    (!calls.is_empty()).then_some(calls)
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
    fields.remove("id");
    fields.remove("type");
    if fields.len() == 1
        && let Some(inner) = fields.remove("tool_calls").or_else(|| fields.remove("function"))
    {
        return collect(inner, calls);
    }
    let arguments = fields.remove("arguments").or_else(|| fields.remove("parameters"))?;
    let (Some(Value::String(name)), true) = (fields.remove("name"), fields.is_empty()) else {
        return None;
    };
    let arguments = match arguments {
        Value::String(text) => text,
        it @ Value::Object(_) => it.to_string(),
        _ => return None,
    };
    calls.push(call(&name, arguments));
    Some(())
}

fn call(name: &str, arguments: String) -> ToolCall {
    ToolCall { id: String::new(), name: name.to_owned(), arguments }
}

#[cfg(test)]
mod tests;
