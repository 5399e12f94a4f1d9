//! Cutting of over-long summaries (SEMANTICS.md §4).

use std::borrow::Cow;

/// The longest summary that enters a conversation, in characters: a parent's
/// context is worth more than the end of one child's report.
pub const MAX_SUMMARY_CHARS: usize = 24_000;

/// Room for the line that says how much was left out.
const MARK_CHARS: usize = 64;

const KEPT_CHARS: usize = MAX_SUMMARY_CHARS - MARK_CHARS;
const HEAD_CHARS: usize = KEPT_CHARS / 4 * 3;
const TAIL_CHARS: usize = KEPT_CHARS - HEAD_CHARS;

/// Cuts a text of more than [`MAX_SUMMARY_CHARS`]: of what is kept, three
/// quarters are its head and one quarter its tail, both whole lines where
/// lines are short enough, with a line between them that counts the rest.
/// Says whether it cut. What comes out is never cut again.
pub fn cut_summary(text: &str) -> (Cow<'_, str>, bool) {
    let total = text.chars().count();
    if total <= MAX_SUMMARY_CHARS {
        return (Cow::Borrowed(text), false);
    }
    let head = head(text);
    let tail = tail(text, total - TAIL_CHARS);
    let left_out = total - head.chars().count() - tail.chars().count();
    (Cow::Owned(format!("{head}\n[… {left_out} characters left out …]\n{tail}")), true)
}

fn head(text: &str) -> &str {
    let (head, _) = split_at_char(text, HEAD_CHARS);
    match head.rsplit_once('\n') {
        Some((lines, _)) if lines.len() >= head.len() / 2 => lines,
        _ => head,
    }
}

fn tail(text: &str, skip: usize) -> &str {
    let (_, tail) = split_at_char(text, skip);
    match tail.split_once('\n') {
        Some((_, lines)) if lines.len() >= tail.len() / 2 => lines,
        _ => tail,
    }
}

fn split_at_char(text: &str, chars: usize) -> (&str, &str) {
    let at = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    text.split_at_checked(at).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_within_the_cap_is_not_touched() {
        let text = "é".repeat(MAX_SUMMARY_CHARS);
        assert!(matches!(cut_summary(&text), (Cow::Borrowed(it), false) if it == text));
    }

    #[test]
    fn a_long_text_keeps_whole_lines_of_both_ends() {
        let text: Vec<String> = (0..4000).map(|it| format!("line {it:04}")).collect();
        let text = text.join("\n");
        let (cut, was_cut) = cut_summary(&text);
        assert!(was_cut && cut.chars().count() <= MAX_SUMMARY_CHARS);
        let (head, rest) = cut.split_once("\n[… ").unwrap();
        let (left_out, tail) = rest.split_once(" characters left out …]\n").unwrap();
        assert!(text.starts_with(&format!("{head}\n")) && text.ends_with(&format!("\n{tail}")));
        let left_out: usize = left_out.parse().unwrap();
        assert_eq!(head.len() + tail.len() + left_out, text.len());
        assert!((17_000..18_000).contains(&head.len()) && (5_500..6_000).contains(&tail.len()));
        assert_eq!(cut_summary(&cut), (Cow::Borrowed(&*cut), false));
    }

    #[test]
    fn one_long_line_is_cut_between_characters() {
        let text = format!("a\n{}\nb", "é".repeat(MAX_SUMMARY_CHARS));
        let (cut, was_cut) = cut_summary(&text);
        assert!(was_cut && cut.chars().count() <= MAX_SUMMARY_CHARS);
        assert!(cut.chars().count() > MAX_SUMMARY_CHARS - 2 * MARK_CHARS);
        assert!(cut.starts_with("a\né") && cut.ends_with("é\nb"));
    }
}
