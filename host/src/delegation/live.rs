//! What the children of a running delegation are doing now, for whoever
//! watches: a snapshot to look at, and a channel that tells when one ends.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use crate::{
    completion::sanitize::clean_line,
    event::{ChildResult, Status},
    sandbox::Observer,
};

/// Longest activity in a snapshot, in characters: one line of a terminal.
const MAX_ACTIVITY_CHARS: usize = 120;

/// Where a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// For one of the places of the batch, or for a cell.
    Waiting,
    /// In its cell.
    Running,
    /// With its result.
    Ended(Status),
}

/// One child as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChild {
    /// Place of the task in the batch, from 0.
    pub task_index: usize,
    /// The task's goal.
    pub goal: String,
    /// The component by its name.
    pub agent: String,
    /// Where it stands.
    pub phase: Phase,
    /// What it says it is doing, or the tool it is calling. One clean line.
    pub activity: String,
    /// Time in its cell.
    pub elapsed: Duration,
    /// Since it last gave a sign of life.
    pub quiet: Duration,
}

/// What happened in a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A child got its cell.
    Started {
        /// Place of the task in the batch, from 0.
        task_index: usize,
    },
    /// A child ended, whatever way.
    Ended(Box<ChildResult>),
}

/// The receiving end of a batch's progress. At most two messages for each
/// child, so the channel needs no other bound.
pub type ProgressReceiver = mpsc::UnboundedReceiver<Progress>;

/// The live side of one delegation.
pub struct Live {
    children: Vec<Arc<ChildView>>,
    progress: mpsc::UnboundedSender<Progress>,
}

/// The observer of one child.
struct ChildView {
    task_index: usize,
    goal: String,
    agent: String,
    progress: mpsc::UnboundedSender<Progress>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    activity: String,
    started: Option<Instant>,
    ended: Option<Instant>,
    sign: Option<Instant>,
}

impl Live {
    /// For children with these goals and agents, in the order of the tasks.
    pub fn new(
        children: impl IntoIterator<Item = (String, String)>,
    ) -> (Arc<Self>, ProgressReceiver) {
        let (progress, receiver) = mpsc::unbounded_channel();
        let children = children.into_iter().enumerate();
        let children = children.map(|(task_index, (goal, agent))| {
            let progress = progress.clone();
            Arc::new(ChildView { task_index, goal, agent, progress, state: State::new() })
        });
        (Arc::new(Self { children: children.collect(), progress }), receiver)
    }

    /// Every child as it is now, in the order of the tasks.
    pub fn snapshot(&self) -> Vec<LiveChild> {
        self.children.iter().map(|it| it.snapshot()).collect()
    }

    /// The observer of the child at that place. One that nobody sees when the
    /// view was made for fewer children.
    pub(super) fn observer(&self, task_index: usize) -> Arc<dyn Observer> {
        match self.children.get(task_index) {
            Some(child) => Arc::clone(child) as Arc<dyn Observer>,
            None => Arc::new(Nobody),
        }
    }

    pub(super) fn ended(&self, result: &ChildResult) {
        if let Some(child) = self.children.get(result.task_index) {
            let mut state = child.state();
            state.phase = Phase::Ended(result.status);
            state.ended = Some(Instant::now());
        }
        // Nobody has to listen.
        let _ = self.progress.send(Progress::Ended(Box::new(result.clone())));
    }
}

impl State {
    fn new() -> Mutex<Self> {
        let (activity, phase) = (String::new(), Phase::Waiting);
        Mutex::new(Self { phase, activity, started: None, ended: None, sign: None })
    }
}

impl ChildView {
    fn snapshot(&self) -> LiveChild {
        let state = self.state();
        let end = state.ended.unwrap_or_else(Instant::now);
        let since =
            |it: Option<Instant>| it.map_or(Duration::ZERO, |it| end.saturating_duration_since(it));
        LiveChild {
            task_index: self.task_index,
            goal: self.goal.clone(),
            agent: self.agent.clone(),
            phase: state.phase,
            activity: clean_line(&state.activity, MAX_ACTIVITY_CHARS),
            elapsed: since(state.started),
            quiet: since(state.sign),
        }
    }

    /// Held for a few assignments only.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sign(&self, activity: Option<String>) {
        let mut state = self.state();
        state.sign = Some(Instant::now());
        if let Some(activity) = activity {
            state.activity = activity;
        }
    }
}

impl Observer for ChildView {
    fn started(&self) {
        let mut state = self.state();
        state.phase = Phase::Running;
        state.started = Some(Instant::now());
        state.sign = state.started;
        drop(state);
        // Nobody has to listen.
        let _ = self.progress.send(Progress::Started { task_index: self.task_index });
    }

    fn activity(&self, text: &str) {
        self.sign(Some(text.to_owned()));
    }

    fn tool_started(&self, tool: &'static str, subject: &str) {
        self.sign(Some(format!("{tool} {subject}")));
    }

    fn tool_ended(&self) {
        self.sign(None);
    }
}

/// Watches nothing.
struct Nobody;

impl Observer for Nobody {
    fn started(&self) {}
    fn activity(&self, _: &str) {}
    fn tool_started(&self, _: &'static str, _: &str) {}
    fn tool_ended(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_shows_the_newest_activity_as_one_clean_line() {
        let (live, mut progress) = Live::new([("count".to_owned(), "survey".to_owned())]);
        let child = live.observer(0);
        assert_eq!(live.snapshot()[0].phase, Phase::Waiting);
        child.started();
        child.activity("reading\nsrc\u{1b}[31m/lib.rs");
        let seen = live.snapshot().remove(0);
        assert_eq!((seen.phase, seen.activity.as_str()), (Phase::Running, "reading src/lib.rs"));
        child.tool_started("read_file", "a.rs");
        assert_eq!(live.snapshot()[0].activity, "read_file a.rs");
        assert_eq!(progress.try_recv().unwrap(), Progress::Started { task_index: 0 });
    }
}
