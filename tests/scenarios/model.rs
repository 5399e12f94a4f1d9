//! Random sequences of everything that can happen to delegations, on a whole
//! host, beside a model that knows no more than what SEMANTICS.md says.

use hermitage::{
    delegation::{DelegateError, Dispatched, OnCapacity, Progress, Request, Running, Update},
    event::{CompletionEvent, Status},
    id::DelegationId,
};
use hermitage_tests::{Dice, Gate, TestHost, TestTask, chat};
use tokio::sync::broadcast::Receiver;

const SLOTS: usize = 2;
const PLACES_TO_WAIT: usize = 2;
const SEQUENCES: u64 = 30;
const STEPS: usize = 25;

/// A unit that runs or waits, and the name of its gate.
struct Unit {
    id: DelegationId,
    gate: String,
    /// What its caller holds, when there is one that waits.
    caller: Option<Running>,
}

/// The units in the order in which they came. Of those in the background the
/// first [`SLOTS`] run.
struct World {
    host: TestHost,
    gate: Gate,
    updates: Receiver<Update>,
    background: Vec<Unit>,
    foreground: Vec<Unit>,
    paused: bool,
    dispatched: usize,
}

/// What should become of a request.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Background,
    Foreground,
    Nowhere,
}

impl World {
    async fn new() -> Self {
        let gate = Gate::new();
        let host = TestHost::with(|it| {
            it.delegation.max_async_children = SLOTS;
            it.delegation.max_queued = PLACES_TO_WAIT;
            it.delegation.async_callers = 1;
            it.delegation.max_depth = 1;
            it.sandbox.max_live_cells = 32;
        });
        let host = host.gate(&gate);
        let updates = host.host().await.subscribe();
        let (background, foreground) = (Vec::new(), Vec::new());
        Self { host, gate, updates, background, foreground, paused: false, dispatched: 0 }
    }

    async fn step(&mut self, dice: &mut Dice) {
        match dice.roll(12) {
            0..5 => self.dispatch(dice).await,
            5..8 => self.end(dice, Status::Completed).await,
            8..10 => self.end(dice, Status::Interrupted).await,
            10 => self.drop_caller(dice).await,
            _ => self.pause().await,
        }
        self.check().await;
    }

    fn place(&self, background: bool, on_capacity: OnCapacity) -> Place {
        let has_room_to_wait = self.background.len() < SLOTS + PLACES_TO_WAIT;
        match (background, on_capacity) {
            _ if self.paused => Place::Nowhere,
            (false, _) => Place::Foreground,
            _ if self.background.len() < SLOTS => Place::Background,
            (_, OnCapacity::Inline) => Place::Foreground,
            (_, OnCapacity::Queue) if has_room_to_wait => Place::Background,
            _ => Place::Nowhere,
        }
    }

    async fn dispatch(&mut self, dice: &mut Dice) {
        let on_capacity =
            [OnCapacity::Reject, OnCapacity::Inline, OnCapacity::Queue][dice.place(3)];
        let background = dice.roll(3) > 0;
        let gate = format!("gate {}", self.dispatched);
        self.dispatched += 1;
        let request = self.host.request(&[TestTask::gated(&gate)]).await;
        let request = Request { background, on_capacity, ..request };
        let host = self.host.host().await;
        let prepared = host.prepare(&chat(1), request).await.unwrap();
        let place = self.place(background, on_capacity);
        match host.dispatch(prepared).await {
            Ok(Dispatched::Background(handle)) => {
                assert_eq!(place, Place::Background);
                self.background.push(Unit { id: handle.id(), gate, caller: None });
            }
            Ok(Dispatched::Foreground(running)) => {
                assert_eq!(place, Place::Foreground);
                let id = running.handle().id();
                self.foreground.push(Unit { id, gate, caller: Some(running) });
            }
            Err(DelegateError::Rejected(why)) => assert_eq!(place, Place::Nowhere, "{why}"),
            Err(err) => panic!("{err}"),
        }
    }

    /// Ends one unit, which may not run yet: that can only be interrupted.
    async fn end(&mut self, dice: &mut Dice, status: Status) {
        let in_background = match status {
            Status::Interrupted => self.background.len(),
            _ => self.background.len().min(SLOTS),
        };
        let all = in_background + self.foreground.len();
        if all == 0 {
            return;
        }
        let chosen = dice.place(all);
        let mut unit = match chosen.checked_sub(in_background) {
            None => self.background.remove(chosen),
            Some(chosen) => self.foreground.remove(chosen),
        };
        match status {
            Status::Interrupted => assert!(self.host.host().await.interrupt(unit.id, None).await),
            _ => self.gate.open(&unit.gate),
        }
        let event = self.event(&mut unit).await;
        assert_eq!((event.delegation_id, event.status), (unit.id, status));
    }

    async fn event(&self, unit: &mut Unit) -> CompletionEvent {
        match &mut unit.caller {
            Some(running) => running.wait().await.unwrap(),
            None => self.host.next(&chat(1)).await,
        }
    }

    async fn drop_caller(&mut self, dice: &mut Dice) {
        if self.foreground.is_empty() {
            return;
        }
        let unit = self.foreground.remove(dice.place(self.foreground.len()));
        drop(unit.caller);
        loop {
            let update = self.updates.recv().await.unwrap();
            if let Progress::Ended { status, .. } = update.progress
                && update.delegation_id == unit.id
            {
                assert_eq!(status, Status::Interrupted);
                return;
            }
        }
    }

    async fn pause(&mut self) {
        self.paused = !self.paused;
        let host = self.host.host().await;
        if self.paused { host.pause() } else { host.resume() }
    }

    /// What the host lists as alive is what the model holds.
    async fn check(&self) {
        let listed = self.host.host().await.list().await.unwrap();
        let alive = listed.iter().filter(|it| it.completed_at.is_none());
        let mut seen: Vec<_> = alive.map(|it| (it.delegation_id, it.status.as_str())).collect();
        let in_background = self
            .background
            .iter()
            .enumerate()
            .map(|(place, it)| (it.id, if place < SLOTS { "running" } else { "waiting" }));
        let in_foreground = self.foreground.iter().map(|it| (it.id, "running"));
        let mut expect: Vec<_> = in_background.chain(in_foreground).collect();
        seen.sort();
        expect.sort();
        assert_eq!(seen, expect);
    }

    async fn close(mut self) {
        self.host.host().await.shutdown().await;
        for unit in &mut self.foreground {
            let event = unit.caller.as_mut().unwrap().wait().await.unwrap();
            assert_eq!(event.status, Status::Interrupted);
        }
        for _ in 0..self.background.len() {
            assert_eq!(self.host.next(&chat(1)).await.status, Status::Interrupted);
        }
        self.host.assert_nothing_in_use();
    }
}

#[tokio::test]
async fn a_host_does_what_the_model_does() {
    for seed in 0..SEQUENCES {
        let (mut world, mut dice) = (World::new().await, Dice::new(seed));
        for _ in 0..STEPS {
            world.step(&mut dice).await;
        }
        world.close().await;
    }
}
