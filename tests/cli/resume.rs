//! Children that go on after their host was killed, and `replay`.

use std::{
    fs,
    process::{Command, Stdio},
};

use rustix::process::{Signal, kill_process};
use serde_json::json;

use crate::{
    background::{endless, service},
    check,
    harness::{Cli, Ran},
    server::{Reply, Server, stream},
    wire::{CANARY, Wire, command},
};

/// Kills the service, which runs something.
fn kill(cli: &Cli) {
    kill_process(service(cli), Signal::KILL).unwrap();
}

/// With the key in the environment, which a service inherits.
fn with_key(cli: &Cli, args: &[&str]) -> Command {
    let mut command = cli.command(args);
    command.env("LOCAL_KEY", CANARY);
    command
}

fn wait(cli: &Cli) -> Ran {
    Ran::from(with_key(cli, &["wait", "latest"]).output().unwrap())
}

/// A child whose model writes a file, and is silent then; and the end of its
/// host.
fn killed_in_its_second_chat(answer: &str) -> (Cli, Server) {
    let wire = Wire::OpenAi;
    let write = wire.calls("write_file", &json!({"path": "kept.txt", "content": "once"}));
    let server = Server::new(vec![stream(&write), Reply::Silence, stream(&wire.says(answer))]);
    let cli = wire.cli(&server.url, 1, "");
    let mut run = command(&cli, &["--background", "-q", "--toolsets", "file"]);
    assert!(run.output().unwrap().status.success());
    let first = server.next();
    assert_eq!(first.body["messages"].as_array().unwrap().len(), 2, "{}", first.body);
    let second = server.next();
    assert_eq!(fs::read_to_string(cli.path("kept.txt")).unwrap(), "once");
    // It would be seen if it were written once more.
    fs::write(cli.path("kept.txt"), "twice").unwrap();
    kill(&cli);
    let again = second.body;
    let ran = wait(&cli);
    assert_eq!(ran.exit, Some(0), "{ran}");
    assert_eq!(ran.stdout, format!("{answer}\n"));
    assert_eq!(server.next().body, again, "the same question, and nothing before it");
    assert_eq!(fs::read_to_string(cli.path("kept.txt")).unwrap(), "twice");
    (cli, server)
}

#[test]
fn a_child_goes_on_where_its_host_was_killed_and_nothing_is_done_twice() {
    let (cli, _server) = killed_in_its_second_chat("It is written.");
    let shown = cli.run(&["show", "latest", "--json"]).json();
    let event = &shown["events"][0];
    assert_eq!(event["resumed"].as_array().unwrap().len(), 1, "{event}");
    assert_eq!(event["notes"], json!(["its host was killed: another one went on with it"]));
    let result = &event["results"][0];
    assert_eq!((&result["api_calls"], &result["tool_calls"]), (&json!(2), &json!(1)), "{result}");
    assert_eq!(result["tokens"], json!({"input": 200, "output": 20}), "both chats");
    assert_eq!(cli.run(&["events", "--json"]).json().as_array().unwrap().len(), 1);
}

#[test]
fn a_child_that_ran_is_run_again_offline() {
    let (cli, server) = killed_in_its_second_chat("It is written.");
    drop(server);
    fs::remove_file(cli.path("kept.txt")).unwrap();
    check!(cli.run(&["replay", "latest"]).squeezed(), @r#"
    exit: 0
    ----- stdout
    1 chat  [TIME]
      {"text":"","tool_calls":[{"id":"call_1","name":"write_file","arguments":"{\"content\":\"once\",\"path\":\"kept.txt\"}"}…
    2 write_file {"content":"once","path":"kept.txt"}  [TIME]
      {"bytes":4,"created":true}
    3 chat  [TIME]
      {"text":"It is written.","tool_calls":[],"finish":"stop","usage":{"input_tokens":100,"output_tokens":10},"cost":null,"m…
    = completed
      It is written.
    ----- stderr
    note: it reports what it reported then
    "#);
    assert!(!cli.path("kept.txt").exists(), "nothing is done");
    let until = cli.run(&["replay", "latest/1", "--until", "1", "--json"]);
    assert_eq!(until.exit, Some(0), "{until}");
    let shown = until.json();
    assert_eq!(shown["calls"].as_array().unwrap().len(), 1, "{shown}");
    assert_eq!(
        shown["departure"],
        "stopped before call 2, `write_file {\"content\":\"once\",\"path\":\"kept.txt\"}`"
    );
    // Another component is told the same, as long as it asks the same.
    cli.file("honest.wasm", hermitage_tests::guest("honest"));
    let other = cli.run(&["replay", "latest", "--with", "honest.wasm", "--json"]);
    assert_eq!(other.exit, Some(1), "{other}");
    let departure = other.json()["departure"].clone();
    assert_eq!(departure, "it asks for `read_file hello.txt` where `chat` was recorded");
}

#[test]
fn what_has_no_record_is_told() {
    let cli = Cli::new(&["honest"]);
    cli.config("[delegation]\nresume = \"off\"");
    cli.run(&["run", "read it", "--agent", "./honest.wasm"]);
    check!(cli.run(&["replay", "latest"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: nothing is kept of what the children of `deleg_[ID]` were told
    hint: `delegation.resume` was `off`, or it was more than `delegation.journal_mib`
    ");
    check!(cli.run(&["replay", "latest/2"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: there is no task 2: the delegation has 1
    ");
}

#[test]
fn a_child_that_was_asked_to_stop_before_is_stopped() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.config("[delegation]\ninterrupt_grace_seconds = 1");
    endless(&cli, &[]);
    kill(&cli);
    // Nobody runs it now: whoever goes on with it hears of that.
    assert_eq!(cli.run(&["stop", "latest"]).exit, Some(0));
    let ran = cli.run(&["wait", "latest", "-q"]);
    assert_eq!(ran.exit, Some(130), "{ran}");
}

#[test]
fn a_run_in_the_foreground_is_gone_on_with_too() {
    let cli = Cli::new(&["honest", "logs_and_waits"]);
    let run = ["run", "wait", "--agent", "./logs_and_waits.wasm"];
    let mut running =
        cli.command(&run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while cli.run(&["list", "--json"]).json()[0]["children"][0]["status"] != "running" {}
    running.kill().unwrap();
    running.wait().unwrap();
    // A command that does not stay leaves it, and says so.
    let other = cli.run(&["run", "read it", "--agent", "./honest.wasm"]);
    check!(&other.stderr, @"
    note: 1 earlier delegation can go on: the host is gone
    hint: `hermitage wait` has a service do that, or start `hermitage serve`
    ✓ [1/1] read it  (honest, completed, [TIME])
    ");
    let listed = cli.run(&["list", "--json"]).json();
    let lost = listed.as_array().unwrap().iter().find(|it| it["status"] == "running").unwrap();
    let id = lost["delegation_id"].as_str().unwrap();
    assert_eq!(cli.run(&["stop", id]).exit, Some(0));
    let ended = cli.run(&["wait", id, "-q"]);
    assert_eq!(ended.exit, Some(130), "{ended}");
}

/// What each of the last delegation's children reports when it is run again.
pub(crate) fn assert_same_again(cli: &Cli, agent: &str, tasks: usize) {
    for task in 1..=tasks {
        let ran = cli.run(&["replay", &format!("latest/{task}"), "--json"]);
        assert_eq!(ran.exit, Some(0), "{agent}: {ran}");
        let shown = ran.json();
        assert_eq!((&shown["same"], &shown["departure"]), (&json!(true), &json!(null)), "{agent}");
    }
}

#[test]
fn every_agent_of_the_program_reports_the_same_when_it_is_run_again() {
    let cli = Cli::taped("copies.json");
    cli.file("README.md", "# Hello\n\nTODO: [gone](gone.md)\n");
    let steps = r#"[{"tool":"search_files","arguments":{}},{"tool":"read_file","arguments":{"path":"README.md"}},{"tool":"write_file","arguments":{"path":"new.txt","content":"new"}}]"#;
    for (agent, options) in [
        ("survey", &[][..]),
        ("todos", &[]),
        ("links", &[]),
        ("steps", &["--context", steps]),
        ("react", &["--model", "dear"]),
    ] {
        let run = ["run", "copy it", "--agent", agent, "--toolsets", "file"];
        let ran = cli.run(&[&run[..], options].concat());
        assert_eq!(ran.exit, Some(0), "{agent}: {ran}");
        assert_same_again(&cli, agent, 1);
    }
}

/// A child of a delegation in the background whose model is silent, and the end
/// of its host.
fn killed_in_its_first_chat(options: &[&str]) -> (Cli, Server) {
    let wire = Wire::OpenAi;
    let server = Server::new(vec![Reply::Silence, stream(&wire.says("It goes on."))]);
    let cli = wire.cli(&server.url, 1, "");
    cli.file("below/a.txt", "a");
    let mut run = command(&cli, &[&["--background", "-q"], options].concat());
    assert!(run.output().unwrap().status.success());
    server.next();
    kill(&cli);
    (cli, server)
}

#[test]
fn a_stop_that_was_asked_for_while_nobody_ran_it_is_obeyed_before_anything_is_done() {
    let (cli, server) = killed_in_its_first_chat(&[]);
    assert_eq!(cli.run(&["stop", "latest", "--reason", "no need"]).exit, Some(0));
    let ran = wait(&cli);
    assert_eq!(ran.exit, Some(130), "{ran}");
    assert!(ran.stdout.is_empty() && ran.stderr.contains("no need"), "{ran}");
    assert!(server.asked().is_empty(), "its model is not asked any more");
}

#[test]
fn what_can_not_be_gone_on_with_is_unknown_and_says_why() {
    let (cli, _server) = killed_in_its_first_chat(&["--workspace", "below"]);
    fs::remove_dir_all(cli.path("below")).unwrap();
    let ran = wait(&cli);
    assert_eq!(ran.exit, Some(1), "{ran}");
    let note = "note: it can't be gone on with: its workspace `";
    assert!(ran.stderr.contains(note), "{ran}");
    let events = cli.run(&["events", "--json"]).json();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
}
