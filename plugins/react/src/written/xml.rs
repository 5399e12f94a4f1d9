//! Calls as elements: a name and parameters, each with its text. What type
//! each has is for the schema of the tool to say.

use hermitage_guest::model::ToolCall;
use serde_json::{Map, Value};

use super::{call, json};
use crate::fence::unfenced;

/// `<function=NAME>`, with an object or parameters in it, any number of them.
pub(super) fn functions(text: &str) -> Option<Vec<ToolCall>> {
    elements(text, "<function=", "</function>", |element| {
        let (name, body) = element.split_once('>')?;
        let body = body.trim();
        let arguments = match serde_json::from_str::<Map<String, Value>>(unfenced(body)) {
            Ok(arguments) => arguments,
            Err(_) => parameters(body, "<parameter=", "</parameter>")?,
        };
        Some(call(name.trim(), Value::Object(arguments).to_string()))
    })
}

/// `<invoke name="NAME">` with parameters in it, any number of them.
pub(super) fn invokes(text: &str) -> Option<Vec<ToolCall>> {
    let text = text.replace("｜DSML｜", "");
    elements(&text, "<invoke name=", "</invoke>", |element| {
        let (name, body) = element.split_once('>')?;
        let arguments = parameters(body, "<parameter name=", "</parameter>")?;
        Some(call(attribute(name), Value::Object(arguments).to_string()))
    })
}

/// A name, and keys and values after it.
pub(super) fn pairs(text: &str) -> Option<Vec<ToolCall>> {
    let (name, mut rest) = text
        .split_once("<arg_key>")
        .map_or((text, None), |(name, _)| (name, text.get(name.len()..)));
    let mut arguments = Map::new();
    while let Some((_, opened)) = rest.and_then(|it| it.split_once("<arg_key>")) {
        let (key, after) = opened.split_once("</arg_key>")?;
        let (_, opened) = after.split_once("<arg_value>")?;
        let (value, after) = opened.split_once("</arg_value>")?;
        arguments.insert(key.trim().to_owned(), line_off(value).into());
        rest = Some(after);
    }
    let name = name.trim();
    json::is_name(name).then(|| vec![call(name, Value::Object(arguments).to_string())])
}

/// Each element in a text. A closing mark may be missing.
fn elements(
    text: &str,
    open: &str,
    close: &str,
    read: impl Fn(&str) -> Option<ToolCall>,
) -> Option<Vec<ToolCall>> {
    let (_, rest) = text.split_once(open)?;
    let parts = rest.split(open);
    parts.map(|it| read(it.split_once(close).map_or(it, |(element, _)| element))).collect()
}

/// The parameters in the body of an element, which has nothing else in it.
fn parameters(body: &str, open: &str, close: &str) -> Option<Map<String, Value>> {
    let mut res = Map::new();
    let (before, rest) = body.split_once(open).unwrap_or((body, ""));
    if !before.trim().is_empty() {
        return None;
    }
    for part in rest.split(open).filter(|it| !it.is_empty()) {
        let (name, value) = part.split_once('>')?;
        let value = value.rsplit_once(close).map_or(value, |(value, _)| value);
        res.insert(attribute(name).to_owned(), line_off(value).into());
    }
    Some(res)
}

/// The value of the attribute that a text begins with; others may follow.
fn attribute(text: &str) -> &str {
    let text = text.trim();
    match text.chars().next().filter(|it| ['"', '\''].contains(it)) {
        Some(quote) => text.split(quote).nth(1).unwrap_or_default(),
        None => text,
    }
}

/// Without the ends of lines that belong to the marks around a value.
fn line_off(value: &str) -> &str {
    let value = value.strip_prefix('\n').unwrap_or(value);
    value.strip_suffix('\n').unwrap_or(value)
}
