//! Two texts, and what is different.

use std::fmt::Write as _;

use serde::Serialize;
use similar::{ChangeTag, InlineChange, TextDiff};

/// Bytes of a difference that are shown. A model pays for each.
const LARGEST: usize = 64 * 1024;

/// How a difference is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format<'a> {
    pub(crate) old_name: &'a str,
    pub(crate) new_name: &'a str,
    /// Lines that are the same, around each change.
    pub(crate) context: usize,
    /// Whether changes are marked within lines.
    pub(crate) words: bool,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Difference {
    same: bool,
    /// Lines that only the new text has.
    added: usize,
    /// Lines that only the old text has.
    removed: usize,
    diff: String,
    /// Set when `diff` does not show all.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
}

pub(crate) fn compare(old: &str, new: &str, format: Format<'_>) -> Difference {
    if old == new {
        return Difference { same: true, ..Difference::default() };
    }
    let diff = TextDiff::from_lines(old, new);
    let count = |tag| diff.iter_all_changes().filter(|it| it.tag() == tag).count();
    let mut difference = Difference {
        added: count(ChangeTag::Insert),
        removed: count(ChangeTag::Delete),
        diff: format!("--- {}\n+++ {}\n", format.old_name, format.new_name),
        ..Difference::default()
    };
    let mut unified = diff.unified_diff();
    let hunks: Vec<_> = unified.context_radius(format.context).iter_hunks().collect();
    for (shown, hunk) in hunks.iter().enumerate() {
        let text = match format.words {
            false => hunk.to_string(),
            true => {
                let changes = hunk.ops().iter().flat_map(|it| diff.iter_inline_changes(it));
                format!("{}\n{}", hunk.header(), with_words(changes))
            }
        };
        if difference.diff.len() + text.len() > LARGEST {
            let left = hunks.len() - shown;
            difference.left_out = Some(format!(
                "{left} of {} hunks: the diff has more than {LARGEST} bytes",
                hunks.len()
            ));
            break;
        }
        difference.diff.push_str(&text);
    }
    difference
}

/// Lines of a hunk, with `[-…-]` around what was taken out of a line and
/// `{+…+}` around what was put into it.
fn with_words<'a>(changes: impl Iterator<Item = InlineChange<'a, str>>) -> String {
    let mut out = String::new();
    for change in changes {
        out.push_str(&change.tag().to_string());
        let (open, close) = match change.tag() {
            ChangeTag::Equal => ("", ""),
            ChangeTag::Delete => ("[-", "-]"),
            ChangeTag::Insert => ("{+", "+}"),
        };
        let pieces = change.values();
        // A line that is new as a whole needs no marks.
        let in_part = pieces.iter().any(|it| it.0) && pieces.iter().any(|it| !it.0);
        for (changed, piece) in pieces {
            let (text, end) = match piece.strip_suffix('\n') {
                Some(text) => (text, "\n"),
                None => (*piece, ""),
            };
            let _ = match *changed && in_part && !text.is_empty() {
                true => write!(out, "{open}{text}{close}{end}"),
                false => write!(out, "{text}{end}"),
            };
        }
        if change.missing_newline() {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Format<'static> =
        Format { old_name: "old", new_name: "new", context: 1, words: false };
    const WORDS: Format<'static> = Format { words: true, ..LINES };

    #[track_caller]
    fn check(old: &str, new: &str, format: Format<'_>, expect: &str) {
        let difference = compare(old, new, format);
        assert_eq!(difference.diff, format!("--- old\n+++ new\n{expect}"));
    }

    #[test]
    fn equal_texts_have_no_diff() {
        let expect = Difference { same: true, ..Difference::default() };
        assert_eq!(compare("a\n", "a\n", LINES), expect);
        assert_eq!(compare("", "", WORDS), expect);
    }

    #[test]
    fn changes_are_shown_with_the_lines_around() {
        let (old, new) = ("a\nb\nc\nd\ne\n", "a\nb\nC\nd\ne\nf\n");
        check(old, new, LINES, "@@ -2,4 +2,5 @@\n b\n-c\n+C\n d\n e\n+f\n");
        let alone = Format { context: 0, ..LINES };
        check(old, new, alone, "@@ -3 +3 @@\n-c\n+C\n@@ -5,0 +6 @@\n+f\n");
        let difference = compare(old, new, LINES);
        assert_eq!((difference.added, difference.removed), (2, 1));
    }

    #[test]
    fn a_last_line_without_an_end_is_told() {
        check("a", "a\n", LINES, "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
        check("", "a", LINES, "@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n");
    }

    #[test]
    fn line_ends_are_a_difference() {
        check("a\r\nb\r\n", "a\nb\r\n", LINES, "@@ -1,2 +1,2 @@\n-a\r\n+a\n b\r\n");
    }

    #[test]
    fn words_are_marked_within_lines() {
        check(
            "the quick fox\nsame\n",
            "the slow fox\nsame\n",
            WORDS,
            "@@ -1,2 +1,2 @@\n-the [-quick-] fox\n+the {+slow+} fox\n same\n",
        );
        check("a\n", "a\nnew line\n", WORDS, "@@ -1 +1,2 @@\n a\n+new line\n");
        check(
            "a b",
            "a c",
            WORDS,
            "@@ -1 +1 @@\n-a [-b-]\n\\ No newline at end of file\n\
             +a {+c+}\n\\ No newline at end of file\n",
        );
    }

    #[test]
    fn a_long_diff_is_cut_between_hunks() {
        let old: String = (0..10_000).map(|it| format!("line {it}\n")).collect();
        let new: String = (0..10_000)
            .map(|it| if it % 5 == 0 { format!("other {it}\n") } else { format!("line {it}\n") })
            .collect();
        let difference = compare(&old, &new, LINES);
        assert!(difference.diff.len() <= LARGEST, "{}", difference.diff.len());
        assert_eq!((difference.added, difference.removed), (2000, 2000));
        assert_eq!(
            difference.left_out.as_deref(),
            Some("1003 of 2000 hunks: the diff has more than 65536 bytes")
        );
    }
}
