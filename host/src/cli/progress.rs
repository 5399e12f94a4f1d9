//! What a person sees while children run: a live line for each on a terminal,
//! plain lines otherwise. Everything goes to standard error.

use std::{io::IsTerminal as _, sync::Arc, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::{
    completion::{sanitize::clean_line, text::progress_line},
    delegation::{Live, LiveChild, Phase, Progress},
    event::{ChildResult, LABEL_GOAL_CHARS},
};

/// How often live lines are drawn.
pub(super) const REDRAW: Duration = Duration::from_millis(100);

/// Shows a running batch.
pub(super) struct Display {
    live: Arc<Live>,
    total: usize,
    ended: usize,
    lines: Option<Lines>,
}

/// The live lines of a terminal.
struct Lines {
    all: MultiProgress,
    children: Vec<ProgressBar>,
    rest: ProgressBar,
}

impl Display {
    pub(super) fn new(live: Arc<Live>, total: usize) -> Self {
        let lines = std::io::stderr().is_terminal().then(|| Lines::new(total));
        let res = Self { live, total, ended: 0, lines };
        res.redraw();
        res
    }

    pub(super) fn take(&mut self, progress: &Progress) {
        if let Progress::Ended(result) = progress {
            self.ended = self.ended.saturating_add(1);
            self.end(result);
        }
        self.redraw();
    }

    pub(super) fn redraw(&self) {
        let Some(lines) = &self.lines else {
            return;
        };
        for (line, child) in lines.children.iter().zip(self.live.snapshot()) {
            if !matches!(child.phase, Phase::Ended(_)) {
                line.set_message(live_line(&child, self.total));
                line.tick();
            }
        }
        lines.rest.set_message(format!("{} of {} to go", self.to_go(), self.total));
    }

    pub(super) fn finish(self) {
        if let Some(lines) = self.lines {
            lines.all.clear().unwrap_or_default();
        }
    }

    fn to_go(&self) -> usize {
        self.total.saturating_sub(self.ended)
    }

    /// The line of a child that ended stays above the live ones.
    fn end(&self, result: &ChildResult) {
        let text = progress_line(result, self.total);
        match &self.lines {
            None => eprintln!("{text}"),
            Some(lines) => {
                if let Some(line) = lines.children.get(result.task_index) {
                    line.finish_and_clear();
                }
                // A terminal that is gone needs no line.
                lines.all.println(text).unwrap_or_default();
            }
        }
    }
}

impl Lines {
    fn new(total: usize) -> Self {
        let all = MultiProgress::new();
        let spinner = || ProgressStyle::with_template("{spinner} {wide_msg}");
        let plain = || ProgressStyle::with_template("  {wide_msg}");
        let line = |style: Result<ProgressStyle, _>| {
            let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
            all.add(ProgressBar::new_spinner().with_style(style))
        };
        let children = (0..total).map(|_| line(spinner())).collect();
        let rest = line(plain());
        Self { all, children, rest }
    }
}

/// State, what it is doing now, goal, elapsed.
fn live_line(child: &LiveChild, total: usize) -> String {
    let place = child.task_index.saturating_add(1);
    let goal = clean_line(&child.goal, LABEL_GOAL_CHARS);
    let state = match child.phase {
        Phase::Waiting => "waiting".to_owned(),
        Phase::Running => format!("running {:.1}s", child.elapsed.as_secs_f64()),
        Phase::Ended(status) => status.as_str().to_owned(),
    };
    let activity = &child.activity;
    format!("[{place}/{total}] {state}  {goal}  {activity}")
}
