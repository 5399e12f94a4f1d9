//! Two lines that differ, so that a reader sees in what: what can't be seen is
//! written as an escape, and so is a character that only looks like another.

use crate::visible::is_visible;

/// Characters that are shown of a line.
const MAX_CHARS: usize = 160;

/// Characters that are shown before the first difference of a long line.
const LEAD_CHARS: usize = 60;

/// Both lines in backticks.
pub(super) fn differing(found: &str, wanted: &str) -> (String, String) {
    let same = found.chars().zip(wanted.chars()).take_while(|(a, b)| a == b).count();
    (shown(found, same), shown(wanted, same))
}

fn shown(line: &str, difference: usize) -> String {
    if line.is_empty() {
        return "empty".to_owned();
    }
    let first = if difference > MAX_CHARS / 2 { difference - LEAD_CHARS } else { 0 };
    let mut chars = line.chars().enumerate().skip(first);
    let mut shown = String::from(if first > 0 { "`…" } else { "`" });
    for (at, it) in chars.by_ref().take(MAX_CHARS) {
        let looks_alike = at == difference && !it.is_ascii();
        match it {
            ' ' => shown.push(' '),
            '\t' | '\r' | '\n' => shown.extend(it.escape_default()),
            _ if looks_alike || !is_visible(it) => shown.extend(it.escape_unicode()),
            _ => shown.push(it),
        }
    }
    shown.push_str(if chars.next().is_some() { "…`" } else { "`" });
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &str, wanted: &str, expect: (&str, &str)) {
        let (found, wanted) = differing(found, wanted);
        assert_eq!((&*found, &*wanted), expect);
    }

    #[test]
    fn what_differs_is_seen() {
        check("two", "tow", ("`two`", "`tow`"));
        check("two ", "two", ("`two `", "`two`"));
        check("\tx", "    x", ("`\\tx`", "`    x`"));
        check("a\u{a0}b", "a b", ("`a\\u{a0}b`", "`a b`"));
        check("a\u{200b}", "a", ("`a\\u{200b}`", "`a`"));
        check("", "x", ("empty", "`x`"));
        // A Cyrillic letter that looks like the Latin one.
        check("\u{e4}\u{435}x", "\u{e4}ex", ("`\u{e4}\\u{435}x`", "`\u{e4}ex`"));
        let long = "y".repeat(300);
        let (found, _) = differing(&format!("{long}a{long}"), &format!("{long}b"));
        assert_eq!(found, format!("`…{}a{}…`", "y".repeat(60), "y".repeat(99)));
    }
}
