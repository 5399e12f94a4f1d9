//! `stop ID/TASK` and `steer`: single children, from another command.

use serde_json::json;

use crate::{
    check,
    harness::{Cli, Ran},
    server::{Server, held, stream},
    store::{endless, kill},
    wire::{Wire, command},
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
    let server = Server::new(vec![first, stream(&wire.says("Bonjour"))]);
    let cli = wire.cli(&server.url, 1, "");
    let mut run = command(&cli, &["--background", "-q"]);
    let ran = Ran::from(run.env_remove("HERMITAGE_LOG").output().unwrap());
    assert_eq!(ran.exit, Some(0), "{ran}");
    let before = server.next().body;
    check!(cli.run(&["steer", "latest", "In French, please"]), @"
    exit: 0
    ----- stdout
    told deleg_[ID]/1: its model reads it with its next call
    ----- stderr
    ");
    answer.wait();
    let after = server.next().body;
    let messages = |body: &serde_json::Value| body["messages"].to_string();
    assert!(!messages(&before).contains("In French, please"));
    assert_eq!(messages(&after).matches("In French, please").count(), 1, "{after}");
    let last = after["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(last["role"], "user", "{after}");
    assert_eq!(cli.run(&["wait", "latest"]).stdout, "Bonjour\n");
    // Too late is told.
    check!(cli.run(&["steer", "latest", "Or in German"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: too late: deleg_[ID] has ended (completed)
    ");
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
    hint: stop the whole delegation, which reaches every host on the store
    ");
    check!(cli.run(&["stop", &first]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: `deleg_[ID]` runs in another host
    hint: stop the whole delegation, which reaches every host on the store
    ");
    kill(running);
}
