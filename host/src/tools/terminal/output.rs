//! What a command writes: the head and the tail of what a terminal would show
//! of it are kept, and made safe to read.

use std::{borrow::Cow, collections::VecDeque, mem};

use super::screen::Screen;
use crate::completion::sanitize::clean;

/// Percent of the kept bytes that are the head: what a command says last, its
/// errors, matters more.
const HEAD_PERCENT: u64 = 40;

/// Bytes that are drawn at a time. Bounds what waits to be kept.
const PIECE_BYTES: usize = 4096;

/// The output of one command while it runs. Holds `max` bytes at most, and a
/// screen, whatever comes.
pub(super) struct Output {
    screen: Screen,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    max_head: usize,
    max_tail: usize,
    /// As the command wrote them.
    produced: u64,
    /// As a terminal shows them.
    shown: u64,
}

impl Output {
    /// Keeps `max` bytes.
    pub(super) fn new(max: u64) -> Self {
        let max_head = max / 100 * HEAD_PERCENT + max % 100 * HEAD_PERCENT / 100;
        Self {
            screen: Screen::default(),
            head: Vec::new(),
            tail: VecDeque::new(),
            max_head: usize::try_from(max_head).unwrap_or(usize::MAX),
            max_tail: usize::try_from(max.saturating_sub(max_head)).unwrap_or(usize::MAX),
            produced: 0,
            shown: 0,
        }
    }

    /// Bytes that came so far, kept or not.
    pub(super) fn produced(&self) -> u64 {
        self.produced
    }

    /// Takes what came next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.produced = self.produced.saturating_add(bytes.len() as u64);
        for piece in bytes.chunks(PIECE_BYTES) {
            let lines = self.screen.push(piece);
            self.keep(lines.as_bytes());
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.shown = self.shown.saturating_add(bytes.len() as u64);
        let room = self.max_head.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        // No more than the tail can hold is worth copying.
        let rest = rest.get(rest.len().saturating_sub(self.max_tail)..).unwrap_or_default();
        let over = (self.tail.len() + rest.len()).saturating_sub(self.max_tail);
        self.tail.drain(..over.min(self.tail.len()));
        self.tail.extend(rest);
    }

    /// The text, and whether some of it was left out.
    ///
    /// Cleaning can make it longer (an invalid byte becomes a character of
    /// three), so that the text is measured again.
    pub(super) fn into_text(mut self) -> (String, bool) {
        let last = mem::take(&mut self.screen).finish();
        self.keep(last.as_bytes());
        let kept = (self.head.len() + self.tail.len()) as u64;
        let lost = self.shown.saturating_sub(kept);
        if lost == 0 {
            self.head.extend(self.tail);
            let text = plain(&self.head);
            if text.len() <= self.max_head + self.max_tail {
                return (text, false);
            }
            let head = head_of(&text, self.max_head);
            let tail = tail_of(&text, self.max_tail.min(text.len() - head.len()));
            let lost = (text.len() - head.len() - tail.len()) as u64;
            return (joined(head, tail, lost), true);
        }
        let (head_text, tail_text) = (plain(&self.head), plain(self.tail.make_contiguous()));
        let (head, tail) = (head_of(&head_text, self.max_head), tail_of(&tail_text, self.max_tail));
        let cut = (head_text.len() - head.len() + tail_text.len() - tail.len()) as u64;
        (joined(head, tail, lost.saturating_add(cut)), true)
    }
}

fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match clean(&text) {
        Cow::Borrowed(_) => text.into_owned(),
        Cow::Owned(text) => text,
    }
}

/// The begin of a text within `max` bytes, up to the end of a line unless that
/// would cost more than half of it.
fn head_of(text: &str, max: usize) -> &str {
    let head = text.get(..text.floor_char_boundary(max)).unwrap_or_default();
    let line_end = head.rfind('\n').map_or(0, |it| it + 1);
    if head.len() / 2 < line_end { head.get(..line_end).unwrap_or(head) } else { head }
}

/// The same for the end of a text.
fn tail_of(text: &str, max: usize) -> &str {
    let from = text.ceil_char_boundary(text.len().saturating_sub(max));
    let tail = text.get(from..).unwrap_or_default();
    match tail.find('\n') {
        Some(line_end) if line_end < tail.len() / 2 => tail.get(line_end + 1..).unwrap_or(tail),
        _ => tail,
    }
}

fn joined(head: &str, tail: &str, lost: u64) -> String {
    let line_end = if head.is_empty() || head.ends_with('\n') { "" } else { "\n" };
    format!("{head}{line_end}[… {} bytes left out …]\n{tail}", grouped(lost))
}

/// A number with a comma after each group of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut res = String::with_capacity(digits.len() * 4 / 3);
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            res.push(',');
        }
        res.push(digit);
    }
    res
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(max: u64, parts: &[&[u8]]) -> (String, bool) {
        let mut output = Output::new(max);
        for part in parts {
            output.push(part);
        }
        output.into_text()
    }

    #[test]
    fn head_and_tail_are_kept_on_the_bounds_of_lines() {
        type Case<'a> = (u64, &'a [&'a [u8]], &'a str, bool);
        let cases: [Case<'_>; 9] = [
            (20, &[], "", false),
            (20, &[b"one\ntwo\n"], "one\ntwo\n", false),
            (20, &[b"one\n", b"two"], "one\ntwo", false),
            (10, &[b"0123456789"], "0123456789", false),
            (10, &[b"0123456789a"], "0123\n[… 1 bytes left out …]\n56789a", true),
            (10, &[b"ab\ncdefg\nhij"], "ab\n[… 6 bytes left out …]\nhij", true),
            (
                10,
                &[b"abc\n", b"xx", b"yyy", b"z\nend\n"],
                "abc\n[… 7 bytes left out …]\nend\n",
                true,
            ),
            (0, &[b"abc"], "[… 3 bytes left out …]\n", true),
            (40, &[b"\x1b[31mred\x1b[0m\x07\r\n\xff\xc3("], "red\n\u{fffd}\u{fffd}(", false),
        ];
        for (max, parts, text, truncated) in cases {
            assert_eq!(text_of(max, parts), (text.to_owned(), truncated), "{max} of {parts:?}");
        }
    }

    #[test]
    fn frames_of_a_progress_bar_leave_nothing_out() {
        let mut output = Output::new(100);
        output.push(b"begin\n");
        (0..5000).for_each(|it| output.push(format!("\r{it:>4} of 5000").as_bytes()));
        output.push(b"\nend\n");
        assert!(output.produced() > 60_000);
        assert_eq!(output.into_text(), ("begin\n4999 of 5000\nend\n".to_owned(), false));
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn a_flood_takes_no_more_memory_than_is_kept() {
        let mut output = Output::new(1000);
        for _ in 0..500 {
            output.push(&[b'y'; 4096]);
        }
        assert!(output.head.capacity() <= 2048 && output.tail.capacity() <= 8192);
        assert_eq!(output.produced(), 2_048_000);
        let (text, truncated) = output.into_text();
        assert!(truncated && text.contains("[… 2,047,000 bytes left out …]"), "{text}");
    }

    proptest! {
        #[test]
        fn any_bytes_become_clean_text_within_the_bound(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
            max in 0_u64..200,
        ) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let (text, truncated) = text_of(max, &parts);
            prop_assert!(matches!(clean(&text), Cow::Borrowed(_)), "{text:?}");
            let marker = if truncated { 50 } else { 0 };
            prop_assert!(text.len() as u64 <= max + marker, "{text:?}");
        }
    }
}
