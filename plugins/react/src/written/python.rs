//! Calls as Python: `[read_file(path="a", limit=5), now()]`. Arguments have
//! names, and values are literals; anything else is a program, and no call.

use hermitage_guest::model::ToolCall;
use serde_json::{Map, Number, Value};

use super::{call, json::is_name};

/// Levels of lists and dictionaries. Bounds the stack.
const MAX_LEVELS: u32 = 32;

/// The calls in a text that is nothing else.
pub(super) fn calls(text: &str) -> Option<Vec<ToolCall>> {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let mut reader = Reader { rest: inner.unwrap_or(text) };
    let mut calls = Vec::new();
    while !reader.is_over() {
        calls.push(reader.call()?);
        while reader.takes(',') || reader.takes(';') {}
    }
    (!calls.is_empty()).then_some(calls)
}

/// A literal that is nothing else.
pub(crate) fn value(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.value(MAX_LEVELS)?;
    reader.is_over().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn is_over(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.is_empty()
    }

    /// Takes a character, and blanks before it.
    fn takes(&mut self, it: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(it);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The text up to the first of these characters.
    fn until(&mut self, ends: &[char]) -> Option<&'a str> {
        let at = self.rest.find(ends)?;
        let (res, rest) = self.rest.split_at_checked(at)?;
        self.rest = rest;
        Some(res.trim())
    }

    fn call(&mut self) -> Option<ToolCall> {
        let name = self.until(&['('])?;
        let name = name.strip_suffix(".call").unwrap_or(name);
        let mut arguments = Map::new();
        self.takes('(');
        while !self.takes(')') {
            let field = self.until(&['=', ',', ')'])?;
            if !self.takes('=') || !is_name(field) {
                return None;
            }
            arguments.insert(field.to_owned(), self.value(MAX_LEVELS)?);
            if !self.takes(',') && !self.rest.trim_start().starts_with(')') {
                return None;
            }
        }
        is_name(name).then(|| call(name, Value::Object(arguments).to_string()))
    }

    fn value(&mut self, levels: u32) -> Option<Value> {
        let levels = levels.checked_sub(1)?;
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '[' => self.list(levels),
            '{' => self.dictionary(levels),
            '"' | '\'' => self.text().map(Value::String),
            _ => self.word(),
        }
    }

    fn list(&mut self, levels: u32) -> Option<Value> {
        let mut res = Vec::new();
        self.takes('[');
        while !self.takes(']') {
            res.push(self.value(levels)?);
            if !self.takes(',') && !self.rest.trim_start().starts_with(']') {
                return None;
            }
        }
        Some(Value::Array(res))
    }

    fn dictionary(&mut self, levels: u32) -> Option<Value> {
        let mut res = Map::new();
        self.takes('{');
        while !self.takes('}') {
            let Value::String(name) = self.value(levels)? else { return None };
            if !self.takes(':') {
                return None;
            }
            res.insert(name, self.value(levels)?);
            if !self.takes(',') && !self.rest.trim_start().starts_with('}') {
                return None;
            }
        }
        Some(Value::Object(res))
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find([',', ')', ']', '}', ':', ' ', '\n']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match word {
            "True" | "true" => Some(true.into()),
            "False" | "false" => Some(false.into()),
            "None" | "null" => Some(Value::Null),
            _ => serde_json::from_str::<Number>(word).ok().map(Value::Number),
        }
    }

    fn text(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let (mut res, mut chars) = (String::new(), self.rest.chars());
        chars.next();
        loop {
            match chars.next()? {
                it if it == quote => break,
                '\\' => escape(&mut chars, &mut res)?,
                it => res.push(it),
            }
        }
        self.rest = chars.as_str();
        Some(res)
    }
}

/// An escape that Python does not know stays as it is, there and here.
fn escape(chars: &mut std::str::Chars<'_>, res: &mut String) -> Option<()> {
    let digits = match chars.next()? {
        'x' => 2,
        'u' => 4,
        '\n' => return Some(()),
        other => {
            let known = ESCAPES.iter().find(|(name, _)| *name == other).map(|it| it.1);
            if known.is_none() {
                res.push('\\');
            }
            res.push(known.unwrap_or(other));
            return Some(());
        }
    };
    let code = chars.as_str().get(..digits)?;
    res.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
    chars.nth(digits - 1).map(|_| ())
}

/// What stands behind a backslash, and what it is.
const ESCAPES: [(char, char); 6] =
    [('n', '\n'), ('t', '\t'), ('r', '\r'), ('\\', '\\'), ('\'', '\''), ('"', '"')];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(&str, &str)]) {
        let calls = calls(text).unwrap_or_default();
        let calls: Vec<_> =
            calls.iter().map(|it| (it.name.as_str(), it.arguments.as_str())).collect();
        assert_eq!(calls, expect, "{text}");
    }

    #[test]
    fn calls_with_named_arguments_are_read() {
        check(r#"[f(a="x", b=5), g()]"#, &[("f", r#"{"a":"x","b":5}"#), ("g", "{}")]);
        check("f(a='it\\'s', b=None)\ng()", &[("f", r#"{"a":"it's","b":null}"#), ("g", "{}")]);
        check("tool.call(a=[1, 2.5, {'k': True}],)", &[("tool", r#"{"a":[1,2.5,{"k":true}]}"#)]);
        check(r#"f(a="\u00e4\x41\n\d")"#, &[("f", "{\"a\":\"äA\\n\\\\d\"}")]);
    }

    #[test]
    fn a_program_is_no_call() {
        for text in [
            "",
            "f",
            "f(",
            "f(x)",
            "f(\"x\")",
            "f(a=x)",
            "f(a=1 b=2)",
            "f(a=1) + g()",
            "x = f(a=1)",
            "f(a=g(b=1))",
            "f(a=\"x)",
            "f(a=\"\\u00\")",
            "[1, 2]",
        ] {
            check(text, &[]);
        }
        check(&format!("f(a={})", "[".repeat(100_000)), &[]);
    }

    #[test]
    fn a_literal_is_read() {
        assert_eq!(value("{'a': [1]}"), Some(serde_json::json!({"a": [1]})));
        for text in ["", "{'a'}", "{1: 2}", "{'a': 1} x", "{'a': b}"] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
