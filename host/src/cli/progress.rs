//! What a person sees while children run: a live line for each on a terminal,
//! plain lines otherwise. Everything goes to standard error.

use std::{sync::Arc, time::Duration};

use super::{
    outcome::{ended_line, log_line},
    output,
    paint::Paint,
    screen::Screen,
};
use crate::{
    completion::sanitize::clean_line,
    delegation::{Live, LiveChild, Phase, Progress, Update},
    event::LABEL_GOAL_CHARS,
    id::DelegationId,
};

/// How often live lines are drawn.
pub(super) const REDRAW: Duration = Duration::from_millis(100);

/// Silence of a child that is worth a word.
const LONG_QUIET: Duration = Duration::from_secs(5);

/// One for each drawing, while a child runs.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Shows a running batch.
pub(super) struct Display {
    live: Arc<Live>,
    id: DelegationId,
    total: usize,
    stopping: bool,
    drawings: usize,
    verbosity: Verbosity,
    screen: Screen,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verbosity {
    /// Nothing at all.
    Quiet,
    /// Which children run, and that they end.
    Usual,
    /// What they write into their logs, too.
    Verbose,
}

impl Display {
    pub(super) fn new(
        live: Arc<Live>,
        id: DelegationId,
        total: usize,
        verbosity: Verbosity,
        screen: Screen,
    ) -> Self {
        Self { live, id, total, stopping: false, drawings: 0, verbosity, screen }
    }

    /// The line of a child that ended stays. Children of children are told
    /// of by the tool call that waits for them.
    pub(super) fn take(&mut self, update: &Update) {
        if update.delegation_id != self.id {
            return;
        }
        self.leave_log();
        if let Progress::ChildEnded(result) = &update.progress
            && self.verbosity > Verbosity::Quiet
        {
            let line = ended_line(result, self.total, output::width(), Paint::stderr());
            self.screen.leave(&line);
        }
        self.redraw();
    }

    /// The lines of logs since the last time, each with its child.
    fn leave_log(&self) {
        if self.verbosity < Verbosity::Verbose {
            return;
        }
        for (task, line) in self.live.take_log() {
            let place = format!("[{}/{}]", task.saturating_add(1), self.total);
            self.screen.leave(&format!("  {place} {}", log_line(&line)));
        }
    }

    /// From now on says that the children were asked to stop.
    pub(super) fn stopping(&mut self) {
        self.stopping = true;
        self.redraw();
    }

    pub(super) fn redraw(&mut self) {
        self.leave_log();
        let Some(room) = self.screen.room().filter(|_| self.verbosity > Verbosity::Quiet) else {
            return;
        };
        self.drawings = self.drawings.wrapping_add(1);
        let mut children = self.live.snapshot();
        children.retain(|it| !matches!(it.phase, Phase::Ended(_)));
        // Those that wait are the first to go when there is no room.
        children.sort_by_key(|it| it.phase == Phase::Waiting);
        let rest = rest_line(&children, self.total, self.stopping);
        children.truncate(room.saturating_sub(1));
        let spinner = SPINNER.get(self.drawings % SPINNER.len()).copied().unwrap_or(' ');
        let children = children.iter().map(|it| live_line(it, self.total, spinner));
        self.screen.draw(&children.chain([rest]).collect::<Vec<_>>());
    }

    pub(super) fn finish(&self) {
        self.leave_log();
        self.screen.clear();
    }
}

/// How many remain, and how many of them have not begun.
fn rest_line(to_go: &[LiveChild], total: usize, stopping: bool) -> String {
    let waiting = to_go.iter().filter(|it| it.phase == Phase::Waiting).count();
    let mut line = format!("  {} of {total} to go", to_go.len());
    if waiting > 0 {
        line.push_str(&format!(", {waiting} waiting"));
    }
    if stopping {
        line.push_str(", stopping");
    }
    line
}

/// State, elapsed, goal, what it is doing now.
fn live_line(child: &LiveChild, total: usize, spinner: char) -> String {
    let place = child.task_index.saturating_add(1);
    let goal = clean_line(&child.goal, LABEL_GOAL_CHARS);
    if child.phase == Phase::Waiting {
        return format!("  [{place}/{total}] waiting  {goal}");
    }
    let elapsed = child.elapsed.as_secs_f64();
    let quiet = match child.quiet {
        quiet if quiet < LONG_QUIET => String::new(),
        quiet => format!(", quiet {}s", quiet.as_secs()),
    };
    let calls = match child.model_calls {
        0 => String::new(),
        calls => format!(", {calls} model call{}", if calls == 1 { "" } else { "s" }),
    };
    let activity = &child.activity;
    format!("{spinner} [{place}/{total}] running {elapsed:.1}s{calls}{quiet}  {goal}  {activity}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{delegation::WaitsFor, event::Tokens};

    fn child(phase: Phase, quiet: u64) -> LiveChild {
        LiveChild {
            model_calls: 0,
            task_index: 1,
            goal: "count\n\u{1b}[31mlines".to_owned(),
            agent: "survey".to_owned(),
            phase,
            activity: "read_file a.rs".to_owned(),
            tool_calls: 1,
            waits_for: WaitsFor::GuestCode,
            tokens: Tokens::default(),
            cost: None,
            stalled: false,
            elapsed: Duration::from_millis(61_230),
            quiet: Duration::from_secs(quiet),
        }
    }

    #[test]
    fn a_child_is_one_line_that_says_when_it_is_quiet() {
        let check = |child, expect| assert_eq!(live_line(&child, 3, '*'), expect);
        check(child(Phase::Waiting, 0), "  [2/3] waiting  count lines");
        check(child(Phase::Running, 4), "* [2/3] running 61.2s  count lines  read_file a.rs");
        check(
            child(Phase::Running, 7),
            "* [2/3] running 61.2s, quiet 7s  count lines  read_file a.rs",
        );
        check(
            LiveChild { model_calls: 2, ..child(Phase::Running, 7) },
            "* [2/3] running 61.2s, 2 model calls, quiet 7s  count lines  read_file a.rs",
        );
    }

    #[test]
    fn the_last_line_says_how_many_remain() {
        let running = child(Phase::Running, 0);
        let waiting = child(Phase::Waiting, 0);
        let children = [running, waiting];
        assert_eq!(rest_line(&children[..1], 3, false), "  1 of 3 to go");
        assert_eq!(rest_line(&children, 3, true), "  2 of 3 to go, 1 waiting, stopping");
    }
}
