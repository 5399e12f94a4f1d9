//! The queue against a model: whatever producers and consumers do, every
//! event ends acknowledged once, or dead after as many failed attempts as
//! there are, and nobody holds what another one holds.

use std::{collections::BTreeMap, time::Duration};

use futures_util::FutureExt as _;
use proptest::prelude::*;
use serde_json::json;

use super::{tests::HandClock, *};
use crate::{
    id::OsRandom,
    store::{EventState, Store},
};

const KINDS: [&str; 2] = ["timer", "watch_match"];

/// A consumer that settles an event, or does not.
#[derive(Clone, Copy, Debug)]
enum Act {
    Ack,
    Retry,
    PutBack,
    Drop,
}

#[derive(Clone, Debug)]
enum Op {
    Push {
        kind: usize,
        dedup: u8,
        session: u8,
    },
    /// `max` of 1 is a claim.
    Drain {
        kind: Option<usize>,
        session: u8,
        max: usize,
        overtake: bool,
    },
    /// Asks, and is gone before the answer.
    AskAndLeave {
        session: u8,
    },
    Settle {
        held: prop::sample::Index,
        act: Act,
    },
    AckByHand {
        event: prop::sample::Index,
    },
    Advance {
        seconds: u16,
    },
}

fn any_op() -> impl Strategy<Value = Op> {
    let act = prop::sample::select(vec![Act::Ack, Act::Retry, Act::PutBack, Act::Drop]);
    let kind = prop::option::of(0..KINDS.len());
    prop_oneof![
        6 => (0..KINDS.len(), 0..20_u8, 0..2_u8)
            .prop_map(|(kind, dedup, session)| Op::Push { kind, dedup, session }),
        8 => (kind, 0..2_u8, 0..4_usize, any::<bool>()).prop_map(
            |(kind, session, max, overtake)| Op::Drain { kind, session, max, overtake }
        ),
        1 => (0..2_u8).prop_map(|session| Op::AskAndLeave { session }),
        10 => (any::<prop::sample::Index>(), act).prop_map(|(held, act)| Op::Settle { held, act }),
        1 => any::<prop::sample::Index>().prop_map(|event| Op::AckByHand { event }),
        4 => prop_oneof![1..20_u16, 290..310_u16].prop_map(|seconds| Op::Advance { seconds }),
    ]
}

/// Where an event stands, and the number of the claim that has it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Pending { not_before: f64 },
    Claimed { claim: u64, until: f64 },
    Acked,
    Dead,
}

#[derive(Debug)]
struct Event {
    kind: &'static str,
    session: Session,
    state: State,
    /// Of the last time that it was pending.
    not_before: f64,
    failed: u32,
    acks: u32,
}

#[derive(Default)]
struct Model {
    events: BTreeMap<EventId, Event>,
    dedups: Vec<(usize, u8, u8)>,
    claims: u64,
}

impl Model {
    /// The events that a drain gives, with the numbers of their claims.
    fn drain(&mut self, filter: &ClaimFilter, max: usize, now: f64) -> Vec<(EventId, u64)> {
        let mut res = Vec::new();
        let config = QueueConfig::default();
        for (id, event) in &mut self.events {
            let is_kind = filter.kinds.as_ref().is_none_or(|it| it[0] == event.kind);
            let is_due = match event.state {
                State::Pending { not_before } => not_before <= now,
                State::Claimed { until, .. } => until <= now,
                State::Acked | State::Dead => false,
            };
            if max <= res.len() || !is_kind || event.session != filter.session {
                continue;
            }
            if !is_due {
                let is_paused = matches!(event.state, State::Pending { .. });
                if is_paused && !filter.overtake {
                    break;
                }
                continue;
            }
            // A lease that ended is a failed attempt, of which nobody told.
            event.failed += u32::from(matches!(event.state, State::Claimed { .. }));
            if event.failed == config.max_attempts() {
                event.state = State::Dead;
                continue;
            }
            self.claims += 1;
            let until = now + config.lease().as_secs_f64();
            event.state = State::Claimed { claim: self.claims, until };
            res.push((*id, self.claims));
        }
        res
    }

    /// Whether the claim still stood.
    fn settle(&mut self, id: EventId, claim: u64, act: Act, now: f64) -> bool {
        let event = self.events.get_mut(&id).unwrap();
        if !matches!(event.state, State::Claimed { claim: holder, .. } if holder == claim) {
            return false;
        }
        match act {
            Act::Ack => {
                event.acks += 1;
                event.state = State::Acked;
            }
            Act::PutBack => event.state = State::Pending { not_before: event.not_before },
            Act::Retry | Act::Drop => event.fail(now),
        }
        true
    }
}

impl Event {
    fn fail(&mut self, now: f64) {
        let config = QueueConfig::default();
        self.failed += 1;
        self.state = if self.failed == config.max_attempts() {
            State::Dead
        } else {
            self.not_before = now + config.delay_after(self.failed).as_secs_f64();
            State::Pending { not_before: self.not_before }
        };
    }
}

struct Run {
    queue: Queue,
    clock: Arc<HandClock>,
    model: Model,
    held: Vec<(Delivery, u64)>,
}

impl Run {
    fn new(store: Store) -> Self {
        let clock = HandClock::new();
        let queue = Queue::new(store, clock.clone(), QueueConfig::default());
        Self { queue, clock, model: Model::default(), held: Vec::new() }
    }

    async fn apply(&mut self, op: &Op) {
        match *op {
            Op::Push { kind, dedup, session } => self.push(kind, dedup, session).await,
            Op::Drain { kind, session, max, overtake } => {
                let kinds = kind.map(|it| vec![KINDS[it].to_owned()]);
                let filter = ClaimFilter { session: session_of(session), kinds, overtake };
                self.drain(filter, max).await;
            }
            Op::AskAndLeave { session } => self.ask_and_leave(session).await,
            Op::Settle { held, act } if !self.held.is_empty() => {
                let (delivery, claim) = self.held.swap_remove(held.index(self.held.len()));
                self.settle(delivery, claim, act).await;
            }
            Op::AckByHand { event } if !self.model.events.is_empty() => {
                let ids: Vec<EventId> = self.model.events.keys().copied().collect();
                self.ack_by_hand(*event.get(&ids)).await;
            }
            Op::Advance { seconds } => self.clock.advance(Duration::from_secs(seconds.into())),
            Op::Settle { .. } | Op::AckByHand { .. } => {}
        }
    }

    async fn push(&mut self, kind: usize, dedup: u8, session: u8) {
        let name = dedup.to_string();
        let to = session_of(session);
        let id = self.queue.push(KINDS[kind], &name, &to, &json!(dedup)).await.unwrap();
        let is_new = !self.model.dedups.contains(&(kind, dedup, session));
        assert_eq!(id.is_some(), is_new);
        self.model.dedups.push((kind, dedup, session));
        let state = State::Pending { not_before: 0.0 };
        let event =
            Event { kind: KINDS[kind], session: to, state, not_before: 0.0, failed: 0, acks: 0 };
        self.model.events.extend(id.map(|it| (it, event)));
    }

    async fn drain(&mut self, filter: ClaimFilter, max: usize) {
        let expected = self.model.drain(&filter, max, self.clock.now());
        let got = self.queue.drain(filter, max).await.unwrap();
        let ids: Vec<EventId> = got.iter().map(Delivery::id).collect();
        assert_eq!(ids, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        for (delivery, (id, claim)) in got.into_iter().zip(expected) {
            assert_eq!(delivery.attempts(), self.model.events[&id].failed + 1);
            self.held.push((delivery, claim));
        }
    }

    /// Nothing comes of it; but that an event whose attempts are used up, or
    /// whose lease ended, is found to be so.
    async fn ask_and_leave(&mut self, session: u8) {
        let filter = ClaimFilter::of(session_of(session));
        let now = self.clock.now();
        let mut deliveries = self.queue.deliveries(filter.clone());
        // The runtime would have a task that did much pause before it asks.
        let seen = tokio::task::unconstrained(deliveries.next()).now_or_never();
        for (id, claim) in self.model.drain(&filter, 1, now) {
            let act = if seen.is_some() { Act::Drop } else { Act::PutBack };
            self.model.settle(id, claim, act, now);
        }
        drop(seen);
        // Once this is answered, the answer to the claim has been dropped.
        self.queue.store().read(|_| Ok(())).await.unwrap();
    }

    async fn settle(&mut self, delivery: Delivery, claim: u64, act: Act) {
        let id = delivery.id();
        let stood = self.model.settle(id, claim, act, self.clock.now());
        let is_dead = self.model.events[&id].state == State::Dead;
        let after = if is_dead { Settled::Dead } else { Settled::Done };
        let lost = Err(SettleError::Lost(id));
        match act {
            Act::Ack => assert_eq!(delivery.ack().await, if stood { Ok(()) } else { lost }),
            Act::PutBack => {
                assert_eq!(delivery.put_back().await, if stood { Ok(()) } else { lost });
            }
            Act::Retry => {
                let expected = if stood { Ok(after) } else { Err(SettleError::Lost(id)) };
                assert_eq!(delivery.retry("failed").await, expected);
            }
            Act::Drop => drop(delivery),
        }
    }

    async fn ack_by_hand(&mut self, id: EventId) {
        let event = self.model.events.get_mut(&id).unwrap();
        let is_new = event.state != State::Acked;
        event.acks += u32::from(is_new);
        event.state = State::Acked;
        assert_eq!(self.queue.ack_by_hand(id).await, Ok(is_new));
    }

    async fn compare(&self) {
        let filter = EventFilter { session: None, state: None, limit: usize::MAX };
        let rows = self.queue.list(filter).await.unwrap();
        assert_eq!(rows.len(), self.model.events.len());
        for (row, (id, event)) in rows.iter().zip(&self.model.events) {
            let state = match row.state {
                EventState::Pending { not_before } => State::Pending { not_before },
                EventState::Claimed { until, .. } => match event.state {
                    State::Claimed { claim, .. } => State::Claimed { claim, until },
                    other => panic!("{row:?} is {other:?}"),
                },
                EventState::Acked => State::Acked,
                EventState::Dead { .. } => State::Dead,
            };
            assert_eq!((row.id, state), (*id, event.state));
        }
    }

    /// Every consumer settles what it has, and goes on until nothing is left.
    async fn finish(&mut self) {
        for attempt in 0.. {
            while let Some((delivery, claim)) = self.held.pop() {
                let act = if delivery.id().0 % 3 == 0 { Act::Retry } else { Act::Ack };
                self.settle(delivery, claim, act).await;
            }
            self.clock.advance(Duration::from_secs(300));
            for session in 0..2 {
                self.drain(ClaimFilter::of(session_of(session)), MAX_DRAIN).await;
            }
            if self.held.is_empty() {
                break;
            }
            assert!(attempt <= QueueConfig::default().max_attempts(), "it never ends");
        }
        for event in self.model.events.values() {
            match event.state {
                State::Acked => assert_eq!(event.acks, 1),
                State::Dead => assert_eq!((event.acks, event.failed), (0, 8)),
                state => panic!("{state:?} is no end"),
            }
        }
    }
}

fn session_of(number: u8) -> Session {
    match number {
        0 => Session::Local,
        number => format!("agent:main:telegram:dm:{number}").parse().unwrap(),
    }
}

fn check(store: Store, ops: &[Op]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut run = Run::new(store);
        for op in ops {
            run.apply(op).await;
            run.compare().await;
        }
        run.finish().await;
        run.compare().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_queue_in_memory_is_the_model(ops in prop::collection::vec(any_op(), 0..120)) {
        check(Store::memory(&OsRandom), &ops);
    }
}

proptest! {
    // Every operation waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_queue_in_sqlite_is_the_model(ops in prop::collection::vec(any_op(), 0..120)) {
        let dir = tempfile::tempdir().unwrap();
        check(Store::open(&dir.path().join("store.db"), &OsRandom).unwrap(), &ops);
    }
}
