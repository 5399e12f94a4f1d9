//! The dispatcher: one loop, one closed enum of messages, the only writer of
//! what this host knows of its running units.
//!
//! It decides and remembers; it waits for nothing, so no unit can hold up
//! another. A unit has a [`Lease`] from its admission to its end, and dropping
//! that is what ends it here: no way out of a unit can leak a slot.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{mpsc, oneshot};

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

/// All that the loop is ever told.
enum Message {
    Admit { unit: Box<Entry>, on_capacity: OnCapacity, reply: oneshot::Sender<Reply> },
    Ended(DelegationId),
    Interrupt { which: Which, reason: Option<String>, reply: oneshot::Sender<usize> },
    Hand { id: DelegationId, reply: oneshot::Sender<Option<Stop>> },
    Pause(bool),
    Running(oneshot::Sender<Vec<RunningUnit>>),
    Close(oneshot::Sender<()>),
}

type Reply = Result<Admitted, Rejection>;

/// What the loop remembers of a unit.
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
    messages: mpsc::UnboundedSender<Message>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Nobody keeps places any more when the loop is gone.
        let _ = self.messages.send(Message::Ended(self.id));
    }
}

/// The way to the loop. It ends when the last one and every lease are gone.
#[derive(Clone)]
pub(super) struct Dispatcher(mpsc::UnboundedSender<Message>);

/// A way to the loop that does not keep it alive.
pub(super) struct WeakDispatcher(mpsc::WeakUnboundedSender<Message>);

impl WeakDispatcher {
    /// `None` when the loop has ended.
    pub(super) fn upgrade(&self) -> Option<Dispatcher> {
        self.0.upgrade().map(Dispatcher)
    }
}

impl Dispatcher {
    /// Starts the loop on the present runtime.
    pub(super) fn start(slots: Slots) -> Self {
        // At most a few messages for each call that somebody waits in, so
        // the channel is bounded by the callers.
        let (messages, inbox) = mpsc::unbounded_channel();
        let state = State {
            admission: Admission::new(slots),
            units: BTreeMap::new(),
            closed: Vec::new(),
            messages: messages.downgrade(),
        };
        tokio::spawn(state.run(inbox));
        Self(messages)
    }

    pub(super) fn downgrade(&self) -> WeakDispatcher {
        WeakDispatcher(self.0.downgrade())
    }

    /// Finds a place for a unit, in one step with taking it.
    pub(super) async fn admit(
        &self,
        record: UnitRecord,
        live: Arc<Live>,
        stop: Stop,
        on_capacity: OnCapacity,
    ) -> Reply {
        let unit = Box::new(Entry { record: Arc::new(record), live, stop, turn: None });
        let answer = self.ask(|reply| Message::Admit { unit, on_capacity, reply }).await;
        answer.unwrap_or(Err(Rejection::ShuttingDown))
    }

    /// Asks units to stop. Returns how many were asked.
    pub(super) async fn interrupt(&self, which: Which, reason: Option<String>) -> usize {
        self.ask(|reply| Message::Interrupt { which, reason, reply }).await.unwrap_or(0)
    }

    /// The hand on one unit that runs or waits here.
    pub(super) async fn hand(&self, id: DelegationId) -> Option<Stop> {
        self.ask(|reply| Message::Hand { id, reply }).await.flatten()
    }

    /// Stops or resumes admission.
    pub(super) fn pause(&self, paused: bool) {
        // A loop that is gone admits nothing anyway.
        let _ = self.0.send(Message::Pause(paused));
    }

    /// What runs and waits now.
    pub(super) async fn running(&self) -> Vec<RunningUnit> {
        self.ask(Message::Running).await.unwrap_or_default()
    }

    /// Admits nothing any more, and waits until the last unit is over.
    pub(super) async fn close(&self) {
        self.ask(Message::Close).await.unwrap_or_default();
    }

    /// `None` when the loop is gone.
    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(message(reply)).ok()?;
        answer.await.ok()
    }
}

/// What the loop owns.
struct State {
    admission: Admission,
    units: BTreeMap<DelegationId, Entry>,
    /// Who waits for the last unit.
    closed: Vec<oneshot::Sender<()>>,
    /// Weak: the loop must not keep itself alive.
    messages: mpsc::WeakUnboundedSender<Message>,
}

impl State {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        while let Some(message) = inbox.recv().await {
            self.take(message);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Admit { unit, on_capacity, reply } => {
                // When nobody takes the answer, the lease in it is dropped,
                // and with that the place.
                let _ = reply.send(self.admit(*unit, on_capacity));
            }
            Message::Ended(id) => self.ended(id),
            Message::Interrupt { which, reason, reply } => {
                let _ = reply.send(self.interrupt(&which, reason.as_deref()));
            }
            Message::Hand { id, reply } => {
                let _ = reply.send(self.units.get(&id).map(|it| it.stop.clone()));
            }
            Message::Pause(paused) => self.admission.pause(paused),
            Message::Running(reply) => {
                let _ = reply.send(self.running());
            }
            Message::Close(reply) => {
                self.admission.close();
                self.closed.push(reply);
                self.tell_when_empty();
            }
        }
    }

    fn admit(&mut self, mut unit: Entry, on_capacity: OnCapacity) -> Reply {
        let messages = self.messages.upgrade().ok_or(Rejection::ShuttingDown)?;
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
        Ok(Admitted { record, turn, lease: Lease { id, messages } })
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

    fn interrupt(&self, which: &Which, reason: Option<&str>) -> usize {
        let meant = self.units.values().filter(|it| which.means(&it.record));
        meant.map(|it| it.stop.ask(reason)).count()
    }

    fn running(&self) -> Vec<RunningUnit> {
        let seen = |it: &Entry| RunningUnit {
            record: Arc::clone(&it.record),
            live: Arc::clone(&it.live),
            waiting: it.turn.is_some(),
        };
        self.units.values().map(seen).collect()
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
