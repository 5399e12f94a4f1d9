//! What the children of a running delegation are doing now, for whoever
//! watches: a snapshot to look at, and a feed that tells when one starts and
//! ends.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::broadcast;

use crate::{
    completion::sanitize::clean_line,
    event::{ChildResult, LogLine, Status},
    id::DelegationId,
    sandbox::{Nobody, Observer},
    session::Session,
};

/// Updates that a slow subscriber may be behind. It is told how many it
/// missed; completions are not told here but by the queue, which loses none.
const FEED: usize = 4_096;

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
    /// Calls of tools so far.
    pub tool_calls: u64,
    /// Calls of the model so far.
    pub model_calls: u64,
    /// Time in its cell.
    pub elapsed: Duration,
    /// Since it last gave a sign of life.
    pub quiet: Duration,
}

/// What happened to a delegation.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It was recorded, and waits or starts.
    Dispatched {
        /// Tasks.
        count: usize,
    },
    /// A child got its cell.
    Started {
        /// Place of the task in the batch, from 0.
        task_index: usize,
    },
    /// A child ended, whatever way.
    ChildEnded(Arc<ChildResult>),
    /// A group of tasks, or all of them, ended. Its event is recorded, unless
    /// the store failed, which the log tells.
    Ended {
        /// The group, when there are several.
        group: Option<String>,
        /// Of the group.
        status: Status,
    },
}

/// One piece of news.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Of this delegation.
    pub delegation_id: DelegationId,
    /// Whose it is.
    pub session: Session,
    /// What happened.
    pub progress: Progress,
}

/// Tells all subscribers.
#[derive(Clone, Debug)]
pub(super) struct Feed(broadcast::Sender<Update>);

impl Feed {
    pub(super) fn new() -> Self {
        Self(broadcast::channel(FEED).0)
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Update> {
        self.0.subscribe()
    }

    /// Costs nothing when nobody listens.
    pub(super) fn send(
        &self,
        delegation_id: DelegationId,
        session: &Session,
        progress: impl FnOnce() -> Progress,
    ) {
        if self.0.receiver_count() > 0 {
            let update = Update { delegation_id, session: session.clone(), progress: progress() };
            // The last one may have gone by now.
            let _ = self.0.send(update);
        }
    }
}

/// The live side of one delegation.
pub struct Live {
    children: Vec<Arc<ChildView>>,
}

/// The way from one delegation to the feed.
struct Channel {
    id: DelegationId,
    session: Session,
    feed: Feed,
}

impl Channel {
    fn send(&self, progress: impl FnOnce() -> Progress) {
        self.feed.send(self.id, &self.session, progress);
    }
}

/// The observer of one child.
struct ChildView {
    task_index: usize,
    goal: String,
    agent: String,
    channel: Arc<Channel>,
    tool_calls: AtomicU64,
    model_calls: AtomicU64,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    activity: String,
    started: Option<Instant>,
    ended: Option<Instant>,
    sign: Option<Instant>,
    /// Lines of its log that nobody has taken yet. No more than the log holds.
    log: Vec<LogLine>,
}

impl Live {
    /// For children with these goals and agents, in the order of the tasks.
    pub(super) fn new(
        id: DelegationId,
        session: Session,
        feed: Feed,
        children: impl IntoIterator<Item = (String, String)>,
    ) -> Arc<Self> {
        let channel = Arc::new(Channel { id, session, feed });
        let view = |(task_index, (goal, agent))| {
            Arc::new(ChildView {
                task_index,
                goal,
                agent,
                channel: Arc::clone(&channel),
                tool_calls: AtomicU64::new(0),
                model_calls: AtomicU64::new(0),
                state: State::new(),
            })
        };
        let children = children.into_iter().enumerate().map(view).collect();
        Arc::new(Self { children })
    }

    /// Every child as it is now, in the order of the tasks.
    pub fn snapshot(&self) -> Vec<LiveChild> {
        self.children.iter().map(|it| it.snapshot()).collect()
    }

    /// The lines that children wrote into their logs since this was called the
    /// last time, each with the place of its task.
    pub fn take_log(&self) -> Vec<(usize, LogLine)> {
        let lines = |it: &Arc<ChildView>| {
            let lines = std::mem::take(&mut it.state().log);
            let task_index = it.task_index;
            lines.into_iter().map(move |line| (task_index, line))
        };
        self.children.iter().flat_map(lines).collect()
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
    }
}

impl State {
    fn new() -> Mutex<Self> {
        let (activity, phase) = (String::new(), Phase::Waiting);
        let (started, ended, sign, log) = (None, None, None, Vec::new());
        Mutex::new(Self { phase, activity, started, ended, sign, log })
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
            tool_calls: self.tool_calls.load(Ordering::Relaxed),
            model_calls: self.model_calls.load(Ordering::Relaxed),
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
        self.channel.send(|| Progress::Started { task_index: self.task_index });
    }

    fn activity(&self, text: &str) {
        self.sign(Some(text.to_owned()));
    }

    fn tool_started(&self, tool: &'static str, subject: &str) {
        self.tool_calls.fetch_add(1, Ordering::Relaxed);
        self.sign(Some(format!("{tool} {subject}")));
    }

    fn tool_ended(&self) {
        self.sign(None);
    }

    fn model_started(&self) {
        self.model_calls.fetch_add(1, Ordering::Relaxed);
        self.sign(Some("thinking".to_owned()));
    }

    fn model_ended(&self) {
        self.sign(None);
    }

    fn logged(&self, line: &LogLine) {
        self.state().log.push(line.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Level, id::OsRandom};

    #[test]
    fn a_snapshot_shows_the_newest_activity_as_one_clean_line() {
        let feed = Feed::new();
        let mut updates = feed.subscribe();
        let children = [("count".to_owned(), "survey".to_owned())];
        let live = Live::new(DelegationId::new(&OsRandom), Session::Local, feed, children);
        let child = live.observer(0);
        assert_eq!(live.snapshot()[0].phase, Phase::Waiting);
        child.started();
        child.activity("reading\nsrc\u{1b}[31m/lib.rs");
        let seen = live.snapshot().remove(0);
        assert_eq!((seen.phase, seen.activity.as_str()), (Phase::Running, "reading src/lib.rs"));
        child.tool_started("read_file", "a.rs");
        let seen = live.snapshot().remove(0);
        assert_eq!((seen.activity.as_str(), seen.tool_calls), ("read_file a.rs", 1));
        assert_eq!(updates.try_recv().unwrap().progress, Progress::Started { task_index: 0 });
        let line = LogLine { level: Level::Info, text: "half way".to_owned() };
        child.logged(&line);
        assert_eq!(live.take_log(), [(0, line)]);
        assert_eq!(live.take_log(), []);
    }
}
