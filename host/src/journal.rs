//! The journal of one child: every answer that it got from the host, in its
//! order. A child whose host was killed runs again from its start and is
//! given those answers, without anything being done twice; where they end, it
//! goes on. The same answers show later what a child did.
//!
//! A component computes nothing that it was not told, so the answers are all
//! that there is to keep: those of tools and of its model, what its clocks
//! said, and the seed of its randomness.
//!
//! **Invariant:** what has an effect was recorded before, durably, and with it
//! everything that the child was told until then. So a run that broke off and
//! its successor never disagree about what happened outside.

mod entry;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use self::entry::{Asked, Entry, Event, Start};

use crate::{
    event::ToolTrace,
    id::DelegationId,
    toolset::{ModelError, ToolError},
};

/// What stands in the answer to a call that was under way when its host was
/// killed, and that may have had an effect.
const NOT_KNOWN: &str = "the host was killed during this call; whether it happened is not known: look before you \
     repeat it";

/// What is added to the size of each entry: an empty one takes room, too.
const ENTRY_BYTES: usize = 128;

/// Entries that wait for others, and how long: what a killed host had not
/// written is done again.
const MOST_WAITING: usize = 16;
const LONGEST_WAIT: Duration = Duration::from_millis(10);

/// Whether whoever writes an entry waits until it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It can be had again: it is written with what comes within moments, and
    /// before anything that has an effect.
    ForOthers,
    /// It is written now, in its turn.
    ForItsTurn,
    /// It was paid for, or something was done.
    UntilDurable,
}

/// Where entries are kept.
pub trait Sink: Send + Sync {
    /// Keeps some, the first at that place. The error says why not.
    fn keep(
        &self,
        place: u64,
        entries: &[Entry],
        wait: Wait,
    ) -> BoxFuture<'static, Result<(), String>>;

    /// Forgets all of it: the child can't be run again.
    fn forget(&self) -> BoxFuture<'static, Result<(), String>>;
}

/// An answer of the past.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The answer, as whoever gave it wrote it.
    pub answer: Result<String, ModelError>,
    /// The call as it stands in the child's result; none for a chat.
    pub trace: Option<ToolTrace>,
    /// What the child's model was told with this chat by whoever follows the
    /// child.
    pub heard: Vec<String>,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// It was answered before.
    Told(Told),
    /// It had begun before, and nobody saw how it ended. It may have become
    /// that unit.
    Unfinished(Option<DelegationId>),
    /// It is a new one.
    Live,
}

/// A run that does not do what was recorded, or is not to go on behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Departure {
    /// The child asks for something else.
    #[error("it asks for {asked} where {recorded} was recorded")]
    Differs {
        /// Now.
        asked: Box<Asked>,
        /// Then.
        recorded: Box<Asked>,
    },
    /// The child ended although more was recorded.
    #[error("it ended where {0} was recorded")]
    EndsEarly(Asked),
    /// What was recorded of the call can't be read.
    #[error("what was recorded of {asked} can't be read: {why}")]
    Unread {
        /// The call.
        asked: Asked,
        /// Why not.
        why: String,
    },
    /// What was recorded ends in the middle of this call.
    #[error("{0} had begun, and it is not known whether it happened")]
    Unfinished(Asked),
    /// What was recorded ends before this call.
    #[error("the record ends before {0}")]
    Over(Asked),
    /// That many calls were to be run.
    #[error("stopped before call {number}, {asked}")]
    Until {
        /// From 1.
        number: u64,
        /// The call.
        asked: Asked,
    },
}

/// What entries are written to, and up to where.
pub struct Recorder {
    /// Where they are kept.
    pub sink: Box<dyn Sink>,
    /// Bytes that are kept of one child (`delegation.journal_mib`).
    pub max_bytes: usize,
}

/// The journal of one child, over all its tries.
pub struct Journal {
    start: Start,
    /// `None` for a run that only shows what happened.
    recorder: Option<Recorder>,
    /// What is recorded of the child, another host does.
    is_relayed: bool,
    /// Calls after which such a run stops.
    until: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    past: VecDeque<Entry>,
    /// What clocks said then: how often, and how many milliseconds.
    past_readings: VecDeque<(u64, u64)>,
    /// What they said since the last entry.
    readings: Vec<(u64, u64)>,
    last_reading: u64,
    /// How long the child had run when this run began.
    base: Duration,
    since: Instant,
    /// Of the next entry that is written.
    place: u64,
    /// Entries that are written with the next ones.
    waiting: Vec<Entry>,
    waits_since: Instant,
    bytes: usize,
    /// Calls so far.
    calls: u64,
    /// The call under way had begun before, and is to be gone on with.
    unfinished: Option<Option<DelegationId>>,
    writes: Writes,
    departure: Option<Departure>,
}

/// What becomes of new entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    /// They are kept.
    Kept,
    /// The child was asked to stop: what follows is not what it does by
    /// itself.
    Stopped,
    /// One could not be kept: what has an effect is refused until all of it is
    /// forgotten.
    Broken,
    /// All of it is forgotten.
    Forgotten,
}

impl Journal {
    /// That of a child which starts, or goes on behind `past`.
    pub fn new(start: Start, past: Vec<Entry>, recorder: Recorder) -> Self {
        Self::with(start, past, Some(recorder), None)
    }

    /// For a run that shows what happened, and stops after so many calls.
    pub fn to_read(start: Start, past: Vec<Entry>, until: Option<u64>) -> Self {
        Self::with(start, past, None, until)
    }

    fn with(
        start: Start,
        past: Vec<Entry>,
        recorder: Option<Recorder>,
        until: Option<u64>,
    ) -> Self {
        let past_readings = past.iter().flat_map(|it| it.readings.iter().copied()).collect();
        let last = past.last().filter(|_| recorder.is_some());
        let base = last.map_or(Duration::ZERO, |it| Duration::from_millis(it.at_ms));
        let state = State {
            past_readings,
            readings: Vec::new(),
            waiting: Vec::new(),
            waits_since: Instant::now(),
            last_reading: 0,
            base,
            since: Instant::now(),
            place: u64::try_from(past.len()).unwrap_or(u64::MAX),
            bytes: past.iter().map(size).sum(),
            calls: 0,
            unfinished: None,
            writes: Writes::Kept,
            departure: None,
            past: past.into(),
        };
        Self { start, recorder, is_relayed: false, until, state: Mutex::new(state) }
    }

    /// For a run whose calls another host makes and records: what its clocks
    /// had said before, and from here on. `time_used` is how long the child had
    /// run before.
    pub fn relayed(start: Start, readings: Vec<(u64, u64)>, time_used: Duration) -> Self {
        let mut journal = Self::with(start, Vec::new(), None, None);
        journal.is_relayed = true;
        {
            let mut state = journal.state();
            state.past_readings = readings.into();
            state.base = time_used;
        }
        journal
    }

    /// Whether another host makes the calls of this run, and records them.
    pub fn is_relayed(&self) -> bool {
        self.is_relayed
    }

    /// What the clocks of a relayed run said since this was asked last.
    pub fn take_readings(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.state().readings)
    }

    /// What the clocks had said before this run.
    pub fn past_readings(&self) -> Vec<(u64, u64)> {
        self.state().past_readings.iter().copied().collect()
    }

    /// What the clocks of a child said whose cell is on another host.
    pub fn hear(&self, readings: &[(u64, u64)]) {
        let mut state = self.state();
        readings.iter().for_each(|it| state.readings.push(*it));
        let bytes = size_of_val(readings);
        state.bytes = state.bytes.saturating_add(bytes);
    }

    /// What the child was started with.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// How long the child had run before this run of it.
    pub fn time_used(&self) -> Duration {
        self.state().base
    }

    /// Calls of the child so far, in this run.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Whether the child had been asked to stop before this run of it.
    pub fn was_stopped(&self) -> bool {
        let is_stop = |it: &Entry| it.event == Event::Stopped;
        self.recorder.is_some() && self.state().past.back().is_some_and(is_stop)
    }

    /// Whether answers of the past are left.
    #[cfg(test)]
    fn is_replaying(&self) -> bool {
        !self.state().past.is_empty()
    }

    /// What the clocks of the child say, in milliseconds since its start. They
    /// stand still for a run that only shows.
    pub fn reading(&self) -> u64 {
        let mut state = self.state();
        if let Some((left, ms)) = state.past_readings.front_mut() {
            let ms = *ms;
            *left = left.saturating_sub(1);
            if *left == 0 {
                state.past_readings.pop_front();
            }
            state.last_reading = ms;
            return ms;
        }
        if self.recorder.is_none() && !self.is_relayed {
            return state.last_reading;
        }
        let ms = state.elapsed_ms().max(state.last_reading);
        state.note(ms);
        ms
    }

    /// Where this run left what was recorded, if it did.
    pub fn departure(&self) -> Option<Departure> {
        self.state().departure.clone()
    }

    /// A call: what was it answered before?
    pub fn next(&self, asked: &Asked) -> Result<Next, Departure> {
        let mut state = self.state();
        let next = self.next_of(&mut state, asked);
        state.departure = next.as_ref().err().cloned();
        next
    }

    fn next_of(&self, state: &mut State, asked: &Asked) -> Result<Next, Departure> {
        state.skip_delegated();
        if self.until.is_some_and(|it| it <= state.calls) {
            let number = state.calls.saturating_add(1);
            return Err(Departure::Until { number, asked: asked.clone() });
        }
        let Some(entry) = state.past.pop_front() else {
            return match self.recorder {
                Some(_) => {
                    state.calls = state.calls.saturating_add(1);
                    Ok(Next::Live)
                }
                None => Err(Departure::Over(asked.clone())),
            };
        };
        if let Some(recorded) = entry.asked().filter(|it| *it != asked) {
            let [asked, recorded] = [asked, recorded].map(|it| Box::new(it.clone()));
            state.past.clear();
            return Err(Departure::Differs { asked, recorded });
        }
        state.calls = state.calls.saturating_add(1);
        Ok(match entry.event {
            Event::Began { asked } => match state.after_begin() {
                Next::Unfinished(_) if self.recorder.is_none() => {
                    state.calls = state.calls.saturating_sub(1);
                    return Err(Departure::Unfinished(asked));
                }
                next => next,
            },
            Event::Answered { trace, heard, .. } => {
                Next::Told(Told { answer: entry.answer, trace, heard })
            }
            // Neither stands where a call is looked for.
            Event::Delegated { .. } | Event::Stopped | Event::Ended => Next::Live,
        })
    }

    /// The child has ended by itself: with everything that was recorded?
    pub fn end(&self) -> Result<(), Departure> {
        let mut state = self.state();
        state.skip_delegated();
        let left = state.past.front().and_then(Entry::asked).cloned();
        state.departure = left.map(Departure::EndsEarly);
        state.departure.clone().map_or(Ok(()), Err)
    }

    /// What the clocks said since the last call, for a run that shows.
    pub async fn ended(&self) {
        let has_nothing_to_say = {
            let state = self.state();
            state.readings.is_empty() && state.waiting.is_empty()
        };
        if has_nothing_to_say {
            return;
        }
        let _ = self.keep(Event::Ended, Ok(String::new()), Wait::ForItsTurn).await;
    }

    /// The answer to a call that had begun before, if it can't be repeated.
    pub fn not_known() -> ToolError {
        ToolError::Failed(NOT_KNOWN.to_owned())
    }

    /// A call that may have an effect begins. The error is its answer: what is
    /// not recorded is not done.
    pub async fn begin(&self, asked: &Asked) -> Result<(), ToolError> {
        self.forget_if_broken().await?;
        let begun = Event::Began { asked: asked.clone() };
        let kept = self.keep(begun, Ok(String::new()), Wait::UntilDurable).await;
        kept.map_err(|why| unrecorded(&why))
    }

    /// A call has its answer, which the child is not told before.
    pub async fn answered(&self, asked: &Asked, told: &Told, wait: Wait) {
        let Told { answer, trace, heard } = told.clone();
        let event = Event::Answered { asked: asked.clone(), trace, heard };
        if let Err(why) = self.keep(event, answer, wait).await {
            tracing::error!(%asked, why, "an answer is not recorded");
        }
    }

    /// The call under way becomes that unit: what has to be kept together with
    /// the unit, and its place. `None` when nothing is kept.
    pub fn delegated(&self, unit: DelegationId) -> Option<(u64, Entry)> {
        self.recorder.as_ref()?;
        let mut state = self.state();
        state.add(Event::Delegated { unit }, Ok(String::new()));
        // The begin of the call is written, and so is all before it.
        let (place, mut entries) = state.due(Wait::ForItsTurn)?;
        entries.pop().filter(|_| entries.is_empty()).map(|it| (place, it))
    }

    /// The unit that the call under way had become before this run. Told once.
    pub fn take_unfinished(&self) -> Option<DelegationId> {
        self.state().unfinished.take().flatten()
    }

    /// The child was asked to stop: nothing more is kept, and nobody is to go
    /// on with it.
    pub async fn stopped(&self) {
        let _ = self.keep(Event::Stopped, Ok(String::new()), Wait::ForItsTurn).await;
        let mut state = self.state();
        if state.writes == Writes::Kept {
            state.writes = Writes::Stopped;
        }
    }

    async fn keep(
        &self,
        event: Event,
        answer: Result<String, ModelError>,
        wait: Wait,
    ) -> Result<(), String> {
        let Some(recorder) = &self.recorder else { return Ok(()) };
        let written = {
            let mut state = self.state();
            state.add(event, answer);
            if recorder.max_bytes < state.bytes && state.writes == Writes::Kept {
                state.writes = Writes::Broken;
            }
            state.due(wait)
        };
        self.forget_if_broken().await.map_err(|it| it.to_string())?;
        let Some((place, entries)) = written else { return Ok(()) };
        let kept = recorder.sink.keep(place, &entries, wait).await;
        if kept.is_err() {
            self.state().writes = Writes::Broken;
        }
        kept
    }

    async fn forget_if_broken(&self) -> Result<(), ToolError> {
        let Some(recorder) = &self.recorder else { return Ok(()) };
        if self.state().writes != Writes::Broken {
            return Ok(());
        }
        recorder.sink.forget().await.map_err(|why| unrecorded(&why))?;
        self.state().writes = Writes::Forgotten;
        Ok(())
    }

    /// Held for a few assignments only.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// One more entry, where any is kept.
    fn add(&mut self, event: Event, answer: Result<String, ModelError>) {
        if self.writes != Writes::Kept {
            return;
        }
        let readings = std::mem::take(&mut self.readings);
        let entry = Entry { event, answer, at_ms: self.elapsed_ms(), readings };
        self.bytes = self.bytes.saturating_add(size(&entry));
        if self.waiting.is_empty() {
            self.waits_since = Instant::now();
        }
        self.waiting.push(entry);
    }

    /// What is to be written now, and the place of the first.
    fn due(&mut self, wait: Wait) -> Option<(u64, Vec<Entry>)> {
        if self.writes != Writes::Kept {
            self.waiting.clear();
        }
        let may_wait = wait == Wait::ForOthers
            && self.waiting.len() < MOST_WAITING
            && self.waits_since.elapsed() < LONGEST_WAIT;
        if self.waiting.is_empty() || may_wait {
            return None;
        }
        let (place, entries) = (self.place, std::mem::take(&mut self.waiting));
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        self.place = place.saturating_add(count);
        Some((place, entries))
    }

    fn elapsed_ms(&self) -> u64 {
        let elapsed = self.base.saturating_add(self.since.elapsed());
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    fn note(&mut self, ms: u64) {
        self.last_reading = ms;
        match self.readings.last_mut() {
            Some((count, last)) if *last == ms => *count = count.saturating_add(1),
            _ => {
                self.bytes = self.bytes.saturating_add(size_of::<(u64, u64)>());
                self.readings.push((1, ms));
            }
        }
    }

    /// Behind the begin of a call: its answer, or that there is none.
    fn after_begin(&mut self) -> Next {
        let mut unit = None;
        while let Some(entry) = self.past.pop_front() {
            match entry.event {
                Event::Delegated { unit: it } => unit = Some(it),
                Event::Answered { trace, heard, .. } => {
                    return Next::Told(Told { answer: entry.answer, trace, heard });
                }
                Event::Began { .. } | Event::Stopped | Event::Ended => (),
            }
        }
        self.unfinished = Some(unit);
        Next::Unfinished(unit)
    }

    /// What is no call.
    fn skip_delegated(&mut self) {
        let is_no_call = |it: &mut Entry| it.asked().is_none();
        while self.past.pop_front_if(is_no_call).is_some() {}
    }
}

fn size(entry: &Entry) -> usize {
    let answer = entry.answer.as_ref().map_or(0, String::len);
    answer.saturating_add(ENTRY_BYTES)
}

fn unrecorded(why: &str) -> ToolError {
    let text = format!("this call can't be recorded, so it is not made: {why}");
    ToolError::Failed(text)
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("start", &self.start).finish_non_exhaustive()
    }
}
