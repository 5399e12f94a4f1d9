//! A text of several lines, in the form that it is shown in.

use super::cut::cut_summary;
use crate::completion::sanitize::clean;

/// Cleaned, without blank lines at the ends, cut when long. `None` when
/// nothing is left.
pub(super) fn block(text: &str) -> Option<String> {
    bounded(text).map(|(text, _)| text)
}

/// The same, and whether it was cut.
pub(super) fn bounded(text: &str) -> Option<(String, bool)> {
    let text = clean(text);
    let mut text = text.trim_end();
    while let Some((line, rest)) = text.split_once('\n') {
        if !line.trim().is_empty() {
            break;
        }
        text = rest;
    }
    let (text, was_cut) = cut_summary(text);
    if text.is_empty() { None } else { Some((text.into_owned(), was_cut)) }
}
