//! One child on its way through workers, as the host that was asked sees it:
//! whose it is now, what it was answered, and how it ended.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{
    holding::SignedHolding,
    message::{Answer, Ask, Assignment, ChildKey, Stop, What},
    seal::SessionId,
};
use crate::{
    journal::Start,
    sandbox::{FarAnswer, FarCall, Job, Outcome, RemoteCalls},
};

/// Bytes of answers that are kept for a child, so that it can be given them
/// again by another worker. One that was told more is not gone on with.
const MOST_KEPT: usize = 16 << 20;

/// Why such a child ends.
pub(super) const TOLD_TOO_MUCH: &str = "its worker was lost, and it was told more than is kept";

/// What the clocks of one child said, in all: bounds what a worker can have
/// this host keep.
const MOST_READINGS: usize = 1 << 20;

/// Serials of its messages that are remembered: what is said again, by its
/// worker or by whoever reads along, is not heard twice.
const SERIALS: usize = 256;

/// Times that workers may begin with one child.
const MOST_STARTS: usize = 64;

/// Messages of one child that are looked at at once. One call and one beat are
/// what there is, and those that were said again.
const MOST_AT_ONCE: usize = 16;

/// One run of a child.
pub(super) struct Child {
    pub(super) key: ChildKey,
    pub(super) kind: String,
    pub(super) job: Job,
    pub(super) calls: RemoteCalls,
    pub(super) changed: Notify,
    holding: SignedHolding,
    start: Start,
    lease: Duration,
    /// Held by the call under way.
    turn: tokio::sync::Mutex<()>,
    at_once: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    attempt: u64,
    /// The worker that has it.
    worker: Option<SessionId>,
    /// When that said something.
    heard: Instant,
    /// When the first worker started it.
    since: Option<Instant>,
    told: Vec<Told>,
    bytes: usize,
    readings: Vec<(u64, u64)>,
    /// Workers that lost it.
    lost: u32,
    starts: Vec<(SessionId, u64)>,
    /// Of its present worker, in order.
    serials: BTreeSet<u64>,
    stop: Option<Stop>,
    ended: Option<Finish>,
}

struct Told {
    call: blake3::Hash,
    answer: FarAnswer,
}

/// How it ended.
pub(super) struct Finish {
    pub(super) outcome: Outcome,
    pub(super) cpu: Duration,
}

impl Finish {
    pub(super) fn fault(text: String) -> Self {
        Self { outcome: Outcome::HostFault(text), cpu: Duration::ZERO }
    }
}

/// How things stand with a child.
pub(super) struct Standing {
    pub(super) is_with_worker: bool,
    pub(super) has_started: bool,
    /// How long its worker has said nothing.
    pub(super) silent: Duration,
    /// Workers that lost it.
    pub(super) lost: u32,
    /// How long it has run, over all of them.
    pub(super) ran: Duration,
    pub(super) can_go_on: bool,
}

fn digest(call: &FarCall) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in [call.tool.as_bytes(), call.arguments.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize()
}

impl Child {
    pub(super) fn new(
        key: ChildKey,
        kind: String,
        job: Job,
        calls: RemoteCalls,
        (holding, start, lease): (SignedHolding, Start, Duration),
    ) -> Self {
        let readings = job.journal.as_ref().map(|it| it.past_readings()).unwrap_or_default();
        let state = State {
            attempt: 0,
            worker: None,
            heard: Instant::now(),
            since: None,
            told: Vec::new(),
            bytes: 0,
            readings,
            lost: 0,
            starts: Vec::new(),
            serials: BTreeSet::new(),
            stop: None,
            ended: None,
        };
        let (state, turn) = (Mutex::new(state), tokio::sync::Mutex::default());
        let (changed, at_once) = (Notify::new(), AtomicUsize::new(0));
        Self { key, kind, job, calls, changed, holding, start, lease, turn, at_once, state }
    }

    /// What a worker is answered.
    pub(super) async fn answer(&self, from: SessionId, ask: Ask) -> Answer {
        if self.at_once.fetch_add(1, Ordering::AcqRel) >= MOST_AT_ONCE {
            self.at_once.fetch_sub(1, Ordering::AcqRel);
            return Answer::Busy;
        }
        let answer = self.answer_one(from, ask).await;
        self.at_once.fetch_sub(1, Ordering::AcqRel);
        answer
    }

    async fn answer_one(&self, from: SessionId, ask: Ask) -> Answer {
        let Ask { serial, attempt, what, news, readings } = ask;
        if matches!(what, What::Start) {
            return self.assign(from, serial);
        }
        match self.hear(from, attempt, Some((serial, &readings))) {
            Err(answer) => return answer,
            Ok(true) => self.calls.hear(news),
            Ok(false) => (),
        }
        match what {
            What::Start | What::Beat => match self.state().stop.clone() {
                Some(stop) => Answer::Stop(stop),
                None => Answer::Taken,
            },
            What::Call { number, call } => self.call((from, attempt), number, call).await,
            What::Ended { outcome, stopped, cpu, log_dropped } => {
                self.calls.dropped(log_dropped);
                if let Some(reason) = stopped {
                    self.calls.stop(reason);
                }
                self.end(Finish { outcome: *outcome, cpu });
                Answer::Taken
            }
        }
    }

    /// The child is this worker's from here on, unless another one has it.
    fn assign(&self, from: SessionId, serial: u64) -> Answer {
        let mut state = self.state();
        if state.ended.is_some() {
            return Answer::Gone;
        }
        // Whoever reads along can say it once more.
        if state.starts.contains(&(from, serial)) || state.starts.len() >= MOST_STARTS {
            return Answer::Busy;
        }
        state.starts.push((from, serial));
        if state.worker.is_some()
            && state.worker != Some(from)
            && state.heard.elapsed() < self.lease
        {
            return Answer::Busy;
        }
        if state.worker.is_some() && MOST_KEPT < state.bytes {
            state.ended = Some(Finish::fault(TOLD_TOO_MUCH.to_owned()));
            self.changed.notify_one();
            return Answer::Gone;
        }
        state.lost = state.lost.saturating_add(u32::from(state.worker.is_some()));
        state.attempt = state.attempt.saturating_add(1);
        state.worker = Some(from);
        state.serials = BTreeSet::from([serial]);
        state.heard = Instant::now();
        if state.since.is_none() {
            state.since = Some(state.heard);
            self.calls.started();
        }
        let ran = state.since.map_or(Duration::ZERO, |it| it.elapsed());
        let (attempt, readings) = (state.attempt, state.readings.clone());
        drop(state);
        self.changed.notify_one();
        let (job, task) = (&self.job, &self.job.task);
        Answer::Assigned(Box::new(Assignment {
            attempt,
            holding: self.holding.clone(),
            child: job.child.to_string(),
            asked: task.asked.clone(),
            depth: task.depth,
            max_iterations: task.max_iterations,
            output_schema: task.output_schema.as_ref().map(|it| it.text().to_owned()),
            rejected: task.rejected.clone(),
            timeout: job.timeout,
            time_used: job.time_used.saturating_add(ran),
            cpu_used: job.cpu_used,
            grace: job.grace,
            lease: self.lease,
            start: self.start.clone(),
            readings,
        }))
    }

    /// A worker says something, and perhaps says it again: then that is `false`.
    /// The error is its answer, when the child is not its own: nothing of what
    /// it says counts.
    fn hear(
        &self,
        from: SessionId,
        attempt: u64,
        said: Option<(u64, &[(u64, u64)])>,
    ) -> Result<bool, Answer> {
        let mut state = self.state();
        if state.ended.is_some() {
            return Err(Answer::Gone);
        }
        if state.worker != Some(from) || state.attempt != attempt {
            return Err(Answer::Fenced);
        }
        let Some((serial, readings)) = said else { return Ok(false) };
        if !state.is_new(serial) {
            return Ok(false);
        }
        state.heard = Instant::now();
        if MOST_READINGS < state.readings.len().saturating_add(readings.len()) {
            return Err(Answer::Fenced);
        }
        state.readings.extend(readings);
        if let Some(journal) = &self.job.journal {
            journal.hear(readings);
        }
        Ok(true)
    }

    /// Makes a call, or gives again what one was answered.
    async fn call(&self, whose: (SessionId, u64), number: u64, call: FarCall) -> Answer {
        let digest = digest(&call);
        if let Some(answer) = self.told(number, digest) {
            return answer;
        }
        let _turn = self.turn.lock().await;
        // It may have been said twice, and lost the child while it waited.
        if let Some(answer) = self.told(number, digest) {
            return answer;
        }
        if let Err(answer) = self.hear(whose.0, whose.1, None) {
            return answer;
        }
        let answer = match self.calls.call(call).await {
            Ok(answer) => answer,
            Err(departure) => {
                let (outcome, cpu) = (Outcome::Departed(departure), Duration::ZERO);
                self.end(Finish { outcome, cpu });
                return Answer::Gone;
            }
        };
        let mut state = self.state();
        let bytes = answer.as_ref().map_or(0, String::len);
        state.bytes = state.bytes.saturating_add(bytes);
        // The last one can be asked for again, whatever comes of the rest.
        if state.bytes > MOST_KEPT
            && let Some(before) = state.told.last_mut()
        {
            before.answer = Ok(String::new());
        }
        state.told.push(Told { call: digest, answer: answer.clone() });
        Answer::Answered(answer)
    }

    /// What the call of that number was answered. A number that leaves one out
    /// is nobody's, and another call under the same number no child's of ours.
    fn told(&self, number: u64, digest: blake3::Hash) -> Option<Answer> {
        let mut state = self.state();
        let idx = usize::try_from(number).ok().and_then(|it| it.checked_sub(1));
        let (Some(idx), count) = (idx, state.told.len()) else { return Some(Answer::Fenced) };
        if idx == count {
            return None;
        }
        match state.told.get(idx) {
            Some(told) if told.call == digest => Some(Answer::Answered(told.answer.clone())),
            Some(_) if state.attempt > 1 && state.ended.is_none() => {
                let text = format!("it asks for something else than before in its call {number}");
                state.ended = Some(Finish::fault(text));
                self.changed.notify_one();
                Some(Answer::Gone)
            }
            _ => Some(Answer::Fenced),
        }
    }

    /// It is to stop. Gives the worker to tell, and its attempt.
    pub(super) fn stop(&self, stop: Stop) -> Option<(SessionId, u64)> {
        let mut state = self.state();
        state.stop = Some(stop);
        state.worker.map(|it| (it, state.attempt))
    }

    /// The first end stands.
    pub(super) fn end(&self, finish: Finish) {
        self.state().ended.get_or_insert(finish);
        self.changed.notify_one();
    }

    /// How it ended, for the one who waits for that; nobody has it any more.
    pub(super) fn take_end(&self) -> Option<Finish> {
        let mut state = self.state();
        let outcome = Outcome::Stopped;
        let left = Finish { outcome, cpu: Duration::ZERO };
        state.ended.as_mut().map(|it| std::mem::replace(it, left))
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            is_with_worker: state.worker.is_some(),
            has_started: state.since.is_some(),
            silent: state.heard.elapsed(),
            lost: state.lost,
            ran: state.since.map_or(Duration::ZERO, |it| it.elapsed()),
            can_go_on: state.bytes <= MOST_KEPT,
        }
    }

    /// Held for a few assignments only.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether that was not said before.
    fn is_new(&mut self, serial: u64) -> bool {
        let is_full = self.serials.len() >= SERIALS;
        if is_full && self.serials.first().is_some_and(|it| serial < *it) {
            return false;
        }
        let is_new = self.serials.insert(serial);
        if is_full && is_new {
            self.serials.pop_first();
        }
        is_new
    }
}
