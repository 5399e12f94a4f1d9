//! Children on other hosts: real workers, each a process, and a real server
//! between them, which are killed, paused and started again.

mod cut;
mod many;
mod process;
mod rogue;

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hermitage::{
    cluster::PublicKey,
    event::{CompletionEvent, Status},
    toolset::{NativeTool, ToolSpec, native::tool},
};
use hermitage_tests::{Gate, TestHost, TestTask, chat};
use rustix::process::Signal;
use serde_json::Value;

use self::process::{Home, Nats, Worker};

/// A host whose children run elsewhere, and what it is known by.
fn submitter(nats: &Nats, trusted: &[PublicKey]) -> (TestHost, Home) {
    let home = Home::new();
    let (url, trusted) = (nats.url(), trusted.to_vec());
    let host = TestHost::with(|config| {
        config.cluster.nats = url;
        config.cluster.trusted = trusted;
        config.cluster.lease = Duration::from_secs(2);
        config.cluster.wait = Duration::from_secs(10);
        config.delegation.max_tasks_per_batch = 64;
        config.delegation.max_concurrent_children = 64;
        // A worker may be paused meanwhile.
        config.delegation.child_timeout = Duration::from_secs(120);
    });
    (host.store_at(&home.store()), home)
}

fn cluster(workers: usize) -> (Nats, TestHost, Home, Vec<Worker>) {
    let nats = Nats::start();
    let homes: Vec<Home> = (0..workers).map(|_| Home::new()).collect();
    let keys: Vec<PublicKey> = homes.iter().map(Home::key).collect();
    let (host, home) = submitter(&nats, &keys);
    let trusted = home.key();
    let start = |it| Worker::start(it, &nats, trusted, "");
    let workers = homes.into_iter().map(start).collect();
    (nats, host, home, workers)
}

/// What a child says that was let through a gate.
const PASSED: &str = r#"Ok("passed")"#;

/// A tool that counts its calls.
fn counter(name: &str, counted: &Arc<AtomicUsize>) -> Arc<dyn NativeTool> {
    let counted = Arc::clone(counted);
    let call = r#"{"type":"object","properties":{"call":{"type":"integer"}}}"#;
    tool(ToolSpec::new(name, "Counts a call.", call), move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok("counted".to_owned()) }
    })
}

fn summaries(event: &CompletionEvent) -> Vec<&str> {
    let text = |it: &hermitage::event::ChildResult| it.status == Status::Completed;
    assert!(event.results.iter().all(text), "{:?}", event.results);
    event.results.iter().map(|it| it.summary.as_deref().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn children_run_on_workers_with_the_tools_of_the_host_that_was_asked() {
    let (nats, host, home, mut workers) = cluster(1);
    let event = host.run(&[TestTask::new("honest"), TestTask::new("honest")]).await;
    assert_eq!(summaries(&event), ["hello", "hello"]);
    // Their files are read here; no cell was used.
    assert!(event.results.iter().all(|it| it.tool_calls > 0));
    host.assert_nothing_in_use();
    let listed = Command::new(env!("CARGO_BIN_EXE_hermitage-under-test"))
        .args(["workers", "--json", "--config"])
        .arg(config(&home, &nats))
        .env("XDG_STATE_HOME", home.0.path())
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["running"], 0);
    host.host().await.shutdown().await;
    assert_eq!(workers.remove(0).end(), Some(0));
}

fn config(home: &Home, nats: &Nats) -> std::path::PathBuf {
    let file = home.0.path().join("config.toml");
    fs::write(&file, format!("[cluster]\nnats = '{}'\n", nats.url())).unwrap();
    file
}

/// A child that makes sixty calls.
fn counting() -> TestTask {
    TestTask::new("counts").toolsets(&["look", "tick"]).goal("calls 30 below 0 0 ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_loses_its_children_to_another_and_nothing_is_done_twice() {
    let (_nats, host, _home, mut workers) = cluster(2);
    let gate = Gate::new();
    let host = host.gate(&gate);
    let mut running = host.start(&[TestTask::gated("one"), TestTask::gated("two")]).await;
    // Both wait in a call that is made here, wherever their cells are.
    gate.entered("one").await;
    gate.entered("two").await;
    workers.remove(0).kill();
    gate.open("one");
    gate.open("two");
    let event = running.wait().await.unwrap();
    assert_eq!(summaries(&event), [PASSED; 2]);
    assert!(event.results.iter().all(|it| it.tool_calls == 1), "{:?}", event.results);
    assert_eq!(host.events().await.len(), 1, "one for all of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_paused_finds_its_lease_gone() {
    let nats = Nats::start();
    let mut others = vec![Home::new(), Home::new()];
    let keys: Vec<PublicKey> = others.iter().map(Home::key).collect();
    let (host, home) = submitter(&nats, &keys);
    let paused = Worker::start(others.pop().unwrap(), &nats, home.key(), "");
    let gate = Gate::new();
    let host = host.gate(&gate);
    let mut running = host.start(&[TestTask::gated("one")]).await;
    gate.entered("one").await;
    paused.signal(Signal::STOP);
    let other = others.pop().unwrap();
    let other = Worker::start(other, &nats, home.key(), "");
    other.until_it_says("goes on (attempt 2)");
    paused.signal(Signal::CONT);
    paused.until_it_says("was taken away");
    gate.open("one");
    let event = running.wait().await.unwrap();
    assert_eq!(summaries(&event), [PASSED]);
    assert_eq!(event.results[0].tool_calls, 1, "the call was made once");
    other.until_it_says("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_started_again_loses_nobody() {
    let (mut nats, host, _home, _workers) = cluster(2);
    let ticks = Arc::new(AtomicUsize::new(0));
    let looks = Arc::new(AtomicUsize::new(0));
    let gate = Gate::new();
    let host = host.gate(&gate).native(counter("tick", &ticks)).native(counter("look", &looks));
    let mut tasks = vec![counting(); 12];
    tasks.push(TestTask::gated("one"));
    let mut running = host.start(&tasks).await;
    gate.entered("one").await;
    nats.restart();
    gate.open("one");
    let event = running.wait().await.unwrap();
    assert_eq!(summaries(&event)[..12], ["60"; 12]);
    assert_eq!(ticks.load(Ordering::SeqCst), 12 * 30, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_longer_than_a_message_of_the_server_gets_there_all_the_same() {
    let (_nats, host, _home, _workers) = cluster(1);
    let any = r#"{"type":"object"}"#;
    let long = tool(ToolSpec::new("long", "Answers with a lot.", any), |_, arguments: String| {
        let bytes = arguments.len();
        async move { Ok("x".repeat(bytes)) }
    });
    let host = host.native(long);
    let context = format!("long {{\"text\":\"{}\"}}", "y".repeat(700_000));
    let event =
        host.run(&[TestTask::new("calls_native").toolsets(&["long"]).context(&context)]).await;
    let trace = &event.results[0].tool_trace[0];
    assert_eq!((trace.ok, trace.args_bytes, trace.result_bytes), (true, 700_011, 700_011));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_stopped_is_stopped_on_its_worker() {
    let (_nats, host, _home, workers) = cluster(1);
    let mut running = host.start(&[TestTask::new("spins")]).await;
    workers[0].until_it_says("starts");
    running.stopper().interrupt();
    let event = running.wait().await.unwrap();
    assert_eq!(event.results[0].status, Status::Interrupted, "{:?}", event.results);
    workers[0].until_it_says("ended");
}

#[test]
fn a_worker_lets_go_of_the_children_of_a_host_that_is_gone() {
    let (_nats, host, _home, workers) = cluster(1);
    let gate = Gate::new();
    let host = host.gate(&gate);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        host.dispatch(&chat(1), &[TestTask::gated("one")]).await;
        gate.entered("one").await;
    });
    // Nothing of it says anything any more, as if it were killed.
    runtime.shutdown_background();
    workers[0].until_it_says("was taken away");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_fits_it_is_told_what_each_lacks() {
    let nats = Nats::start();
    let worker = Home::new();
    let (host, home) = submitter(&nats, &[worker.key()]);
    let more = "[worker]\ntoolsets = ['web']";
    let _worker = Worker::start(worker, &nats, home.key(), more);
    let event = host.run(&[TestTask::new("honest")]).await;
    let result = &event.results[0];
    assert_eq!(result.status, Status::Error);
    let error = result.error.as_deref().unwrap();
    assert!(error.contains("lets no child hold `file_read`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_trusted_gets_no_child_and_gives_none() {
    let nats = Nats::start();
    let (stranger, worker) = (Home::new(), Home::new());
    // The host trusts the worker, which trusts somebody else.
    let (host, _home) = submitter(&nats, &[worker.key()]);
    let worker = Worker::start(worker, &nats, stranger.key(), "");
    let mut running = host.start(&[TestTask::new("honest")]).await;
    worker.until_it_says("no session");
    running.stopper().interrupt();
    let event = running.wait().await.unwrap();
    assert_eq!(event.results[0].status, Status::Interrupted, "{:?}", event.results);
    assert_eq!(event.results[0].tool_calls, 0);
}
