//! JSON of a server, read as it is meant.
//!
//! A character beyond the first 65,536 is two escapes in JSON, and some
//! servers cut a text between them: a delta then ends with one half, and the
//! next begins with the other. No text in Rust holds half a character, so
//! each half is kept as a character of its own until all deltas are merged,
//! and [`join`] makes one of two.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The first of the 2,048 characters that stand for halves, at the end of the
/// last private plane: no text of a model has them.
const FIRST_MARK: u32 = 0x0010_F800;

/// The first half of the two that there are, and the first second one.
const FIRST_HALF: u32 = 0xD800;
const FIRST_SECOND: u32 = 0xDC00;

/// The last second one.
const LAST_HALF: u32 = 0xDFFF;

/// Reads an object, in which texts may have halves of characters.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str(text).or_else(|error| match marked(text) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(marked) => serde_json::from_str(&marked),
    })
}

/// Reads one object, or one on each line.
pub(super) fn objects(text: &str) -> Result<Vec<Map<String, Value>>, serde_json::Error> {
    object(text).map(|it| vec![it]).or_else(|error| {
        let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
        let objects: Vec<_> = lines.map_while(|it| object(it).ok()).collect();
        let count = text.lines().filter(|it| !it.trim().is_empty()).count();
        if objects.len() == count && 1 < count { Ok(objects) } else { Err(error) }
    })
}

/// Puts halves of characters together in every text; one that stays alone
/// becomes the character for what can't be shown.
pub(super) fn join(value: &mut Value) {
    match value {
        Value::String(it) if it.contains(is_mark) => *it = joined(it),
        Value::Array(it) => it.iter_mut().for_each(join),
        Value::Object(it) => it.values_mut().for_each(join),
        _ => (),
    }
}

/// A piece of text without halves, for a display.
pub(super) fn without_halves(text: &str) -> Cow<'_, str> {
    if text.contains(is_mark) { text.replace(is_mark, "").into() } else { text.into() }
}

fn is_mark(it: char) -> bool {
    FIRST_MARK <= u32::from(it)
}

fn joined(text: &str) -> String {
    let half = |it: char| u32::from(it).checked_sub(FIRST_MARK).map(|it| it + FIRST_HALF);
    let mut res = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        let Some(first) = half(next) else {
            res.push(next);
            continue;
        };
        let whole = rest.peek().and_then(|it| whole(first, half(*it)?));
        if whole.is_some() {
            rest.next();
        }
        res.push(whole.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    res
}

/// The character of two halves in their order.
fn whole(first: u32, second: u32) -> Option<char> {
    let is_first = (FIRST_HALF..FIRST_SECOND).contains(&first);
    let is_second = (FIRST_SECOND..=LAST_HALF).contains(&second);
    let both = (is_first && is_second)
        .then(|| 0x1_0000 + ((first - FIRST_HALF) << 10) + (second - FIRST_SECOND));
    both.and_then(char::from_u32)
}

/// Escapes of halves that stand alone, as the characters that stand for them.
fn marked(text: &str) -> Cow<'_, str> {
    let mut res = String::new();
    let mut rest = text;
    let mut kept = text;
    while let Some(at) = rest.find('\\') {
        let from = rest.get(at..).unwrap_or_default();
        let escape = half(from);
        let is_pair = escape.is_some_and(|first| {
            let next = from.get(6..).and_then(half);
            next.is_some_and(|second| whole(first, second).is_some())
        });
        let length = match escape {
            Some(_) if is_pair => 12,
            Some(_) => 6,
            // What is escaped is one byte, or begins with one that is.
            None => 1 + from.chars().nth(1).map_or(0, char::len_utf8),
        };
        if let (Some(half), false) = (escape, is_pair) {
            let before = kept.len() - from.len();
            res.push_str(kept.get(..before).unwrap_or_default());
            res.extend(char::from_u32(half - FIRST_HALF + FIRST_MARK));
            kept = from.get(length..).unwrap_or_default();
        }
        rest = from.get(length..).unwrap_or_default();
    }
    if kept.len() == text.len() {
        return text.into();
    }
    res.push_str(kept);
    res.into()
}

/// The half that an escape at the start of `text` is.
fn half(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let code = u32::from_str_radix(digits, 16).ok()?;
    (FIRST_HALF..=LAST_HALF).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let mut value = Value::Object(object(&format!(r#"{{"t": "{text}"}}"#)).unwrap());
        join(&mut value);
        assert_eq!(value, json!({"t": expect}), "{text}");
    }

    #[test]
    fn halves_alone_are_read() {
        check(r"a\ud83d\ude00b", "a😀b");
        check(r"a\ud83d", "a\u{fffd}");
        check(r"\ude00\ud83d", "\u{fffd}\u{fffd}");
        check(r"\ud83d\ud83d\ude00!", "\u{fffd}😀!");
        check(r"\ud83dä\\ud83d\n", "\u{fffd}ä\\ud83d\n");
        check(r"\uD83D\u0041", "\u{fffd}A");
        check("\u{10fffd}", "\u{fffd}");
    }

    #[test]
    fn halves_of_two_deltas_are_one_character() {
        let piece = |text: &str| match object(text).unwrap().remove("t") {
            Some(Value::String(it)) => it,
            other => panic!("{other:?}"),
        };
        let pieces = [piece(r#"{"t": "a\ud83d"}"#), piece(r#"{"t": "\ude00b"}"#)];
        let shown: Vec<_> = pieces.iter().map(|it| without_halves(it)).collect();
        assert_eq!(shown, ["a", "b"]);
        let mut value = json!([pieces.concat()]);
        join(&mut value);
        assert_eq!(value, json!(["a😀b"]));
    }

    #[test]
    fn what_is_no_object_stays_none() {
        for text in ["", "[]", "7", r#"{"t": "\u12"}"#, r#"{"t": "\ud83"#, r#"{"\ud83d"#, "\\"] {
            assert!(object(text).is_err(), "{text}");
        }
        assert_eq!(object("\u{feff}{}").unwrap(), Map::new());
        assert_eq!(objects("{}\n\n{}").unwrap().len(), 2);
        assert!(objects("{}\n7").is_err());
        assert!(objects("{\n}").is_ok_and(|it| it.len() == 1));
    }

    proptest! {
        #[test]
        fn a_text_in_escapes_is_the_text(text in "[a\\\\\"\u{1}ä😀\u{10000}]{0,12}") {
            let escape = |it: &u16| format!("\\u{it:04x}");
            let escaped: String = text.encode_utf16().collect::<Vec<_>>().iter().map(escape).collect();
            check(&escaped, &text);
        }

        #[test]
        fn nothing_is_too_odd_to_be_read(text in "[\\\\ud8c3aä\"]{0,24}") {
            let _ = object(&format!(r#"{{"t": "{text}"}}"#));
        }
    }
}
