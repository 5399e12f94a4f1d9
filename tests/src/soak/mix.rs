//! Delegations of every kind, one after the other, with so many at a time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use hermitage::{delegation::Request, event::Status, host::Host, id::DelegationId};
use tokio::{sync::Semaphore, task::JoinSet};

use super::meter::{Held, slope};
use crate::{Dice, Gate, TestHost, TestTask, chat};

/// Delegations at a time, and places for them.
pub const IN_FLIGHT: usize = 64;

/// Children of these at work at once. What the memory of one was takes up to
/// a megabyte of its place when it is gone: with many places it would take a
/// million delegations until each has it, and look like a leak until then.
const CELLS: u32 = 16;

/// Conversations that they come from.
const SESSIONS: u32 = 8;

/// Looks at what the process holds.
const LOOKS: usize = 50;

/// Of these, those after which it no longer warms up.
const WARM: usize = LOOKS / 5;

/// The time that those have that are to run out of it.
const SHORT: Duration = Duration::from_millis(20);

/// One kind of delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Fine,
    Trap,
    Timeout,
    Interrupted,
    Hostile,
}

impl Kind {
    fn drawn(dice: &mut Dice) -> Self {
        match dice.roll(20) {
            0..=13 => Kind::Fine,
            14 | 15 => Kind::Trap,
            16 | 17 => Kind::Timeout,
            18 => Kind::Interrupted,
            _ => Kind::Hostile,
        }
    }

    fn may_end_as(self, status: Status) -> bool {
        match self {
            Kind::Fine => status == Status::Completed,
            Kind::Trap => status == Status::Error,
            Kind::Timeout => status == Status::Timeout,
            Kind::Interrupted => status == Status::Interrupted,
            // Some are refused what they do, and say so themselves.
            Kind::Hostile => status != Status::Completed,
        }
    }
}

/// What is asked for.
struct Requests {
    fine: Request,
    trap: Request,
    timeout: Request,
    interrupted: Request,
    hostile: Vec<Request>,
    /// One that costs all the processor time that a child may have.
    spins: Request,
}

impl Requests {
    async fn new(host: &TestHost) -> Self {
        let of = async |task: TestTask| host.in_background(&[task]).await;
        let mut hostile = Vec::new();
        for name in [
            "recurses",
            "exhausts_memory",
            "floods_handles",
            "floods_log",
            "returns_2mb",
            "loops_on_host_calls",
            "imports_unknown",
        ] {
            hostile.push(of(TestTask::new(name)).await);
        }
        Self {
            fine: of(TestTask::new("honest")).await,
            trap: of(TestTask::new("traps")).await,
            timeout: Request { timeout: Some(SHORT), ..of(TestTask::gated("never")).await },
            interrupted: of(TestTask::gated("never")).await,
            hostile,
            spins: of(TestTask::new("spins")).await,
        }
    }

    fn of(&self, kind: Kind, dice: &mut Dice) -> Request {
        match kind {
            Kind::Fine => &self.fine,
            Kind::Trap => &self.trap,
            Kind::Timeout => &self.timeout,
            Kind::Interrupted => &self.interrupted,
            Kind::Hostile if dice.roll(250) == 0 => &self.spins,
            Kind::Hostile => &self.hostile[dice.place(self.hostile.len())],
        }
        .clone()
    }
}

/// What is on its way, and what came.
#[derive(Default)]
struct Books {
    expected: BTreeMap<DelegationId, Kind>,
    /// Told before whoever delegated has written it down.
    early: BTreeMap<DelegationId, Status>,
    counts: BTreeMap<(Kind, &'static str), u64>,
    wrong: Vec<String>,
}

impl Books {
    fn dispatched(&mut self, id: DelegationId, kind: Kind) {
        match self.early.remove(&id) {
            Some(status) => self.count(kind, status),
            None => drop(self.expected.insert(id, kind)),
        }
    }

    fn ended(&mut self, id: DelegationId, status: Status) {
        match self.expected.remove(&id) {
            Some(kind) => self.count(kind, status),
            None if self.early.insert(id, status).is_some() => {
                self.wrong.push(format!("{id} was told twice"));
            }
            None => (),
        }
    }

    fn count(&mut self, kind: Kind, status: Status) {
        *self.counts.entry((kind, status.as_str())).or_default() += 1;
        if !kind.may_end_as(status) && self.wrong.len() < 20 {
            self.wrong.push(format!("{kind:?} ended as {}", status.as_str()));
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    pub counts: BTreeMap<(Kind, &'static str), u64>,
    pub took: Duration,
    /// What was held after so many delegations.
    pub held: Vec<(usize, Held)>,
}

impl Report {
    /// KiB for each 100,000 delegations, once it is warm.
    pub fn slope(&self) -> f64 {
        let points = self.held.iter().skip(WARM).map(|(n, held)| (*n as f64, held.rss as f64));
        slope(&points.collect::<Vec<_>>()) * 100_000.0
    }
}

async fn consume(host: Host, session: u32, places: Arc<Semaphore>, books: Arc<Mutex<Books>>) {
    let mut deliveries = host.completions(&chat(session));
    loop {
        let delivery = deliveries.next().await.unwrap();
        let event = delivery.completion().unwrap();
        let (id, status) = (event.delegation_id, event.status);
        delivery.ack().await.unwrap();
        books.lock().unwrap().ended(id, status);
        places.add_permits(1);
    }
}

/// Limits that keep what is hostile short, and what is fine out of them on a
/// machine that is busy with other things.
pub fn host() -> TestHost {
    TestHost::with(|it| {
        it.delegation.max_async_children = IN_FLIGHT;
        it.delegation.max_depth = 1;
        it.sandbox.max_live_cells = CELLS;
        it.sandbox.cpu = Duration::from_secs(1);
        it.sandbox.memory_bytes = 8 << 20;
        it.sandbox.host_calls = 2_000;
    })
    .gate(&Gate::new())
}

/// Runs so many; `look` hears of each look at what the process holds.
///
/// Panics when one ends otherwise than its kind does, twice, or not at all.
pub async fn run(
    test_host: &TestHost,
    count: usize,
    seed: u64,
    look: impl Fn(usize, Held),
) -> Report {
    let host = test_host.host().await;
    let requests = Requests::new(test_host).await;
    let (places, books) =
        (Arc::new(Semaphore::new(IN_FLIGHT)), Arc::new(Mutex::<Books>::default()));
    let mut consumers = JoinSet::new();
    for session in 0..SESSIONS {
        consumers.spawn(consume(host.clone(), session, places.clone(), books.clone()));
    }
    let (mut dice, mut held, start) = (Dice::new(seed), Vec::new(), Instant::now());
    for n in 1..=count {
        take(&places, 1, &mut consumers).await;
        let kind = Kind::drawn(&mut dice);
        let request = requests.of(kind, &mut dice);
        let answer = host.delegate(&chat(dice.roll(SESSIONS)), request).await.unwrap();
        let id = answer.delegation_id();
        books.lock().unwrap().dispatched(id, kind);
        if kind == Kind::Interrupted {
            host.interrupt(id, None).await;
        }
        if n % (count / LOOKS).max(1) == 0 {
            let now = Held::now();
            look(n, now);
            held.push((n, now));
        }
    }
    take(&places, IN_FLIGHT, &mut consumers).await;
    let took = start.elapsed();
    consumers.shutdown().await;
    test_host.assert_nothing_in_use();
    let books = std::mem::take(&mut *books.lock().unwrap());
    assert_eq!(books.wrong, Vec::<String>::new());
    assert!(books.expected.is_empty() && books.early.is_empty(), "not told, or of nobody");
    assert_eq!(books.counts.values().sum::<u64>(), count as u64);
    Report { counts: books.counts, took, held }
}

/// Waits for places, or for the panic of a consumer.
async fn take(places: &Semaphore, count: usize, consumers: &mut JoinSet<()>) {
    let count = u32::try_from(count).unwrap();
    tokio::select! {
        places = places.acquire_many(count) => places.unwrap().forget(),
        ended = consumers.join_next() => panic!("a consumer ended: {ended:?}"),
    }
}
