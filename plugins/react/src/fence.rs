//! Code fences of Markdown.

use std::ops::Range;

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fence<'a> {
    /// What stands before it, other blocks included.
    pub(crate) before: &'a str,
    /// The word after the opening marks, `json` for example.
    pub(crate) language: &'a str,
    pub(crate) body: &'a str,
    /// What stands after it.
    pub(crate) after: &'a str,
}

const MARK: &str = "```";
const TILDES: &str = "~~~";

/// The blocks of a text in their order. One that is not closed ends with the
/// text: a model that was cut off, or that stops a line too early.
pub(crate) fn fences(text: &str) -> Vec<Fence<'_>> {
    let mut fences = Vec::new();
    let mut rest = text;
    while let Some((_, opened)) = rest.split_once(MARK) {
        let (body, after) = opened.split_once(MARK).unwrap_or((opened, ""));
        let (language, body) = split_language(body);
        let start = text.len() - opened.len() - MARK.len();
        let before = text.get(..start).unwrap_or_default();
        fences.push(Fence { before, language, body, after });
        rest = after;
    }
    fences
}

/// Whether what stands at `at` is in a block, or in code in its line: it is
/// talked about, and not meant.
pub(crate) fn is_quoted(text: &str, at: usize) -> bool {
    quotes(text).iter().any(|it| it.contains(&at))
}

/// The blocks of a text and the code in its lines, in their order. A block
/// that is not closed ends with the text, and code with its line.
pub(crate) fn quotes(text: &str) -> Vec<Range<usize>> {
    let (mut quotes, mut block, mut at) = (Vec::new(), None, 0);
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        block = match block {
            None => in_line(line, at, &mut quotes),
            Some((start, marks)) if closes(line, marks) => {
                quotes.push(start..at + line.trim_end().len());
                None
            }
            open => open,
        };
        at = end;
    }
    quotes.extend(block.map(|(start, _)| start..text.len()));
    quotes
}

/// Adds the code in a line, which begins at `at`. Where the line opens a
/// block, that is where, and its marks.
fn in_line<'a>(
    line: &'a str,
    at: usize,
    quotes: &mut Vec<Range<usize>>,
) -> Option<(usize, &'a str)> {
    if line.trim_start().starts_with(TILDES) {
        return Some((at, TILDES));
    }
    let mut rest = line;
    while let Some(found) = rest.find('`') {
        let opened = rest.get(found..)?;
        let body = opened.trim_start_matches('`');
        let marks = opened.get(..opened.len() - body.len())?;
        let start = at + line.len() - opened.len();
        match body.split_once(marks) {
            Some((_, after)) => {
                quotes.push(start..at + line.len() - after.len());
                rest = after;
            }
            None if marks.starts_with(MARK) => return Some((start, marks)),
            None => {
                quotes.push(start..at + line.len());
                break;
            }
        }
    }
    None
}

/// Some models write the closing marks behind the last line.
fn closes(line: &str, marks: &str) -> bool {
    line.trim().starts_with(marks) || line.trim().ends_with(marks)
}

/// The text in the one block that a text is, or else the text.
pub(crate) fn unfenced(text: &str) -> &str {
    match fences(text).as_slice() {
        [only] if only.before.trim().is_empty() && only.after.trim().is_empty() => only.body,
        _ => text,
    }
}

/// The first line of a block is its language, unless the block has one line.
fn split_language(body: &str) -> (&str, &str) {
    match body.split_once('\n') {
        Some((first, rest)) => (first.trim(), rest.trim()),
        None => {
            let end = body.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
            let (language, rest) = body.split_at_checked(end.unwrap_or(0)).unwrap_or(("", body));
            (language, rest.trim())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[[&str; 4]]) {
        let fences = fences(text);
        let parts: Vec<_> =
            fences.iter().map(|it| [it.before, it.language, it.body, it.after]).collect();
        assert_eq!(parts, expect);
    }

    #[test]
    fn what_is_in_code_is_quoted() {
        let check = |text: &str, expect| {
            assert_eq!(is_quoted(text, text.find('X').unwrap()), expect, "{text}");
        };
        check("a X", false);
        check("a `X`", true);
        check("`a` X", false);
        check("```\na\nX\n```", true);
        check("```\na\n```\nX", false);
        check("`a\nX", false);
        check("`X", true);
        check("``a ` X``", true);
        check("```a``` X", false);
        check("a: ```xml\nX\n```", true);
        check("````\n```\nX\n````", true);
        check("~~~\nX\n~~~", true);
        check("~~~\na\n~~~\nX", false);
        check("```\na = \"```b\"\nX", true);
        check("```\na```\nX", false);
    }

    #[test]
    fn a_text_that_is_one_block_is_its_body() {
        assert_eq!(unfenced("```json\n{}\n```\n"), "{}");
        assert_eq!(unfenced("{}"), "{}");
        assert_eq!(unfenced("a ```{}```"), "a ```{}```");
    }

    #[test]
    fn blocks_are_found_with_what_is_around_them() {
        check("no", &[]);
        check("a\n```json\n{}\n```\nb", &[["a\n", "json", "{}", "\nb"]]);
        check("```\n{}\n```", &[["", "", "{}", ""]]);
        check("```json{}```", &[["", "json", "{}", ""]]);
        check("```{}```", &[["", "", "{}", ""]]);
        check("```json\n{}", &[["", "json", "{}", ""]]);
        check(
            "```a\n1\n``` x ```b\n2\n```",
            &[["", "a", "1", " x ```b\n2\n```"], ["```a\n1\n``` x ", "b", "2", ""]],
        );
    }
}
