//! An output as a terminal shows it in the end: what a progress bar drew over
//! itself is gone, and every line is in its last state.
//!
//! Lines are not wrapped, and only the last of them can be drawn over; what
//! has scrolled past is passed on.

use std::{collections::VecDeque, mem};

use vte::{Params, Parser, Perform};

/// Lines that can be drawn over: many bars at a time. Bounds, with
/// [`MAX_COLUMNS`], what an output holds of memory.
const MAX_ROWS: usize = 64;

/// Characters of a line that can be drawn over. What is longer is passed on
/// piece by piece, and stays as it was written.
const MAX_COLUMNS: usize = 4096;

/// Ends whatever sequence is open, and is nothing by itself.
const CANCEL: u8 = 0x18;

/// The screen of one command.
#[derive(Default)]
pub(super) struct Screen {
    parser: Parser,
    page: Page,
    /// A character of which a part came.
    begun: Vec<u8>,
}

impl Screen {
    /// Takes what came next, and gives the lines that nothing can change any
    /// more.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        // The parser loses what follows a character that came in two pieces.
        let mut whole = mem::take(&mut self.begun);
        whole.extend_from_slice(bytes);
        let end = whole.len() - begun_bytes(&whole);
        self.begun = whole.split_off(end);
        let text = String::from_utf8_lossy(&whole);
        for piece in text.as_bytes().split_inclusive(|it| *it == b'\n') {
            let (line, end) = match piece.split_last() {
                Some((b'\n', line)) => (line, &[CANCEL, b'\n'] as &[u8]),
                _ => (piece, &[] as &[u8]),
            };
            self.parser.advance(&mut self.page, line);
            // A sequence without an end hides the rest of its line alone.
            self.parser.advance(&mut self.page, end);
        }
        mem::take(&mut self.page.passed)
    }

    /// The rest, when nothing more comes.
    pub(super) fn finish(mut self) -> String {
        let begun = mem::take(&mut self.begun);
        self.parser.advance(&mut self.page, String::from_utf8_lossy(&begun).as_bytes());
        self.parser.advance(&mut self.page, &[CANCEL]);
        self.page.pass_all();
        self.page.passed
    }
}

/// Bytes at the end that are the beginning of a character.
fn begun_bytes(bytes: &[u8]) -> usize {
    let is_begun = |count: &usize| {
        let end = bytes.len().checked_sub(*count).and_then(|it| bytes.get(it..));
        let error = end.and_then(|it| str::from_utf8(it).err());
        error.is_some_and(|it| it.valid_up_to() == 0 && it.error_len().is_none())
    };
    (1..=3).find(is_begun).unwrap_or(0)
}

/// The lines that can be drawn over, and where the next character goes.
#[derive(Default)]
struct Page {
    above: VecDeque<Row>,
    current: Row,
    below: VecDeque<Row>,
    /// In the current line; at most [`MAX_COLUMNS`].
    column: usize,
    /// A program draws on the whole screen, which begins with the first row.
    is_whole: bool,
    /// What can't be changed any more and was not given yet.
    passed: String,
}

#[derive(Default)]
struct Row {
    cells: Vec<char>,
    /// Something of it was replaced: blanks at its end are what was wiped.
    is_drawn_over: bool,
    /// Its beginning was passed on already.
    is_rest: bool,
}

impl Row {
    fn text(&self) -> String {
        let text: String = self.cells.iter().collect();
        match self.is_drawn_over {
            true => text.trim_end_matches(' ').to_owned(),
            false => text,
        }
    }
}

impl Page {
    fn down(&mut self) {
        let next = self.below.pop_front().unwrap_or_default();
        self.above.push_back(mem::replace(&mut self.current, next));
        while self.above.len() + self.below.len() >= MAX_ROWS {
            self.pass_first();
        }
    }

    fn up(&mut self) {
        if let Some(previous) = self.above.pop_back() {
            self.below.push_front(mem::replace(&mut self.current, previous));
        }
    }

    /// Passes the uppermost line on.
    fn pass_first(&mut self) {
        let first = match self.above.pop_front() {
            Some(first) => first,
            None => mem::replace(&mut self.current, self.below.pop_front().unwrap_or_default()),
        };
        self.passed.push_str(&first.text());
        self.passed.push('\n');
    }

    /// Passes all lines on, the last of them without an end. Of bars that were
    /// wiped nothing is left.
    fn pass_all(&mut self) {
        while self.below.pop_back_if(|it| it.text().is_empty()).is_some() {}
        while !self.above.is_empty() || !self.below.is_empty() {
            self.pass_first();
        }
        self.passed.push_str(&mem::take(&mut self.current).text());
        self.column = 0;
    }

    /// Before a change of what is there: what began long ago stays as it is.
    fn draw_over(&mut self) {
        if self.current.is_rest {
            while !self.above.is_empty() {
                self.pass_first();
            }
            self.passed.push_str(&mem::take(&mut self.current).text());
            self.passed.push('\n');
        }
        self.current.is_drawn_over = true;
    }

    fn put(&mut self, c: char) {
        if self.column < self.current.cells.len() {
            self.draw_over();
        }
        let Row { cells, .. } = &mut self.current;
        if cells.len() < self.column {
            cells.resize(self.column, ' ');
        }
        match cells.get_mut(self.column) {
            Some(cell) => *cell = c,
            None => cells.push(c),
        }
        self.column += 1;
        if self.column >= MAX_COLUMNS {
            self.pass_beginning();
        }
    }

    /// The line is longer than one that can be drawn over.
    fn pass_beginning(&mut self) {
        while !self.above.is_empty() {
            self.pass_first();
        }
        self.passed.extend(self.current.cells.drain(..));
        self.current.is_rest = true;
        self.column = 0;
    }

    /// Of the line: what is behind the cursor, before it, or all.
    fn erase_line(&mut self, part: usize) {
        self.draw_over();
        let Row { cells, .. } = &mut self.current;
        match part {
            0 => cells.truncate(self.column),
            1 => cells.iter_mut().take(self.column.saturating_add(1)).for_each(|it| *it = ' '),
            _ => cells.clear(),
        }
    }

    /// Of the screen: what is behind the cursor, or all. What was there before
    /// a program took the screen is no part of it.
    fn erase_screen(&mut self, part: usize) {
        match part {
            0 => {
                self.erase_line(0);
                self.below.clear();
            }
            1 => {}
            _ if self.is_whole => {
                self.above.clear();
                self.below.clear();
                self.erase_line(2);
            }
            _ => self.take_screen(),
        }
    }

    /// To a place on the screen.
    fn go_to(&mut self, row: usize, column: usize) {
        if !self.is_whole {
            self.take_screen();
        }
        while !self.above.is_empty() {
            self.up();
        }
        (1..row.min(MAX_ROWS)).for_each(|_| self.down());
        self.move_to(column);
    }

    fn take_screen(&mut self) {
        self.is_whole = true;
        let is_begun = !self.current.cells.is_empty() || self.current.is_rest;
        self.pass_all();
        if is_begun {
            self.passed.push('\n');
        }
    }

    /// Counted from 1.
    fn move_to(&mut self, column: usize) {
        self.column = column.saturating_sub(1).min(MAX_COLUMNS - 1);
    }
}

impl Perform for Page {
    fn print(&mut self, c: char) {
        self.put(c);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' | 0x0b | 0x0c => {
                self.down();
                self.column = 0;
            }
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.put('\t'),
            // It is taken out later, with the sequence that it begins.
            0x80.. => self.put(byte.into()),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let mut params = params.iter().map(|it| it.first().copied().unwrap_or_default());
        let first = usize::from(params.next().unwrap_or_default());
        let count = first.max(1);
        let rows = count.min(MAX_ROWS);
        match action {
            'A' => (0..rows).for_each(|_| self.up()),
            'B' => (0..rows).for_each(|_| self.down()),
            'C' => self.move_to(self.column.saturating_add(count).saturating_add(1)),
            'D' => self.column = self.column.saturating_sub(count),
            'E' => {
                (0..rows).for_each(|_| self.down());
                self.column = 0;
            }
            'F' => {
                (0..rows).for_each(|_| self.up());
                self.column = 0;
            }
            'G' => self.move_to(count),
            'H' | 'f' => self.go_to(count, params.next().map_or(1, usize::from)),
            'J' => self.erase_screen(first),
            'K' => self.erase_line(first),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _ignore: bool, byte: u8) {
        if intermediates.is_empty() && byte == b'M' {
            self.up();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let mut screen = Screen::default();
        let passed = screen.push(bytes);
        passed + &screen.finish()
    }

    #[test]
    fn a_line_is_what_it_was_last() {
        let cases = [
            // As it was written.
            ("", ""),
            ("one\ntwo", "one\ntwo"),
            ("one\n\n\ntwo\n", "one\n\n\ntwo\n"),
            ("blanks  \n\tat both ends \t\n", "blanks  \n\tat both ends \t\n"),
            ("one\r\ntwo\r\n", "one\ntwo\n"),
            ("one\r\r\ntwo", "one\ntwo"),
            ("grün → ✓\n", "grün → ✓\n"),
            // Drawn over.
            ("10%\r20%\r100%\n", "100%\n"),
            ("10%\r\n20%\r\n", "10%\n20%\n"),
            ("\r10%\r20%", "20%"),
            ("long text\rshort\n", "shorttext\n"),
            ("long text\r         \rdone\n", "done\n"),
            ("only for now\r            \r", ""),
            ("working |\u{8}/\u{8}-\u{8}done\n", "working done\n"),
            ("abc\u{8} \u{8}\u{8} \u{8}\n", "a\n"),
            ("\u{8}\u{8}ab\n", "ab\n"),
            ("N\u{8}NA\u{8}AM\u{8}ME\u{8}E _\u{8}x\n", "NAME x\n"),
            // Parts of a line.
            ("long text\r\x1b[Kdone\n", "done\n"),
            ("long text\x1b[2K\rdone\n", "done\n"),
            ("long text\x1b[1K\rdone\n", "done\n"),
            ("long text\x1b[4D\x1b[Kend\n", "long end\n"),
            ("long text\x1b[1G\x1b[0Kdone\n", "done\n"),
            ("a\x1b[3Cb\x1b[2Gc\n", "ac  b\n"),
            ("\x1b[9999999999Cx", &format!("{}x", " ".repeat(4095))),
            // Lines above.
            ("a 1\nb 1\n\x1b[2Aa 2\nb 2\n", "a 2\nb 2\n"),
            ("a 1\nb 1\n\x1b[1A\x1b[2K\x1b[1A\x1b[2Kdone\n", "done\n"),
            ("a 1\nb 1\x1b[F\x1b[Jdone\n", "done\n"),
            ("a 1\nb 1\n\x1b[2A\x1b[2Ka 2\x1b[E\x1b[Ec\n", "a 2\nb 1\nc\n"),
            ("a\nb\x1bM\rc", "c\nb"),
            ("\x1b[99Aa\n", "a\n"),
            // The whole screen.
            ("before\n\x1b[H\x1b[2Jone\n\x1b[H\x1b[2Jtwo\n", "before\ntwo\n"),
            ("before\x1b[2J\x1b[Hone\ntwo\x1b[H\x1b[Jthree", "before\nthree"),
            ("\x1b[3;2Hx\x1b[1;1Hy", "y\n\n x"),
            // What is no picture.
            ("\x1b[1;31mred\x1b[0m \x1b[?25lx\x1b[?25h\n", "red x\n"),
            ("\x1b]0;title\x07x \x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\\n", "x link\n"),
            ("\x1b]0;no end\nnext\n", "\nnext\n"),
            ("\x1bPq no end\nnext\x1b[\nlast\x1b", "\nnext\nlast"),
            ("a\0b\x07c\n", "abc\n"),
        ];
        for (written, expected) in cases {
            assert_eq!(shown(written.as_bytes()), expected, "{written:?}");
        }
        assert_eq!(shown(b"\xff\xc3(\xc3"), "\u{fffd}\u{fffd}(\u{fffd}");
    }

    #[test]
    fn the_bars_of_programs_leave_their_last_state() {
        let wget =
            "\rfile   0%[>   ]  0 --.-KB/s    \rfile 100%[===>]  2M  1.2MB/s  in 1s\n\ndone\n";
        assert_eq!(shown(wget.as_bytes()), "file 100%[===>]  2M  1.2MB/s  in 1s\n\ndone\n");
        let git = "Receiving objects:   1% (1/99)\rReceiving objects: 100% (99/99)\r\
                   Receiving objects: 100% (99/99), done.\n";
        assert_eq!(shown(git.as_bytes()), "Receiving objects: 100% (99/99), done.\n");
        let docker = "a: Waiting\nb: Waiting\n\x1b[2A\x1b[2K\ra: Pulling\r\x1b[2B\x1b[1A\x1b[2K\rb: Done\r\
                      \x1b[1B\x1b[2A\x1b[2K\ra: Done\r\x1b[2Bend\n";
        assert_eq!(shown(docker.as_bytes()), "a: Done\nb: Done\nend\n");
        let cargo = "   Compiling a\n    Building [=> ] 1/9: b\r\x1b[K   Compiling b\n    \
                     Building [==>] 2/9\r\x1b[K    Finished\n";
        assert_eq!(shown(cargo.as_bytes()), "   Compiling a\n   Compiling b\n    Finished\n");
        let ora = "⠋ tests\x1b[1G\x1b[0K⠙ tests\x1b[1G\x1b[0K✔ tests\n";
        assert_eq!(shown(ora.as_bytes()), "✔ tests\n");
    }

    #[test]
    fn a_long_line_is_passed_on_and_stays() {
        let long = "x".repeat(10_000);
        assert_eq!(shown(format!("a\n{long}\r\nb\n").as_bytes()), format!("a\n{long}\nb\n"));
        let end = shown(format!("{long}\rover it\rover that\n").as_bytes());
        assert_eq!(end, format!("{long}\nover that\n"));
        let many: String = (0..1000).map(|it| format!("{it}\n")).collect();
        assert_eq!(shown(many.as_bytes()), many);
        let up = shown(format!("{many}\x1b[999Aup!\n").as_bytes());
        assert!(up.starts_with("0\n1\n") && up.contains("\n936\nup!\n938\n"), "{up}");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_memory_is_bounded(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(b"\x1b[0123;AJHKab \r\n\x08".to_vec())],
                0..300,
            ),
            size in 1_usize..40,
        ) {
            let mut screen = Screen::default();
            let mut found = String::new();
            for piece in bytes.chunks(size) {
                found += &screen.push(piece);
                let Page { above, current, below, column, .. } = &screen.page;
                prop_assert!(above.len() + below.len() < MAX_ROWS && *column < MAX_COLUMNS);
                prop_assert!(current.cells.len() <= MAX_COLUMNS);
            }
            found += &screen.finish();
            prop_assert_eq!(found, shown(&bytes));
        }

        #[test]
        fn what_draws_nothing_over_stays(text in "[a-z0-9 \\t\n✓]{0,200}") {
            prop_assert_eq!(shown(text.as_bytes()), text);
        }
    }
}
