//! Components that were made to be dear to compile: each is a refusal in
//! words, and neither the host nor a sibling feels anything of it.

use std::{sync::Arc, time::Duration};

use hermitage::{
    config::Config,
    event::{CompletionEvent, ExitReason, Status},
    sandbox::{Binary, LoadError},
};
use hermitage_tests::{
    TestHost, TestTask,
    bombs::{self, Bomb},
    guest,
    shapes::Shape,
};

/// What needs more than three seconds needs more than one.
fn host() -> TestHost {
    TestHost::with(|it| it.sandbox.compile_seconds = 1)
}

/// One whose compiler is not held to any time.
fn patient(change: impl FnOnce(&mut Config)) -> TestHost {
    TestHost::with(|it| {
        it.sandbox.compile_seconds = 3_600;
        change(it);
    })
}

/// Takes minutes.
fn endless() -> TestTask {
    TestTask::of_bytes("endless", Arc::from(bombs::find("loops one after the other").bytes))
}

async fn load(host: &TestHost, bytes: &[u8]) -> Result<(), LoadError> {
    host.host().await.sandbox().load(&Binary::new(bytes)).await.map(drop)
}

/// The machine decides which of its limits a compiler runs into first.
fn words(err: &LoadError) -> String {
    let text = err.to_string();
    let limits = [
        "1 s of processor time (`sandbox.compile_seconds`)",
        "384 MiB of memory (`sandbox.compile_mib`)",
    ];
    limits.iter().fold(text, |text, it| text.replace(it, "its limits"))
}

#[tokio::test]
async fn what_is_dear_to_compile_is_refused_with_the_limit_that_it_ran_into() {
    let host = host();
    let mut told = String::new();
    for Bomb { name, bytes } in bombs::all() {
        let err = load(&host, &bytes).await.expect_err(name);
        assert!(!err.is_transient(), "{name}: {err}");
        told += &format!("{name}: {}\n", words(&err));
    }
    insta::assert_snapshot!(told, @"
    types nested 100,000 deep: the compiler crashed on it: it nests deeper than the compiler can follow
    siblings of instances of nothing: instances, aliases and functions of a component: 12222222 is over the limit of 20000
    calls with 1,000 parameters and results: compiling it takes more than its limits
    blocks with 1,000 parameters: compiling it takes more than its limits
    branches to loops over many locals: compiling it takes more than its limits
    a table of 65,000 branches to a loop: compiling it takes more than its limits
    many tables of branches: compiling it takes more than its limits
    loops one after the other: compiling it takes more than its limits
    indirect calls: compiling it takes more than its limits
    an element segment of a million functions: compiling it takes more than its limits
    ");
    load(&host, &guest("honest")).await.unwrap();
}

/// The dearest that an hour of search found, by processor time and by memory
/// of the helper and of the host (`compile-search`). The smallest of them stay
/// below every limit.
const FOUND: [&str; 10] = [
    "call:1024:128",
    "call:2048:128",
    "call:4096:64",
    "call:8192:64",
    "i8x16.popcnt:8:2 call:1024:128",
    "row-if:16:1 i8x16.popcnt:8:2 call:2048:128",
    "row-loop:8:32 call:4096:64",
    "locals:512:1024 call:2048:64",
    "call-tuple:256:256 call_indirect:4:4",
    "lifts:64:32 call-tuple:256:256 call_indirect:2:4",
];

#[tokio::test]
async fn what_a_search_found_is_compiled_within_the_limits_or_refused() {
    let host = host();
    for text in FOUND {
        let bytes = text.parse::<Shape>().unwrap().render().unwrap();
        let is_transient = load(&host, &bytes).await.is_err_and(|it| it.is_transient());
        assert!(!is_transient, "{text}");
    }
    load(&host, &guest("honest")).await.unwrap();
}

#[tokio::test]
async fn a_sibling_is_done_while_a_bomb_is_compiled() {
    let Bomb { bytes, .. } = bombs::find("indirect calls");
    let res = host().run_beside_honest(TestTask::of_bytes("bomb", Arc::from(bytes))).await;
    assert_eq!((res.status, res.exit_reason), (Status::Error, ExitReason::Refused));
    let error = res.error.unwrap();
    assert!(error.starts_with("the component was refused: compiling it takes more"), "{error}");
}

/// How the only child of a batch ended, and that it held nothing.
fn end(host: &TestHost, event: &CompletionEvent) -> (Status, ExitReason, String) {
    host.assert_nothing_in_use();
    let res = &event.results[0];
    (res.status, res.exit_reason, res.error.clone().unwrap())
}

#[tokio::test]
async fn compiling_counts_against_the_time_of_the_child() {
    let host = patient(|it| it.delegation.child_timeout = Duration::from_millis(100));
    let event = host.run(&[endless()]).await;
    let error = "timed out after 0.1 s, while its component was compiled".to_owned();
    assert_eq!(end(&host, &event), (Status::Timeout, ExitReason::Timeout, error));
}

#[tokio::test]
async fn a_child_that_is_compiled_is_interrupted_at_once() {
    let host = patient(|it| it.delegation.child_timeout = Duration::from_secs(3_600));
    let mut running = host.start(&[endless()]).await;
    running.stopper().interrupt();
    let event = running.wait().await.unwrap();
    let error = "interrupted before it started".to_owned();
    assert_eq!(end(&host, &event), (Status::Interrupted, ExitReason::Interrupted, error));
}
