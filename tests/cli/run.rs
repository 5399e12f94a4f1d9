//! `run`: one task, and lists of them.

use crate::{check, harness::Cli};

#[test]
fn one_task_prints_its_result_and_nothing_else_on_standard_output() {
    let cli = Cli::new(&["honest"]);
    check!(cli.run(&["run", "read it", "--agent", "./honest.wasm", "--context", "by hand"]), @"
    exit: 0
    ----- stdout
    hello
    ----- stderr
    ✓ [1/1] read it  (honest, completed, [TIME])
    ");
}

#[test]
fn one_task_as_json_is_one_event() {
    let cli = Cli::new(&["honest"]);
    let ran = cli.run(&["run", "read it", "--agent", "./honest.wasm", "--json"]);
    let event = ran.json();
    assert_eq!((ran.exit, ran.stderr.lines().count()), (Some(0), 1), "{ran}");
    assert_eq!((&event["goal"], &event["is_batch"]), (&"read it".into(), &false.into()));
    let result = &event["results"][0];
    assert_eq!((&result["summary"], &result["agent"]), (&"hello".into(), &"honest".into()));
}

#[test]
fn the_bundled_parent_delegates_to_the_bundled_agents() {
    let cli = Cli::new(&[]);
    cli.file("project/README.md", "# Hello\n\n[gone](gone.md)\n");
    let look = ["run", "look", "--workspace", "project", "--json", "--agent", "orchestrator"];
    let leaf = cli.run(&look).json();
    let why = leaf["results"][0]["error"].as_str().unwrap();
    assert!(why.starts_with("nothing was delegated: `delegate_task` is blocked"), "{why}");
    // A child builds nothing: what it delegates to has to be there.
    cli.run(&["quickstart", "project"]);
    let parent = cli.run(&[&look[..], &["--role", "orchestrator"]].concat()).json();
    let summary = parent["results"][0]["summary"].as_str().unwrap();
    for part in ["3 tasks: 3 completed.", "1 file", "No TODO", "README.md:3: gone.md"] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
}

#[test]
fn a_list_of_tasks_is_told_in_its_order() {
    let cli = Cli::new(&["honest", "echoes_task"]);
    let tasks = r#"[
        {"goal": "first", "agent": "./honest.wasm"},
        {"goal": "second", "context": "its own", "toolsets": []},
        {"goal": "third", "agent": "./honest.wasm"}
    ]"#;
    cli.file("tasks.json", tasks);
    let args = ["run", "--agent", "./echoes_task.wasm", "--context", "shared", "--tasks"];
    let from_file = cli.run(&[&args[..], &["tasks.json"]].concat()).sorted();
    check!(from_file, @r#"
    exit: 0
    ----- stdout
    ✓ [1/3] first  (honest, completed, [TIME])
      hello

    ✓ [2/3] second  (echoes_task, completed, [TIME])
      goal: "second"
      context: Some("its own")
      tools: []
      role: Role::Leaf
      depth: 1
      max_iterations: 25
      output_schema: None
      rejected: None

    ✓ [3/3] third  (honest, completed, [TIME])
      hello
    ----- stderr
    3 of 3 completed  ([TIME])
    ✓ [1/3] first  (honest, completed, [TIME])
    ✓ [2/3] second  (echoes_task, completed, [TIME])
    ✓ [3/3] third  (honest, completed, [TIME])
    "#);
    let from_stdin = cli.run_with_stdin(&[&args[..], &["-", "--json"]].concat(), tasks).json();
    let goals: Vec<_> =
        from_stdin["results"].as_array().unwrap().iter().map(|it| &it["goal"]).collect();
    assert_eq!(goals, ["first", "second", "third"]);
}

#[test]
fn a_child_that_fails_or_is_refused_leaves_its_siblings_alone() {
    let cli = Cli::new(&["honest", "imports_unknown", "fails"]);
    let tasks = r#"[
        {"goal": "steal it", "agent": "./imports_unknown.wasm"},
        {"goal": "read it", "agent": "./honest.wasm"},
        {"goal": "try it", "agent": "./fails.wasm"}
    ]"#;
    check!(cli.run_with_stdin(&["run", "--tasks", "-"], tasks).sorted(), @"
    exit: 1
    ----- stdout
    ✗ [1/3] steal it  (imports_unknown, error, [TIME])
      why: the component was refused: `evil:corp/exfiltrate@1.0.0`: unknown interface: nothing outside the contract is linked

    ✓ [2/3] read it  (honest, completed, [TIME])
      hello

    ✗ [3/3] try it  (fails, failed, [TIME])
      why: the agent gave up: the guest could not do it
    ----- stderr
    1 of 3 completed  ([TIME])
    ✗ [1/3] steal it  (imports_unknown, error, [TIME])
    ✓ [2/3] read it  (honest, completed, [TIME])
    ✗ [3/3] try it  (fails, failed, [TIME])
    ");
}

#[test]
fn a_list_of_tasks_may_begin_with_a_mark_and_has_an_end() {
    let cli = Cli::new(&["honest"]);
    cli.file("tasks.json", "\u{feff}[{\"goal\": \"read it\", \"agent\": \"./honest.wasm\"}]");
    let ran = cli.run(&["run", "--tasks", "tasks.json"]);
    assert_eq!(ran.exit, Some(0), "{ran}");
    let ran = cli.run(&["run", "--tasks", "/dev/zero"]);
    assert_eq!(ran.exit, Some(2), "{ran}");
    assert!(ran.stderr.contains("`/dev/zero` can't be read: it is no regular file"), "{ran}");
}
