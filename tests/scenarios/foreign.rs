//! Components that our own tool chain did not make: damaged ones, ones of
//! other languages, and ones that were written to deceive.

use std::sync::Arc;

use hermitage::{
    event::{ChildResult, ExitReason, Status},
    sandbox::Binary,
};
use hermitage_tests::{TestHost, TestTask, guest};

async fn run_text(text: &str) -> ChildResult {
    let bytes: Arc<[u8]> = Arc::from(wat::parse_str(text).unwrap());
    TestHost::new().run_beside_honest(TestTask::of_bytes("foreign", bytes)).await
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_before_it_is_read() {
    let host = TestHost::with(|it| it.sandbox.component_bytes = 1024);
    let err = host
        .host()
        .await
        .sandbox()
        .load(&Binary::new(guest("honest")))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(err.ends_with("components are at most 1024 bytes (`sandbox.component_mib`)"), "{err}");
}

/// An agent in text that uses WASI as other tool chains do: it asks for the
/// environment and for preopened directories, writes to standard output, and
/// says in its summary how many it got.
const WASI_AGENT: &str = include_str!("wasi_agent.wat");

#[tokio::test]
async fn a_component_of_another_tool_chain_finds_an_inert_wasi() {
    let res = run_text(WASI_AGENT).await;
    assert_eq!(res.status, Status::Completed, "{res:?}");
    assert_eq!(res.summary.as_deref(), Some("0 variables, 0 directories"));
    let stubbed = &res.boundary.unwrap().stubbed;
    assert_eq!(stubbed[0].import, "wasi:filesystem/preopens@0.2.6#get-directories");
}

#[tokio::test]
async fn a_component_is_compiled_once_however_many_ask_for_it() {
    let host = TestHost::with(|it| it.sandbox.cache_dir = None);
    let binary = Binary::new(guest("honest"));
    let (one, two) = tokio::join!(
        host.host().await.sandbox().load(&binary),
        host.host().await.sandbox().load(&binary)
    );
    assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
}

/// Writes to standard output without end: calls that no budget refuses.
const WASI_FLOOD: &str = include_str!("wasi_flood.wat");

#[tokio::test]
async fn calls_of_the_inert_wasi_are_counted_too() {
    let bytes: Arc<[u8]> = Arc::from(wat::parse_str(WASI_FLOOD).unwrap());
    let host = TestHost::with(|it| {
        it.sandbox.cpu = std::time::Duration::from_secs(60);
        it.sandbox.host_calls = 1_000;
    });
    let res = host.run_beside_honest(TestTask::of_bytes("foreign", bytes)).await;
    assert_eq!((res.status, res.exit_reason), (Status::Failed, ExitReason::Budget), "{res:?}");
}

#[tokio::test]
async fn a_handle_that_is_dropped_too_early_is_told_as_that() {
    let res = run_text(include_str!("wasi_drops_parent.wat")).await;
    assert_eq!((res.status, res.exit_reason), (Status::Error, ExitReason::Trap), "{res:?}");
    assert_eq!(res.error.as_deref(), Some("trapped: resource has children"));
}
