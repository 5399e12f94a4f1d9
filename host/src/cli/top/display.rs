//! The terminal as `top` has it: a screen of its own, and every key.

use std::{io, thread};

use ratatui::{
    DefaultTerminal, Frame,
    crossterm::event::{self, Event},
};
use tokio::sync::mpsc::{Receiver, channel};

use crate::cli::error::CliError;

/// Keys that are pressed before the first of them is answered: more than that
/// wait in the terminal.
const MAX_KEYS: usize = 64;

/// The screen. What was there before is back when this is dropped, and before
/// the words of a panic.
pub(super) struct Display(DefaultTerminal);

impl Display {
    pub(super) fn open() -> Result<Self, CliError> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(err) => {
                // Half of it may have been done.
                ratatui::restore();
                Err(failed(err))
            }
        }
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<(), CliError> {
        self.0.draw(draw).map(drop).map_err(failed)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn failed(error: io::Error) -> CliError {
    CliError::host(error).context("the terminal can't be drawn on")
}

/// What is pressed. A thread waits for it, and ends with the process: nothing
/// but a key wakes it up.
pub(super) fn keys() -> Receiver<Event> {
    let (sender, receiver) = channel(MAX_KEYS);
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        process::{Command, Stdio},
    };

    use super::*;

    /// Set in the process that is to panic.
    const PANICS: &str = "HERMITAGE_TEST_PANICS";

    #[test]
    fn a_panic_is_read_on_the_screen_that_was_there_before() {
        if env::var_os(PANICS).is_some() {
            let _display = Display::open().unwrap();
            panic!("on purpose");
        }
        let name = "cli::top::display::tests::a_panic_is_read_on_the_screen_that_was_there_before";
        let this = env::current_exe().unwrap();
        let again = format!("'{}' --exact {name} --nocapture; stty -a", this.display());
        let script = Command::new("script")
            .args(["-qec", &again, "/dev/null"])
            .env(PANICS, "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let shown = String::from_utf8(script.stdout).unwrap();
        let place = |it: &str| shown.find(it).unwrap_or_else(|| panic!("{it:?}: {shown}"));
        assert!(place("\u{1b}[?1049h") < place("\u{1b}[?1049l"), "{shown}");
        assert!(place("\u{1b}[?1049l") < place("on purpose"), "{shown}");
        // Lines are edited and echoed again.
        assert!(place("on purpose") < place(" icanon") && shown.contains(" echo "), "{shown}");
    }
}
