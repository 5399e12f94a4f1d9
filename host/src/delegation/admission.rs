//! Admission: who may start now, who waits, and who is turned away
//! (SEMANTICS.md §6). A pure state machine; the dispatcher's loop is its only
//! writer.
//!
//! Every caller has slots and room to wait of its own, and all of them
//! together have a multiple of that, so that one who asks for much leaves the
//! others theirs.
//!
//! **Invariant:** never more background units run than there are slots, and
//! a slot is taken or a place in the queue given in the same step in which
//! it was found free. Nobody waits who could have a slot.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use crate::{id::DelegationId, session::Session, unit::Mode};

/// What a background call does when every slot is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCapacity {
    /// It fails.
    #[default]
    Reject,
    /// It runs in the foreground instead, and the caller waits.
    Inline,
    /// It waits for a slot, in order, as long as there is room to wait.
    Queue,
}

/// How many background units there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    /// Of one caller, that run.
    pub(super) max_running: usize,
    /// Of one caller, that wait.
    pub(super) max_waiting: usize,
    /// All callers together have so many times as much.
    pub(super) callers: usize,
}

impl Slots {
    fn running(&self, whose: Whose) -> usize {
        self.of(whose, self.max_running)
    }

    fn waiting(&self, whose: Whose) -> usize {
        self.of(whose, self.max_waiting)
    }

    fn of(&self, whose: Whose, one: usize) -> usize {
        match whose {
            Whose::Caller => one,
            Whose::Host => one.saturating_mul(self.callers),
        }
    }
}

/// Whose a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// That of whoever asked: a chat or a token, with all of its sessions.
    Caller,
    /// That of the host: all callers together.
    Host,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Whose::Caller => "of this caller",
            Whose::Host => "of all callers",
        })
    }
}

/// The settings that make a limit.
fn keys(whose: Whose, key: &str) -> String {
    match whose {
        Whose::Caller => format!("`delegation.{key}`"),
        Whose::Host => format!("`delegation.{key}` times `delegation.async_callers`"),
    }
}

/// Where a unit was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// It runs in a slot.
    Slot,
    /// It waits for one.
    Waiting,
    /// Its caller waits for it, so it takes no slot.
    Foreground,
}

/// Why a unit was turned away. The texts are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Every slot is taken.
    #[error(
        "capacity reached: {cap} background delegations {whose} are running ({})",
        keys(*whose, "max_async_children")
    )]
    Capacity {
        /// The number of slots.
        cap: usize,
        /// Whose they are.
        whose: Whose,
    },
    /// Every slot is taken, and so is the room to wait for one.
    #[error(
        "capacity reached: {waiting} background delegations {whose} are waiting already ({})",
        keys(*whose, "max_queued")
    )]
    QueueFull {
        /// The room to wait.
        waiting: usize,
        /// Whose it is.
        whose: Whose,
    },
    /// Nothing new starts until the host is told to go on.
    #[error("paused: the host starts no delegations until it is resumed")]
    Paused,
    /// The host is leaving.
    #[error("the host is shutting down and starts no delegations")]
    ShuttingDown,
}

impl Rejection {
    /// What to do about it, where something helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Rejection::Capacity { whose: Whose::Caller, .. } => {
                Some("wait until one of yours ends or stop one, or ask to be queued")
            }
            Rejection::Capacity { whose: Whose::Host, .. } => {
                Some("others take all places: try again later, or ask to be queued")
            }
            Rejection::QueueFull { whose: Whose::Caller, .. } => {
                Some("wait until one of yours ends, or stop one")
            }
            Rejection::QueueFull { whose: Whose::Host, .. } => {
                Some("others take all places: try again later")
            }
            Rejection::Paused | Rejection::ShuttingDown => None,
        }
    }
}

/// Whether anything may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    Paused,
    Closed,
}

/// The units that are there, and where each is.
pub(super) struct Admission {
    slots: Slots,
    gate: Gate,
    units: BTreeMap<DelegationId, Unit>,
    /// Slots by whose units are in them, and in all.
    running: BTreeMap<Session, usize>,
    all_running: usize,
    waiting: VecDeque<DelegationId>,
}

struct Unit {
    seat: Seat,
    /// Who asked: its whole chat.
    caller: Session,
}

impl Admission {
    pub(super) fn new(slots: Slots) -> Self {
        let (units, running, waiting) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Self { slots, gate: Gate::Open, units, running, all_running: 0, waiting }
    }

    /// Finds a place for a unit of that session and takes it.
    pub(super) fn admit(
        &mut self,
        id: DelegationId,
        session: &Session,
        mode: Mode,
        on_capacity: OnCapacity,
    ) -> Result<Seat, Rejection> {
        let caller = session.whole_chat();
        let seat = self.seat_for(&caller, mode, on_capacity)?;
        match seat {
            Seat::Slot => self.take_slot(&caller),
            Seat::Waiting => self.waiting.push_back(id),
            Seat::Foreground => (),
        }
        self.units.insert(id, Unit { seat, caller });
        Ok(seat)
    }

    fn seat_for(
        &self,
        caller: &Session,
        mode: Mode,
        on_capacity: OnCapacity,
    ) -> Result<Seat, Rejection> {
        match (self.gate, mode) {
            (Gate::Closed, _) => return Err(Rejection::ShuttingDown),
            (Gate::Paused, _) => return Err(Rejection::Paused),
            (Gate::Open, Mode::Foreground) => return Ok(Seat::Foreground),
            (Gate::Open, Mode::Background) => (),
        }
        let Some(whose) = self.no_slot(caller) else { return Ok(Seat::Slot) };
        match (on_capacity, self.no_room(caller)) {
            (OnCapacity::Inline, _) => Ok(Seat::Foreground),
            (OnCapacity::Queue, None) => Ok(Seat::Waiting),
            (OnCapacity::Queue, Some(whose)) => {
                Err(Rejection::QueueFull { waiting: self.slots.waiting(whose), whose })
            }
            (OnCapacity::Reject, _) => {
                Err(Rejection::Capacity { cap: self.slots.running(whose), whose })
            }
        }
    }

    /// Whose limit keeps a unit of that caller from a slot.
    fn no_slot(&self, caller: &Session) -> Option<Whose> {
        self.reached([self.running_of(caller), self.all_running], Slots::running)
    }

    /// Whose limit keeps one from waiting.
    fn no_room(&self, caller: &Session) -> Option<Whose> {
        let is_theirs = |it: &&DelegationId| self.caller(it) == Some(caller);
        let theirs = self.waiting.iter().filter(is_theirs).count();
        self.reached([theirs, self.waiting.len()], Slots::waiting)
    }

    fn reached(&self, now: [usize; 2], most: impl Fn(&Slots, Whose) -> usize) -> Option<Whose> {
        let both = [Whose::Caller, Whose::Host].into_iter().zip(now);
        both.into_iter().find(|(whose, now)| most(&self.slots, *whose) <= *now).map(|it| it.0)
    }

    fn caller(&self, id: &DelegationId) -> Option<&Session> {
        self.units.get(id).map(|it| &it.caller)
    }

    fn running_of(&self, caller: &Session) -> usize {
        self.running.get(caller).copied().unwrap_or_default()
    }

    fn take_slot(&mut self, caller: &Session) {
        self.all_running += 1;
        *self.running.entry(caller.clone()).or_default() += 1;
    }

    fn leave_slot(&mut self, caller: &Session) {
        self.all_running = self.all_running.saturating_sub(1);
        match self.running_of(caller) {
            0 | 1 => drop(self.running.remove(caller)),
            more => drop(self.running.insert(caller.clone(), more - 1)),
        }
    }

    /// A unit is over, wherever it was. Gives the one that gets its slot.
    /// A unit that is not there changes nothing.
    pub(super) fn ended(&mut self, id: DelegationId) -> Option<DelegationId> {
        let Unit { seat, caller } = self.units.remove(&id)?;
        match seat {
            Seat::Foreground => None,
            Seat::Waiting => {
                self.waiting.retain(|it| *it != id);
                None
            }
            Seat::Slot => {
                self.leave_slot(&caller);
                self.next()
            }
        }
    }

    /// Moves the next that waits into the free slot: of those whose callers may
    /// have one, the first of the caller with the fewest, so that nobody waits
    /// for all that another has queued. The gate does not hold it up: it was
    /// accepted before.
    fn next(&mut self) -> Option<DelegationId> {
        let callers = self.waiting.iter().filter_map(|id| Some((*id, self.caller(id)?)));
        let may_run = callers.filter(|(_, caller)| self.no_slot(caller).is_none());
        let (next, caller) = may_run.min_by_key(|(_, caller)| self.running_of(caller))?;
        let caller = caller.clone();
        self.waiting.retain(|it| *it != next);
        self.take_slot(&caller);
        if let Some(unit) = self.units.get_mut(&next) {
            unit.seat = Seat::Slot;
        }
        Some(next)
    }

    /// Stops or resumes admission. Closed stays closed.
    pub(super) fn pause(&mut self, paused: bool) {
        if self.gate != Gate::Closed {
            self.gate = if paused { Gate::Paused } else { Gate::Open };
        }
    }

    /// Admits nothing any more.
    pub(super) fn close(&mut self) {
        self.gate = Gate::Closed;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::Random;

    const SLOTS: Slots = Slots { max_running: 2, max_waiting: 2, callers: 2 };

    struct Number(u8);

    impl Random for Number {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn id(n: u8) -> DelegationId {
        DelegationId::new(&Number(n))
    }

    fn caller(n: u8) -> Session {
        Session::chat("main", "http", "token", &n.to_string(), Some("s")).unwrap()
    }

    struct Case(Admission);

    impl Case {
        fn check(&mut self, n: u8, of: u8, how: OnCapacity, expect: Result<Seat, &str>) {
            let res = self.0.admit(id(n), &caller(of), Mode::Background, how);
            assert_eq!(res.map_err(|it| it.to_string()), expect.map_err(str::to_owned), "{n}");
        }
    }

    #[test]
    fn at_capacity_each_caller_gets_what_it_asked_for() {
        let mut it = Case(Admission::new(SLOTS));
        it.check(1, 0, OnCapacity::Reject, Ok(Seat::Slot));
        it.check(2, 0, OnCapacity::Queue, Ok(Seat::Slot));
        let full = "capacity reached: 2 background delegations of this caller are running \
                    (`delegation.max_async_children`)";
        it.check(3, 0, OnCapacity::Reject, Err(full));
        it.check(4, 0, OnCapacity::Inline, Ok(Seat::Foreground));
        it.check(5, 0, OnCapacity::Queue, Ok(Seat::Waiting));
        it.check(6, 0, OnCapacity::Queue, Ok(Seat::Waiting));
        let queue_full = "capacity reached: 2 background delegations of this caller are waiting \
                          already (`delegation.max_queued`)";
        it.check(7, 0, OnCapacity::Queue, Err(queue_full));
        assert_eq!(it.0.ended(id(4)), None);
        assert_eq!(it.0.ended(id(1)), Some(id(5)));
        assert_eq!(it.0.ended(id(1)), None);
        assert_eq!(it.0.ended(id(6)), None);
        assert_eq!(it.0.ended(id(2)), None);
        it.check(8, 0, OnCapacity::Reject, Ok(Seat::Slot));
    }

    #[test]
    fn no_caller_takes_the_slots_of_another() {
        let mut it = Case(Admission::new(SLOTS));
        for n in [1, 2] {
            it.check(n, 0, OnCapacity::Reject, Ok(Seat::Slot));
        }
        for n in [3, 4] {
            it.check(n, 0, OnCapacity::Queue, Ok(Seat::Waiting));
        }
        for n in [5, 6] {
            it.check(n, 1, OnCapacity::Reject, Ok(Seat::Slot));
        }
        let all = "capacity reached: 4 background delegations of all callers are running \
                   (`delegation.max_async_children` times `delegation.async_callers`)";
        it.check(7, 2, OnCapacity::Reject, Err(all));
        it.check(8, 2, OnCapacity::Queue, Ok(Seat::Waiting));
        it.check(9, 3, OnCapacity::Queue, Ok(Seat::Waiting));
        let all = "capacity reached: 4 background delegations of all callers are waiting already \
                   (`delegation.max_queued` times `delegation.async_callers`)";
        it.check(10, 4, OnCapacity::Queue, Err(all));
        // Those who have none are first, though another asked before them.
        assert_eq!(it.0.ended(id(1)), Some(id(8)));
        assert_eq!(it.0.ended(id(5)), Some(id(9)));
        assert_eq!(it.0.ended(id(6)), Some(id(3)));
        assert_eq!(it.0.ended(id(8)), None, "the other one that waits has all that it may have");
    }

    #[test]
    fn the_sessions_of_one_chat_are_one_caller() {
        let mut it = Admission::new(SLOTS);
        let session = |name| Session::chat("main", "http", "token", "a", Some(name)).unwrap();
        let mut admit =
            |n, session: &Session| it.admit(id(n), session, Mode::Background, OnCapacity::Reject);
        assert_eq!(admit(1, &session("x")), Ok(Seat::Slot));
        assert_eq!(admit(2, &session("y")), Ok(Seat::Slot));
        let full = Rejection::Capacity { cap: 2, whose: Whose::Caller };
        assert_eq!(admit(3, &session("z")), Err(full));
        assert_eq!(admit(4, &Session::Local), Ok(Seat::Slot));
    }

    #[test]
    fn a_paused_host_starts_nothing_and_a_closed_one_never_again() {
        let mut it = Case(Admission::new(SLOTS));
        it.0.pause(true);
        let paused = "paused: the host starts no delegations until it is resumed";
        it.check(1, 0, OnCapacity::Inline, Err(paused));
        it.0.pause(false);
        it.check(1, 0, OnCapacity::Reject, Ok(Seat::Slot));
        it.0.close();
        it.0.pause(false);
        let res = it.0.admit(id(2), &caller(0), Mode::Foreground, OnCapacity::Reject);
        assert_eq!(res, Err(Rejection::ShuttingDown));
    }

    #[derive(Clone, Debug)]
    enum Op {
        Admit(u8, u8, bool, OnCapacity),
        Ended(u8),
        Pause(bool),
    }

    fn any_op() -> impl Strategy<Value = Op> {
        let how =
            prop::sample::select(vec![OnCapacity::Reject, OnCapacity::Inline, OnCapacity::Queue]);
        prop_oneof![
            4 => (0..30_u8, 0..4_u8, any::<bool>(), how)
                .prop_map(|(n, of, bg, how)| Op::Admit(n, of, bg, how)),
            3 => (0..30_u8).prop_map(Op::Ended),
            1 => any::<bool>().prop_map(Op::Pause),
        ]
    }

    /// What admission means, without any of its bookkeeping: the background
    /// units in order of arrival, each with its caller.
    #[derive(Default)]
    struct Model {
        running: Vec<(u8, u8)>,
        waiting: Vec<(u8, u8)>,
        foreground: Vec<(u8, u8)>,
        paused: bool,
    }

    impl Model {
        fn holds(&self, n: u8) -> bool {
            let lists = [&self.running, &self.waiting, &self.foreground];
            lists.iter().any(|list| list.iter().any(|it| it.0 == n))
        }

        fn count(list: &[(u8, u8)], of: u8) -> usize {
            list.iter().filter(|it| it.1 == of).count()
        }

        fn has_room(list: &[(u8, u8)], of: u8, max: usize) -> bool {
            Self::count(list, of) < max && list.len() < max * SLOTS.callers
        }

        fn may_run(&self, of: u8) -> bool {
            Self::has_room(&self.running, of, SLOTS.max_running)
        }

        fn admit(&mut self, n: u8, of: u8, background: bool, how: OnCapacity) -> Option<Seat> {
            let may_run = self.may_run(of);
            let (list, seat) = match (background, how) {
                _ if self.paused => return None,
                (false, _) => (&mut self.foreground, Seat::Foreground),
                _ if may_run => (&mut self.running, Seat::Slot),
                (_, OnCapacity::Inline) => (&mut self.foreground, Seat::Foreground),
                (_, OnCapacity::Queue) if Self::has_room(&self.waiting, of, SLOTS.max_waiting) => {
                    (&mut self.waiting, Seat::Waiting)
                }
                _ => return None,
            };
            list.push((n, of));
            Some(seat)
        }

        fn ended(&mut self, n: u8) -> Option<u8> {
            let had_slot = self.running.iter().any(|it| it.0 == n);
            for list in [&mut self.running, &mut self.waiting, &mut self.foreground] {
                list.retain(|it| it.0 != n);
            }
            let may_run = |it: &&(u8, u8)| had_slot && self.may_run(it.1);
            let has = |it: &&(u8, u8)| Self::count(&self.running, it.1);
            let next = *self.waiting.iter().filter(may_run).min_by_key(has)?;
            self.waiting.retain(|it| *it != next);
            self.running.push(next);
            Some(next.0)
        }
    }

    proptest! {
        #[test]
        fn it_does_what_the_model_does(ops in prop::collection::vec(any_op(), 0..200)) {
            let (mut it, mut model) = (Admission::new(SLOTS), Model::default());
            for op in ops {
                match op {
                    // An id is drawn once.
                    Op::Admit(n, ..) if model.holds(n) => (),
                    Op::Admit(n, of, background, how) => {
                        let mode = if background { Mode::Background } else { Mode::Foreground };
                        let res = it.admit(id(n), &caller(of), mode, how).ok();
                        prop_assert_eq!(res, model.admit(n, of, background, how));
                    }
                    Op::Ended(n) => prop_assert_eq!(it.ended(id(n)), model.ended(n).map(id)),
                    Op::Pause(paused) => {
                        it.pause(paused);
                        model.paused = paused;
                    }
                }
                prop_assert_eq!(it.all_running, model.running.len());
                for of in 0..4 {
                    let running = it.running_of(&caller(of).whole_chat());
                    prop_assert_eq!(running, Model::count(&model.running, of));
                    prop_assert!(running <= SLOTS.max_running);
                    let waits = model.waiting.iter().any(|it| it.1 == of);
                    prop_assert!(!(waits && model.may_run(of)), "nobody waits beside a free slot");
                }
            }
        }
    }
}
