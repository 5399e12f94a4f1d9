//! What the header of a hunk says: `@@ -1,2 +1,3 @@ section`, or less.

/// The lines that a hunk is about, as far as they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ranges {
    /// First line before the change, counted from 1; with no old line, the
    /// line before.
    pub(super) start: usize,
    pub(super) old: usize,
    pub(super) new: usize,
}

/// Reads a header. What is between or behind its `@@` and no range names a
/// line that the hunk comes after.
pub(super) fn split_header(header: &str) -> (Option<Ranges>, Option<&str>) {
    let inside = header.trim_start_matches('@').trim();
    let (text, section) = inside.split_once("@@").unwrap_or((inside, ""));
    if let Some(ranges) = ranges(text) {
        return (Some(ranges), named(section));
    }
    (None, named(section).or_else(|| named(text)))
}

fn named(section: &str) -> Option<&str> {
    let section = section.trim();
    section.contains(char::is_alphabetic).then_some(section)
}

fn ranges(text: &str) -> Option<Ranges> {
    let mut parts = text.split_whitespace();
    let (start, old) = range(parts.next()?.strip_prefix('-')?)?;
    let (_, new) = range(parts.next()?.strip_prefix('+')?)?;
    parts.next().is_none().then_some(Ranges { start, old, new })
}

fn range(text: &str) -> Option<(usize, usize)> {
    match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_far_as_they_go() {
        let range = |start, old, new| Some(Ranges { start, old, new });
        for (header, expect) in [
            ("@@ -1,2 +3,4 @@", (range(1, 2, 4), None)),
            ("@@ -1 +1 @@ fn main() {", (range(1, 1, 1), Some("fn main() {"))),
            ("@@ -0,0 +1,2 @@", (range(0, 0, 2), None)),
            ("@@ -1,2 +3,4", (range(1, 2, 4), None)),
            ("@@", (None, None)),
            ("@@ @@", (None, None)),
            ("@@ ... @@", (None, None)),
            ("@@ -,+ @@", (None, None)),
            ("@@ def f(x):", (None, Some("def f(x):"))),
            ("@@ def f(x): @@", (None, Some("def f(x):"))),
            ("@@ -1,x +1 @@ f()", (None, Some("f()"))),
            ("@@ -99999999999999999999999 +1 @@", (None, None)),
        ] {
            assert_eq!(split_header(header), expect, "{header:?}");
        }
    }
}
