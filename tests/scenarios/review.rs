//! What a review of delegation found: hosts at their edges, and what a child
//! must not get by asking in another way.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use hermitage::{
    Host,
    config::{Config, Layers},
    delegation::{Progress, Request, TaskRequest, Update},
    event::{ExitReason, Role, Status},
    id::OsRandom,
    plugin::Library,
    session::Session,
    store::{Step, Store, Watch},
};
use hermitage_tests::{TestHost, TestTask, guest, helper};
use tokio::sync::broadcast::Receiver;

async fn until_a_child_has_its_cell(updates: &mut Receiver<Update>) {
    while !matches!(updates.recv().await.unwrap().progress, Progress::Started { .. }) {}
}

#[tokio::test]
async fn waiting_twice_is_no_panic() {
    let host = TestHost::new();
    let mut running = host.start(&[TestTask::new("honest")]).await;
    assert!(running.wait().await.is_some());
    assert!(running.wait().await.is_none());
}

/// A plan for the guest `delegates`.
fn asks_for(agent: &str) -> TestTask {
    let plan = format!(r#"[{{"goal":"a","agent":"{agent}"}}]"#);
    TestTask::new("delegates").toolsets(&["file_read"]).role(Role::Orchestrator).context(&plan)
}

#[tokio::test]
async fn what_is_strict_above_is_strict_below() {
    let host = TestHost::new().strict();
    // As a leaf its own import would be a stub.
    let res = host.run(&[asks_for("delegates")]).await.results.remove(0);
    let summary = res.summary.unwrap();
    assert!(summary.starts_with("0 error refused: the component was refused: "), "{summary}");
}

#[tokio::test]
async fn the_wall_clock_of_a_tree_runs_while_it_waits_for_a_cell() {
    let host = TestHost::with(|it| {
        it.sandbox.max_live_cells = 1;
        it.delegation.max_depth = 1;
        it.sandbox.cpu = Duration::from_secs(60);
        it.delegation.child_timeout = Duration::from_millis(200);
        it.delegation.interrupt_grace = Duration::from_millis(1500);
        it.budget.wall_clock = Duration::from_millis(400);
    });
    let mut updates = host.host().await.subscribe();
    let mut first = host.start(&[TestTask::new("spins")]).await;
    until_a_child_has_its_cell(&mut updates).await;
    let second = host.run(&[TestTask::new("spins")]).await.results.remove(0);
    assert_eq!(second.exit_reason, ExitReason::Budget, "{second:?}");
    assert_eq!(second.duration_seconds, 0.0);
    first.wait().await.unwrap();
}

#[tokio::test]
async fn the_event_of_a_list_of_one_has_what_the_task_was_given() {
    let task = TestTask::new("honest").context("the task's own").role(Role::Orchestrator);
    let event = TestHost::new().run(&[task]).await;
    assert_eq!(event.context.as_deref(), Some("the task's own"));
    assert_eq!(event.toolsets, Some(vec!["file_read".to_owned()]));
    assert_eq!(event.role, Role::Orchestrator);
}

/// A host whose components are files in a directory.
async fn with_library(dir: &std::path::Path) -> Host {
    let library = Library {
        dirs: vec![dir.to_owned()],
        bundled: false,
        build_dir: Some(dir.join("built")),
        install: hermitage::plugin::Install::Forbidden,
        max_bytes: 1 << 20,
    };
    let mut config = Config::load(&Layers::default()).unwrap();
    config.sandbox.max_live_cells = 8;
    let builder = Host::builder().config(config).helper(helper()).ephemeral().workspace(dir);
    builder.library(library, Box::new(hermitage_build::Stderr)).build().await.unwrap()
}

#[tokio::test]
async fn tasks_of_one_agent_share_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("honest.wasm"), guest("honest")).unwrap();
    let host = with_library(dir.path()).await;
    let task = |goal: &str| TaskRequest { goal: goal.to_owned(), ..TaskRequest::default() };
    let request = Request {
        tasks: vec![task("a"), task("b")],
        agent: Some("honest".to_owned()),
        ..Request::default()
    };
    let prepared = host.prepare(&Session::Local, request).await.unwrap();
    let [one, other] = prepared.works() else { panic!() };
    assert!(std::ptr::eq(one.component.bytes(), other.component.bytes()));
}

#[tokio::test]
async fn a_parents_model_is_told_that_it_need_not_wait() {
    let host = TestHost::new();
    let tools = host.host().await.parent(&Session::Local).tools();
    let spec = tools.iter().find(|it| it.name == "delegate_task").unwrap();
    let schema: serde_json::Value = serde_json::from_str(&spec.parameters).unwrap();
    assert_eq!(schema["properties"]["background"]["type"], "boolean");
    assert!(spec.description.contains("`background`"), "{}", spec.description);
}

#[test]
fn a_unit_whose_runtime_is_gone_ends_all_the_same() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (hosts, other) = (runtime(), runtime());
    let host = TestHost::with(|it| it.sandbox.cpu = Duration::from_secs(60));
    let session: Session = "agent:main:telegram:dm:1".parse().unwrap();
    let whole = hosts.block_on(async {
        let request = host.request(&[TestTask::new("spins")]).await;
        let whole = host.host().await.clone();
        let mut updates = whole.subscribe();
        whole.delegate(&session, Request { background: true, ..request }).await.unwrap();
        until_a_child_has_its_cell(&mut updates).await;
        whole
    });
    hosts.shutdown_background();
    let event = other.block_on(async {
        let mut deliveries = whole.completions(&session);
        let delivery = tokio::time::timeout(Duration::from_secs(20), deliveries.next());
        let delivery = delivery.await.unwrap().unwrap();
        let event = delivery.completion().unwrap().clone();
        delivery.ack().await.unwrap();
        event
    });
    assert_eq!(event.status, Status::Unknown, "{event:?}");
}

/// Holds the store's thread before its next commit, from when it is told to.
#[derive(Default)]
struct Held(Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>);

impl Watch for Held {
    fn at(&self, step: Step) {
        let held = self.0.lock().unwrap().take_if(|_| matches!(step, Step::Taken(_)));
        if let Some((held, go_on)) = held {
            held.send(()).unwrap();
            go_on.recv().unwrap();
        }
    }
}

#[test]
fn a_unit_whose_runtime_goes_while_it_is_recorded_ends_all_the_same() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (hosts, other) = (runtime(), runtime());
    let (dir, watch) = (tempfile::tempdir().unwrap(), Arc::new(Held::default()));
    let file = dir.path().join("store.db");
    let store = Store::open_watched(&file, &OsRandom, watch.clone()).unwrap();
    let host = TestHost::new().built({
        let store = store.clone();
        move |it| it.store(store.clone())
    });
    let (held_sender, held) = mpsc::channel();
    let (go_on, go_on_receiver) = mpsc::channel();
    hosts.block_on(async {
        let request = host.request(&[TestTask::new("honest")]).await;
        *watch.0.lock().unwrap() = Some((held_sender, go_on_receiver));
        let (host, request) = (host.host().await.clone(), Request { background: true, ..request });
        tokio::spawn(async move { host.delegate(&Session::Local, request).await.map(drop) });
    });
    held.recv().unwrap();
    hosts.shutdown_timeout(Duration::from_secs(20));
    go_on.send(()).unwrap();
    let units = other.block_on(async {
        // Behind what was sent when the runtime went.
        store.write_raw(|_| Ok(())).await.unwrap();
        store.read_raw(|tables| tables.units(10)).await.unwrap()
    });
    let ended: Vec<_> = units.iter().map(|it| it.ended.map(|(status, _)| status)).collect();
    assert_eq!(ended, [Some(Status::Unknown)]);
}

#[test]
fn a_unit_outlives_the_runtime_of_whoever_asked() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (hosts, short) = (runtime(), runtime());
    let host = TestHost::new();
    let session: Session = "agent:main:telegram:dm:1".parse().unwrap();
    hosts.block_on(host.host());
    short.block_on(async {
        let request = host.request(&[TestTask::new("honest")]).await;
        let request = Request { background: true, ..request };
        host.host().await.delegate(&session, request).await.unwrap();
    });
    short.shutdown_background();
    let status = hosts.block_on(async {
        let mut deliveries = host.host().await.completions(&session);
        let delivery = tokio::time::timeout(Duration::from_secs(20), deliveries.next());
        let delivery = delivery.await.unwrap().unwrap();
        let status = delivery.completion().unwrap().status;
        delivery.ack().await.unwrap();
        status
    });
    assert_eq!(status, Status::Completed);
}

#[tokio::test]
async fn nothing_is_built_because_a_guest_or_a_model_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("evil");
    std::fs::create_dir_all(source.join("src")).unwrap();
    let manifest = "[package]\nname = \"evil\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
    std::fs::write(source.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(source.join("src/lib.rs"), "").unwrap();
    // A child that may write here could have put it there.
    let build = "fn main() { std::fs::write(\"../built-by-a-guest\", \"\").unwrap() }";
    std::fs::write(source.join("build.rs"), build).unwrap();
    let host = with_library(dir.path()).await;
    host.install("delegates", hermitage::sandbox::Binary::new(guest("delegates")));
    let request = Request {
        goal: Some("ask".to_owned()),
        agent: Some("delegates".to_owned()),
        context: Some(r#"[{"goal":"a","agent":"evil"}]"#.to_owned()),
        role: Some(Role::Orchestrator),
        ..Request::default()
    };
    let answer = host.delegate(&Session::Local, request).await.unwrap();
    let error = answer.finished().unwrap().results.remove(0).error.unwrap();
    assert!(error.contains("`evil` is source that is not built"), "{error}");
    assert!(!dir.path().join("built-by-a-guest").exists());

    // Nor because a model of the application does.
    let parent = host.parent(&Session::Local);
    let path = source.to_str().unwrap();
    for agent in ["evil", path] {
        let arguments = serde_json::json!({"goal": "a", "agent": agent}).to_string();
        parent.call("delegate_task", &arguments).await.unwrap_err();
    }
    assert!(!dir.path().join("built-by-a-guest").exists());
}
