//! Scenarios that hold for every store. Time moves only by [`Rig::advance`]:
//! a wake-up that is lost is an event that never comes.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Sender},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _};
use jiff::tz::TimeZone;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    event::{FailureNotice, Role},
    id::{ChildId, DelegationId, OsRandom},
    store::{EventState, StateFilter, Step, Watch},
    unit::{Group, Mode, TaskRecord, UnitRecord},
};

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(300);

/// Rounds in which everything that can happen without time has happened.
const ROUNDS: usize = 20;

/// Stands still unless it is moved.
pub(super) struct HandClock(Mutex<f64>);

impl HandClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(1_772_366_400.0)))
    }

    pub(super) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by.as_secs_f64();
    }

    fn set_back(&self, by: Duration) {
        *self.0.lock().unwrap() -= by.as_secs_f64();
    }
}

impl Clock for HandClock {
    fn now(&self) -> f64 {
        *self.0.lock().unwrap()
    }
}

struct Rig {
    queue: Queue,
    clock: Arc<HandClock>,
    dir: Option<TempDir>,
    /// While a blocking task runs, paused time does not move by itself.
    _still: Sender<()>,
}

impl Rig {
    fn memory() -> Self {
        Self::new(Store::memory(&OsRandom), None)
    }

    fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::new(Store::open(&dir.path().join("store.db"), &OsRandom).unwrap(), Some(dir))
    }

    fn new(store: Store, dir: Option<TempDir>) -> Self {
        let clock = HandClock::new();
        let (still, ends) = mpsc::channel();
        tokio::task::spawn_blocking(move || ends.recv().is_err());
        let queue = Queue::new(store, clock.clone(), QueueConfig::default());
        Self { queue, clock, dir, _still: still }
    }

    /// What another process sees of the same file; in memory, another queue.
    fn elsewhere(&self) -> Queue {
        let store = match &self.dir {
            Some(dir) => Store::open(&dir.path().join("store.db"), &OsRandom).unwrap(),
            None => self.queue.store().clone(),
        };
        Queue::new(store, self.clock.clone(), QueueConfig::default())
    }

    /// Runs what can run without time.
    async fn settle(&self) {
        self.queue.store().read(|_| Ok(())).await.unwrap();
        tokio::task::yield_now().await;
    }

    async fn advance(&self, by: Duration) {
        for _ in 0..ROUNDS {
            self.settle().await;
        }
        self.clock.advance(by);
        tokio::time::advance(by).await;
    }

    /// What comes without time passing.
    async fn now<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        for _ in 0..ROUNDS {
            if let Some(res) = future.as_mut().now_or_never() {
                return Some(res);
            }
            self.settle().await;
        }
        None
    }

    async fn next(&self, deliveries: &mut Deliveries) -> Option<Delivery> {
        self.now(deliveries.next()).await.map(Result::unwrap)
    }

    async fn push(&self, dedup: &str, session: &Session) -> EventId {
        push(&self.queue, "watch_match", dedup, session).await.unwrap()
    }

    async fn drain(&self, session: &Session) -> Vec<Delivery> {
        self.queue.drain(all(session), MAX_DRAIN).await.unwrap()
    }

    async fn row(&self, id: EventId) -> EventRow {
        self.queue.store().read(move |tables| tables.event(id)).await.unwrap().unwrap()
    }
}

async fn push(queue: &Queue, kind: &str, dedup: &str, session: &Session) -> Option<EventId> {
    queue.push(kind, dedup, session, &json!({ "match": dedup })).await.unwrap()
}

fn all(session: &Session) -> ClaimFilter {
    ClaimFilter::of(session.clone())
}

fn of_kind(session: &Session, kind: &str) -> ClaimFilter {
    ClaimFilter { kinds: Some(vec![kind.to_owned()]), ..ClaimFilter::of(session.clone()) }
}

fn chat(id: u32) -> Session {
    format!("agent:main:telegram:dm:{id}").parse().unwrap()
}

fn dedups(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|it| it.event().dedup.as_str()).collect()
}

async fn an_event_is_delivered_and_after_its_acknowledgement_gone(rig: Rig) {
    let id = rig.push("1", &chat(1)).await;
    let mut deliveries = rig.queue.deliveries(all(&chat(1)));
    let delivery = rig.next(&mut deliveries).await.unwrap();
    assert_eq!((delivery.id(), delivery.attempts()), (id, 1));
    assert_eq!(
        delivery.text_at(0.0, &TimeZone::UTC),
        "[ASYNC EVENT — watch_match]\n{\"match\":\"1\"}"
    );
    delivery.ack().await.unwrap();
    assert_eq!(rig.row(id).await.state, EventState::Acked);
    rig.advance(10 * LEASE).await;
    assert!(rig.next(&mut deliveries).await.is_none());
}

async fn a_repetition_is_not_queued_whatever_became_of_the_first(rig: Rig) {
    rig.push("1", &chat(1)).await;
    assert_eq!(push(&rig.queue, "watch_match", "1", &chat(1)).await, None);
    rig.drain(&chat(1)).await.pop().unwrap().ack().await.unwrap();
    assert!(push(&rig.queue, "watch_match", "1", &chat(2)).await.is_some(), "of another session");
    assert!(push(&rig.queue, "timer", "1", &chat(1)).await.is_some());
}

async fn who_waits_is_woken_by_a_push_of_its_session(rig: Rig) {
    let mut deliveries = rig.queue.deliveries(all(&chat(1)));
    let mut next = pin!(deliveries.next());
    assert!(rig.now(next.as_mut()).await.is_none());
    rig.push("other", &chat(2)).await;
    assert!(rig.now(next.as_mut()).await.is_none());
    rig.push("mine", &chat(1)).await;
    let delivery = rig.now(next).await.unwrap().unwrap();
    assert_eq!(delivery.event().dedup, "mine");
    delivery.ack().await.unwrap();
}

async fn what_is_queued_past_the_queue_is_offered_or_seen_at_the_next_look(rig: Rig) {
    let mut deliveries = rig.queue.deliveries(all(&chat(1)));
    let elsewhere = rig.elsewhere();
    for offered in [true, false] {
        let mut next = pin!(deliveries.next());
        assert!(rig.now(next.as_mut()).await.is_none());
        push(&elsewhere, "watch_match", &offered.to_string(), &chat(1)).await;
        if offered {
            rig.queue.offered(&chat(1));
        } else if rig.dir.is_none() {
            assert!(rig.now(next.as_mut()).await.is_none());
            rig.advance(FOREIGN_LOOK).await;
        }
        // Time stands still here: of another process's write the kernel tells.
        next.await.unwrap().ack().await.unwrap();
    }
}

async fn a_claim_is_exclusive_until_its_lease_ends(rig: Rig) {
    let id = rig.push("1", &chat(1)).await;
    let first = rig.drain(&chat(1)).await.pop().unwrap();
    let mut deliveries = rig.queue.deliveries(all(&chat(1)));
    rig.advance(LEASE - SECOND).await;
    assert!(rig.next(&mut deliveries).await.is_none());

    let mut next = pin!(deliveries.next());
    assert!(rig.now(next.as_mut()).await.is_none());
    rig.advance(SECOND).await;
    let second = rig.now(next).await.unwrap().unwrap();
    assert_eq!((second.id(), second.attempts()), (id, 2));
    assert_eq!(first.ack().await, Err(SettleError::Lost(id)));
    assert!(matches!(rig.row(id).await.state, EventState::Claimed { .. }));
    second.ack().await.unwrap();
}

async fn a_claim_that_was_lent_is_settled_by_whoever_has_its_token(rig: Rig) {
    let id = rig.push("1", &chat(1)).await;
    let token = rig.drain(&chat(1)).await.pop().unwrap().lend().await.unwrap();
    // Another host on the store, and none that made the claim.
    let next = rig.elsewhere();
    let lent = async |token| next.lent(id, token).await.unwrap();
    assert!(lent(Some(ClaimToken(token.0 + 1))).await.is_none());
    // It stays with its consumer until it is settled.
    drop(lent(None).await.unwrap());
    rig.settle().await;
    lent(Some(token)).await.unwrap().prolong().await.unwrap();
    assert!(rig.drain(&chat(1)).await.is_empty());
    lent(Some(token)).await.unwrap().ack().await.unwrap();
    assert_eq!(rig.row(id).await.state, EventState::Acked);
    assert!(lent(Some(token)).await.is_none());
}

async fn a_consumer_that_needs_longer_prolongs_its_lease(rig: Rig) {
    let id = rig.push("1", &chat(1)).await;
    let mut held = rig.drain(&chat(1)).await.pop().unwrap();
    let mut deliveries = rig.queue.deliveries(all(&chat(1)));
    for _ in 0..3 {
        rig.advance(LEASE - SECOND).await;
        held.prolong().await.unwrap();
        assert!(rig.next(&mut deliveries).await.is_none());
    }
    // What is dropped now is a failed attempt, as before.
    drop(held);
    rig.advance(5 * SECOND).await;
    let mut second = rig.next(&mut deliveries).await.unwrap();
    assert_eq!((second.id(), second.attempts()), (id, 2));
    rig.advance(LEASE).await;
    let third = rig.drain(&chat(1)).await.pop().unwrap();
    assert_eq!(second.prolong().await, Err(SettleError::Lost(id)));
    third.ack().await.unwrap();
}

async fn a_failed_attempt_is_repeated_after_pauses_that_double_until_it_is_dead(rig: Rig) {
    let id = rig.push("1", &chat(1)).await;
    let mut deliveries = rig.queue.deliveries(all(&chat(1)));
    for (attempt, pause) in (1..).zip([5, 10, 20, 40, 80, 160, 300, 0]) {
        let delivery = rig.next(&mut deliveries).await.unwrap();
        assert_eq!(delivery.attempts(), attempt);
        let after = delivery.retry("no\nroute\x1b[2J").await.unwrap();
        assert_eq!(after, if attempt < 8 { Settled::Done } else { Settled::Dead });
        if attempt < 8 {
            rig.advance(pause * SECOND - SECOND / 2).await;
            assert!(rig.next(&mut deliveries).await.is_none(), "after attempt {attempt}");
            rig.advance(SECOND / 2).await;
        }
    }
    rig.advance(100 * LEASE).await;
    assert!(rig.next(&mut deliveries).await.is_none());
    let filter = EventFilter { session: None, state: Some(StateFilter::Dead), limit: 10 };
    let dead = rig.queue.list(filter).await.unwrap();
    let [row] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!((row.id, row.attempts), (id, 8));
    assert_eq!(row.state, EventState::Dead { reason: "no route".to_owned() });
}

async fn who_waits_is_woken_when_a_pause_ends_and_not_before(rig: Rig) {
    rig.push("1", &chat(1)).await;
    // Ends before the next look would be.
    let config = QueueConfig::new(LEASE, 8, SECOND).unwrap();
    let queue = Queue::new(rig.queue.store().clone(), rig.clock.clone(), config);
    let mut deliveries = queue.deliveries(all(&chat(1)));
    let first = rig.next(&mut deliveries).await.unwrap();
    let mut next = pin!(deliveries.next());
    assert!(rig.now(next.as_mut()).await.is_none());
    assert_eq!(first.retry("x").await, Ok(Settled::Done));
    assert!(rig.now(next.as_mut()).await.is_none());
    rig.advance(SECOND / 2).await;
    assert!(rig.now(next.as_mut()).await.is_none());
    rig.advance(SECOND / 2).await;
    assert_eq!(rig.now(next).await.unwrap().unwrap().attempts(), 2);
}

async fn a_busy_consumer_has_not_failed_and_does_not_spin(rig: Rig) {
    let id = rig.push("1", &chat(1)).await;
    let mut busy = rig.queue.deliveries(all(&chat(1)));
    for _ in 0..20 {
        let delivery = rig.next(&mut busy).await.unwrap();
        assert_eq!(delivery.attempts(), 1);
        delivery.put_back().await.unwrap();
        assert!(rig.next(&mut busy).await.is_none());
        rig.advance(BUSY_PAUSE).await;
    }
    let row = rig.row(id).await;
    assert_eq!((row.attempts, row.state), (0, EventState::Pending { not_before: 0.0 }));
}

async fn what_is_put_back_goes_to_the_next_who_asks(rig: Rig) {
    rig.push("1", &chat(1)).await;
    let (mut busy, mut idle) =
        (rig.queue.deliveries(all(&chat(1))), rig.queue.deliveries(all(&chat(1))));
    let delivery = rig.next(&mut busy).await.unwrap();
    let mut next = pin!(idle.next());
    assert!(rig.now(next.as_mut()).await.is_none());
    delivery.put_back().await.unwrap();
    rig.now(next).await.unwrap().unwrap().ack().await.unwrap();
}

async fn a_delivery_that_is_dropped_is_a_failed_attempt(rig: Rig) {
    let id = rig.push("1", &chat(1)).await;
    drop(rig.drain(&chat(1)).await);
    let row = rig.row(id).await;
    assert_eq!((row.attempts, row.last_error.as_deref()), (1, Some("dropped by its consumer")));
    assert_eq!(row.state, EventState::Pending { not_before: rig.clock.now() + 5.0 });
}

async fn an_event_whose_asker_went_away_is_put_back(rig: Rig) {
    let id = rig.push("1", &chat(1)).await;
    let mut deliveries = rig.queue.deliveries(all(&chat(1)));
    for _ in 0..20 {
        ask_and_leave(&mut deliveries).await;
    }
    let mut deliveries = rig.queue.deliveries(all(&chat(1)));
    let delivery = rig.next(&mut deliveries).await.unwrap();
    assert_eq!((delivery.id(), delivery.attempts()), (id, 1));
}

async fn who_waits_gets_what_another_asker_left_behind(rig: Rig) {
    rig.push("1", &chat(1)).await;
    let (mut leaves, mut waits) =
        (rig.queue.deliveries(all(&chat(1))), rig.queue.deliveries(all(&chat(1))));
    let mut asked = Box::pin(leaves.next());
    let early = asked.as_mut().now_or_never();
    let mut next = pin!(waits.next());
    assert!(rig.now(next.as_mut()).await.is_none());
    drop(asked);
    // The store may be faster than this.
    if let Some(delivery) = early {
        delivery.unwrap().put_back().await.unwrap();
    }
    assert_eq!(rig.now(next).await.unwrap().unwrap().attempts(), 1);
}

async fn a_claim_that_was_undone_takes_nothing_from_the_next(rig: Rig) {
    rig.push("1", &chat(1)).await;
    let (stash, undone) = mpsc::channel();
    let queue = rig.queue.clone();
    let claim_and_fail = move |tables: &mut dyn Tables| {
        stash.send(Claim::first(&queue, &all(&chat(1)), queue.now(), tables)?).unwrap();
        Err::<(), _>(StoreError::Full("no room".to_owned()))
    };
    rig.queue.store().run(claim_and_fail).await.unwrap_err();
    rig.advance(SECOND).await;
    let held = rig.drain(&chat(1)).await.pop().unwrap();
    assert_eq!(held.attempts(), 1);
    drop(undone.recv().unwrap().unwrap());
    held.ack().await.unwrap();
}

/// Sends a claim, and is gone before the answer.
async fn ask_and_leave(deliveries: &mut Deliveries) {
    // The store may be faster than this.
    if let Some(delivery) = deliveries.next().now_or_never() {
        delivery.unwrap().put_back().await.unwrap();
    }
}

async fn what_failed_is_not_overtaken_within_its_session(rig: Rig) {
    let session = chat(1);
    for it in ["a", "b", "c"] {
        rig.push(it, &session).await;
    }
    push(&rig.queue, "timer", "d", &session).await;
    rig.push("other", &chat(2)).await;
    let mut deliveries = rig.queue.deliveries(all(&session));
    let first = rig.next(&mut deliveries).await.unwrap();
    assert_eq!(first.retry("x").await, Ok(Settled::Done));
    assert!(rig.next(&mut deliveries).await.is_none());
    assert!(rig.drain(&session).await.is_empty());
    // Other sessions and types, and who asks for it, wait for nothing.
    assert_eq!(dedups(&rig.drain(&chat(2)).await), ["other"]);
    let timers = rig.queue.drain(of_kind(&session, "timer"), 9).await.unwrap();
    assert_eq!(dedups(&timers), ["d"]);
    let any = ClaimFilter { overtake: true, ..all(&session) };
    let second = rig.queue.drain(any, 1).await.unwrap().pop().unwrap();
    assert_eq!(second.event().dedup, "b");
    second.put_back().await.unwrap();
    rig.advance(5 * SECOND).await;
    assert_eq!(dedups(&rig.drain(&session).await), ["a", "b", "c"]);
}

async fn a_dead_event_is_brought_back_and_comes_first(rig: Rig) {
    let session = chat(1);
    let id = rig.push("a", &session).await;
    rig.push("b", &session).await;
    assert_eq!(rig.queue.revive(id).await, Ok(false), "it is not dead");
    for _ in 0..8 {
        let delivery = rig.queue.drain(all(&session), 1).await.unwrap().remove(0);
        assert_eq!(delivery.id(), id);
        delivery.retry("x").await.unwrap();
        rig.advance(300 * SECOND).await;
    }
    assert!(matches!(rig.row(id).await.state, EventState::Dead { .. }));
    let mut deliveries = rig.queue.deliveries(all(&session));
    rig.next(&mut deliveries).await.unwrap().ack().await.unwrap();
    let mut next = pin!(deliveries.next());
    assert!(rig.now(next.as_mut()).await.is_none());
    assert_eq!(rig.queue.revive(id).await, Ok(true));
    let delivery = rig.now(next).await.unwrap().unwrap();
    assert_eq!((delivery.id(), delivery.attempts()), (id, 1));
    assert_eq!(rig.queue.revive(id).await, Ok(false), "it is claimed");
}

async fn a_clock_that_was_set_back_hides_nothing(rig: Rig) {
    let session = chat(1);
    let claimed = rig.push("a", &session).await;
    let held = rig.drain(&session).await.pop().unwrap();
    let paused = rig.push("b", &chat(2)).await;
    rig.drain(&chat(2)).await.pop().unwrap().retry("x").await.unwrap();
    // What a clock is mended by all the time ends no lease.
    rig.clock.set_back(SECOND);
    assert!(rig.drain(&session).await.is_empty());
    assert!(rig.drain(&chat(2)).await.is_empty());
    rig.clock.set_back(3600 * SECOND);
    assert_eq!(rig.drain(&session).await.pop().unwrap().id(), claimed);
    assert_eq!(rig.drain(&chat(2)).await.pop().unwrap().id(), paused);
    drop(held);
}

async fn a_poison_event_at_the_head_leaves_the_others_in_order(rig: Rig) {
    let session = chat(1);
    let n_events = if rig.dir.is_some() { 100 } else { 1000 };
    let poison = rig.push("0", &session).await;
    for it in 1..n_events {
        rig.push(&it.to_string(), &session).await;
    }
    let filter = ClaimFilter { overtake: true, ..all(&session) };
    let mut deliveries = rig.queue.deliveries(filter);
    let (mut seen, mut failed) = (Vec::new(), 0);
    while seen.len() < n_events - 1 || failed < 8 {
        match rig.next(&mut deliveries).await {
            Some(it) if it.id() == poison => {
                failed += 1;
                it.retry("poison").await.unwrap();
            }
            Some(it) => {
                seen.push(it.event().dedup.parse::<usize>().unwrap());
                it.ack().await.unwrap();
            }
            None => rig.advance(5 * SECOND).await,
        }
    }
    assert!(seen.into_iter().eq(1..n_events));
    assert!(matches!(rig.row(poison).await.state, EventState::Dead { .. }));
}

async fn a_drain_takes_its_own_in_order_and_touches_nothing_else(rig: Rig) {
    let session = chat(1);
    for it in 0..12 {
        let kind = if it % 2 == 0 { "timer" } else { "watch_match" };
        push(&rig.queue, kind, &it.to_string(), &session).await;
    }
    push(&rig.queue, "timer", "other", &chat(2)).await;
    let first = rig.queue.drain(of_kind(&session, "timer"), 4).await.unwrap();
    assert_eq!(dedups(&first), ["0", "2", "4", "6"]);
    let rest = rig.queue.drain(of_kind(&session, "timer"), MAX_DRAIN).await.unwrap();
    assert_eq!(dedups(&rest), ["8", "10"]);
    assert!(rig.queue.drain(of_kind(&session, "timer"), 9).await.unwrap().is_empty());
    assert!(rig.queue.drain(of_kind(&session, "none"), 9).await.unwrap().is_empty());
    assert!(rig.queue.drain(all(&session), 0).await.unwrap().is_empty());
    for it in first.into_iter().chain(rest) {
        it.put_back().await.unwrap();
    }
    let everything = rig.drain(&session).await;
    let expected: Vec<String> = (0..12).map(|it| it.to_string()).collect();
    assert_eq!(dedups(&everything), expected);
    assert!(everything.iter().all(|it| it.attempts() == 1));
}

async fn events_of_one_session_never_reach_another(rig: Rig) {
    rig.push("local", &Session::Local).await;
    rig.push("1", &chat(1)).await;
    assert!(rig.drain(&chat(2)).await.is_empty());
    assert_eq!(dedups(&rig.drain(&Session::Local).await), ["local"]);
    assert_eq!(dedups(&rig.drain(&chat(1)).await), ["1"]);
}

async fn a_person_may_acknowledge_what_is_held_or_dead(rig: Rig) {
    let id = rig.push("1", &chat(1)).await;
    let held = rig.drain(&chat(1)).await.pop().unwrap();
    assert_eq!(rig.queue.ack_by_hand(id).await, Ok(true));
    assert_eq!(rig.queue.ack_by_hand(id).await, Ok(false));
    assert_eq!(held.ack().await, Err(SettleError::Lost(id)));
    assert_eq!(rig.row(id).await.state, EventState::Acked);
}

async fn many_consumers_and_producers_lose_no_wake_up(rig: Rig) {
    let session = chat(1);
    let (done, mut acked) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..4 {
        let (mut deliveries, done) = (rig.queue.deliveries(all(&session)), done.clone());
        tokio::spawn(async move {
            while let Ok(delivery) = deliveries.next().await {
                let id = delivery.id();
                delivery.ack().await.unwrap();
                done.send(id).unwrap();
            }
        });
    }
    for producer in 0..4 {
        let (queue, session) = (rig.queue.clone(), session.clone());
        tokio::spawn(async move {
            for it in 0..25 {
                push(&queue, "timer", &format!("{producer}/{it}"), &session).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    let mut seen = Vec::new();
    while seen.len() < 100 {
        seen.push(rig.now(acked.recv()).await.flatten().expect("an event was not delivered"));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 100);
}

async fn a_stream_hands_out_one_after_the_other(rig: Rig) {
    for it in ["1", "2", "3"] {
        rig.push(it, &chat(1)).await;
    }
    let mut stream = pin!(rig.queue.deliveries(all(&chat(1))).into_stream());
    for expected in ["1", "2", "3"] {
        let delivery = rig.now(stream.next()).await.flatten().unwrap().unwrap();
        assert_eq!(delivery.event().dedup, expected);
        delivery.ack().await.unwrap();
    }
    assert!(rig.now(stream.next()).await.is_none());
}

/// A unit of two tasks, and the event of its end.
fn unit(session: &Session) -> UnitRecord {
    let task = |idx| TaskRecord {
        child_id: ChildId::new(idx, &OsRandom),
        goal: format!("task {idx}"),
        agent: "scout".to_owned(),
        role: Role::Leaf,
        grant: Vec::new(),
    };
    UnitRecord {
        id: DelegationId::new(&OsRandom),
        parent: None,
        session: session.clone(),
        mode: Mode::Background,
        depth: 1,
        role: Role::Leaf,
        context: None,
        toolsets: None,
        model: None,
        workspace: None,
        dispatched_at: 1_772_366_400.0,
        tasks: vec![task(0), task(1)],
        groups: vec![Group { name: None, tasks: vec![0, 1] }],
        notes: Vec::new(),
    }
}

async fn what_delegations_queue_is_told_as_text(rig: Rig) {
    let unit = unit(&chat(1));
    let end = unit.unknown(&unit.groups[0], &[], rig.clock.now());
    let failure: FailureNotice = unit.failure(end.results[0].clone(), 1, rig.clock.now());
    let event = |kind: &str, body| NewEvent {
        kind: kind.to_owned(),
        dedup: unit.id.to_string(),
        session: chat(1),
        body,
        created_at: rig.clock.now(),
    };
    let failure = event(failure.kind, EventBody::Failure(Box::new(failure)));
    let end = event(end.kind, EventBody::Completion(std::sync::Arc::new(end)));
    let host = rig.queue.store().host();
    let queue = move |tables: &mut dyn Tables| {
        tables.push(&failure, host)?;
        tables.push(&end, host)
    };
    rig.queue.store().run(queue).await.unwrap();

    let deliveries = rig.drain(&chat(1)).await;
    let [failure, end] = &deliveries[..] else { panic!("{:?}", dedups(&deliveries)) };
    let text = |it: &Delivery| it.text_at(rig.clock.now(), &TimeZone::UTC);
    assert_eq!(failure.failure().unwrap().remaining, 1);
    assert!(text(failure).starts_with("[ASYNC DELEGATION CHILD FAILED — deleg_"));
    assert_eq!(end.completion().unwrap().delegation_id, unit.id);
    assert!(text(end).starts_with("[ASYNC DELEGATION BATCH COMPLETE — deleg_"));
    assert!(end.failure().is_none() && failure.completion().is_none());
}

macro_rules! on_every_store {
    ($($scenario:ident,)*) => {
        mod in_memory {
            $(#[tokio::test(start_paused = true)]
            async fn $scenario() {
                super::$scenario(super::Rig::memory()).await;
            })*
        }

        mod in_sqlite {
            $(#[tokio::test(start_paused = true)]
            async fn $scenario() {
                super::$scenario(super::Rig::sqlite()).await;
            })*
        }
    };
}

on_every_store! {
    an_event_is_delivered_and_after_its_acknowledgement_gone,
    a_repetition_is_not_queued_whatever_became_of_the_first,
    who_waits_is_woken_by_a_push_of_its_session,
    what_is_queued_past_the_queue_is_offered_or_seen_at_the_next_look,
    a_claim_is_exclusive_until_its_lease_ends,
    a_claim_that_was_lent_is_settled_by_whoever_has_its_token,
    a_consumer_that_needs_longer_prolongs_its_lease,
    a_failed_attempt_is_repeated_after_pauses_that_double_until_it_is_dead,
    who_waits_is_woken_when_a_pause_ends_and_not_before,
    a_busy_consumer_has_not_failed_and_does_not_spin,
    what_is_put_back_goes_to_the_next_who_asks,
    a_delivery_that_is_dropped_is_a_failed_attempt,
    an_event_whose_asker_went_away_is_put_back,
    who_waits_gets_what_another_asker_left_behind,
    a_claim_that_was_undone_takes_nothing_from_the_next,
    what_failed_is_not_overtaken_within_its_session,
    a_dead_event_is_brought_back_and_comes_first,
    a_clock_that_was_set_back_hides_nothing,
    a_poison_event_at_the_head_leaves_the_others_in_order,
    a_drain_takes_its_own_in_order_and_touches_nothing_else,
    events_of_one_session_never_reach_another,
    a_person_may_acknowledge_what_is_held_or_dead,
    many_consumers_and_producers_lose_no_wake_up,
    a_stream_hands_out_one_after_the_other,
    what_delegations_queue_is_told_as_text,
}

#[tokio::test(start_paused = true)]
async fn local_events_never_reach_another_host() {
    let rig = Rig::sqlite();
    rig.push("mine", &Session::Local).await;
    rig.push("chat", &chat(1)).await;
    let elsewhere = rig.elsewhere();
    assert!(elsewhere.drain(all(&Session::Local), 9).await.unwrap().is_empty());
    assert_eq!(dedups(&elsewhere.drain(all(&chat(1)), 9).await.unwrap()), ["chat"]);
    assert_eq!(dedups(&rig.drain(&Session::Local).await), ["mine"]);
}

/// Operations that write.
#[derive(Default)]
struct Writes(AtomicUsize);

impl Watch for Writes {
    fn at(&self, step: Step) {
        if let Step::Taken(n_operations) = step {
            self.0.fetch_add(n_operations, Ordering::Relaxed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_looks_only_now_and_then() {
    let (dir, writes) = (tempfile::tempdir().unwrap(), Arc::new(Writes::default()));
    let path = dir.path().join("store.db");
    let rig = Rig::new(Store::open_watched(&path, &OsRandom, writes.clone()).unwrap(), Some(dir));
    rig.push("1", &chat(1)).await;
    let held = rig.drain(&chat(1)).await;
    let mut deliveries = rig.queue.deliveries(all(&chat(1)));
    let mut next = pin!(deliveries.next());
    let before = writes.0.load(Ordering::Relaxed);
    for _ in 0..60 {
        assert!(rig.now(next.as_mut()).await.is_none());
        rig.advance(SECOND).await;
    }
    let n_looks = writes.0.load(Ordering::Relaxed) - before;
    assert!((10..=13).contains(&n_looks), "{n_looks} looks in a minute");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_refused_with_a_reason() {
    let rig = Rig::memory();
    let long = "x".repeat(300);
    let large = json!("x".repeat(MAX_BODY_BYTES));
    for (kind, dedup, body, why) in [
        ("", "1", json!(1), "`` is no type"),
        ("Timer", "1", json!(1), "`Timer` is no type"),
        ("a__b", "1", json!(1), "`a__b` is no type"),
        ("_a", "1", json!(1), "`_a` is no type"),
        ("a_", "1", json!(1), "`a_` is no type"),
        ("1a", "1", json!(1), "`1a` is no type"),
        ("a\n", "1", json!(1), "`a\\n` is no type"),
        (&long, "1", json!(1), "`xxxx"),
        ("async_delegation", "1", json!(1), "the type `async_delegation` is reserved"),
        ("async_delegation_x", "1", json!(1), "the type `async_delegation_x` is reserved"),
        ("timer", "", json!(1), "an identity of 0 bytes"),
        ("timer", &long, json!(1), "an identity of 300 bytes"),
        ("timer", "1", large, "a body of 262146 bytes"),
    ] {
        let err = rig.queue.push(kind, dedup, &chat(1), &body).await.unwrap_err().to_string();
        assert!(err.starts_with(why), "{err}");
    }
    assert!(rig.drain(&chat(1)).await.is_empty());
}
