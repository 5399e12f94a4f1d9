//! Lines at the end of a terminal that are drawn over and over.
//!
//! One bar of indicatif whose message has several lines. indicatif leaves the
//! cursor in the last column, so that a `^C` which the terminal echoes wraps,
//! and the topmost line is left behind by the next drawing. So the topmost
//! one is empty.

use console::{Term, truncate_str};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Of a terminal that does not tell: rows and columns.
const USUAL_SIZE: (u16, u16) = (24, 80);

/// Standard error, with lines that do not stay.
pub(super) struct LiveLines {
    terminal: Term,
    bar: ProgressBar,
}

impl LiveLines {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self { terminal: Term::stderr(), bar: bar.with_style(style) }
    }

    /// How many lines have a place, besides the empty one and the cursor's.
    pub(super) fn room(&self) -> usize {
        self.size().0.saturating_sub(2).max(1)
    }

    /// Draws the lines in the place of those before, each cut to one row.
    pub(super) fn draw(&self, lines: &[String]) {
        let columns = self.size().1.saturating_sub(1);
        let mut message = String::new();
        for line in lines.iter().take(self.room()) {
            message.push('\n');
            message.push_str(&truncate_str(line, columns, "…"));
        }
        self.bar.set_message(message);
        self.bar.tick();
    }

    /// Leaves `text` above the lines: it stays.
    pub(super) fn leave(&self, text: &str) {
        self.bar.println(text);
    }

    /// Takes the lines away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn size(&self) -> (usize, usize) {
        let (rows, columns) = self.terminal.size_checked().unwrap_or(USUAL_SIZE);
        (usize::from(rows), usize::from(columns))
    }
}
