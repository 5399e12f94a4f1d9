//! A layer: a text with the escapes in it read once.

use std::collections::VecDeque;

use super::MARK;

/// Digits of one escape that are read, leading zeros included.
const MAX_DIGITS: usize = 16;

/// Letters of the name of an HTML character. None of them is an ASCII letter
/// or digit, so which one it is does not matter.
const MAX_NAME: usize = 8;

/// Characters of a terminal's sequence that are read.
const MAX_SEQUENCE: usize = 32;

/// A character as it is read, and the bytes of the text that it is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glyph {
    pub(super) it: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A text on its way through one layer.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// May be the beginning of an escape: some characters at most.
    held: VecDeque<Glyph>,
    /// Whether there was an escape at all.
    pub(super) has_read: bool,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A character that stands for itself.
    Plain,
    /// So many characters that stand for this one.
    Escape(usize, char),
    /// An escape, or something else, if the text goes on like that.
    Open,
}

impl Layer {
    /// Whether an escape may begin with this.
    pub(super) fn may_begin(it: char) -> bool {
        matches!(it, '\\' | '%' | '&' | '[' | '\u{1b}' | '\u{9b}')
    }

    /// Takes a character; adds what is decided by now to `read`.
    pub(super) fn push(&mut self, glyph: Glyph, read: &mut Vec<Glyph>) {
        if self.held.is_empty() && !Self::may_begin(glyph.it) {
            read.push(glyph);
            return;
        }
        self.held.push_back(glyph);
        self.decide(false, read);
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, read: &mut Vec<Glyph>) {
        self.decide(true, read);
    }

    /// Where the first character stands that is not decided.
    pub(super) fn open(&self) -> Option<usize> {
        self.held.front().map(|it| it.start)
    }

    fn decide(&mut self, is_end: bool, read: &mut Vec<Glyph>) {
        while let Some(first) = self.held.front().copied() {
            match found(&self.held) {
                Found::Open if !is_end => return,
                Found::Open | Found::Plain => {
                    self.held.pop_front();
                    read.push(first);
                }
                Found::Escape(length, it) => {
                    self.has_read = true;
                    let last = self.held.drain(..length).next_back();
                    let end = last.map_or(first.end, |it| it.end);
                    read.push(Glyph { it, start: first.start, end });
                }
            }
        }
    }
}

fn found(held: &VecDeque<Glyph>) -> Found {
    let at = |place: usize| held.get(place).map(|it| it.it);
    match at(0) {
        Some('\\') => match at(1) {
            None => Found::Open,
            Some('u') if at(2) == Some('{') => closed(&at, 3, 16, '}'),
            Some('u') => digits(&at, 2, 4),
            Some('x') => digits(&at, 2, 2),
            Some('n' | 'r' | 't' | 'b' | 'f' | 'v' | '0') => Found::Escape(2, '\n'),
            Some(it) if it.is_ascii_punctuation() => Found::Escape(2, it),
            Some(_) => Found::Plain,
        },
        Some('%') if at(1) == Some('u') => digits(&at, 2, 4),
        Some('%') => digits(&at, 1, 2),
        Some('&') => entity(&at),
        Some('\u{1b}') => match at(1) {
            None => Found::Open,
            Some('[') => sequence(&at, 2),
            Some(_) => Found::Plain,
        },
        Some('\u{9b}') => sequence(&at, 1),
        // A secret around another one that was cut out before.
        Some('[') => word(&at),
        _ => Found::Plain,
    }
}

type At<'a> = dyn Fn(usize) -> Option<char> + 'a;

/// Exactly so many hexadecimal digits from this place on.
fn digits(at: &At<'_>, from: usize, count: usize) -> Found {
    let mut code = 0;
    for place in from..from + count {
        match at(place).map(|it| it.to_digit(16)) {
            None => return Found::Open,
            Some(None) => return Found::Plain,
            Some(Some(digit)) => code = code * 16 + digit,
        }
    }
    Found::Escape(from + count, character(code))
}

/// Digits from this place on up to `end`.
fn closed(at: &At<'_>, from: usize, radix: u32, end: char) -> Found {
    let mut code: u32 = 0;
    for place in from..=from + MAX_DIGITS {
        match at(place) {
            None => return Found::Open,
            Some(it) if it == end && from < place => {
                return Found::Escape(place + 1, character(code));
            }
            Some(it) => match it.to_digit(radix) {
                Some(digit) => code = code.saturating_mul(radix).saturating_add(digit),
                None => return Found::Plain,
            },
        }
    }
    Found::Plain
}

/// `&#115;`, `&#x73;`, `&amp;`.
fn entity(at: &At<'_>) -> Found {
    match at(1) {
        None => Found::Open,
        Some('#') => match at(2) {
            None => Found::Open,
            Some('x' | 'X') => closed(at, 3, 16, ';'),
            Some(_) => closed(at, 2, 10, ';'),
        },
        Some(_) => {
            for place in 1..=1 + MAX_NAME {
                match at(place) {
                    None => return Found::Open,
                    Some(';') if 1 < place => return Found::Escape(place + 1, '&'),
                    Some(it) if it.is_ascii_alphabetic() => (),
                    Some(_) => return Found::Plain,
                }
            }
            Found::Plain
        }
    }
}

/// A terminal's sequence (CSI): it is gone where a text is shown.
fn sequence(at: &At<'_>, from: usize) -> Found {
    for place in from..from + MAX_SEQUENCE {
        match at(place) {
            None => return Found::Open,
            Some(' '..='?') => (),
            Some('@'..='~') => return Found::Escape(place + 1, '\n'),
            Some(_) => return Found::Plain,
        }
    }
    Found::Plain
}

/// The mark of what was cut out.
fn word(at: &At<'_>) -> Found {
    for (place, expect) in MARK.chars().enumerate() {
        match at(place) {
            None => return Found::Open,
            Some(it) if it != expect => return Found::Plain,
            Some(_) => (),
        }
    }
    Found::Escape(MARK.len(), '[')
}

fn character(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}
