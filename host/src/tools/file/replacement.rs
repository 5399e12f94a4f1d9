//! `search` and `replace`: one text of a file for another.
//!
//! Line ends are those of the file, as with a diff: a caller that writes `\n`
//! means them, whatever they are. One that writes `\r` means it to the letter.

use std::{borrow::Cow, ops::Range};

use super::{
    Job,
    encoding::MARK,
    path::{Quoted, WorkspacePath},
    text::Edited,
    write::check_size,
};
use crate::toolset::ToolError;

/// What is replaced by what.
pub(super) struct Replacement<'a> {
    /// Not empty.
    pub(super) search: &'a str,
    pub(super) replace: &'a str,
    /// Every occurrence; otherwise there must be one.
    pub(super) all: bool,
}

impl Replacement<'_> {
    pub(super) fn apply(
        &self,
        job: &Job,
        path: &WorkspacePath,
        text: &str,
    ) -> Result<Edited, ToolError> {
        let found = self.occurrences(text);
        let problem = match found.len() {
            0 => "does not hold `search`: read the file and copy the text to the letter".to_owned(),
            count if count > 1 && !self.all => {
                format!("holds `search` {count} times: give more of its surroundings, or set `all`")
            }
            count => {
                let replaced: usize = found.iter().map(Range::len).sum();
                let longest = self.replace.len().saturating_mul(count);
                check_size(job, path, (text.len() - replaced).saturating_add(longest))?;
                let changes = u32::try_from(count).unwrap_or(u32::MAX);
                return Ok(Edited { text: self.replaced(text, &found), changes });
            }
        };
        Err(ToolError::Failed(format!("{} {problem}", Quoted(path.given()))))
    }

    /// Where the text is, with the line ends that the file has.
    fn occurrences(&self, text: &str) -> Vec<Range<usize>> {
        let search = self.search.strip_prefix(MARK).filter(|it| !it.is_empty());
        let search = search.unwrap_or(self.search);
        if !self.search.contains(['\n', '\r']) {
            return to_the_letter(text, search);
        }
        if search.contains('\r') {
            let found = to_the_letter(text, search);
            let is_other = found.is_empty() && search.contains("\r\n");
            return if is_other { by_lines(text, &search.replace("\r\n", "\n")) } else { found };
        }
        by_lines(text, search)
    }

    fn replaced(&self, text: &str, found: &[Range<usize>]) -> String {
        let mut result = String::with_capacity(text.len());
        let mut done = 0;
        for range in found {
            result.push_str(text.get(done..range.start).unwrap_or_default());
            result.push_str(&self.replacement(text, range));
            done = range.end;
        }
        result.push_str(text.get(done..).unwrap_or_default());
        result
    }

    /// The new text with the line ends of the place where it goes.
    fn replacement(&self, text: &str, range: &Range<usize>) -> Cow<'_, str> {
        let is_literal = match self.search.contains('\r') {
            true => text.get(range.clone()) == Some(self.search),
            false => self.replace.contains('\r'),
        };
        if is_literal || !self.replace.contains('\n') {
            return Cow::Borrowed(self.replace);
        }
        let plain = self.replace.replace("\r\n", "\n");
        Cow::Owned(if has_crlf_at(text, range) { plain.replace('\n', "\r\n") } else { plain })
    }
}

fn to_the_letter(text: &str, search: &str) -> Vec<Range<usize>> {
    text.match_indices(search).map(|(at, it)| at..at + it.len()).collect()
}

/// Where `search` is when every line end of the text is `\n`.
fn by_lines(text: &str, search: &str) -> Vec<Range<usize>> {
    if !text.contains("\r\n") {
        return to_the_letter(text, search);
    }
    let plain = text.replace("\r\n", "\n");
    let mut offset = Offset { text, plain: 0, own: 0 };
    let mut range = |it: Range<usize>| offset.of(it.start)..offset.of(it.end);
    to_the_letter(&plain, search).into_iter().map(&mut range).collect()
}

/// From places in a text without `\r\n` to those in the text with them.
struct Offset<'a> {
    text: &'a str,
    /// A place in both, up to which both have been counted.
    plain: usize,
    own: usize,
}

impl Offset<'_> {
    /// Places are asked for in their order.
    fn of(&mut self, plain: usize) -> usize {
        while self.plain < plain {
            let rest = self.text.as_bytes().get(self.own..).unwrap_or_default();
            self.own += if rest.starts_with(b"\r\n") { 2 } else { 1 };
            self.plain += 1;
        }
        self.own
    }
}

/// Whether the lines around a place end in `\r\n`: the first end in it, or
/// after it, or before it.
fn has_crlf_at(text: &str, range: &Range<usize>) -> bool {
    let ends = |it: &str, at: Option<usize>| {
        at.map(|at| it.get(..at).is_some_and(|it| it.ends_with('\r')))
    };
    let after = text.get(range.start..).unwrap_or_default();
    let before = text.get(..range.start).unwrap_or_default();
    ends(after, after.find('\n')).or_else(|| ends(before, before.rfind('\n'))).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, search: &str, replace: &str, expect: Option<&str>) {
        let it = Replacement { search, replace, all: true };
        let found = it.occurrences(text);
        let actual = (!found.is_empty()).then(|| it.replaced(text, &found));
        assert_eq!(actual.as_deref(), expect, "{search:?} by {replace:?} in {text:?}");
    }

    #[test]
    fn line_ends_are_those_of_the_file() {
        check("a\r\nb\r\nc", "a\nb", "x\ny\nz", Some("x\r\ny\r\nz\r\nc"));
        check("a\r\nb\r\n", "b", "x\ny", Some("a\r\nx\r\ny\r\n"));
        check("a\r\nb", "b", "x\ny", Some("a\r\nx\r\ny"));
        check("a\r\nb\r\n", "\n", "", Some("ab"));
        check("a\nb\n", "a\r\nb", "x\r\ny", Some("x\ny\n"));
        check("a\nb\n", "a\r\nb", "x", Some("x\n"));
        // Of both kinds: each place as it is.
        check("1\r\na\n2\na\n", "a\n", "x\n", Some("1\r\nx\n2\nx\n"));
        check("a\r\nb\na\nb\n", "a\nb", "x\ny", Some("x\r\ny\nx\ny\n"));
        check("\u{e4}\r\n\u{f6}\r\n", "\u{f6}\n", "\u{fc}\n", Some("\u{e4}\r\n\u{fc}\r\n"));
    }

    #[test]
    fn a_carriage_return_is_meant_to_the_letter() {
        check("a\r\nb\r\n", "\r\n", "\n", Some("a\nb\n"));
        check("a\r\nb\r\n", "\r", "", Some("a\nb\n"));
        check("a\r\nb\r\n", "a\r\nb", "a\nb", Some("a\nb\r\n"));
        check("a\nb\n", "\n", "\r\n", Some("a\r\nb\r\n"));
        check("a\nb\n", "\r", "", None);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        check("a\n", "\u{feff}a", "b", Some("b\n"));
        check("a\u{feff}b", "\u{feff}", "", Some("ab"));
    }
}
