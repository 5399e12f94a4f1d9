//! Admission: who may start now, who waits, and who is turned away
//! (SEMANTICS.md §6). A pure state machine; the dispatcher's loop is its only
//! writer.
//!
//! **Invariant:** never more background units run than there are slots, and
//! a slot is taken or a place in the queue given in the same step in which
//! it was found free.

use std::collections::{BTreeMap, VecDeque};

use crate::{id::DelegationId, unit::Mode};

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
    /// That run.
    pub(super) max_running: usize,
    /// That wait.
    pub(super) max_waiting: usize,
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
        "capacity reached: {cap} background delegations are running \
         (`delegation.max_async_children`)"
    )]
    Capacity {
        /// The number of slots.
        cap: usize,
    },
    /// Every slot is taken, and so is the room to wait for one.
    #[error(
        "capacity reached: {cap} background delegations are running and {waiting} are waiting \
         (`delegation.max_queued`)"
    )]
    QueueFull {
        /// The number of slots.
        cap: usize,
        /// The room to wait.
        waiting: usize,
    },
    /// Nothing new starts until the host is told to go on.
    #[error("paused: the host starts no delegations until it is resumed")]
    Paused,
    /// The host is leaving.
    #[error("the host is shutting down and starts no delegations")]
    ShuttingDown,
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
    seats: BTreeMap<DelegationId, Seat>,
    running: usize,
    waiting: VecDeque<DelegationId>,
}

impl Admission {
    pub(super) fn new(slots: Slots) -> Self {
        let (seats, waiting) = (BTreeMap::new(), VecDeque::new());
        Self { slots, gate: Gate::Open, seats, running: 0, waiting }
    }

    /// Finds a place for a unit and takes it.
    pub(super) fn admit(
        &mut self,
        id: DelegationId,
        mode: Mode,
        on_capacity: OnCapacity,
    ) -> Result<Seat, Rejection> {
        let seat = self.seat_for(mode, on_capacity)?;
        match seat {
            Seat::Slot => self.running += 1,
            Seat::Waiting => self.waiting.push_back(id),
            Seat::Foreground => (),
        }
        self.seats.insert(id, seat);
        Ok(seat)
    }

    fn seat_for(&self, mode: Mode, on_capacity: OnCapacity) -> Result<Seat, Rejection> {
        match (self.gate, mode) {
            (Gate::Closed, _) => return Err(Rejection::ShuttingDown),
            (Gate::Paused, _) => return Err(Rejection::Paused),
            (Gate::Open, Mode::Foreground) => return Ok(Seat::Foreground),
            (Gate::Open, Mode::Background) => (),
        }
        let Slots { max_running: cap, max_waiting: waiting } = self.slots;
        if self.running < cap {
            return Ok(Seat::Slot);
        }
        match on_capacity {
            OnCapacity::Inline => Ok(Seat::Foreground),
            OnCapacity::Queue if self.waiting.len() < waiting => Ok(Seat::Waiting),
            OnCapacity::Queue => Err(Rejection::QueueFull { cap, waiting }),
            OnCapacity::Reject => Err(Rejection::Capacity { cap }),
        }
    }

    /// A unit is over, wherever it was. Gives the one that gets its slot.
    /// A unit that is not there changes nothing.
    pub(super) fn ended(&mut self, id: DelegationId) -> Option<DelegationId> {
        match self.seats.remove(&id)? {
            Seat::Foreground => None,
            Seat::Waiting => {
                self.waiting.retain(|it| *it != id);
                None
            }
            Seat::Slot => {
                self.running = self.running.saturating_sub(1);
                self.next()
            }
        }
    }

    /// Moves the first that waits into the free slot. The gate does not hold
    /// it up: it was accepted before.
    fn next(&mut self) -> Option<DelegationId> {
        let next = self.waiting.pop_front()?;
        self.seats.insert(next, Seat::Slot);
        self.running += 1;
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

    const SLOTS: Slots = Slots { max_running: 2, max_waiting: 2 };

    struct Number(u8);

    impl Random for Number {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn id(n: u8) -> DelegationId {
        DelegationId::new(&Number(n))
    }

    fn check(admission: &mut Admission, n: u8, how: OnCapacity, expect: Result<Seat, &str>) {
        let res = admission.admit(id(n), Mode::Background, how);
        assert_eq!(res.map_err(|it| it.to_string()), expect.map_err(str::to_owned));
    }

    #[test]
    fn at_capacity_each_caller_gets_what_it_asked_for() {
        let mut it = Admission::new(SLOTS);
        check(&mut it, 1, OnCapacity::Reject, Ok(Seat::Slot));
        check(&mut it, 2, OnCapacity::Queue, Ok(Seat::Slot));
        let full = "capacity reached: 2 background delegations are running \
                    (`delegation.max_async_children`)";
        check(&mut it, 3, OnCapacity::Reject, Err(full));
        check(&mut it, 4, OnCapacity::Inline, Ok(Seat::Foreground));
        check(&mut it, 5, OnCapacity::Queue, Ok(Seat::Waiting));
        check(&mut it, 6, OnCapacity::Queue, Ok(Seat::Waiting));
        let queue_full = "capacity reached: 2 background delegations are running and 2 are \
                          waiting (`delegation.max_queued`)";
        check(&mut it, 7, OnCapacity::Queue, Err(queue_full));
        assert_eq!(it.ended(id(4)), None);
        assert_eq!(it.ended(id(1)), Some(id(5)));
        assert_eq!(it.ended(id(1)), None);
        assert_eq!(it.ended(id(6)), None);
        assert_eq!(it.ended(id(2)), None);
        check(&mut it, 8, OnCapacity::Reject, Ok(Seat::Slot));
    }

    #[test]
    fn a_paused_host_starts_nothing_and_a_closed_one_never_again() {
        let mut it = Admission::new(SLOTS);
        it.pause(true);
        let paused = "paused: the host starts no delegations until it is resumed";
        check(&mut it, 1, OnCapacity::Inline, Err(paused));
        it.pause(false);
        check(&mut it, 1, OnCapacity::Reject, Ok(Seat::Slot));
        it.close();
        it.pause(false);
        let res = it.admit(id(2), Mode::Foreground, OnCapacity::Reject);
        assert_eq!(res, Err(Rejection::ShuttingDown));
    }

    #[derive(Clone, Debug)]
    enum Op {
        Admit(u8, bool, OnCapacity),
        Ended(u8),
        Pause(bool),
    }

    fn any_op() -> impl Strategy<Value = Op> {
        let how =
            prop::sample::select(vec![OnCapacity::Reject, OnCapacity::Inline, OnCapacity::Queue]);
        prop_oneof![
            4 => (0..30_u8, any::<bool>(), how).prop_map(|(n, bg, how)| Op::Admit(n, bg, how)),
            3 => (0..30_u8).prop_map(Op::Ended),
            1 => any::<bool>().prop_map(Op::Pause),
        ]
    }

    /// What admission means, without any of its bookkeeping: the background
    /// units in order of arrival, of which the first ones run.
    #[derive(Default)]
    struct Model {
        running: Vec<u8>,
        waiting: Vec<u8>,
        foreground: Vec<u8>,
        paused: bool,
    }

    impl Model {
        fn holds(&self, n: u8) -> bool {
            [&self.running, &self.waiting, &self.foreground].iter().any(|it| it.contains(&n))
        }

        fn admit(&mut self, n: u8, background: bool, how: OnCapacity) -> Option<Seat> {
            let (list, seat) = match (background, how) {
                _ if self.paused => return None,
                (false, _) => (&mut self.foreground, Seat::Foreground),
                _ if self.running.len() < SLOTS.max_running => (&mut self.running, Seat::Slot),
                (_, OnCapacity::Inline) => (&mut self.foreground, Seat::Foreground),
                (_, OnCapacity::Queue) if self.waiting.len() < SLOTS.max_waiting => {
                    (&mut self.waiting, Seat::Waiting)
                }
                _ => return None,
            };
            list.push(n);
            Some(seat)
        }

        fn ended(&mut self, n: u8) -> Option<u8> {
            let had_slot = self.running.contains(&n);
            for list in [&mut self.running, &mut self.waiting, &mut self.foreground] {
                list.retain(|it| *it != n);
            }
            if !had_slot || self.waiting.is_empty() {
                return None;
            }
            let next = self.waiting.remove(0);
            self.running.push(next);
            Some(next)
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
                    Op::Admit(n, background, how) => {
                        let mode = if background { Mode::Background } else { Mode::Foreground };
                        let res = it.admit(id(n), mode, how).ok();
                        prop_assert_eq!(res, model.admit(n, background, how));
                    }
                    Op::Ended(n) => prop_assert_eq!(it.ended(id(n)), model.ended(n).map(id)),
                    Op::Pause(paused) => {
                        it.pause(paused);
                        model.paused = paused;
                    }
                }
                prop_assert_eq!(it.running, model.running.len());
                prop_assert!(it.running <= SLOTS.max_running);
            }
        }
    }
}
