//! What cleaning does to any text.

use std::borrow::Cow;

use arbitrary::{Result, Unstructured};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::{MAX_MARKS, clean, clean_line, is_blank};
use crate::{noise, visible::is_hidden};

/// What begins or ends a sequence that drives a terminal, and text around it.
const WORDS: &[&str] = &[
    "\u{1b}[",
    "\u{1b}]",
    "\u{1b}P",
    "\u{1b}(",
    "\u{9b}",
    "\u{9d}",
    "\u{90}",
    "\u{9c}",
    "\u{7}",
    "\u{1b}\\",
    "\u{1b}",
    "31m",
    "0;",
    "\r",
    "\u{85}",
    "\u{2029}",
    "\u{300}\u{301}\u{302}\u{303}",
    "\u{e0041}",
    "\u{fe0f}",
    "\u{ad}",
    "a",
    "😀",
];

/// Nothing that drives, reorders or hides is left; what was clean stays.
pub(crate) fn sanitizer(u: &mut Unstructured<'_>) -> Result<()> {
    let text = noise::text(u, WORDS)?;
    let max_chars = u.int_in_range(0..=30)?;
    let cleaned = clean(&text);
    assert!(!cleaned.contains(forbidden), "{cleaned:?} of {text:?}");
    assert!(marks(&cleaned) <= MAX_MARKS, "{cleaned:?}");
    assert!(matches!(clean(&cleaned), Cow::Borrowed(_)), "{cleaned:?} is not clean");
    let is_plain = |it: char| matches!(it, ' '..='~' | '\n' | '\t');
    assert!(!text.chars().all(is_plain) || cleaned == text, "{text:?} was changed");
    let left: String = cleaned.chars().filter(|it| !text.contains(*it)).collect();
    assert!(left.chars().all(|it| it == '\n'), "{left:?} is not of {text:?}");
    let line = clean_line(&text, max_chars);
    assert!(line.chars().count() <= max_chars && !line.contains(['\n', '\t']), "{line:?}");
    assert_eq!(clean_line(&line, max_chars), line);
    assert!(!is_blank(&text) || !line.contains(char::is_alphanumeric), "{line:?} can be seen");
    Ok(())
}

fn forbidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || c.general_category_group() == GeneralCategoryGroup::Other && !c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}')
        || is_hidden(c)
}

/// The longest run of combining marks.
fn marks(text: &str) -> u32 {
    let is_mark = |it: &char| it.general_category_group() == GeneralCategoryGroup::Mark;
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if is_mark(&c) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
