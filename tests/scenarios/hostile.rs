//! One guest per behaviour, each beside an honest sibling: the exact status,
//! exit reason and words, and everything given back.

use std::time::Duration;

use hermitage::event::{
    ChildResult,
    ExitReason::{self, Budget, Completed as Returned, Error as Fault, Timeout, Trap},
    Status::{self, Completed, Error, Failed, Timeout as TimedOut},
};
use hermitage_tests::{TestHost, TestTask};

/// What a result must be.
struct Expect<'a> {
    status: Status,
    exit_reason: ExitReason,
    error: Option<&'a str>,
    summary: Option<&'a str>,
}

fn expect<'a>(
    status: Status,
    exit_reason: ExitReason,
    error: impl Into<Option<&'a str>>,
    summary: impl Into<Option<&'a str>>,
) -> Expect<'a> {
    Expect { status, exit_reason, error: error.into(), summary: summary.into() }
}

async fn check(guest: &str, expect: Expect<'_>) -> ChildResult {
    check_on(&TestHost::new(), guest, expect).await
}

async fn check_on(host: &TestHost, guest: &str, expect: Expect<'_>) -> ChildResult {
    let res = host.run_beside_honest(TestTask::new(guest)).await;
    let seen = (res.status, res.exit_reason, res.error.as_deref(), res.summary.as_deref());
    assert_eq!(seen, (expect.status, expect.exit_reason, expect.error, expect.summary));
    res
}

#[tokio::test]
async fn a_guest_that_spins_is_out_of_cpu_time() {
    let text = "all 0.3 s of CPU time are spent (`sandbox.cpu_seconds`)";
    check("spins", expect(TimedOut, Timeout, text, None)).await;
}

#[tokio::test]
async fn a_guest_that_spins_before_it_is_called_is_out_of_cpu_time_too() {
    let text = "all 0.3 s of CPU time are spent (`sandbox.cpu_seconds`)";
    check("spins_in_start", expect(TimedOut, Timeout, text, None)).await;
}

#[tokio::test]
async fn a_guest_that_spins_keeps_its_checkpoint() {
    let text = "all 0.3 s of CPU time are spent (`sandbox.cpu_seconds`)";
    let expect = expect(TimedOut, Timeout, text, "half of it");
    let res = check("checkpoint_then_hangs", expect).await;
    assert!(res.truncated);
}

#[tokio::test]
async fn a_guest_that_recurses_is_out_of_stack() {
    check("recurses", expect(Error, Trap, "call stack exhausted (512 KiB)", None)).await;
}

/// Also what keeps the host's share of the stack large enough: a host
/// function that runs out of it ends the process, and this test with it.
#[tokio::test]
async fn a_guest_that_recurses_and_calls_is_out_of_stack() {
    let host = TestHost::with(|it| it.sandbox.cpu = Duration::from_secs(60));
    let text = "call stack exhausted (512 KiB)";
    check_on(&host, "recurses_then_calls", expect(Error, Trap, text, None)).await;
}

#[tokio::test]
async fn a_guest_that_takes_memory_is_refused_at_the_limit_and_may_go_on() {
    let host = TestHost::with(|it| it.sandbox.memory_bytes = 8 << 20);
    let res = host.run_beside_honest(TestTask::new("grows_memory")).await;
    assert_eq!((res.status, res.exit_reason), (Completed, Returned));
    let summary = res.summary.unwrap();
    let taken: u32 = summary.strip_prefix("refused after ").unwrap()[..1].parse().unwrap();
    assert!((4..8).contains(&taken), "{summary}");
}

#[tokio::test]
async fn a_guest_that_needs_more_memory_than_there_is_names_the_limit() {
    let host = TestHost::with(|it| it.sandbox.memory_bytes = 8 << 20);
    let text = "memory limit reached (`sandbox.memory_mib`)";
    check_on(&host, "exhausts_memory", expect(Error, Trap, text, None)).await;
}

#[tokio::test]
async fn a_guest_that_starts_with_more_memory_than_there_is_never_runs() {
    let host = TestHost::with(|it| it.sandbox.memory_bytes = 64 << 10);
    let res = host.run(&[TestTask::new("honest")]).await.results.remove(0);
    assert_eq!((res.status, res.exit_reason), (Error, ExitReason::Refused), "{res:?}");
    host.assert_nothing_in_use();
}

#[tokio::test]
async fn a_guest_that_traps_is_an_error() {
    let text = "trapped: wasm trap: wasm `unreachable` instruction executed";
    check("traps", expect(Error, Trap, text, None)).await;
}

#[tokio::test]
async fn a_guest_that_panics_says_where_and_why() {
    let res = TestHost::new().run_beside_honest(TestTask::new("panics")).await;
    assert_eq!((res.status, res.exit_reason), (Error, Trap));
    let error = res.error.unwrap();
    assert!(error.starts_with("trapped: wasm trap: wasm `unreachable`"), "{error}");
    assert!(error.contains("panicked at"), "{error}");
    assert!(error.ends_with("the guest gave up"), "{error}");
}

#[tokio::test]
async fn a_guest_that_returns_an_error_has_failed() {
    let text = "the agent gave up: the guest could not do it";
    check("fails", expect(Failed, Fault, text, None)).await;
}

#[tokio::test]
async fn a_guest_that_says_so_has_failed() {
    let text = "the agent says that it failed";
    check("says_failed", expect(Failed, Returned, text, "the task can't be done")).await;
}

#[tokio::test]
async fn a_guest_without_a_summary_has_failed() {
    check("blank", expect(Failed, Returned, "finished without a summary", None)).await;
}

#[tokio::test]
async fn a_guest_that_calls_tools_for_ever_spends_its_calls() {
    let host = TestHost::with(|it| it.sandbox.host_calls = 500);
    let text = "all 500 host calls are spent (`sandbox.host_calls`)";
    let res = check_on(&host, "loops_on_host_calls", expect(Failed, Budget, text, None)).await;
    assert_eq!(res.tool_calls, 500);
}

#[tokio::test]
async fn a_guest_that_reports_progress_for_ever_spends_its_calls() {
    let host = TestHost::with(|it| it.sandbox.host_calls = 500);
    let text = "all 500 host calls are spent (`sandbox.host_calls`)";
    check_on(&host, "loops_on_progress", expect(Failed, Budget, text, None)).await;
}

#[tokio::test]
async fn a_guest_that_hoards_handles_is_stopped() {
    let host = TestHost::with(|it| it.sandbox.handles = 64);
    let text = "too many handles (`sandbox.handles`)";
    check_on(&host, "floods_handles", expect(Error, Trap, text, None)).await;
}

#[tokio::test]
async fn a_guest_that_floods_its_log_loses_lines_and_nothing_else() {
    let host = TestHost::with(|it| it.sandbox.cpu = Duration::from_secs(60));
    check_on(&host, "floods_log", expect(Completed, Returned, None, "done")).await;
}

#[tokio::test]
async fn a_report_over_the_limit_of_one_call_is_refused() {
    let text = "too many bytes in one host call (`sandbox.host_call_kib`)";
    check("returns_10mb", expect(Error, Trap, text, None)).await;
}

#[tokio::test]
async fn a_report_over_its_own_limit_is_refused() {
    let text = "the report is too large (`sandbox.result_kib`)";
    check("returns_2mb", expect(Error, Trap, text, None)).await;
}

#[tokio::test]
async fn a_hundred_hostile_guests_leave_nothing_behind() {
    let host = TestHost::with(|it| {
        it.sandbox.cpu = Duration::from_millis(50);
        it.sandbox.host_calls = 100;
        it.delegation.max_concurrent_children = 16;
        it.delegation.max_tasks_per_batch = 100;
    });
    let names = ["traps", "panics", "recurses", "loops_on_host_calls", "spins", "honest", "fails"];
    let tasks: Vec<_> = (0..100).map(|it| TestTask::new(names[it % names.len()])).collect();
    let event = host.run(&tasks).await;
    host.assert_nothing_in_use();
    let indices: Vec<_> = event.results.iter().map(|it| it.task_index).collect();
    assert_eq!(indices, (0..100).collect::<Vec<_>>());
    let honest = event.results.iter().filter(|it| it.agent == "honest");
    assert!(honest.clone().all(|it| it.status == Completed));
    assert_eq!(honest.count(), 14);
}
