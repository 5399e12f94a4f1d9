//! Names as the most forgiving file system takes them, for rules that must
//! hold on every one.

use std::path::Path;

use crate::completion::sanitize::clean;

/// A path as the most forgiving file system takes it: lower case (also of
/// letters that fold to ASCII, like `ſ`), full-width forms as ASCII, nothing
/// invisible, no dots or spaces at the end of a name, no stream behind a `:`.
pub(super) fn fold(real: &Path) -> String {
    let text = real.to_string_lossy();
    let names: Vec<String> = text.split('/').filter(|it| *it != ".").map(fold_name).collect();
    names.join("/")
}

/// The same of one name.
pub(super) fn fold_name(name: &str) -> String {
    let name = clean(name);
    let name: String = name.chars().map(to_ascii_width).collect();
    let name = name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    name.to_uppercase().to_lowercase()
}

fn to_ascii_width(c: char) -> char {
    let ascii = u32::from(c).checked_sub(0xfee0).and_then(char::from_u32);
    ascii.filter(|_| ('\u{ff01}'..='\u{ff5e}').contains(&c)).unwrap_or(c)
}
