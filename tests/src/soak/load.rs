//! Ten times as much as there is room for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hermitage::{
    delegation::{DelegateError, Rejection},
    event::Status,
    host::Host,
    toolset::{NativeTool, ToolSpec, native::tool},
};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::{MissedTickBehavior, timeout},
};

use crate::{TestHost, TestTask, chat};

/// Places in the background.
const PLACES: usize = 64;

/// How long each child is at work: what waits for a model does not compute.
const WORK: Duration = Duration::from_millis(500);

/// As many as there is room for in this time come at once, ten times.
const BURST: Duration = Duration::from_millis(100);

/// How much more comes than there is room for.
const TIMES: usize = 10;

/// From the last request to the end of the last child.
const PATIENCE: Duration = Duration::from_secs(30);

/// Conversations that it comes from.
const SESSIONS: u32 = 8;

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    pub accepted: usize,
    /// How long each rejection took.
    pub rejected: Vec<Duration>,
    /// How long each acceptance took.
    pub taken: Vec<Duration>,
    pub completed: usize,
}

fn naps() -> Arc<dyn NativeTool> {
    let spec = ToolSpec {
        name: "nap".to_owned(),
        description: "Takes a while.".to_owned(),
        parameters: r#"{"type":"object"}"#.to_owned(),
    };
    tool(spec, |_, _| async {
        tokio::time::sleep(WORK).await;
        Ok("rested".to_owned())
    })
}

pub fn host() -> TestHost {
    TestHost::with(|it| {
        it.delegation.max_async_children = PLACES;
        it.delegation.async_callers = 1;
        it.delegation.max_depth = 1;
        it.sandbox.max_live_cells = PLACES as u32;
        it.sandbox.cpu = Duration::from_secs(5);
    })
    .native(naps())
}

/// For so long. Panics when one is refused for another reason than that there
/// is no room, or one that was accepted does not complete.
pub async fn run(test_host: &TestHost, time: Duration) -> Report {
    let host = test_host.host().await;
    let task = TestTask::new("calls_native").toolsets(&["nap"]).context("nap {}");
    let request = test_host.in_background(&[task]).await;
    let (end, mut ends) = unbounded_channel();
    let mut consumers = JoinSet::new();
    for session in 0..SESSIONS {
        consumers.spawn(consume(host.clone(), session, end.clone()));
    }
    let (mut asked, start) = (JoinSet::new(), Instant::now());
    let each = TIMES * PLACES * BURST.as_millis() as usize / WORK.as_millis() as usize;
    let mut bursts = tokio::time::interval(BURST);
    bursts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut report = Report::default();
    while start.elapsed() < time {
        bursts.tick().await;
        for n in 0..each {
            let (host, request) = (host.clone(), request.clone());
            let session = chat(u32::try_from(n).unwrap() % SESSIONS);
            asked.spawn(async move {
                let start = Instant::now();
                let answer = host.delegate(&session, request).await;
                (start.elapsed(), answer.map(drop))
            });
        }
        while let Some(answered) = asked.try_join_next() {
            report.note(answered.unwrap());
        }
    }
    while let Some(answered) = asked.join_next().await {
        report.note(answered.unwrap());
    }
    while report.completed < report.accepted {
        let status = timeout(PATIENCE, ends.recv()).await.expect("all that was accepted ends");
        assert_eq!(status, Some(Status::Completed));
        report.completed += 1;
    }
    consumers.shutdown().await;
    test_host.assert_nothing_in_use();
    report
}

impl Report {
    fn note(&mut self, (took, answer): (Duration, Result<(), DelegateError>)) {
        match answer {
            Ok(()) => {
                self.accepted += 1;
                self.taken.push(took);
            }
            Err(DelegateError::Rejected(Rejection::Capacity { .. })) => self.rejected.push(took),
            Err(err) => panic!("no rejection for want of room: {err}"),
        }
    }
}

async fn consume(host: Host, session: u32, ends: UnboundedSender<Status>) {
    let mut deliveries = host.completions(&chat(session));
    loop {
        let delivery = deliveries.next().await.unwrap();
        let status = delivery.completion().unwrap().status;
        delivery.ack().await.unwrap();
        ends.send(status).unwrap();
    }
}
