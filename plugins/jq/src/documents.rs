//! JSON documents out of a text.

use jaq_json::{Val, read};

/// Arrays and objects within one another. Values are walked by recursion, and
/// the stack of a component is small.
pub(crate) const DEEPEST: usize = 256;

/// All documents of a text: one, or several with blanks or nothing between.
pub(crate) fn read(text: &str) -> Result<Vec<Val>, String> {
    if let Some(offset) = too_deep(text) {
        return Err(place(text, offset, &format!("nested deeper than {DEEPEST}")));
    }
    let mut documents = Vec::new();
    let mut read = read::parse_many(text.as_bytes());
    while let Some(document) = read.next() {
        let document = document.map_err(|error| {
            // The crate's error has its offset in its words alone.
            let words = error.to_string();
            let parts = words.strip_prefix("byte offset ").and_then(|it| it.split_once(": "));
            match parts.and_then(|(at, why)| Some((at.parse().ok()?, why))) {
                Some((offset, why)) => place(text, offset, why),
                None => words,
            }
        })?;
        documents.push(document);
    }
    Ok(documents)
}

/// Where the nesting becomes too deep.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Some(offset);
        }
    }
    None
}

fn place(text: &str, offset: usize, why: &str) -> String {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|it| **it == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|it| **it != b'\n').count() + 1;
    format!("line {line}, column {column}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let documents: Vec<String> = read(text).unwrap().iter().map(Val::to_string).collect();
        assert_eq!(documents, expect);
    }

    #[track_caller]
    fn check_error(text: &str, expect: &str) {
        assert_eq!(read(text).unwrap_err(), expect);
    }

    #[test]
    fn several_documents_are_read() {
        check("", &[]);
        check(" [1, 2.50]\n{\"a\": null}3 ", &["[1,2.50]", "{\"a\":null}", "3"]);
        check("12345678901234567890123", &["12345678901234567890123"]);
    }

    #[test]
    fn an_error_names_its_place() {
        check_error("{\"a\": 1,\n \"b\": }", "line 2, column 7: value expected");
        check_error("[1, 2", "line 1, column 6: comma or end of sequence expected");
        check_error("nul", "line 1, column 1: value expected");
    }

    #[test]
    fn nesting_is_bounded_outside_of_texts() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(&deep(DEEPEST)).is_ok());
        check_error(&deep(DEEPEST + 1), "line 1, column 257: nested deeper than 256");
        check(&format!("\"\\\"{}\"", "[".repeat(300)), &[&format!("\"\\\"{}\"", "[".repeat(300))]);
    }
}
