//! The end of a host and what the next one finds: shutdown, a process that
//! leaves or is killed, and several hosts on one store.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use hermitage::{
    completion::Delivery,
    delegation::{DelegateError, OnCapacity, Progress, Request, Resume},
    event::{CompletionEvent, Status},
    session::Session,
    store::ClaimFilter,
};
use hermitage_tests::{Gate, TestHost, TestTask, chat, guest};
use tempfile::TempDir;

/// Far more than a host needs to end, and far less than the children have.
const SOON: Duration = Duration::from_secs(30);

struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("hermitage.db")
    }

    /// A host on this file.
    fn host(&self, gate: &Gate) -> TestHost {
        let host = TestHost::with(|it| {
            it.sandbox.cpu = Duration::from_secs(3600);
            // What can be gone on with is another matter: `tests/crash/resume`.
            it.delegation.resume = Resume::Off;
        });
        host.store_at(&self.path()).gate(gate)
    }
}

async fn drain(host: &TestHost, session: &Session) -> Vec<Delivery> {
    let filter = ClaimFilter::of(session.clone());
    host.host().await.queue().drain(filter, 100).await.unwrap()
}

fn words(event: &CompletionEvent) -> Vec<(Status, Option<&str>)> {
    event.results.iter().map(|it| (it.status, it.summary.as_deref())).collect()
}

#[tokio::test]
async fn a_shutdown_ends_everything_and_leaves_the_events_to_the_next_host() {
    let (file, gate) = (File::new(), Gate::new());
    let host = file.host(&gate);
    let names = ["a", "b", "c", "waits"];
    for name in names {
        let request = host.in_background(&[TestTask::gated(name)]).await;
        let request = Request { on_capacity: OnCapacity::Queue, ..request };
        host.host().await.delegate(&chat(1), request).await.unwrap();
    }
    let mut foreground = host.start(&[TestTask::gated("d")]).await;
    for name in ["a", "b", "c", "d"] {
        gate.entered(name).await;
    }
    host.host().await.shutdown().await;

    assert_eq!(foreground.wait().await.unwrap().status, Status::Interrupted);
    let listed = host.host().await.list().await.unwrap();
    assert!(
        listed.len() == 5 && listed.iter().all(|it| it.status.as_str() == "interrupted"),
        "{listed:?}"
    );
    host.assert_nothing_in_use();
    for background in [true, false] {
        let request = Request { background, ..host.request(&[TestTask::gated("e")]).await };
        match host.host().await.delegate(&chat(1), request).await {
            Err(DelegateError::Rejected(it)) => {
                assert_eq!(it.to_string(), "the host is shutting down and starts no delegations");
            }
            other => panic!("{other:?}"),
        }
    }
    drop(host);

    let next = file.host(&gate);
    assert_eq!(next.host().await.recovered().units, []);
    let mut goals = Vec::new();
    for delivery in drain(&next, &chat(1)).await {
        let event = delivery.completion().unwrap();
        let because = "the host is shutting down";
        assert!(event.results[0].error.as_ref().unwrap().ends_with(because), "{event:?}");
        goals.push(event.goal.clone());
        delivery.ack().await.unwrap();
    }
    goals.sort();
    assert_eq!(goals, names);
}

#[tokio::test]
async fn a_child_that_computes_never_keeps_a_shutdown() {
    let file = File::new();
    let host = file.host(&Gate::new());
    let mut updates = host.host().await.subscribe();
    host.dispatch(&chat(1), &[TestTask::new("spins")]).await;
    while !matches!(updates.recv().await.unwrap().progress, Progress::Started { .. }) {}
    let asked = Instant::now();
    host.host().await.shutdown().await;
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert_eq!(host.next(&chat(1)).await.status, Status::Interrupted);
    host.assert_nothing_in_use();
}

#[tokio::test]
async fn a_shutdown_with_nothing_to_end_returns_at_once_and_twice() {
    let file = File::new();
    let host = file.host(&Gate::new());
    host.host().await.shutdown().await;
    host.host().await.shutdown().await;
}

fn embedder(mode: &str, store: &Path) -> Child {
    // Built here and not there, for the bound on its time.
    guest("spins");
    Command::new(env!("CARGO_BIN_EXE_embedder"))
        .arg(mode)
        .arg(store)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Leaves two units of a host that was killed: one of three children of which
/// two are done, and one of the local caller.
fn kill_embedder(file: &File) {
    let mut child = embedder("waits", &file.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How a process ended, if it did soon; otherwise it is ended.
fn wait_soon(mut child: Child) -> Option<ExitStatus> {
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    let (sender, ended) = mpsc::channel();
    let waiter = thread::spawn(move || sender.send(child.wait().unwrap()).unwrap());
    let status = ended.recv_timeout(SOON).ok();
    if status.is_none() {
        // SAFETY: sends a signal to a child that was not waited for yet.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    waiter.join().unwrap();
    status
}

#[tokio::test]
async fn a_child_in_the_background_never_holds_the_process_at_its_exit() {
    let file = File::new();
    let status = wait_soon(embedder("leaves", &file.path()));
    assert!(status.is_some_and(|it| it.success()), "{status:?}");

    // Reported by its own host on the way out, or by the next one; never by
    // both.
    let next = file.host(&Gate::new());
    let event = next.next(&chat(1)).await;
    assert_eq!(words(&event), [(Status::Unknown, None)]);
    assert_eq!(next.events().await.len(), 1);
}

#[tokio::test]
async fn after_a_kill_the_next_host_reports_once_what_ran_with_what_was_finished() {
    let file = File::new();
    kill_embedder(&file);

    let next = file.host(&Gate::new());
    let recovered = next.host().await.recovered().clone();
    assert_eq!((recovered.units.len(), recovered.events), (2, 2));
    let listed = next.host().await.list().await.unwrap();
    assert!(
        listed.len() == 2 && listed.iter().all(|it| it.status.as_str() == "unknown"),
        "{listed:?}"
    );
    let event = next.next(&chat(1)).await;
    let expect =
        [(Status::Completed, Some("hello")), (Status::Failed, None), (Status::Unknown, None)];
    assert_eq!((event.status, words(&event).as_slice()), (Status::Unknown, &expect[..]));
    drop(next);

    let third = file.host(&Gate::new());
    assert_eq!(third.host().await.recovered().units, []);
    assert!(drain(&third, &chat(1)).await.is_empty());
}

#[tokio::test]
async fn a_host_that_starts_leaves_the_units_of_living_hosts_alone() {
    let (file, gate) = (File::new(), Gate::new());
    let first = file.host(&gate);
    let id = first.dispatch(&chat(1), &[TestTask::gated("a")]).await;
    let second = file.host(&gate);
    assert_eq!(second.host().await.recovered().units, []);
    let listed = second.host().await.list().await.unwrap();
    assert_eq!((listed[0].delegation_id, listed[0].status.as_str()), (id, "running"));
    gate.open("a");
    let event = first.next(&chat(1)).await;
    assert_eq!((event.delegation_id, event.status), (id, Status::Completed));
    assert!(drain(&second, &chat(1)).await.is_empty());
}

#[tokio::test]
async fn a_host_stops_what_another_one_on_its_store_asks_it_to() {
    let (file, gate) = (File::new(), Gate::new());
    let (first, second) = (file.host(&gate), file.host(&gate));
    second.host().await;
    let id = first.dispatch(&chat(1), &[TestTask::gated("a")]).await;
    let of_session = first.dispatch(&chat(2), &[TestTask::gated("b")]).await;
    for name in ["a", "b"] {
        gate.entered(name).await;
    }
    assert!(second.host().await.interrupt(id, None).await);
    let event = first.next(&chat(1)).await;
    assert_eq!((event.delegation_id, event.status), (id, Status::Interrupted));
    assert!(!second.host().await.interrupt(id, None).await, "it is over");

    assert_eq!(second.host().await.interrupt_session(&chat(2), "enough").await, 1);
    let event = first.next(&chat(2)).await;
    assert_eq!(event.delegation_id, of_session);
    let error = event.results[0].error.as_deref().unwrap();
    assert!(error.ends_with("enough"), "{error}");
}

#[tokio::test]
async fn a_consumer_hears_at_once_of_what_another_host_queues_or_leaves_behind() {
    let (file, gate) = (File::new(), Gate::new());
    let (first, second) = (file.host(&gate), file.host(&gate));
    let at_once = Duration::from_secs(3);
    let mut waiting = second.host().await.completions(&chat(1));
    // It waits before there is anything.
    assert!(tokio::time::timeout(Duration::from_millis(50), waiting.next()).await.is_err());
    first.dispatch(&chat(1), &[TestTask::gated("a")]).await;
    gate.entered("a").await;
    gate.open("a");
    // Its first look is over by now, and the next would be 5 s away.
    let delivery = tokio::time::timeout(at_once, waiting.next()).await.unwrap().unwrap();
    delivery.ack().await.unwrap();

    let mut waiting = second.host().await.completions(&Session::Local);
    let id = first.dispatch(&Session::Local, &[TestTask::new("honest")]).await;
    let mut mine = first.host().await.completions(&Session::Local);
    mine.next().await.unwrap().put_back().await.unwrap();
    drop(mine);
    assert!(tokio::time::timeout(Duration::from_millis(50), waiting.next()).await.is_err());
    first.host().await.shutdown().await;
    drop(first);
    let delivery = tokio::time::timeout(at_once, waiting.next()).await.unwrap().unwrap();
    assert_eq!(delivery.completion().unwrap().delegation_id, id);
    delivery.ack().await.unwrap();
}

#[tokio::test]
async fn local_events_do_not_cross_from_one_host_to_another() {
    let (file, gate) = (File::new(), Gate::new());
    let (first, second) = (file.host(&gate), file.host(&gate));
    let id = first.dispatch(&Session::Local, &[TestTask::new("honest")]).await;
    let mut waiting = first.host().await.completions(&Session::Local);
    waiting.next().await.unwrap().put_back().await.unwrap();
    assert!(drain(&second, &Session::Local).await.is_empty());
    assert_eq!(first.next(&Session::Local).await.delegation_id, id);
}

#[tokio::test]
async fn an_event_of_a_chat_is_any_hosts_to_deliver() {
    let (file, gate) = (File::new(), Gate::new());
    let (first, second) = (file.host(&gate), file.host(&gate));
    let id = first.dispatch(&chat(1), &[TestTask::new("honest")]).await;
    let mut waiting = first.host().await.completions(&chat(1));
    let held = waiting.next().await.unwrap();
    assert!(drain(&second, &chat(1)).await.is_empty());
    held.put_back().await.unwrap();
    assert_eq!(second.next(&chat(1)).await.delegation_id, id);
    assert!(drain(&first, &chat(1)).await.is_empty());
}

#[tokio::test]
async fn of_two_hosts_the_second_recovers_only_what_nobody_alive_owns() {
    let (file, gate) = (File::new(), Gate::new());
    let alive = file.host(&gate);
    let kept = alive.dispatch(&chat(2), &[TestTask::gated("a")]).await;
    kill_embedder(&file);
    let next = file.host(&gate);
    let recovered = &next.host().await.recovered().units;
    // The one that lives may have been first.
    assert!(!recovered.contains(&kept), "{recovered:?}");
    assert_eq!(next.next(&chat(1)).await.status, Status::Unknown);
    // What was a dead host's own goes to the host that asks first.
    let local = drain(&alive, &Session::Local).await;
    assert_eq!(local.len(), 1);
    assert!(drain(&next, &Session::Local).await.is_empty());
    for delivery in local {
        delivery.ack().await.unwrap();
    }
    gate.open("a");
    let event = alive.next(&chat(2)).await;
    assert_eq!((event.delegation_id, event.status), (kept, Status::Completed));
}

// Paused: the clock jumps to whoever waits next, so that nobody waits long.
#[tokio::test(start_paused = true)]
async fn a_living_host_reports_what_another_one_leaves_behind() {
    let file = File::new();
    let alive = file.host(&Gate::new());
    assert_eq!(alive.host().await.recovered().units, []);
    kill_embedder(&file);
    // The runtime's clock does not wait for the store's thread.
    let (sender, is_late) = tokio::sync::oneshot::channel::<()>();
    thread::spawn(move || {
        thread::park_timeout(SOON);
        drop(sender);
    });
    let session = chat(1);
    tokio::select! {
        event = alive.next(&session) => assert_eq!(event.status, Status::Unknown),
        _ = is_late => panic!("nobody looked for dead hosts"),
    }
}
