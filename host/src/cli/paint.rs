//! Colours, where a terminal shows them and nobody asked for none
//! (`NO_COLOR`).

use std::io;

use console::Style;

use super::terminal;
use crate::event::Status;

/// The colours of one of the two ways out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    is_on: bool,
}

impl Paint {
    pub(super) fn stdout() -> Self {
        Self { is_on: terminal::takes_colours(&io::stdout()) }
    }

    pub(super) fn stderr() -> Self {
        Self { is_on: terminal::takes_colours(&io::stderr()) }
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { is_on: false }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.with(Style::new().green(), text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.with(Style::new().red().bold(), text)
    }

    /// What can be passed over.
    pub(super) fn faint(self, text: &str) -> String {
        self.with(Style::new().dim(), text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// A text about something that ended so.
    pub(super) fn ended(self, status: Status, text: &str) -> String {
        if status == Status::Completed { self.good(text) } else { self.bad(text) }
    }

    fn with(self, style: Style, text: &str) -> String {
        style.force_styling(self.is_on).apply_to(text).to_string()
    }
}
