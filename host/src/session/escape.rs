//! Colons inside the parts of a key.
//!
//! A colon is written `%3A`. What would be read as that, or as what is written
//! for it, gets `25` behind its percent sign: `%3A` becomes `%253A`, and that
//! `%25253A`. Any other percent sign stands for itself. So every text without
//! a colon is what is written for exactly one part, and a key from before
//! there was an escape is written as it always was.

/// A colon inside a part, as it is written.
pub(super) const COLON: &str = "%3A";

/// Whether it begins with `%3A`, `%253A`, `%25253A`, …
fn is_escape(text: &str) -> bool {
    text.strip_prefix('%').is_some_and(|it| it.trim_start_matches("25").starts_with("3A"))
}

/// A part as it is written.
pub(super) fn encode(part: &str) -> String {
    let mut res = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        match c {
            ':' => res.push_str(COLON),
            '%' if is_escape(rest) => res.push_str("%25"),
            c => res.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    res
}

/// A part from what is written for it.
pub(super) fn decode(written: &str) -> String {
    let mut res = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(c) = rest.chars().next() {
        let (read, n_taken) = match c {
            '%' if rest.starts_with(COLON) => (':', COLON.len()),
            '%' if is_escape(rest) => ('%', "%25".len()),
            c => (c, c.len_utf8()),
        };
        res.push(read);
        rest = rest.get(n_taken..).unwrap_or_default();
    }
    res
}
