//! What a service bears, and how soon it answers: `hermitage serve`, a process
//! of its own, with many who listen and many delegations at once, over real
//! sockets.
//!
//! `cargo bench --bench serve` prints a line for each measurement. Times stand
//! beside those of `/healthz` in the same run, which does nothing: what is above
//! that is the service's own. What a way in adds to a dispatch stands beside the
//! crate's own call in the same run.

#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a benchmark that fails has nothing to tell"
)]

mod caller;
mod service;
mod ways;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::{net::TcpStream, runtime::Runtime, task::JoinSet};

use self::{caller::Caller, service::Service};

/// Who listen.
const LISTENERS: usize = 1_000;

/// Delegations at once.
const DELEGATIONS: usize = 200;

/// Calls of a tool by each of their children, so that they overlap.
const STEPS: usize = 200;

/// Events whose way to a consumer is measured.
const EVENTS: usize = 200;

/// Connections on which nothing comes.
const IDLE: usize = 10_000;

fn main() {
    hermitage::run_if_helper();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let service = Service::start();
    Runtime::new().unwrap().block_on(async {
        let caller = service.caller();
        let (floor, status) = (times(&caller, "/healthz", 2_000).await, alone(&caller).await);
        println!("nothing else to do: /healthz {floor}; a delegation's status {status}");
        println!(
            "from the end of a delegation to a consumer that waits: {}",
            to_consumer(&caller).await
        );
        ways::measure(&service).await;
        under_load(&service, &caller).await;
        idle(&service).await;
        println!("memory of the service at most: {} MiB", service.peak_mebibytes());
    });
}

/// The status of one delegation, over and over.
async fn alone(caller: &Caller) -> Times {
    let id = caller.dispatch(1).await;
    caller.claim().await;
    times(caller, &format!("/v1/delegations/{id}"), 2_000).await
}

async fn times(caller: &Caller, path: &str, count: usize) -> Times {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = Instant::now();
        caller.get(path).await;
        times.push(begin.elapsed());
    }
    Times(times)
}

/// By the wall clock of the machine, which the event has its end from.
async fn to_consumer(caller: &Caller) -> Times {
    let mut times = Vec::new();
    for _ in 0..EVENTS {
        let waiting = caller.clone();
        let claim = tokio::spawn(async move { waiting.claim().await });
        caller.dispatch(1).await;
        let event = claim.await.unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let ended = event["event"]["completed_at"].as_f64().unwrap();
        times.push(Duration::from_secs_f64((now - ended).max(0.0)));
    }
    Times(times)
}

async fn under_load(service: &Service, caller: &Caller) {
    let mut listeners = JoinSet::new();
    for _ in 0..LISTENERS {
        let stream = service.caller().listen().await;
        listeners.spawn(caller::completions(stream, DELEGATIONS));
    }
    let begin = Instant::now();
    let mut asked = JoinSet::new();
    for _ in 0..DELEGATIONS {
        let caller = caller.clone();
        asked.spawn(async move { caller.dispatch(STEPS).await });
    }
    let (mut status, mut floor) = (Vec::new(), Vec::new());
    let mut heard = 0;
    let id = asked.join_next().await.unwrap().unwrap();
    let path = format!("/v1/delegations/{id}");
    while heard < LISTENERS {
        tokio::select! {
            biased;
            Some(count) = listeners.join_next() => {
                assert_eq!(count.unwrap(), DELEGATIONS, "a listener missed an event");
                heard += 1;
            }
            Times(times) = times(caller, &path, 1) => {
                status.extend(times);
                floor.extend(self::times(caller, "/healthz", 1).await.0);
            }
        }
    }
    println!(
        "{LISTENERS} listeners, {DELEGATIONS} delegations at once: every event to each in {:.1} s; \
         meanwhile /healthz {}; a delegation's status {}",
        begin.elapsed().as_secs_f64(),
        Times(floor),
        Times(status),
    );
}

/// Connections that say nothing are let go, and the owner is served meanwhile.
async fn idle(service: &Service) {
    let mut open = Vec::new();
    for _ in 0..IDLE {
        open.push(TcpStream::connect(service.address()).await.unwrap());
    }
    let owner = service.owner();
    let answered = times(&owner, "/v1/delegations", 100).await;
    println!("{IDLE} idle connections: the owner's list {answered}");
    drop(open);
    let caller = service.caller();
    let body = json!({"goal": "nothing", "agent": "steps", "context": "[]"});
    assert_eq!(caller.post("/v1/delegations", &body).await.0, 202);
}

/// Of one kind of call.
struct Times(Vec<Duration>);

impl Times {
    /// In milliseconds.
    fn middle(&self) -> f64 {
        self.at(50)
    }

    fn at(&self, percent: usize) -> f64 {
        let mut times = self.0.clone();
        times.sort();
        let place = times.len().saturating_sub(1) * percent / 100;
        times.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ms (p99 {:.2} ms, {} calls)", self.at(50), self.at(99), self.0.len())
    }
}
