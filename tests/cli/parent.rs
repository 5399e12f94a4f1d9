//! `run --as-parent`: a component with the tools that no child gets.

use std::{fs, os::unix::process::CommandExt as _};

use serde_json::{Value, json};

use crate::{
    harness::{Cli, Ran},
    resume::assert_same_again,
};

/// Runs a parent without a terminal, wherever the tests are started.
fn parent(cli: &Cli, args: &[&str]) -> Ran {
    let mut command = cli.command(&[&["run", "--as-parent", "--json"], args].concat());
    // SAFETY: makes one system call and touches no memory.
    unsafe { command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?)) };
    Ran::from(command.output().unwrap())
}

fn summary(event: &Value) -> &str {
    event["results"][0]["summary"].as_str().unwrap()
}

#[test]
fn the_bundled_orchestrator_delegates_to_thinking_children() {
    let cli = Cli::taped("batch.json");
    // A parent builds nothing: what it delegates to has to be there.
    cli.run(&["inspect", "react"]);
    let tasks = json!([
        {"goal": "say it", "agent": "react"},
        {"goal": "look twice", "agent": "react", "model": "dear"},
    ]);
    let args = ["both", "--agent", "orchestrator", "--context", &tasks.to_string()];
    let ran = parent(&cli, &args);
    assert_eq!(ran.exit, Some(0), "{ran}");
    let event = ran.json();
    let text = summary(&event);
    let places = ["2 tasks: 2 completed.", "✓ task 1 react: say it", "quick", "✓ task 2 ", "slow"];
    let places: Vec<_> = places.iter().map(|it| text.find(it)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{text}");
    assert_same_again(&cli, "orchestrator", 1);
}

#[test]
fn a_parent_holds_what_its_children_do_not() {
    let cli = Cli::taped("parent.json");
    cli.file("plugins/imports_memory.wasm", hermitage_tests::guest("imports_memory"));
    cli.file("project/hello.txt", "hello");
    // Notes are kept outside of the workspace, or not at all.
    let outside = ["--workspace", "project", "--plugin-path", "plugins"];
    let ran = parent(&cli, &[&["do all of it"], &outside[..]].concat());
    assert_eq!(ran.exit, Some(0), "{ran}");
    let event = ran.json();

    let trace = event["results"][0]["tool_trace"].as_array().unwrap();
    let trace: Vec<_> = trace.iter().map(|it| (&it["tool"], &it["ok"])).collect();
    let ok = &json!(true);
    let tools = ["memory", "send_message", "execute_code", "delegate_task"].map(|it| json!(it));
    assert_eq!(trace, tools.iter().map(|it| (it, ok)).collect::<Vec<_>>(), "{ran}");

    let notes = fs::read_to_string(cli.path("home/data/hermitage/memory.md")).unwrap();
    assert!(notes.contains("- likes tea\n") && !notes.contains("child"), "{notes}");
    assert_eq!(fs::read_to_string(cli.path("project/made.txt")).unwrap(), "42\n");
    let session = "agent:main:telegram:dm:12345";
    let sent = cli.run(&["events", "--session", session, "--pending", "--json"]).json();
    let [sent] = sent.as_array().unwrap().as_slice() else { panic!("{sent}") };
    assert_eq!((&sent["type"], &sent["session_key"]), (&json!("message"), &json!(session)));
    assert_eq!(sent["event"]["text"], "Tea is ready.");

    let children: Value = serde_json::from_str(summary(&event)).unwrap();
    let heard = |index: usize| children["results"][index]["summary"].as_str().unwrap();
    let no_tool = "The child heard: invalid arguments: there is no tool `memory`";
    assert!(heard(0).starts_with(no_tool), "{children}");
    let denied = "memory: Err(ToolError::Denied(\"`memory` is blocked for children";
    assert!(heard(1).starts_with(denied), "{children}");
}

#[test]
fn a_question_that_nobody_can_be_asked_is_refused() {
    let ran = parent(&Cli::taped("asks.json"), &["ask"]);
    assert_eq!(ran.exit, Some(0), "{ran}");
    let event = ran.json();
    assert!(summary(&event).starts_with("denied: there is no terminal"), "{ran}");
    assert_eq!(event["results"][0]["tool_trace"][0]["ok"], json!(false), "{ran}");
}

#[test]
fn a_parent_lends_its_model_to_children_where_there_is_no_default() {
    let cli = Cli::taped("lends.json");
    let mut command = cli.command(&["run", "big", "--as-parent", "--model", "dear", "--json"]);
    let ran = Ran::from(command.env("HERMITAGE_MODEL__DEFAULT", "").output().unwrap());
    assert_eq!(ran.exit, Some(0), "{ran}");
    let children: Value = serde_json::from_str(summary(&ran.json())).unwrap();
    assert_eq!(children["results"][0]["summary"], "The child could think.", "{children}");
}
