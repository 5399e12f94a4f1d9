//! The one terminal, and who may write to it: the live display, or an open
//! question.
//!
//! While a question is open nothing is drawn, and lines that are to stay wait:
//! a person who reads and types must not have either painted over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{live_lines::LiveLines, log, output::say, terminal};

/// The terminal of this command. Clones share it.
#[derive(Clone)]
pub(super) struct Screen {
    state: Arc<Mutex<State>>,
}

struct State {
    /// The terminal takes lines that are drawn over.
    is_live: bool,
    /// `None` while a question is open, and where there are none.
    lines: Option<LiveLines>,
    /// Questions that are open.
    questions: usize,
    /// What is said when they are answered.
    waiting: Vec<String>,
}

/// The screen is a question's until this is dropped.
pub(super) struct Held {
    screen: Screen,
}

impl Screen {
    /// That of this process. Nothing is drawn over among diagnostics, which
    /// somebody who asked for them wants to read.
    pub(super) fn new() -> Self {
        Self::with(terminal::draws_over() && !log::is_asked_for())
    }

    fn with(is_live: bool) -> Self {
        let lines = is_live.then(LiveLines::new);
        let state = State { is_live, lines, questions: 0, waiting: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// How many lines may be drawn now, if any.
    pub(super) fn room(&self) -> Option<usize> {
        self.state().lines.as_ref().map(LiveLines::room)
    }

    /// Draws the lines in the place of those before.
    pub(super) fn draw(&self, lines: &[String]) {
        if let Some(live) = &self.state().lines {
            live.draw(lines);
        }
    }

    /// Says a line that stays.
    pub(super) fn leave(&self, line: &str) {
        let mut state = self.state();
        match (&state.lines, state.questions) {
            (Some(lines), _) => lines.leave(line),
            (None, 0) => say(line),
            (None, _) => state.waiting.push(line.to_owned()),
        }
    }

    /// Takes the live lines away.
    pub(super) fn clear(&self) {
        if let Some(lines) = &self.state().lines {
            lines.clear();
        }
    }

    /// Gives the screen to a question.
    pub(super) fn hold(&self) -> Held {
        let mut state = self.state();
        state.questions = state.questions.saturating_add(1);
        if let Some(lines) = state.lines.take() {
            lines.clear();
        }
        Held { screen: self.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.screen.state();
        state.questions = state.questions.saturating_sub(1);
        if state.questions == 0 {
            state.waiting.drain(..).for_each(|it| say(&it));
            state.lines = state.is_live.then(LiveLines::new);
        }
    }
}

#[cfg(test)]
impl Screen {
    pub(super) fn quiet() -> Self {
        Self::with(false)
    }

    pub(super) fn is_held(&self) -> bool {
        self.state().questions > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_over_a_question() {
        let screen = Screen::with(true);
        assert!(screen.room().is_some());
        let (first, second) = (screen.hold(), screen.clone().hold());
        for held in [first, second] {
            assert_eq!(screen.room(), None);
            screen.draw(&["drawn".to_owned()]);
            drop(held);
        }
        assert!(screen.room().is_some());
    }

    #[test]
    fn what_is_to_stay_waits_for_the_answer() {
        for is_live in [false, true] {
            let screen = Screen::with(is_live);
            let held = screen.hold();
            screen.leave("one");
            screen.leave("two");
            assert_eq!(screen.state().waiting, ["one", "two"]);
            drop(held);
            assert_eq!(screen.state().waiting, [""; 0]);
        }
    }
}
