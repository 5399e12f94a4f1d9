//! The view of one child: told by its cell what it does, looked at from
//! outside.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::sleep};

use crate::{
    completion::sanitize::clean_line,
    delegation::{
        chat::ChatMeter,
        feed::{Feed, Progress},
        seen::{LiveChild, Phase, WaitsFor},
    },
    event::{LogLine, Status},
    id::DelegationId,
    sandbox::Observer,
    session::Session,
    tools::delegation::DelegateTask,
    toolset::Tool as _,
};

/// Longest activity in a snapshot, in characters: one line of a terminal.
const MAX_ACTIVITY_CHARS: usize = 120;

/// Between two pieces of news of what one child does. A child that reports in
/// a loop would push the news of all others out of the feed.
const NEWS_PAUSE: Duration = Duration::from_millis(100);

/// The way from one delegation to the feed.
pub(super) struct Channel {
    pub(super) id: DelegationId,
    pub(super) session: Session,
    pub(super) feed: Feed,
}

impl Channel {
    fn send(&self, progress: impl FnOnce() -> Progress) {
        self.feed.send(self.id, &self.session, progress);
    }
}

/// The observer of one child.
pub(super) struct ChildView {
    pub(super) task_index: usize,
    goal: String,
    agent: String,
    channel: Arc<Channel>,
    stall_after: Duration,
    pub(super) meter: Arc<ChatMeter>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    phase: Phase,
    activity: String,
    waits_for: WaitsFor,
    tool_calls: u64,
    started: Option<Instant>,
    ended: Option<Instant>,
    sign: Option<Instant>,
    /// The sign after which it was told that it stalls.
    stalled_after: Option<Instant>,
    /// No more than the log of a child holds.
    log: Vec<LogLine>,
    /// Lines that somebody took.
    taken: usize,
    /// Lines that the feed was told.
    told: usize,
}

impl State {
    fn new() -> Self {
        Self {
            phase: Phase::Waiting,
            activity: String::new(),
            waits_for: WaitsFor::GuestCode,
            tool_calls: 0,
            started: None,
            ended: None,
            sign: None,
            stalled_after: None,
            log: Vec::new(),
            taken: 0,
            told: 0,
        }
    }

    fn quiet(&self) -> Duration {
        let end = self.ended.unwrap_or_else(Instant::now);
        self.sign.map_or(Duration::ZERO, |it| end.saturating_duration_since(it))
    }

    /// Of a child whose silence would mean something. One that waits for its
    /// own children is as much alive as they are, and they are watched, too.
    fn is_watched(&self) -> bool {
        self.phase == Phase::Running && self.waits_for != WaitsFor::Tool(DelegateTask::NAME)
    }
}

impl ChildView {
    pub(super) fn new(
        task_index: usize,
        goal: String,
        agent: String,
        channel: Arc<Channel>,
        stall_after: Duration,
    ) -> Self {
        let (meter, changed, state) = (Arc::default(), Notify::new(), Mutex::new(State::new()));
        Self { task_index, goal, agent, channel, stall_after, meter, state, changed }
    }

    pub(super) fn snapshot(&self) -> LiveChild {
        let chats = self.meter.totals();
        let state = self.state();
        let quiet = state.quiet();
        let end = state.ended.unwrap_or_else(Instant::now);
        LiveChild {
            task_index: self.task_index,
            goal: self.goal.clone(),
            agent: self.agent.clone(),
            phase: state.phase,
            activity: clean_line(&state.activity, MAX_ACTIVITY_CHARS),
            waits_for: state.waits_for,
            tool_calls: state.tool_calls,
            model_calls: chats.calls,
            tokens: chats.tokens,
            cost: chats.cost,
            elapsed: state.started.map_or(Duration::ZERO, |it| end.saturating_duration_since(it)),
            quiet,
            stalled: state.is_watched() && self.stall_after <= quiet,
        }
    }

    pub(super) fn log(&self) -> Vec<LogLine> {
        self.state().log.clone()
    }

    /// What nobody has taken yet.
    pub(super) fn take_log(&self) -> Vec<LogLine> {
        let mut state = self.state();
        let end = state.log.len();
        let from = std::mem::replace(&mut state.taken, end);
        state.log.get(from..).unwrap_or_default().to_vec()
    }

    pub(super) fn end(&self, status: Status) {
        let mut state = self.state();
        state.phase = Phase::Ended(status);
        state.ended = Some(Instant::now());
        drop(state);
        self.tell_log();
    }

    /// Tells what the child does until this is dropped; `on_stall` is told why
    /// it is stalled. Away from the guest's stack, which only leaves word.
    pub(super) async fn follow(&self, on_stall: impl Fn(&str)) -> Infallible {
        loop {
            tokio::select! {
                () = self.changed.notified() => {
                    self.tell_log();
                    self.channel.send(|| Progress::Activity(Arc::new(self.snapshot())));
                    sleep(NEWS_PAUSE).await;
                }
                () = sleep(self.until_stalled()) => self.look_for_stall(&on_stall),
            }
        }
    }

    /// When to look next whether it stalls.
    fn until_stalled(&self) -> Duration {
        let state = self.state();
        match self.stall_after.checked_sub(state.quiet()) {
            Some(left) if !left.is_zero() && state.is_watched() => left,
            _ => self.stall_after,
        }
    }

    /// Tells that the child is stalled, once for each time.
    fn look_for_stall(&self, on_stall: impl Fn(&str)) {
        let mut state = self.state();
        let (quiet, waits_for, sign) = (state.quiet(), state.waits_for, state.sign);
        if !state.is_watched() || quiet < self.stall_after || state.stalled_after == sign {
            return;
        }
        state.stalled_after = sign;
        drop(state);
        let task_index = self.task_index;
        self.channel.send(|| Progress::Stalled { task_index, waits_for, quiet });
        let what = match waits_for {
            WaitsFor::Model => "it waits for its model".to_owned(),
            WaitsFor::Tool(name) => format!("it waits for `{name}`"),
            WaitsFor::GuestCode => "its own code runs".to_owned(),
        };
        on_stall(&format!("stalled: no sign of life for {quiet:.0?}, while {what}"));
    }

    /// The lines that it was not told yet.
    fn tell_log(&self) {
        let mut state = self.state();
        let end = state.log.len();
        let from = std::mem::replace(&mut state.told, end);
        let lines = state.log.get(from..).unwrap_or_default();
        if !lines.is_empty() {
            let task_index = self.task_index;
            self.channel.send(|| Progress::Logged { task_index, lines: Arc::from(lines) });
        }
    }

    /// Held for a few assignments only.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the child does, which is a sign of life.
    fn sign(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        state.sign = Some(Instant::now());
        change(&mut state);
        drop(state);
        self.changed.notify_one();
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
        self.sign(|it| it.activity = text.to_owned());
    }

    fn tool_started(&self, tool: &'static str, subject: &str) {
        self.sign(|it| {
            it.tool_calls = it.tool_calls.saturating_add(1);
            it.activity = format!("{tool} {subject}");
            it.waits_for = WaitsFor::Tool(tool);
        });
    }

    fn tool_ended(&self) {
        self.sign(|it| it.waits_for = WaitsFor::GuestCode);
    }

    fn model_started(&self) {
        self.sign(|it| {
            "thinking".clone_into(&mut it.activity);
            it.waits_for = WaitsFor::Model;
        });
    }

    fn model_ended(&self) {
        self.sign(|it| it.waits_for = WaitsFor::GuestCode);
    }

    fn logged(&self, line: &LogLine) {
        self.sign(|it| it.log.push(line.clone()));
    }
}
