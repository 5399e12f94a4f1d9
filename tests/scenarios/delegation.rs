//! What a child can ask of the host besides the contract's own tools: work for
//! subagents, and the tools of an application; and what it is told when a
//! budget is spent. The host's side is played by the tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hermitage::{
    boundary::Policy,
    delegation::{Progress, TaskRequest},
    event::{ExitReason, Role, Status},
    sandbox::{Binary, Ended, Interrupt, Job, Nobody, Outcome, Spent, StopReason, Task},
    session::Session,
    tools::{
        bundled,
        file::{FileSlice, ReadFile},
    },
    toolset::{ChildTools, Meter, NativeTool, ToolError, ToolSpec, native::tool},
};
use hermitage_tests::{TestHost, TestTask, guest};

const DELEGATE: &str = "hermitage:subagent/delegation@0.1.0#delegate-task";
const LEAF: &str = "`delegate_task` is blocked for a leaf: role `orchestrator` would grant it, \
                    below `delegation.max_depth`";

fn orchestrator(guest_name: &str) -> TestTask {
    TestTask::new(guest_name).toolsets(&[]).role(Role::Orchestrator)
}

/// With the guests that children of children are.
async fn with_guests(host: TestHost) -> TestHost {
    for name in ["honest", "traps", "echoes_task", "delegates"] {
        host.host().await.install(name, Binary::new(guest(name)));
    }
    host
}

#[tokio::test]
async fn an_orchestrator_delegates_and_gets_typed_results() {
    let host = with_guests(TestHost::new()).await;
    let plan = r#"[{"goal":"a","agent":"honest"}, {"goal":"b","agent":"traps","context":"c"}]"#;
    let task = orchestrator("delegates").toolsets(&["file_read"]).context(plan);
    let res = host.run(&[task]).await.results.remove(0);
    assert_eq!(res.status, Status::Completed, "{res:?}");
    let summary = res.summary.unwrap();
    let (first, second) = summary.split_once('\n').unwrap();
    assert_eq!(first, "0 completed completed: hello");
    assert!(second.starts_with("1 error trap: trapped: "), "{second}");
    let boundary = res.boundary.unwrap();
    assert_eq!(boundary.granted, ["read_file", "search_files", "delegate_task"]);
    assert!(boundary.linked.iter().any(|it| it == DELEGATE), "{:?}", boundary.linked);
    let trace = &res.tool_trace[0];
    assert_eq!((trace.tool.as_ref(), trace.ok, res.tool_calls), ("delegate_task", true, 1));
    host.assert_nothing_in_use();
}

#[tokio::test]
async fn a_child_of_a_child_gets_what_its_parent_has_and_no_more() {
    let host = with_guests(TestHost::new()).await;
    let run = async |own: &[&str], plan: &str| {
        let task = orchestrator("delegates").toolsets(own).context(plan);
        host.run(&[task]).await.results.remove(0).summary.unwrap()
    };
    let all = r#"[{"goal":"a","agent":"echoes_task","toolsets":["file","delegation","memory"]}]"#;
    let told = run(&["file_read"], all).await;
    assert!(told.contains(r#"tools: ["read_file", "search_files"]"#), "{told}");
    let inherited = run(&["read_file"], r#"[{"goal":"a","agent":"echoes_task"}]"#).await;
    assert!(inherited.contains(r#"tools: ["read_file"]"#), "{inherited}");
    let none = run(&["file"], r#"[{"goal":"a","agent":"echoes_task","toolsets":[]}]"#).await;
    assert!(none.contains("tools: []"), "{none}");
    let deeper = r#"[{"goal":"a","agent":"echoes_task","role":"orchestrator"}]"#;
    let leaf = run(&[], deeper).await;
    assert!(leaf.contains("role: Role::Leaf") && leaf.contains("depth: 2"), "{leaf}");
}

#[tokio::test]
async fn a_wrong_call_of_a_child_is_told_to_it_and_starts_nothing() {
    let host = with_guests(TestHost::new()).await;
    let check = async |plan: &str, expect: &str| {
        let task = orchestrator("delegates").context(plan);
        let res = host.run(&[task]).await.results.remove(0);
        assert_eq!(res.error.unwrap(), format!("ToolError::InvalidArguments({expect:?})"));
    };
    check(r#"[{"goal":"a"},{"goal":" "}]"#, "Task 2 is missing a `goal`").await;
    check("[]", "nothing to do: provide either `goal` or `tasks`").await;
    check(
        r#"[{"goal":"a","agent":"../../evil"}]"#,
        "`../../evil` is a path: agents are named here; install it, and give its name",
    )
    .await;
    check(
        r#"[{"goal":"a","toolsets":["files"]}]"#,
        "unknown toolset or tool `files`: known are `file`, `file_read`, `terminal`, `web`",
    )
    .await;
    let many = format!("[{}]", vec![r#"{"goal":"a"}"#; 17].join(","));
    check(&many, "17 tasks: at most 16 in one call (`delegation.max_tasks_per_batch`)").await;
}

#[tokio::test]
async fn a_leaf_can_not_delegate_however_it_asks() {
    for toolsets in [&[][..], &["delegation"], &["delegate_task", "file"]] {
        let task = TestTask::new("delegates").toolsets(toolsets).context(r#"[{"goal":"a"}]"#);
        let res = TestHost::new().run_beside_honest(task).await;
        assert_eq!(res.status, Status::Failed);
        assert_eq!(res.error.unwrap(), format!("ToolError::Denied({LEAF:?})"));
        assert_eq!(res.tool_calls, 0);
        let boundary = res.boundary.unwrap();
        assert_eq!(boundary.stubbed[0].import, DELEGATE);
        assert_eq!(boundary.stubbed[0].reason, LEAF);
    }
    let host = TestHost::new().strict();
    let res = host.run_beside_honest(TestTask::new("delegates")).await;
    assert_eq!((res.status, res.exit_reason), (Status::Error, ExitReason::Refused));
    assert_eq!(res.error.unwrap(), format!("the component was refused: `{DELEGATE}`: {LEAF}"));
}

#[tokio::test]
async fn what_the_host_can_not_do_for_a_subtask_is_said_before_anything_starts() {
    for (field, text) in [
        ("model", "task 2: unknown model `x`: none is configured"),
        (
            "output_schema",
            "Task 2: `output_schema` can't be used: it is no JSON: expected value at line 1 column 1",
        ),
    ] {
        let host = TestHost::new();
        let plan = format!(r#"[{{"goal":"a"}},{{"goal":"b","{field}":"x"}}]"#);
        let res = host.run(&[orchestrator("delegates").context(&plan)]).await.results.remove(0);
        assert_eq!(res.error.unwrap(), format!("ToolError::InvalidArguments({text:?})"));
    }
}

#[tokio::test]
async fn the_toolbox_delegates_in_json() {
    let host = with_guests(TestHost::new()).await;
    let call = async |arguments: &str| {
        let context = format!("delegate_task {arguments}");
        let task = orchestrator("calls_native").toolsets(&["file_read"]).context(&context);
        host.run(&[task]).await.results.remove(0).summary.unwrap()
    };
    let res = call(r#"{"tasks":"[{\"goal\":\"a\"}]","agent":"honest"}"#).await;
    assert!(res.contains(r#"\"status\":\"completed\",\"summary\":\"hello\""#), "{res}");
    let expect = "Task 1 is missing a `goal`";
    assert_eq!(
        call(r#"{"tasks":[{"agent":"a"}]}"#).await,
        format!("Err(ToolError::InvalidArguments({expect:?}))")
    );
}

#[tokio::test]
async fn an_orchestrator_is_told_its_role_and_the_tool() {
    let task = orchestrator("echoes_task");
    let summary = TestHost::new().run(&[task]).await.results.remove(0).summary.unwrap();
    assert!(summary.contains("role: Role::Orchestrator"), "{summary}");
    assert!(summary.contains("tools: [\"delegate_task\"]"), "{summary}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trees_that_are_larger_than_the_pool_end() {
    let host = TestHost::with(|it| {
        it.sandbox.max_live_cells = 4;
        it.delegation.max_depth = 4;
        it.sandbox.cpu = Duration::from_secs(60);
    });
    let root = orchestrator("fans_out").goal("fan 3 depth 3");
    let res = host.run(&[root]).await.results.remove(0);
    assert_eq!(res.summary.as_deref(), Some("40"), "{res:?}");
    host.assert_nothing_in_use();
}

#[tokio::test]
async fn children_end_with_the_child_that_waits_for_them() {
    let host = TestHost::with(|it| {
        it.sandbox.cpu = Duration::from_secs(60);
        it.delegation.interrupt_grace = Duration::from_secs(2);
    });
    host.host().await.install("waits_politely", Binary::new(guest("waits_politely")));
    let plan = r#"[{"goal":"a","agent":"waits_politely"},{"goal":"b","agent":"waits_politely"}]"#;
    let task = orchestrator("delegates").toolsets(&["file_read"]).context(plan);
    let mut updates = host.host().await.subscribe();
    let mut running = host.start(&[task]).await;
    let mut started = 0;
    while started < 3 {
        if let Progress::Started { .. } = updates.recv().await.unwrap().progress {
            started += 1;
        }
    }
    running.stopper().interrupt();
    let event = running.wait().await.unwrap();
    assert_eq!(event.status, Status::Interrupted, "{event:?}");
    host.assert_nothing_in_use();
    let listed = host.host().await.list().await.unwrap();
    let [only] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(only.status.as_str(), "interrupted");
    let (store, id) = (host.host().await.store(), only.delegation_id);
    let below = store.read_raw(move |tables| tables.units_below(id)).await.unwrap();
    let ended: Vec<Status> = below.iter().map(|it| it.ended.unwrap().0).collect();
    assert_eq!(ended, [Status::Interrupted]);
}

#[tokio::test]
async fn a_tree_spends_one_budget() {
    let host = TestHost::with(|it| {
        it.budget.children = 5;
        it.delegation.max_tasks_per_batch = 5;
        it.delegation.max_depth = 4;
    });
    let root = orchestrator("fans_out").goal("fan 3 depth 3");
    let res = host.run(&[root]).await.results.remove(0);
    let error = res.error.unwrap();
    assert!(error.contains("1 of the 5 children of the delegation remain"), "{error}");
    host.assert_nothing_in_use();

    let host = TestHost::with(|it| it.budget.tool_calls = 3);
    let res = host.run(&[TestTask::new("spends_tools")]).await.results.remove(0);
    assert_eq!((res.status, res.exit_reason), (Status::Completed, ExitReason::Budget), "{res:?}");
    assert!(res.truncated);
    let spent = "all 3 tool calls of the delegation are spent (`budget.tool_calls`)";
    assert_eq!(res.summary.unwrap(), format!("3 reads, then: {spent}"));

    let host = TestHost::with(|it| {
        it.budget.wall_clock = Duration::from_millis(50);
        it.sandbox.cpu = Duration::from_secs(60);
    });
    let res = host.run(&[TestTask::new("spins")]).await.results.remove(0);
    assert_eq!((res.status, res.exit_reason), (Status::Failed, ExitReason::Budget), "{res:?}");
    let spent = "all 0.05 s of the delegation are spent (`budget.wall_clock_seconds`)";
    assert_eq!(res.error.as_deref(), Some(spent));
}

fn echo() -> Arc<dyn NativeTool> {
    let spec = ToolSpec {
        name: "app_echo".to_owned(),
        description: "Says it again.".to_owned(),
        parameters: r#"{"type":"object"}"#.to_owned(),
    };
    tool(spec, |_, it| async move { Ok(format!("heard {it}")) })
}

#[tokio::test]
async fn a_native_tool_is_called_through_the_toolbox_when_it_is_granted() {
    let host = TestHost::new().native(echo());
    let run = async |toolsets: &[&str], context: &str| {
        let task = TestTask::new("calls_native").toolsets(toolsets).context(context);
        host.run(&[task]).await.results.remove(0)
    };
    let res = run(&["app_echo", "file_read"], r#"app_echo {"a":[1]}"#).await;
    assert_eq!(res.summary.as_deref(), Some(r#"Ok("heard {\"a\":[1]}")"#));
    assert_eq!(res.tool_trace[0].tool, "app_echo");
    let boundary = res.boundary.unwrap();
    assert_eq!(boundary.granted, ["read_file", "search_files", "app_echo"]);
    let other = run(&["file_read"], r#"app_echo {"a":[1]}"#).await;
    assert_eq!(other.error.as_deref(), Some("no tool `app_echo`"));
    assert_ne!(other.boundary.unwrap().policy, boundary.policy);
    for arguments in ["[]", "{", "7", "{} {}"] {
        let res = run(&["app_echo"], &format!("app_echo {arguments}")).await;
        let summary = res.summary.unwrap();
        assert!(summary.starts_with("Err(ToolError::InvalidArguments("), "{summary}");
    }
}

/// Reads cost something, from a budget that is spent after `left`.
struct Metered {
    left: AtomicU64,
    spent: Spent,
    /// Lets the reads beyond the budget pass, too.
    generous: bool,
}

const SPENT: &str = "all 3 tool calls of the delegation are spent";

impl Meter for Metered {
    fn pay(&self) -> Result<(), ToolError> {
        let left =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
        if left.is_err() {
            self.spent.spend_out(SPENT.to_owned());
            self.spent.spend_out("the second text".to_owned());
        }
        let is_answered = left.is_ok() || self.generous;
        is_answered.then_some(()).ok_or_else(|| ToolError::Exhausted(SPENT.to_owned()))
    }
}

fn slice() -> FileSlice {
    FileSlice {
        text: "hello".to_owned(),
        first_line: 1,
        lines: 1,
        total_lines: 1,
        total_bytes: 5,
        truncated: false,
        binary: false,
        encoding: None,
    }
}

/// The tools of the program, of which nobody has opened any but one.
fn readable() -> ChildTools {
    let mut registry = bundled().clone();
    registry.replace(|_, _: ReadFile| async { Ok(slice()) }).unwrap();
    ChildTools::of(Arc::new(registry))
}

async fn spend(guest_name: &str, generous: bool) -> Ended {
    let host = TestHost::with(|it| it.sandbox.cpu = Duration::from_secs(60));
    let policy = policy(&["read_file", "search_files"], Role::Leaf);
    let spent = Spent::new();
    let meter = Metered { left: AtomicU64::new(3), spent: spent.clone(), generous };
    let ended = run_alone(&host, guest_name, &policy, |job| {
        job.tools.meter = Arc::new(meter);
        job.spent = spent;
    });
    let ended = ended.await;
    host.assert_nothing_in_use();
    assert_eq!(ended.stopped, Some(StopReason::Spent(SPENT.into())));
    ended
}

#[tokio::test]
async fn a_child_whose_budget_is_spent_is_told_and_may_return() {
    // With the tool's own answer, and with that of the stop.
    for generous in [false, true] {
        match spend("spends_tools", generous).await.outcome {
            Outcome::Returned { report, calls_spent } => {
                let (reads, rest) = report.summary.split_once(' ').unwrap();
                assert!(reads.parse::<u64>().unwrap() >= 3, "{}", report.summary);
                assert_eq!(rest, format!("reads, then: {SPENT}"));
                assert_eq!(calls_spent, None);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_child_that_goes_on_when_its_budget_is_spent_is_ended_after_the_grace() {
    assert_eq!(spend("loops_on_host_calls", false).await.outcome, Outcome::Stopped);
}

#[tokio::test]
async fn a_child_whose_budget_is_spent_before_it_has_a_cell_never_runs() {
    let host = TestHost::new();
    let spent = Spent::new();
    spent.spend_out(SPENT.to_owned());
    let policy = policy(&["read_file"], Role::Leaf);
    let ended = run_alone(&host, "honest", &policy, |job| job.spent = spent).await;
    assert_eq!(ended.outcome, Outcome::Stopped);
    assert_eq!(ended.stopped, Some(StopReason::Spent(SPENT.into())));
}

#[tokio::test]
async fn a_second_try_has_the_processor_time_that_the_first_one_left() {
    let cpu = Duration::from_secs(3600);
    let host = TestHost::with(|it| it.sandbox.cpu = cpu);
    let policy = policy(&[], Role::Leaf);
    let ended = run_alone(&host, "spins", &policy, |job| job.cpu_used = cpu).await;
    assert_eq!(ended.outcome, Outcome::CpuSpent(cpu));
}

fn policy(tools: &[&str], role: Role) -> Arc<Policy> {
    Policy::of(&bundled().expand(tools).unwrap(), role)
}

/// One run without an executor.
async fn run_alone(
    host: &TestHost,
    guest_name: &str,
    policy: &Arc<Policy>,
    change: impl FnOnce(&mut Job),
) -> Ended {
    let component =
        host.host().await.sandbox().load(&Binary::new(guest(guest_name))).await.unwrap();
    let Ok(admitted) = host.host().await.sandbox().admit(&component, policy) else {
        panic!("refused")
    };
    let asked = TaskRequest { goal: "run".to_owned(), ..TaskRequest::default() };
    let task = Task {
        asked: Arc::new(asked),
        depth: 1,
        max_iterations: 25,
        output_schema: None,
        rejected: None,
    };
    let mut job = Job {
        admitted,
        tools: readable(),
        model: None,
        session: Session::Local,
        child: "sa-0".into(),
        task,
        timeout: Duration::from_secs(60),
        time_used: Duration::ZERO,
        cpu_used: Duration::ZERO,
        grace: Duration::from_millis(200),
        observer: Arc::new(Nobody),
        interrupt: Interrupt::new(),
        spent: Spent::new(),
        span: hermitage::telemetry::Span::none(),
        journal: None,
        far: None,
    };
    change(&mut job);
    host.host().await.sandbox().run(job).await
}
