//! Values as TOML has them.

use serde_json::Value;

use crate::completion::sanitize::{clean, clean_line};

/// Characters of a value in an error.
const MAX_LITERAL_CHARS: usize = 200;

/// A value as it is quoted in errors.
pub(super) fn literal(value: &toml::Value) -> String {
    clean_line(&whole(value), MAX_LITERAL_CHARS)
}

/// A value as a file has it.
pub(super) fn whole(value: &toml::Value) -> String {
    match value {
        // JSON has no `nan`.
        toml::Value::Float(it) => it.to_string(),
        it => text(&json(it)),
    }
}

pub(super) fn json(value: &toml::Value) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(it) => quoted(it),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        // A number, true or false.
        it => it.to_string(),
    }
}

/// In it every character that a terminal would obey or hide is an escape.
fn quoted(text: &str) -> String {
    let mut utf8 = [0; 4];
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' | '\t' => format!("\\u{:04x}", u32::from(c)),
        c if clean(c.encode_utf8(&mut utf8)) == c.to_string() => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
