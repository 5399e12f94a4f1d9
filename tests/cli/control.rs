//! `stop ID/TASK` and `steer`: single children, from another command.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use rustix::process::{Signal, kill_process};
use serde_json::json;

use crate::{
    background::service,
    check,
    harness::{CONFIG, Cli, NOTHING_GOES_ON, Ran},
    server::{Reply, Server, held, stream},
    store::{endless, kill},
    wire::{CANARY, Wire, command},
};

/// Two children that never end by themselves, and one that does.
const TASKS: &str = r#"[
    {"goal": "never ends", "agent": "./ignores_interruption.wasm"},
    {"goal": "nor does this", "agent": "./ignores_interruption.wasm"},
    {"goal": "read it", "agent": "./honest.wasm"}
]"#;

#[test]
fn one_child_is_stopped_and_the_others_go_on() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.config("[delegation]\ninterrupt_grace_seconds = 1");
    cli.file("tasks.json", TASKS);
    let ran = cli.run(&["run", "--tasks", "tasks.json", "--background", "-q"]);
    assert_eq!(ran.exit, Some(0), "{ran}");
    check!(cli.run(&["stop", "latest/1", "--reason", "no need"]), @"
    exit: 0
    ----- stdout
    asked deleg_[ID]/1 to stop
    ----- stderr
    ");
    // The store has the end of the first, and the second runs.
    let children = loop {
        let shown = cli.run(&["show", "latest", "--json"]).json();
        if shown["children"][0]["status"] != "running" {
            break shown["children"].clone();
        }
    };
    assert_eq!(children[0]["status"], "interrupted", "{children}");
    assert_eq!(children[1]["status"], "running", "{children}");
    check!(cli.run(&["stop", "latest/1"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: task 1 of `deleg_[ID]` has ended
    hint: a follow-up has a new child go on where it has ended
    ");
    check!(cli.run(&["stop", "latest/4"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: there is no task 4: the delegation has 3
    ");
    check!(cli.run(&["stop", "latest/0"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `0` is no number of a task
    hint: tasks are counted from 1, as `hermitage show` does
    ");
    assert_eq!(cli.run(&["stop", "latest"]).exit, Some(0));
    let ended = cli.run(&["wait", "latest", "--json"]).json();
    let error = |task: usize| ended["results"][task]["error"].as_str();
    assert_eq!(error(0), Some("interrupted: no need"));
    assert_eq!(error(1), Some("interrupted"));
    assert_eq!(ended["results"][2]["summary"], "hello");
}

#[test]
fn a_child_is_told_something_while_its_model_answers() {
    let wire = Wire::OpenAi;
    let read = stream(&wire.calls("read_file", &json!({"path": "hello.txt"})));
    let (answer, first) = held(read);
    let replies = ["Bonjour", "Guten Tag"].map(|it| stream(&wire.says(it)));
    let server = Server::new([&[first], &replies[..]].concat());
    let cli = wire.cli(&server.url, 1, "");
    let mut run = command(&cli, &["--background", "-q"]);
    let ran = Ran::from(run.env_remove("HERMITAGE_LOG").output().unwrap());
    assert_eq!(ran.exit, Some(0), "{ran}");
    let before = server.next().body;
    check!(cli.run(&["steer", "latest", "In French, please"]), @"
    exit: 0
    ----- stdout
    told deleg_[ID]/1: its model reads it with its next call, if it makes another one
    ----- stderr
    ");
    // What the store does not know, the service sees.
    for command in [&["list", "--json"][..], &["show", "latest", "--json"]] {
        let seen = cli.run(command).json();
        let seen = seen.get(0).unwrap_or(&seen);
        assert_eq!(seen["children"][0]["waits_for"], "model", "{seen}");
    }
    answer.wait();
    let after = server.next().body;
    let messages = |body: &serde_json::Value| body["messages"].to_string();
    assert!(!messages(&before).contains("In French, please"));
    assert_eq!(messages(&after).matches("In French, please").count(), 1, "{after}");
    let last = after["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(last["role"], "user", "{after}");
    assert_eq!(cli.run(&["wait", "latest"]).stdout, "Bonjour\n");
    // Too late is told, and the way on from there.
    check!(cli.run(&["steer", "latest", "Or in German"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: too late: deleg_[ID] has ended (completed)
    hint: `hermitage follow-up deleg_[ID]/1 TEXT` has a new child go on where it has ended
    ");
    // A child that there never was is not late.
    for command in [&["steer", "latest/9", "Hurry"][..], &["stop", "latest/9"]] {
        let ran = cli.run(command);
        assert_eq!(ran.exit, Some(2), "{ran}");
        assert_eq!(ran.stderr, "error: there is no task 9: the delegation has 1\n");
    }
    // The key of another account would pay for it.
    let other = cli.run(&["follow-up", "latest", "Now in German"]);
    let why = "error: the service that runs has other settings than this command";
    assert!(other.exit == Some(1) && other.stderr.starts_with(why), "{other}");
    let mut follow = cli.command(&["follow-up", "latest", "Now in German"]);
    let ran = Ran::from(follow.env("LOCAL_KEY", CANARY).output().unwrap());
    check!(ran, @"
    exit: 0
    ----- stdout
    deleg_[ID]
    ----- stderr
    hint: `hermitage wait deleg_[ID]` tells what came of it
    ");
    let asked = messages(&server.next().body);
    for told in ["Now in German", "read it", "Bonjour"] {
        assert!(asked.contains(told), "`{told}`: {asked}");
    }
    assert_eq!(cli.run(&["wait", ran.stdout.trim_end()]).stdout, "Guten Tag\n");
}

#[test]
fn a_log_is_read_while_it_is_written_and_afterwards() {
    let cli = Cli::new(&["honest", "logs_and_waits"]);
    let tasks = r#"[
        {"goal": "wait", "agent": "./logs_and_waits.wasm"},
        {"goal": "read it", "agent": "./honest.wasm"}
    ]"#;
    cli.file("tasks.json", tasks);
    let ran = cli.run(&["run", "--tasks", "tasks.json", "--background", "-q"]);
    assert_eq!(ran.exit, Some(0), "{ran}");
    let mut following = cli.command(&["logs", "latest", "--follow"]);
    let mut following = following.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("[1/2] info  | begun"));
    check!(cli.run(&["logs", "latest/1"]), @"
    exit: 0
    ----- stdout
    [1/2] info  | begun
    ----- stderr
    ");
    check!(cli.run(&["follow-up", "latest/1", "And now?"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: task 1 of `deleg_[ID]` still runs: tell it with `steer` while it does
    ");
    assert_eq!(cli.run(&["stop", "latest"]).exit, Some(0));
    assert_eq!(lines.next(), None, "it has ended");
    assert!(following.wait().unwrap().success());
    assert_eq!(cli.run(&["wait", "latest", "-q"]).exit, Some(130));
    assert_eq!(cli.run(&["logs", "latest"]).stdout, "[1/2] info  | begun\n");
    // Where an agent was is not recorded.
    check!(cli.run(&["follow-up", "latest/2", "And again"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: unknown agent `honest`: known are `links`, `orchestrator`, `react`, `steps`, `survey`, `todos`
    hint: name a component by its path, or add its directory with `--plugin-path`
    ");
    let again = ["follow-up", "latest/2", "And again", "--agent", "./honest.wasm", "-q"];
    let id = cli.run(&again).stdout;
    assert_eq!(cli.run(&["wait", id.trim_end()]).stdout, "hello\n");
}

#[test]
fn a_child_that_hangs_is_shown_with_what_it_waits_for() {
    let server = Server::new(vec![Reply::Silence]);
    let cli = Wire::OpenAi.cli(&server.url, 1, "");
    let config = fs::read_to_string(cli.path(CONFIG)).unwrap();
    cli.config(&format!("{config}\n[delegation]\nstall_seconds = 1\nstop_stalled = false"));
    let mut run = command(&cli, &["--background", "-q"]);
    assert!(run.env_remove("HERMITAGE_LOG").output().unwrap().status.success());
    let stalled = loop {
        let ran = cli.run(&["list"]);
        if ran.stdout.contains("stalled") {
            break ran.stdout;
        }
    };
    let line = stalled.lines().last().unwrap();
    assert!(line.starts_with("  · [1/1] running      read it  (react)  stalled for "), "{line}");
    assert!(line.contains("s, waits for model"), "{line}");
    assert!(cli.run(&["show", "latest"]).stdout.contains("waits for model"));
    assert_eq!(cli.run(&["stop", "latest"]).exit, Some(0));
    assert_eq!(cli.run(&["wait", "latest", "-q"]).exit, Some(130));
}

#[test]
fn a_log_ends_with_the_host_that_was_killed() {
    let cli = Cli::new(&["logs_and_waits"]);
    cli.config(NOTHING_GOES_ON);
    let run = ["run", "wait", "--agent", "./logs_and_waits.wasm", "--background", "-q"];
    assert_eq!(cli.run(&run).exit, Some(0));
    let mut following = cli.command(&["logs", "latest", "-f"]);
    let mut following = following.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("info  | begun"));
    kill_process(service(&cli), Signal::KILL).unwrap();
    assert_eq!(lines.next(), None);
    assert!(following.wait().unwrap().success());
    assert_eq!(cli.run(&["wait", "latest", "-q"]).exit, Some(1));
}

#[test]
fn who_can_not_be_told_is_named() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    // Nobody serves: it is the command's own.
    let running = endless(&cli);
    check!(cli.run(&["steer", "latest/1", "Hurry"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: no service runs, and single children are reached through one
    hint: `hermitage run --background` has a service run them
    ");
    check!(cli.run(&["stop", "latest/1"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: no service runs, and single children are reached through one
    hint: `hermitage run --background` has a service run them
    ");
    check!(cli.run(&["steer", "latest", "Hurry"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: the delegation has 2 tasks: which is meant?
    hint: name it behind a slash: `ID/1` is the first
    ");
    // A service runs, and this is another's.
    let read = ["run", "read it", "--agent", "./honest.wasm", "--background", "--json"];
    let own = cli.run(&read).json();
    let of_other = cli.run(&["list", "--json"]).json();
    let of_other = of_other.as_array().unwrap().iter().map(|it| it["delegation_id"].clone());
    let of_other = of_other.into_iter().find(|it| *it != own["delegation_id"]).unwrap();
    let first = format!("{}/1", of_other.as_str().unwrap());
    check!(cli.run(&["steer", &first, "Hurry"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: `deleg_[ID]` runs in another host
    hint: a stop of the whole delegation alone reaches every host on the store
    ");
    check!(cli.run(&["stop", &first]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: `deleg_[ID]` runs in another host
    hint: a stop of the whole delegation alone reaches every host on the store
    ");
    kill(running);
}
