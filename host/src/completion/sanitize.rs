//! Untrusted text, made safe for a terminal and for a conversation.
//!
//! An allow-list: letters, marks, numbers, punctuation, symbols and spaces of
//! Unicode stay, as do newline and tab. Everything else goes, because it
//! either drives a terminal (controls, escape sequences), reorders what is
//! shown (bidi controls) or hides text from a human that a model still reads
//! (zero-width, tags, variation selectors, private use). Of combining marks, a
//! bounded number stays with each character. Applying it twice changes
//! nothing.
//!
//! Nothing is normalised: what NFC makes equal looks equal already, what only
//! looks alike it leaves apart, and a file whose name it rewrote can't be
//! opened by that name.

#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;

use std::{borrow::Cow, str::Chars};

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::{
    defence::{Defence, has_here},
    visible::{is_hidden, is_visible},
};

/// How many combining marks may follow one another. Written languages need up
/// to five; hundreds of them paint over the lines around.
const MAX_MARKS: u32 = 8;

/// The text without anything but printable characters, newlines and tabs.
///
/// Escape sequences go as a whole; every kind of line end becomes `\n`. A
/// control string with no terminator on its line loses its introducer only,
/// so that one byte can't hide the rest of the text.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_clean(text) || !has_here(Defence::PlainText) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(rewrite(text))
    }
}

/// The text cleaned and on one line: runs of white space are one space, none
/// at the ends, and of more than `max_chars` characters the last is `…`.
pub fn clean_line(text: &str, max_chars: usize) -> String {
    let text = clean(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= max_chars {
        return line;
    }
    let mut cut: String = line.chars().take(max_chars.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    if max_chars > 0 {
        cut.push('…');
    }
    cut
}

/// Whether nobody would see anything of the text once it is cleaned: what may
/// not be empty may not be that either.
pub fn is_blank(text: &str) -> bool {
    !clean(text).chars().any(is_visible)
}

enum Class {
    Keep,
    Mark,
    LineEnd,
    Introducer,
    Drop,
}

fn class(c: char) -> Class {
    match c {
        ' '..='~' | '\n' | '\t' => Class::Keep,
        '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::LineEnd,
        '\u{1b}' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}' => Class::Introducer,
        _ if is_hidden(c) => Class::Drop,
        _ => match c.general_category_group() {
            GeneralCategoryGroup::Other => Class::Drop,
            GeneralCategoryGroup::Mark => Class::Mark,
            _ => Class::Keep,
        },
    }
}

fn is_clean(text: &str) -> bool {
    let mut marks = 0;
    text.chars().all(|c| match class(c) {
        Class::Keep => {
            marks = 0;
            true
        }
        Class::Mark => {
            marks += 1;
            marks <= MAX_MARKS
        }
        Class::LineEnd | Class::Introducer | Class::Drop => false,
    })
}

fn rewrite(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match class(c) {
            Class::Keep => {
                marks = 0;
                out.push(c);
            }
            Class::Mark if marks < MAX_MARKS => {
                marks += 1;
                out.push(c);
            }
            // The newline that follows stands for both.
            Class::LineEnd if c == '\r' && rest.as_str().starts_with('\n') => {}
            Class::LineEnd => {
                marks = 0;
                out.push('\n');
            }
            Class::Introducer => rest = after_sequence(c, rest),
            Class::Mark | Class::Drop => {}
        }
    }
    out
}

/// Skips the rest of the sequence that `introducer` began, in its 7-bit or its
/// 8-bit form (ECMA-48).
fn after_sequence(introducer: char, rest: Chars<'_>) -> Chars<'_> {
    match introducer {
        '\u{9b}' => after_csi(rest),
        '\u{1b}' => after_escape(rest),
        _ => after_string(rest),
    }
}

fn after_escape(rest: Chars<'_>) -> Chars<'_> {
    let mut next = rest.clone();
    match next.next() {
        Some('[') => after_csi(next),
        Some('P' | 'X' | ']' | '^' | '_') => after_string(next),
        _ => after_final(rest, |c| matches!(c, ' '..='/'), |c| matches!(c, '0'..='~')),
    }
}

fn after_csi(rest: Chars<'_>) -> Chars<'_> {
    after_final(rest, |c| matches!(c, ' '..='?'), |c| matches!(c, '@'..='~'))
}

/// Skips what `is_inner` accepts and one character that `is_final` accepts.
fn after_final(
    mut rest: Chars<'_>,
    is_inner: impl Fn(char) -> bool,
    is_final: impl Fn(char) -> bool,
) -> Chars<'_> {
    loop {
        let here = rest.clone();
        match rest.next() {
            Some(c) if is_inner(c) => {}
            Some(c) if is_final(c) => return rest,
            _ => return here,
        }
    }
}

/// Skips a control string up to its terminator. Any other control ends the
/// search, which also keeps the work linear in a text full of introducers.
fn after_string(rest: Chars<'_>) -> Chars<'_> {
    let mut ahead = rest.clone();
    match ahead.find(|c| c.is_control()) {
        Some('\u{07}' | '\u{9c}') => ahead,
        Some('\u{1b}') if ahead.as_str().starts_with('\\') => {
            ahead.next();
            ahead
        }
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_lose_what_makes_them_hostile() {
        let cases = [
            // Sequences of a terminal, 7-bit.
            ("a\x1b[31mred\x1b[0m", "ared"),
            ("\x1b[2J\x1b[Hgone", "gone"),
            ("\x1b[38;2;1;2;3mx", "x"),
            ("\x1b[?25lx\x1b[?25h", "x"),
            ("\x1b[?1049hx", "x"),
            ("\x1b[>4;1mx", "x"),
            ("\x1b[1 qx", "x"),
            ("\x1b[6nx", "x"),
            ("\x1b[", ""),
            ("\x1b[12", ""),
            ("\x1b[1\x1b[2mx", "x"),
            ("\x1b[1é", "é"),
            ("\x1b]0;title\x07x", "x"),
            ("\x1b]0;title\x1b\\x", "x"),
            ("\x1b]52;c;cm0gLXJm\x07x", "x"),
            ("\x1b]8;;http://e.vil\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b]1337;File=inline=1:AAAA\x07x", "x"),
            ("\x1b]0;no end", "0;no end"),
            ("\x1b]0;no end\nnext", "0;no end\nnext"),
            ("\x1b]\x1b]\x1b]x", "x"),
            ("\x1bP+q544e\x1b\\x", "x"),
            ("\x1bPq#0\x1b\\x", "x"),
            ("\x1b_Gf=24;AAAA\x1b\\x", "x"),
            ("\x1b^private\x1b\\x", "x"),
            ("\x1bXstart\x1b\\x", "x"),
            ("\x1bcx", "x"),
            ("\x1b(0x", "x"),
            ("\x1b#8x", "x"),
            ("\x1b%Gx", "x"),
            ("\x1b=x", "x"),
            ("\x1b7x\x1b8", "x"),
            ("x\x1b", "x"),
            ("\x1b\x1b[31mx", "x"),
            ("\x1b\nx", "\nx"),
            ("\x1béx", "éx"),
            // The same, 8-bit.
            ("\u{9b}31mx", "x"),
            ("\u{9d}0;title\u{9c}x", "x"),
            ("\u{9d}0;title\x07x", "x"),
            ("\u{90}q\u{9c}x", "x"),
            ("\u{9f}G\u{9c}x", "x"),
            ("\u{98}s\u{9c}x", "x"),
            ("\u{84}\u{8d}\u{9c}x", "x"),
            // Controls and line ends.
            ("a\0b\x07c\x08d\x7fe", "abcde"),
            ("a\r\nb", "a\nb"),
            ("safe\rrm -rf", "safe\nrm -rf"),
            ("a\r\r\nb", "a\n\nb"),
            ("a\x0bb\x0cc\u{85}d", "a\nb\nc\nd"),
            ("a\u{2028}b\u{2029}c", "a\nb\nc"),
            ("\x0e\x0fx", "x"),
            // Reordered or hidden text.
            ("a\u{202e}b\u{202c}", "ab"),
            ("\u{202a}\u{202b}\u{202d}x", "x"),
            ("\u{2066}\u{2067}\u{2068}x\u{2069}", "x"),
            ("\u{200e}\u{200f}\u{061c}x", "x"),
            ("a\u{200b}\u{200c}\u{200d}\u{2060}b", "ab"),
            ("\u{feff}x", "x"),
            ("x\u{e0049}\u{e0067}\u{e006e}\u{e007f}\u{e0001}", "x"),
            ("x\u{fe01}\u{fe02}\u{e0100}\u{e01ef}", "x"),
            ("pa\u{ad}ss", "pass"),
            ("a\u{2061}\u{2062}\u{2063}\u{2064}b", "ab"),
            ("a\u{206a}\u{206f}b", "ab"),
            ("a\u{fff9}b\u{fffa}c\u{fffb}", "abc"),
            ("a\u{180e}\u{180b}b", "ab"),
            ("a\u{3164}\u{115f}\u{1160}\u{ffa0}b", "ab"),
            ("a\u{34f}b\u{17b4}", "ab"),
            ("a\u{1d173}\u{1d17a}b", "ab"),
            // No characters at all.
            ("a\u{e000}\u{f8ff}\u{f0000}\u{10fffd}b", "ab"),
            ("a\u{fdd0}\u{fffe}\u{ffff}\u{1fffe}\u{10ffff}b", "ab"),
            ("a\u{378}\u{e0fff}b", "ab"),
            // A sequence that only removing something else would make.
            ("\x1b\u{200b}[31mx", "[31mx"),
        ];
        assert!(cases.len() >= 40);
        for (hostile, expected) in cases {
            assert_eq!(clean(hostile), expected, "of {hostile:?}");
        }
    }

    #[test]
    fn marks_that_pile_up_are_cut() {
        let marks = |n| format!("a{}b", "\u{301}".repeat(n));
        assert_eq!(clean(&marks(8)), marks(8));
        assert_eq!(clean(&marks(9)), marks(8));
        assert_eq!(clean(&marks(5000)), marks(8));
        let split = format!("a{}\u{200b}{}b", "\u{301}".repeat(8), "\u{301}".repeat(8));
        assert_eq!(clean(&split), marks(8));
    }

    #[test]
    fn text_of_any_language_stays_as_it_is_and_where_it_is() {
        for plain in [
            "",
            "Done.\n\n\t- 3 files, 40 %\n",
            "Ünïcödé — “quotes” … ✓ ✗ → ½ €",
            "日本語、한국어、中文",
            "नमस्ते สวัสดี Tiếng Việt e\u{301}",
            "עברית العربية",
            "🦀 👍🏽 ⠓",
            "a\u{a0}b\u{3000}c",
        ] {
            assert!(matches!(clean(plain), Cow::Borrowed(it) if it == plain), "{plain:?}");
        }
    }

    #[test]
    fn a_line_is_one_line_within_its_cap() {
        let cases = [
            ("a b", 10, "a b"),
            ("  a\n\n\tb\r\n", 10, "a b"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("ab cdef", 4, "ab…"),
            ("日本語日本語", 4, "日本語…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("\x1b[31m", 5, ""),
            ("a\u{2028}[ASYNC", 9, "a [ASYNC"),
        ];
        for (text, max_chars, expected) in cases {
            assert_eq!(clean_line(text, max_chars), expected, "of {text:?}");
        }
    }

    #[test]
    fn a_text_without_anything_to_see_is_blank() {
        for text in
            ["", " \n\t", "\u{200b}", "\u{2800}\u{3000}", "\u{1b}[31m", "\u{ad}\u{fe0f}\u{e000}"]
        {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", "\u{200b}.", "\u{1b}[31mx", "日", "🦀"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
