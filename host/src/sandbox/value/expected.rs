//! What would have fitted, in words.

use serde_json::Value;

use super::{
    name::Name,
    shape::{Case, Shape},
};
use crate::completion::sanitize::clean_line;

/// Names of an error: whoever has more of them has a schema to look at.
const MAX_TOLD_NAMES: usize = 20;

/// Characters of a text that did not fit.
const MAX_QUOTED_CHARS: usize = 40;

/// JSON that is not of a type.
pub(super) fn unfit(shape: &Shape, json: &Value) -> String {
    let found = match json {
        Value::Null => "null".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Number(it) => it.to_string(),
        Value::String(text) => format!("the text `{}`", clean_line(text, MAX_QUOTED_CHARS)),
        Value::Array(it) => format!("a list of {}", it.len()),
        Value::Object(_) => "an object".to_owned(),
    };
    format!("expected {}, found {found}", wanted(shape))
}

/// In words.
pub(super) fn wanted(shape: &Shape) -> String {
    match shape {
        Shape::Bool => "true or false".to_owned(),
        Shape::Integer(it) => {
            let (min, max) = it.range();
            format!("a whole number from {min} to {max}")
        }
        Shape::F32 | Shape::F64 => "a number, \"NaN\", \"Infinity\" or \"-Infinity\"".to_owned(),
        Shape::Char => "a text of one character".to_owned(),
        Shape::String => "a text".to_owned(),
        Shape::List(_) => "a list".to_owned(),
        Shape::Tuple(parts) => format!("a list of {}", parts.len()),
        Shape::Record(fields) => {
            format!("an object with {}", told(fields.iter().map(|it| &it.name)))
        }
        Shape::Variant(cases) => format!("one of {}", forms(cases)),
        Shape::Enum(names) => format!("one of {}", told(names.iter())),
        Shape::Flags(names) => format!("a list out of {}", told(names.iter())),
        Shape::Option(it) => format!("{}, or null", wanted(it)),
        Shape::Result { .. } => "{\"ok\": …} or {\"error\": …}".to_owned(),
    }
}

pub(super) fn told<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    joined(names.map(|it| format!("`{}`", it.json)))
}

pub(super) fn forms(cases: &[Case]) -> String {
    joined(cases.iter().map(|it| match it.payload {
        None => format!("\"{}\"", it.name.json),
        Some(_) => format!("{{\"{}\": …}}", it.name.json),
    }))
}

fn joined(mut names: impl Iterator<Item = String>) -> String {
    let mut told: Vec<String> = names.by_ref().take(MAX_TOLD_NAMES).collect();
    told.extend(names.next().map(|_| "…".to_owned()));
    if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
}
