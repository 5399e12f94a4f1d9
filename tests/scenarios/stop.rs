//! Stopping: timeouts and interrupts, soft and hard, and what is kept.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hermitage::{
    delegation::Progress,
    event::{ChildResult, CompletionEvent, ExitReason, Status},
    tools::file::{FileSlice, ReadFile, SearchFiles, SearchPage},
    toolset::{Caller, ToolError},
};
use hermitage_tests::{TestHost, TestTask};

/// A host whose children are never out of CPU time.
fn patient(change: impl FnOnce(&mut hermitage::config::Config)) -> TestHost {
    TestHost::with(|it| {
        it.sandbox.cpu = Duration::from_secs(60);
        change(it);
    })
}

/// The only cell there is belongs to the only depth.
fn one_cell(config: &mut hermitage::config::Config) {
    config.sandbox.max_live_cells = 1;
    config.delegation.max_depth = 1;
}

/// Runs tasks, and asks them to stop as soon as `n_started` of them have.
async fn interrupt_once_started(
    host: &TestHost,
    tasks: &[TestTask],
    n_started: usize,
) -> CompletionEvent {
    let mut updates = host.host().await.subscribe();
    let mut running = host.start(tasks).await;
    let mut started = 0;
    while started < n_started {
        if let Progress::Started { .. } = updates.recv().await.unwrap().progress {
            started += 1;
        }
    }
    running.stopper().interrupt();
    let event = running.wait().await.unwrap();
    host.assert_nothing_in_use();
    event
}

fn words(res: &ChildResult) -> (Status, ExitReason, Option<&str>, Option<&str>) {
    (res.status, res.exit_reason, res.error.as_deref(), res.summary.as_deref())
}

#[tokio::test]
async fn a_child_that_listens_returns_what_it_has() {
    let host = patient(|it| it.delegation.interrupt_grace = Duration::from_secs(60));
    let event = interrupt_once_started(&host, &[TestTask::new("waits_politely")], 1).await;
    let res = &event.results[0];
    let expect = (
        Status::Interrupted,
        ExitReason::Interrupted,
        Some("interrupted"),
        Some("stopped when asked"),
    );
    assert_eq!(words(res), expect);
    assert!(res.truncated);
}

#[tokio::test]
async fn a_child_that_does_not_listen_is_ended_after_the_grace() {
    let host = patient(|_| ());
    let event = interrupt_once_started(&host, &[TestTask::new("ignores_interruption")], 1).await;
    let expect = (Status::Interrupted, ExitReason::Interrupted, Some("interrupted"), None);
    assert_eq!(words(&event.results[0]), expect);
}

#[tokio::test]
async fn a_child_that_only_computes_is_ended_too_and_keeps_its_checkpoint() {
    let host = patient(|it| {
        it.delegation.child_timeout = Duration::from_millis(500);
    });
    let tasks = [TestTask::new("checkpoint_then_hangs")];
    host.request(&tasks).await;
    // Compiling counts, and takes longest when everything else does, too.
    host.host().await.warm_up(&["checkpoint_then_hangs"]).await.unwrap();
    let event = host.run(&tasks).await;
    host.assert_nothing_in_use();
    let expect = (
        Status::Timeout,
        ExitReason::Timeout,
        Some("not finished within 0.5 s"),
        Some("half of it"),
    );
    assert_eq!(words(&event.results[0]), expect);
}

#[tokio::test]
async fn a_child_that_is_out_of_time_is_told_and_may_return() {
    let host = patient(|it| {
        it.delegation.child_timeout = Duration::from_millis(100);
        it.delegation.interrupt_grace = Duration::from_secs(60);
    });
    let event = host.run(&[TestTask::new("waits_politely")]).await;
    let expect = (
        Status::Timeout,
        ExitReason::Timeout,
        Some("not finished within 0.1 s"),
        Some("stopped when asked"),
    );
    assert_eq!(words(&event.results[0]), expect);
}

#[tokio::test]
async fn children_that_wait_for_a_place_are_interrupted_without_a_run() {
    let host = patient(|it| it.delegation.max_concurrent_children = 1);
    let tasks = [TestTask::new("ignores_interruption"), TestTask::new("honest")];
    let event = interrupt_once_started(&host, &tasks, 1).await;
    assert_eq!(event.status, Status::Interrupted);
    let expect =
        (Status::Interrupted, ExitReason::Interrupted, Some("interrupted before it started"), None);
    assert_eq!(words(&event.results[1]), expect);
}

#[tokio::test]
async fn children_that_wait_for_a_cell_are_interrupted_without_a_run() {
    let host = patient(one_cell);
    let tasks = [TestTask::new("ignores_interruption"), TestTask::new("ignores_interruption")];
    let event = interrupt_once_started(&host, &tasks, 1).await;
    assert!(event.results.iter().all(|it| it.status == Status::Interrupted));
}

#[tokio::test]
async fn ending_at_once_does_not_wait_for_the_grace() {
    let host = patient(|it| it.delegation.interrupt_grace = Duration::from_secs(300));
    let tasks = [TestTask::new("ignores_interruption")];
    let mut running = host.start(&tasks).await;
    running.stopper().interrupt_at_once();
    let event = running.wait().await.unwrap();
    assert_eq!(event.status, Status::Interrupted);
}

/// A tool that never answers, and ends only when it is told to.
async fn stuck(caller: Caller, ended: Arc<AtomicBool>) -> Result<SearchPage, ToolError> {
    caller.cancelled.cancelled().await;
    // Long enough that a host which did not wait would be noticed.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    ended.store(true, Ordering::SeqCst);
    Err(ToolError::Interrupted)
}

#[tokio::test]
async fn a_run_ends_only_when_its_tools_have_ended() {
    let ended = Arc::new(AtomicBool::new(false));
    let of_tool = ended.clone();
    let host = patient(|it| {
        it.delegation.child_timeout = Duration::from_millis(100);
    })
    .replace(move |caller, _: SearchFiles| stuck(caller, of_tool.clone()));
    let event = host.run(&[TestTask::new("ignores_interruption")]).await;
    assert_eq!(event.results[0].status, Status::Timeout);
    assert!(ended.load(Ordering::SeqCst));
}

/// A tool that never hears that it is to stop.
async fn deaf(_: Caller, _: SearchFiles) -> Result<SearchPage, ToolError> {
    std::future::pending().await
}

#[tokio::test]
async fn a_tool_that_does_not_listen_holds_up_no_end() {
    let host = patient(|it| it.delegation.child_timeout = Duration::from_millis(300));
    let host = host.replace(deaf);
    // Compiled before the time of the child is measured.
    let tasks = [TestTask::new("ignores_interruption")];
    host.request(&tasks).await;
    host.host().await.warm_up(&["ignores_interruption"]).await.unwrap();
    let start = Instant::now();
    let event = host.run(&tasks).await;
    assert_eq!(event.results[0].status, Status::Timeout);
    // The timeout, the grace of 0.2 s, and what a tool has in any case.
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

/// A tool that crashes.
async fn crash(_: Caller, _: ReadFile) -> Result<FileSlice, ToolError> {
    panic!("a bug in a tool")
}

#[tokio::test]
async fn a_tool_that_crashes_is_a_failed_call_and_nothing_more() {
    let host = TestHost::new().replace(crash);
    let event = host.run(&[TestTask::new("imports_memory")]).await;
    host.assert_nothing_in_use();
    let summary = event.results[0].summary.as_deref().unwrap();
    assert!(summary.contains("the tool crashed in the host"), "{summary}");
}

#[tokio::test]
async fn a_run_that_is_given_up_frees_its_cell() {
    let host = patient(one_cell);
    let tasks = [TestTask::new("spins")];
    let mut updates = host.host().await.subscribe();
    let running = host.start(&tasks).await;
    while !matches!(updates.recv().await.unwrap().progress, Progress::Started { .. }) {}
    drop(running);
    // Waits for the only cell there is.
    let event = host.run(&[TestTask::new("honest")]).await;
    assert_eq!(event.results[0].summary.as_deref(), Some("hello"));
    host.assert_nothing_in_use();
}
