//! The dispatcher: the only writer of what this host knows of its running
//! units, behind one lock.
//!
//! It decides and remembers; it waits for nothing, so no unit can hold up
//! another, and a lock is enough: a loop with a channel took three wake-ups of
//! a task for each delegation. A unit has a [`Lease`] from its admission to its
//! end, and dropping that is what ends it here: no way out of a unit can leak a
//! slot.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::oneshot;

use super::{
    admission::{Admission, OnCapacity, Rejection, Seat, Slots},
    hand::Stop,
    live::Live,
};
use crate::{
    id::DelegationId,
    session::Session,
    unit::{Mode, UnitRecord},
};

/// What the caller of a unit is told that was to run in the background.
const INLINE_NOTE: &str = "every background slot was taken, so this ran in the foreground";

/// A unit that runs or waits.
#[derive(Clone)]
pub struct RunningUnit {
    /// As it was dispatched.
    pub record: Arc<UnitRecord>,
    /// What its children are doing.
    pub live: Arc<Live>,
    /// It has no slot yet.
    pub waiting: bool,
}

/// Which units are meant.
#[derive(Clone)]
pub(super) enum Which {
    /// This one.
    One(DelegationId),
    /// Those that this session asked for.
    Of(Session),
    /// Every one.
    All,
}

impl Which {
    /// Units of children are left out of the wider ones: they are stopped
    /// through the child that waits for them.
    fn means(&self, record: &UnitRecord) -> bool {
        match self {
            Which::One(id) => record.id == *id,
            Which::Of(session) => record.parent.is_none() && record.session == *session,
            Which::All => record.parent.is_none(),
        }
    }
}

/// What is remembered of a unit.
struct Entry {
    record: Arc<UnitRecord>,
    live: Arc<Live>,
    stop: Stop,
    /// Told when a unit that waits gets its slot.
    turn: Option<oneshot::Sender<()>>,
}

/// A unit that was let in.
pub(super) struct Admitted {
    /// As it is to be recorded.
    pub(super) record: Arc<UnitRecord>,
    /// Comes when it may start; at once when absent.
    pub(super) turn: Option<oneshot::Receiver<()>>,
    /// Held until it is over.
    pub(super) lease: Lease,
}

/// A unit's place. Dropping it gives the place back.
pub(super) struct Lease {
    id: DelegationId,
    dispatcher: Dispatcher,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.dispatcher.state().ended(self.id);
    }
}

/// A handle on the places. Clones are handles on the same.
#[derive(Clone)]
pub(super) struct Dispatcher(Arc<Mutex<State>>);

/// One that does not keep them alive.
pub(super) struct WeakDispatcher(Weak<Mutex<State>>);

impl WeakDispatcher {
    /// `None` when every handle and every lease is gone.
    pub(super) fn upgrade(&self) -> Option<Dispatcher> {
        self.0.upgrade().map(Dispatcher)
    }
}

impl Dispatcher {
    pub(super) fn new(slots: Slots) -> Self {
        let (admission, units, closed) = (Admission::new(slots), BTreeMap::new(), Vec::new());
        Self(Arc::new(Mutex::new(State { admission, units, closed })))
    }

    pub(super) fn downgrade(&self) -> WeakDispatcher {
        WeakDispatcher(Arc::downgrade(&self.0))
    }

    /// Finds a place for a unit, in one step with taking it.
    pub(super) fn admit(
        &self,
        record: UnitRecord,
        live: Arc<Live>,
        stop: Stop,
        on_capacity: OnCapacity,
    ) -> Result<Admitted, Rejection> {
        let unit = Entry { record: Arc::new(record), live, stop, turn: None };
        let id = unit.record.id;
        let (record, turn) = self.state().admit(unit, on_capacity)?;
        Ok(Admitted { record, turn, lease: Lease { id, dispatcher: self.clone() } })
    }

    /// Asks units to stop. Returns how many were asked.
    pub(super) fn interrupt(&self, which: &Which, reason: Option<&str>) -> usize {
        // Outside of the lock: whoever is woken may give a place back.
        let meant = self.state().meant(which);
        meant.iter().map(|it| it.ask(reason)).count()
    }

    /// The hand on one unit that runs or waits here.
    pub(super) fn hand(&self, id: DelegationId) -> Option<Stop> {
        self.state().units.get(&id).map(|it| it.stop.clone())
    }

    /// Stops or resumes admission.
    pub(super) fn pause(&self, paused: bool) {
        self.state().admission.pause(paused);
    }

    /// What runs and waits now.
    pub(super) fn running(&self) -> Vec<RunningUnit> {
        self.state().running()
    }

    /// Admits nothing any more. The future waits until the last unit is over.
    pub(super) fn close(&self) -> impl Future<Output = ()> + use<> {
        let is_empty = self.state().close();
        // Nobody keeps places any more when the other side is gone.
        async { is_empty.await.unwrap_or_default() }
    }

    /// A panic while the lock is held leaves nothing half done here.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has a place, and who waits for one.
struct State {
    admission: Admission,
    units: BTreeMap<DelegationId, Entry>,
    /// Who waits for the last unit.
    closed: Vec<oneshot::Sender<()>>,
}

type Place = (Arc<UnitRecord>, Option<oneshot::Receiver<()>>);

impl State {
    fn admit(&mut self, mut unit: Entry, on_capacity: OnCapacity) -> Result<Place, Rejection> {
        let (id, mode) = (unit.record.id, unit.record.mode);
        let seat = self.admission.admit(id, &unit.record.session, mode, on_capacity)?;
        if seat == Seat::Foreground && mode == Mode::Background {
            Arc::make_mut(&mut unit.record).make_foreground(INLINE_NOTE);
        }
        let record = Arc::clone(&unit.record);
        let mut turn = None;
        if seat == Seat::Waiting {
            let (sender, receiver) = oneshot::channel();
            unit.turn = Some(sender);
            turn = Some(receiver);
        }
        self.units.insert(id, unit);
        Ok((record, turn))
    }

    fn ended(&mut self, id: DelegationId) {
        self.units.remove(&id);
        let next = self.admission.ended(id);
        let next = next.and_then(|it| self.units.get_mut(&it)).and_then(|it| it.turn.take());
        if let Some(turn) = next {
            // A unit that is gone meanwhile gives its slot back by itself.
            let _ = turn.send(());
        }
        self.tell_when_empty();
    }

    fn meant(&self, which: &Which) -> Vec<Stop> {
        let meant = self.units.values().filter(|it| which.means(&it.record));
        meant.map(|it| it.stop.clone()).collect()
    }

    fn running(&self) -> Vec<RunningUnit> {
        let seen = |it: &Entry| RunningUnit {
            record: Arc::clone(&it.record),
            live: Arc::clone(&it.live),
            waiting: it.turn.is_some(),
        };
        self.units.values().map(seen).collect()
    }

    fn close(&mut self) -> oneshot::Receiver<()> {
        let (reply, is_empty) = oneshot::channel();
        self.admission.close();
        self.closed.push(reply);
        self.tell_when_empty();
        is_empty
    }

    fn tell_when_empty(&mut self) {
        if self.units.is_empty() {
            for waiting in self.closed.drain(..) {
                // Whoever stopped waiting needs no answer.
                let _ = waiting.send(());
            }
        }
    }
}
