//! Thousands of delegations that end in every way there is: each has exactly
//! one event, and nothing is kept of any.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use hermitage::{
    delegation::Request,
    event::Status,
    host::Host,
    id::DelegationId,
    store::{EventFilter, StateFilter},
    toolset::{NativeTool, ToolSpec, native::tool},
};
use hermitage_tests::{Dice, Gate, TestHost, TestTask, chat};
use tokio::{sync::Semaphore, task::JoinSet};

/// Units at a time, which is also the number of slots: one that is not free
/// when the end of its unit is heard of is a rejection, which fails the test.
const IN_FLIGHT: usize = 64;

const SESSIONS: u32 = 8;

fn boom() -> Arc<dyn NativeTool> {
    let spec = ToolSpec {
        name: "boom".to_owned(),
        description: "Crashes.".to_owned(),
        parameters: r#"{"type":"object"}"#.to_owned(),
    };
    tool(spec, |_, _| async { panic!("a bug in a tool") })
}

/// What is asked for, with how often it comes and how it ends. What ends as
/// interrupted is interrupted as soon as it was dispatched.
struct Ways(Vec<(u32, Status, Request)>);

impl Ways {
    async fn new(host: &TestHost) -> Self {
        let calls = |tool: &str| {
            TestTask::new("calls_native").toolsets(&[tool]).context(&format!("{tool} {{}}"))
        };
        let mut res = Vec::new();
        for (weight, status, tasks) in [
            (40, Status::Completed, vec![TestTask::new("honest")]),
            (15, Status::Error, vec![TestTask::new("traps")]),
            (10, Status::Error, vec![TestTask::new("panics")]),
            (10, Status::Error, vec![TestTask::new("imports_unknown")]),
            (5, Status::Error, vec![TestTask::new("traps"), TestTask::new("panics")]),
            (5, Status::Failed, vec![TestTask::new("fails")]),
            (5, Status::Completed, vec![calls("boom")]),
            (1, Status::Timeout, vec![TestTask::new("spins")]),
            (1, Status::Timeout, vec![calls("gate")]),
            (5, Status::Interrupted, vec![TestTask::gated("never")]),
            (3, Status::Interrupted, vec![TestTask::new("waits_politely")]),
        ] {
            res.push((weight, status, host.in_background(&tasks).await));
        }
        Self(res)
    }

    fn draw(&self, dice: &mut Dice) -> (Status, Request) {
        let mut left = dice.roll(self.0.iter().map(|(weight, ..)| weight).sum());
        for (weight, status, request) in &self.0 {
            match left.checked_sub(*weight) {
                None => return (*status, request.clone()),
                Some(less) => left = less,
            }
        }
        unreachable!("the weights add up")
    }
}

/// How each unit of each session ended.
type Ends = BTreeMap<(u32, DelegationId), Status>;

/// Takes the events of one session until it is given up.
async fn consume(host: Host, session: u32, places: Arc<Semaphore>, ends: Arc<Mutex<Ends>>) {
    let mut deliveries = host.completions(&chat(session));
    loop {
        let delivery = deliveries.next().await.unwrap();
        let event = delivery.completion().unwrap();
        assert_eq!(event.session_key, chat(session));
        let key = (session, event.delegation_id);
        let before = ends.lock().unwrap().insert(key, event.status);
        assert_eq!(before, None, "told twice: {event:?}");
        delivery.ack().await.unwrap();
        places.add_permits(1);
    }
}

async fn many(host: TestHost, count: usize) {
    let test_host = host.native(boom()).gate(&Gate::new());
    let host = test_host.host().await;
    let ways = Ways::new(&test_host).await;
    let (places, ends) = (Arc::new(Semaphore::new(IN_FLIGHT)), Arc::new(Mutex::default()));
    let mut consumers = JoinSet::new();
    for session in 0..SESSIONS {
        consumers.spawn(consume(host.clone(), session, places.clone(), ends.clone()));
    }

    let (mut dice, mut expect) = (Dice::new(7), Ends::new());
    for _ in 0..count {
        free(&places, 1, &mut consumers).await;
        let session = dice.roll(SESSIONS);
        let (status, request) = ways.draw(&mut dice);
        let answer = host.delegate(&chat(session), request).await.unwrap();
        let id = answer.delegation_id();
        if status == Status::Interrupted {
            host.interrupt(id, None).await;
        }
        expect.insert((session, id), status);
    }
    free(&places, IN_FLIGHT, &mut consumers).await;
    consumers.shutdown().await;
    assert_eq!(expect.len(), count);
    assert_eq!(*ends.lock().unwrap(), expect);
    nothing_is_left(&test_host).await;
}

/// Waits for places, or for the panic of a consumer.
async fn free(places: &Semaphore, count: usize, consumers: &mut JoinSet<()>) {
    let count = u32::try_from(count).unwrap();
    tokio::select! {
        places = places.acquire_many(count) => places.unwrap().forget(),
        ended = consumers.join_next() => panic!("a consumer ended: {ended:?}"),
    }
}

async fn nothing_is_left(test_host: &TestHost) {
    test_host.assert_nothing_in_use();
    let host = test_host.host().await;
    let listed = host.list().await.unwrap();
    assert!(listed.iter().all(|it| it.completed_at.is_some()), "{listed:?}");
    let state = Some(StateFilter::Undelivered);
    let filter = EventFilter { state, limit: 10, ..EventFilter::default() };
    assert_eq!(host.queue().list(filter).await.unwrap(), []);
    // All slots can be had at once.
    for _ in 0..IN_FLIGHT {
        test_host.dispatch(&chat(99), &[TestTask::gated("never")]).await;
    }
    assert_eq!(host.interrupt_all("enough").await, IN_FLIGHT);
}

fn crowded() -> TestHost {
    TestHost::with(|it| {
        it.delegation.max_async_children = IN_FLIGHT;
        it.delegation.max_depth = 1;
        it.delegation.child_timeout = Duration::from_secs(3);
        it.sandbox.max_live_cells = 64;
        // Ten times what an honest one takes on a machine that is busy.
        it.sandbox.cpu = Duration::from_millis(200);
    })
}

#[tokio::test]
async fn ten_thousand_delegations_have_ten_thousand_events_and_leave_nothing() {
    many(crowded(), 10_000).await;
}

#[tokio::test]
async fn so_do_three_hundred_on_disk() {
    many(crowded().durable(), 300).await;
}
