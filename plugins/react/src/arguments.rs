//! The arguments of a call as a model writes them.

use serde_json::{Map, Value};

use crate::{cut, fence::unfenced, schema, written::python};

/// Characters of arguments that are quoted to the model.
const QUOTE_CHARS: usize = 200;

/// Reads arguments: an object. None at all are an empty object; a fence around
/// one is taken off, and a text with an object in it is that object.
pub(crate) fn read(arguments: &str) -> Result<Value, String> {
    let value = match unfenced(arguments.trim()) {
        "" => Value::Object(Map::new()),
        text => parse(text)?,
    };
    let value = match value {
        Value::String(text) => parse(unfenced(text.trim()))?,
        Value::Null => Value::Object(Map::new()),
        other => other,
    };
    match schema::kind(&value) {
        "object" => Ok(value),
        kind => Err(format!("the arguments must be a JSON object, this is {kind}")),
    }
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).or_else(|error| {
        let other = serde_json::from_str(&escaped(text)).ok().or_else(|| python::value(text));
        other.ok_or_else(|| {
            let quote = cut::line(text, QUOTE_CHARS);
            format!("the arguments must be a JSON object: {error}: {quote}")
        })
    })
}

/// With escapes for what stands raw in a text and must not: ends of lines, for
/// the most part. Half a character becomes the one for what can't be shown.
fn escaped(text: &str) -> String {
    let mut res = String::with_capacity(text.len());
    let (mut is_text, mut rest) = (false, text);
    while let Some(next) = rest.chars().next() {
        let length = if is_text && next == '\\' { escape_length(rest) } else { next.len_utf8() };
        let (part, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        match next {
            '\\' if is_text => res.push_str(if is_half(part) { "\\ufffd" } else { part }),
            it if is_text && it < ' ' => res.push_str(&format!("\\u{:04x}", u32::from(it))),
            _ => {
                is_text ^= next == '"';
                res.push_str(part);
            }
        }
        rest = after;
    }
    res
}

/// Bytes of the escape at the start of `text`: of both halves of a character,
/// where there are both.
fn escape_length(text: &str) -> usize {
    let is_unicode = |at: usize| text.get(at..at + 6).is_some_and(|it| it.starts_with("\\u"));
    let is = |at: usize, halves: [&str; 4]| {
        let code = text.get(at + 2..at + 4).unwrap_or_default().to_ascii_lowercase();
        is_unicode(at) && halves.contains(&code.as_str())
    };
    match text.chars().nth(1) {
        Some('u') if is(0, FIRST_HALVES) && is(6, SECOND_HALVES) => 12,
        Some('u') if is_unicode(0) => 6,
        next => 1 + next.map_or(0, char::len_utf8),
    }
}

/// The first digits of the codes of halves.
const FIRST_HALVES: [&str; 4] = ["d8", "d9", "da", "db"];
const SECOND_HALVES: [&str; 4] = ["dc", "dd", "de", "df"];

fn is_half(escape: &str) -> bool {
    let code = escape.get(2..4).unwrap_or_default().to_ascii_lowercase();
    escape.len() == 6 && [FIRST_HALVES, SECOND_HALVES].concat().contains(&code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, &str>) {
        let res = read(text).map(|it| it.to_string());
        assert_eq!(res.as_deref().map_err(String::as_str), expect, "{text}");
    }

    #[test]
    fn arguments_are_an_object_or_something_like_it() {
        check(r#"{"b": 1, "a": 2}"#, Ok(r#"{"a":2,"b":1}"#));
        check(" ", Ok("{}"));
        check("null", Ok("{}"));
        check(r#""{\"a\": 1}""#, Ok(r#"{"a":1}"#));
        check("```json\n{\"a\": 1}\n```", Ok(r#"{"a":1}"#));
        check("{'a': True, 'b': None}", Ok(r#"{"a":true,"b":null}"#));
        check("[]", Err("the arguments must be a JSON object, this is array"));
        check("3", Err("the arguments must be a JSON object, this is number"));
        check(
            r#"{"a": "#,
            Err("the arguments must be a JSON object: EOF while parsing a value at line 1 column \
                 5: {\"a\":"),
        );
    }

    #[test]
    fn what_stands_raw_in_a_text_is_read() {
        check("{\"a\": \"1\n2\t3\"}", Ok(r#"{"a":"1\n2\t3"}"#));
        check("{\n\"a\": \"\\\"\n\"}", Ok(r#"{"a":"\"\n"}"#));
        check(r#"{"a": "\ud83d"}"#, Ok("{\"a\":\"\u{fffd}\"}"));
        check("{\"a\": \"\\ud83d\\ude00\n\"}", Ok(r#"{"a":"😀\n"}"#));
        check("{\"a\": \"\\ude00\\u0041\"}", Ok("{\"a\":\"\u{fffd}A\"}"));
        assert!(read("{\"a\": \"\\").is_err());
    }
}
