//! What a store keeps, and the operations on it: the trait [`Tables`], which
//! the memory and the SQLite implementation answer alike.
//!
//! Plain and synchronous. [`Store`](super::Store) calls it from one thread,
//! inside a transaction that many operations share; an operation that fails
//! leaves nothing behind and does not touch the others.

use std::{sync::Arc, time::Duration};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{
    event::{ChildResult, CompletionEvent, FailureNotice, Status},
    id::{DelegationId, HostId},
    session::Session,
    unit::UnitRecord,
};

use super::{
    Head, KeptHead, Line, Place, StoreError,
    keys::{Keyed, RequestKey},
};

/// The longest pause after a failed attempt. What is to be offered later than
/// this from now was written before the clock was set back, and is due.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How far in the future a claim may have been made. Beyond that the clock was
/// set back since, and its lease would end who knows when: it is over. Below
/// it clocks are mended all the time.
pub const CLOCK_SLACK: Duration = Duration::from_secs(5);

/// Place of an event in the queue. Ascending, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u64);

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum EventBody {
    /// A delegation, or a group of its tasks, ended.
    Completion(Arc<CompletionEvent>),
    /// A child failed while its siblings run.
    Failure(Box<FailureNotice>),
    /// Of another producer: JSON text, of a type of its own.
    Other(String),
}

/// Its public form.
impl Serialize for EventBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            EventBody::Completion(it) => it.serialize(serializer),
            EventBody::Failure(it) => it.serialize(serializer),
            // What another producer called JSON may be none.
            EventBody::Other(text) => match serde_json::from_str::<Value>(text) {
                Ok(it) => it.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
        }
    }
}

/// An event to be queued.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// What it is: `async_delegation`, `watch_match`, …
    pub kind: String,
    /// With the type, what tells a repetition from something new.
    pub dedup: String,
    /// Where it goes.
    pub session: Session,
    /// What it says.
    pub body: EventBody,
    /// Epoch seconds.
    pub created_at: f64,
}

/// Where an event stands.
#[derive(Clone, Debug, PartialEq)]
pub enum EventState {
    /// Offered, or kept back until `not_before` (epoch seconds).
    Pending {
        /// When it may be claimed; 0 when at once.
        not_before: f64,
    },
    /// A consumer has it until the lease ends (epoch seconds).
    Claimed {
        /// Whose consumer; of one outside of every host, an id that is none's.
        by: HostId,
        /// End of the lease.
        until: f64,
    },
    /// Applied by its consumer.
    Acked,
    /// Given up after too many failed attempts; kept for a person.
    Dead {
        /// What the last attempt said.
        reason: String,
    },
}

/// An event of the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Its place.
    pub id: EventId,
    /// Where it stands.
    pub state: EventState,
    /// Attempts that began, the present one included.
    pub attempts: u32,
    /// What the last failed attempt said.
    pub last_error: Option<String>,
    /// The event.
    pub event: NewEvent,
}

/// A claim: what proves that a consumer still holds its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimToken(pub u64);

/// Which events a consumer takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimFilter {
    /// Of this session alone. For [`Session::Local`]: those of this host, and
    /// those that a dead host left behind.
    pub session: Session,
    /// Of these types; `None` for all.
    pub kinds: Option<Vec<String>>,
    /// Also those behind an event that failed and is to be tried again.
    /// Without it they wait for that one: a conversation hears of things in
    /// the order in which they happened.
    pub overtake: bool,
}

impl ClaimFilter {
    /// All events of a session, in their order.
    pub fn of(session: Session) -> Self {
        Self { session, kinds: None, overtake: false }
    }
}

/// What one host asks another to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToStop {
    /// This unit.
    Unit(DelegationId),
    /// Those that a session asked for, but for units of children.
    Of(Session),
}

/// A unit of this host that another one asked to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// The unit.
    pub unit: DelegationId,
    /// Why, if whoever asked said so.
    pub reason: Option<String>,
}

/// The end of one group of a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// The unit.
    pub id: DelegationId,
    /// Place of the group in [`UnitRecord::groups`].
    pub group: usize,
    /// Its event, with the results of its tasks.
    pub event: Arc<CompletionEvent>,
    /// Queue it as acknowledged: the caller has it as the answer of its call.
    pub acked: bool,
}

/// What came of a claimed event that its consumer settled. There is none when
/// the claim was no longer this consumer's: its lease ended and another one
/// has the event, or it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// As asked: applied, put back, or offered again after a pause.
    Done,
    /// It was the last attempt: the event is dead, and kept for a person.
    Dead,
}

/// A unit as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitRow {
    /// As it was dispatched.
    pub record: UnitRecord,
    /// Who runs or ran it.
    pub owner: HostId,
    /// How and when it ended (epoch seconds); `None` while it runs.
    pub ended: Option<(Status, f64)>,
    /// The results so far, or of all groups, in the order of the tasks.
    pub results: Vec<ChildResult>,
}

/// A row that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// Which table and which row, for people.
    pub row: String,
    /// What is wrong with it.
    pub why: String,
}

/// Which units of a dead host are not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Every one is.
    Nothing,
    /// Those that a host can go on with.
    Resumable,
}

/// What was done for hosts that are gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovered {
    /// Units that were reported as `unknown`.
    pub units: Vec<DelegationId>,
    /// Events that were queued for them and are to be delivered.
    pub events: usize,
    /// Claims that were freed.
    pub claims: usize,
    /// Rows that were set aside because they can't be read.
    pub corrupt: Vec<Corrupt>,
}

impl Recovered {
    /// Adds what was done for another host.
    pub(super) fn add(&mut self, other: Recovered) {
        self.units.extend(other.units);
        self.events += other.events;
        self.claims += other.claims;
        self.corrupt.extend(other.corrupt);
    }
}

/// Which events are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this session alone.
    pub session: Option<Session>,
    /// With this state alone.
    pub state: Option<StateFilter>,
    /// The newest so many, in the order of the queue.
    pub limit: usize,
}

/// A state without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFilter {
    /// Neither acknowledged nor dead: pending or claimed.
    Undelivered,
    /// With a consumer.
    Claimed,
    /// Given up.
    Dead,
    /// Acknowledged.
    Acked,
}

/// The operations on what a store keeps. Every one is atomic.
#[cfg_attr(
    not(feature = "switches"),
    expect(unreachable_pub, reason = "public for tests with the feature alone")
)]
pub trait Tables: Send {
    /// Begins the transaction that the next operations share.
    fn begin(&mut self) -> Result<(), StoreError>;

    /// Makes them durable.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Undoes them.
    fn rollback(&mut self);

    /// Begins one operation within the transaction.
    fn savepoint(&mut self) -> Result<(), StoreError>;

    /// Ends it: keeps what it did, or undoes it alone.
    fn release(&mut self, keep: bool) -> Result<(), StoreError>;

    /// Records a unit of `owner`. An id that exists is an error.
    fn insert_unit(&mut self, unit: &UnitRecord, owner: HostId) -> Result<(), StoreError>;

    /// Keeps the result of one child of a running unit. The first one for a
    /// task stands; `false` for a late one.
    fn child_ended(&mut self, id: DelegationId, result: &ChildResult) -> Result<bool, StoreError>;

    /// Ends a group and queues its event, in one step. The first end stands:
    /// `None` for a late one. The unit has ended when all of its groups have.
    /// One that is not there is an error ([`StoreError::Missing`]): nobody
    /// would hear of its end.
    fn finish(&mut self, finish: &Finish) -> Result<Option<EventId>, StoreError>;

    /// One unit, with its results.
    fn unit(&mut self, id: DelegationId) -> Result<Option<UnitRow>, StoreError>;

    /// The whole summary of a task whose result has a cut one.
    fn full_summary(
        &mut self,
        id: DelegationId,
        task_index: usize,
    ) -> Result<Option<String>, StoreError>;

    /// All that run, newest first, and then the `ended` newest that ended and
    /// that no child asked for. Those that can't be read are left out, and
    /// left alone: their host may live.
    fn units(&mut self, ended: usize) -> Result<Vec<UnitRow>, StoreError>;

    /// Those that children of a unit asked for, in the order of dispatch.
    fn units_below(&mut self, parent: DelegationId) -> Result<Vec<UnitRow>, StoreError>;

    /// Forgets units that ended and whose events are all acknowledged, but for
    /// the `keep` newest of them; one with a dead event waits for a person.
    /// Units that children asked for go with the one above them. And
    /// acknowledged events of other producers, but for the `keep_events`
    /// newest. Returns how many units and events went. What it costs does not
    /// depend on how much there is besides.
    fn prune(&mut self, keep: usize, keep_events: usize) -> Result<usize, StoreError>;

    /// Queues an event of `owner`. `None` when one of the same type, identity
    /// and session was queued before, whatever became of it.
    fn push(&mut self, event: &NewEvent, owner: HostId) -> Result<Option<EventId>, StoreError>;

    /// Hands out the first event that may be claimed at `now`, as a new
    /// attempt that ends at `until`. An event whose attempts are used up
    /// (`max_attempts`) dies here instead and the next one is looked at.
    fn claim(
        &mut self,
        filter: &ClaimFilter,
        by: HostId,
        now: f64,
        until: f64,
        max_attempts: u32,
    ) -> Result<Option<(EventRow, ClaimToken)>, StoreError>;

    /// The event was applied.
    fn ack(&mut self, id: EventId, token: ClaimToken) -> Result<Option<Settled>, StoreError>;

    /// The attempt failed: the event is offered again at `not_before`, or
    /// dies with its last attempt.
    fn retry(
        &mut self,
        id: EventId,
        token: ClaimToken,
        not_before: f64,
        error: &str,
        max_attempts: u32,
    ) -> Result<Option<Settled>, StoreError>;

    /// The consumer is busy: the event is where it was before the claim, and
    /// the attempt did not count.
    fn put_back(&mut self, id: EventId, token: ClaimToken) -> Result<Option<Settled>, StoreError>;

    /// The lease of a claim ends then instead (epoch seconds). `false` when the
    /// claim was no longer this consumer's.
    fn prolong(&mut self, id: EventId, token: ClaimToken, until: f64) -> Result<bool, StoreError>;

    /// The claim is from now on that of somebody outside of every host: it holds
    /// until its lease ends, whatever becomes of the host that made it. `false`
    /// when the claim was no longer this consumer's.
    fn lend(&mut self, id: EventId, token: ClaimToken) -> Result<bool, StoreError>;

    /// An event that somebody outside of every host has, and the claim.
    fn lent(&mut self, id: EventId) -> Result<Option<(EventRow, ClaimToken)>, StoreError>;

    /// Acknowledges an event that a person has read, whoever holds it.
    /// `false` when it was acknowledged before.
    fn ack_by_hand(&mut self, id: EventId) -> Result<bool, StoreError>;

    /// Offers a dead event again, as if nobody had tried it. `false` when it is
    /// not dead.
    fn revive(&mut self, id: EventId) -> Result<bool, StoreError>;

    /// When the next event of that kind can be claimed (epoch seconds); a time
    /// that is over means now, `None` that there is none.
    fn next_due(&mut self, filter: &ClaimFilter, by: HostId) -> Result<Option<f64>, StoreError>;

    /// One event.
    fn event(&mut self, id: EventId) -> Result<Option<EventRow>, StoreError>;

    /// The events of a unit, in the order of the queue.
    fn events_of(&mut self, id: DelegationId) -> Result<Vec<EventRow>, StoreError>;

    /// Events in the order of the queue.
    fn events(&mut self, filter: &EventFilter) -> Result<Vec<EventRow>, StoreError>;

    /// The first so many behind that place, of every session, in the order of
    /// the queue: for whoever reads all of them as they come.
    fn events_after(&mut self, after: EventId, limit: usize) -> Result<Vec<EventRow>, StoreError>;

    /// How many there are of those that [`Tables::events`] lists, whatever the
    /// limit.
    fn count_events(&mut self, filter: &EventFilter) -> Result<usize, StoreError>;

    /// Leaves word for other hosts than `by` to stop what they run. Returns
    /// how many units are meant.
    fn ask_to_stop(
        &mut self,
        what: &ToStop,
        by: HostId,
        reason: Option<&str>,
    ) -> Result<usize, StoreError>;

    /// What `host` was asked to stop and has not heard of. A unit that ends
    /// is to be stopped no more.
    fn asked_to_stop(&mut self, host: HostId) -> Result<Vec<Interruption>, StoreError>;

    /// These units were stopped as somebody asked.
    fn heard(&mut self, units: &[DelegationId]) -> Result<(), StoreError>;

    /// What a key of a session was used for, if it is known at `now`.
    fn keyed(
        &mut self,
        session: &Session,
        key: &str,
        now: f64,
    ) -> Result<Option<Keyed>, StoreError>;

    /// Keeps what a key is used for from now on; or gives what it was used for
    /// before, and keeps that.
    fn keep_key(
        &mut self,
        session: &Session,
        key: &RequestKey,
        unit: DelegationId,
        now: f64,
    ) -> Result<Option<Keyed>, StoreError>;

    /// Forgets keys that are not known any more at `now`, and all but the
    /// newest so many.
    fn forget_keys(&mut self, now: f64, most: usize) -> Result<(), StoreError>;

    /// Writes something that changes nothing: to see that it can be written.
    fn write_nothing(&mut self) -> Result<(), StoreError>;

    /// Whether another process wrote since this was asked before.
    fn changed_elsewhere(&mut self) -> Result<bool, StoreError>;

    /// Every host that owns a running unit, a claim, or a local event. A claim
    /// that was lent is no host's.
    fn owners(&mut self) -> Result<Vec<HostId>, StoreError>;

    /// Settles what a dead host left behind: its units are reported as
    /// `unknown` with every result that was kept, in events that are pending
    /// (acknowledged for units that another unit's child asked for), its
    /// claims are freed, its local events are anybody's. A row that can't be
    /// read is set aside.
    fn recover(&mut self, dead: HostId, now: f64, leave: Leave) -> Result<Recovered, StoreError>;

    /// Reports a unit as [`Tables::recover`] does, whoever owned it: nobody can
    /// go on with it, for a reason that its events tell.
    fn give_up(&mut self, id: DelegationId, why: &str, now: f64) -> Result<Recovered, StoreError>;

    /// Keeps what a unit is started with.
    fn keep_head(&mut self, unit: DelegationId, head: &Head) -> Result<(), StoreError>;

    /// What a unit was started with, if it can be run again.
    fn head(&mut self, unit: DelegationId) -> Result<Option<KeptHead>, StoreError>;

    /// Keeps what a child was told. A place that is taken is an error.
    fn add_line(&mut self, place: Place, line: &Line) -> Result<(), StoreError>;

    /// What a child was told, in its order. A line that is missing before
    /// another one is an error.
    fn lines(&mut self, unit: DelegationId, task: usize) -> Result<Vec<Line>, StoreError>;

    /// The text of the last line of each child of a unit.
    fn last_lines(&mut self, unit: DelegationId) -> Result<Vec<String>, StoreError>;

    /// Forgets what a unit was started with and what its children were told: it
    /// can't be run again.
    fn forget_journal(&mut self, unit: DelegationId) -> Result<(), StoreError>;

    /// The units of a host that can be run again and that no child asked for,
    /// in the order of dispatch.
    fn resumable(&mut self, dead: HostId) -> Result<Vec<DelegationId>, StoreError>;

    /// A unit is `by`'s from now on, which goes on with it. `false` when it has
    /// ended.
    fn take_over(&mut self, unit: DelegationId, by: HostId, now: f64) -> Result<bool, StoreError>;

    /// Rows that were set aside, oldest first.
    fn set_aside(&mut self) -> Result<Vec<Corrupt>, StoreError>;
}
