//! `run --background`: what goes on without its command.

use std::fs;

use rustix::process::{Pid, Signal, getsid, kill_process};

use crate::{
    check,
    harness::{Cli, Ran},
    store::ENDLESS,
    wait::Waiting,
};

const READ: [&str; 5] = ["run", "read it", "--agent", "./honest.wasm", "--background"];

/// The processes that were started for the delegations of a test.
fn processes(cli: &Cli) -> Vec<Pid> {
    let state = format!("XDG_STATE_HOME={}", cli.path("home/state").display());
    let is_ours = |pid: &i32| {
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let has = |file: &str, word: &str| {
            read(file).split(|it| *it == 0).any(|it| it == word.as_bytes())
        };
        has("cmdline", "--detached") && has("environ", &state)
    };
    let all = fs::read_dir("/proc").unwrap();
    let all = all.filter_map(|it| it.unwrap().file_name().to_str()?.parse().ok());
    all.filter(is_ours).map(|it| Pid::from_raw(it).unwrap()).collect()
}

/// A batch of which one child never ends by itself.
fn endless(cli: &Cli) -> Ran {
    cli.file("endless.json", ENDLESS);
    let ran = cli.run(&["run", "--tasks", "endless.json", "--background", "--quiet"]);
    assert_eq!((ran.exit, ran.stderr.as_str()), (Some(0), ""), "{ran}");
    ran
}

#[test]
fn a_handle_is_printed_and_the_completion_is_taken_once() {
    let cli = Cli::new(&["honest"]);
    let ran = cli.run(&READ);
    check!(ran, @"
    exit: 0
    ----- stdout
    deleg_[ID]
    ----- stderr
    hint: `hermitage wait deleg_[ID]` tells what came of it
    ");
    let id = ran.stdout.trim_end();
    check!(cli.run(&["wait", id]), @"
    exit: 0
    ----- stdout
    hello
    ----- stderr
    ✓ [1/1] read it  (honest, completed, [TIME])
    ");
    let events = cli.run(&["events", "--json"]).json();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events[0]["state"], "acknowledged");
}

#[test]
fn it_has_a_session_of_its_own_and_is_stopped_from_elsewhere() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    // It returns although the process goes on: that one has none of its streams.
    let id = endless(&cli).stdout;
    let [process] = processes(&cli)[..] else { panic!("one process for one delegation") };
    assert_eq!(getsid(Some(process)).unwrap(), process);
    let asked = cli.run(&["stop", id.trim_end(), "--reason", "no need"]);
    assert_eq!(asked.exit, Some(0), "{asked}");
    let ran = cli.run(&["wait", "latest", "--json"]);
    assert_eq!(ran.exit, Some(130), "{ran}");
    assert_eq!(ran.json()["results"][0]["error"], "interrupted: no need");
    while processes(&cli).contains(&process) {
        std::thread::yield_now();
    }
}

#[test]
fn asked_to_end_it_ends_its_delegation_first() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.config("[delegation]\ninterrupt_grace_seconds = 1");
    endless(&cli);
    let waiting = Waiting::start(&cli);
    kill_process(processes(&cli)[0], Signal::TERM).unwrap();
    let ran = waiting.end();
    assert_eq!(ran.exit, Some(130), "{ran}");
    assert!(ran.stdout.contains("why: interrupted: the host is shutting down"), "{ran}");
}

#[test]
fn killed_while_somebody_waits_it_has_one_completion() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    endless(&cli);
    let waiting = Waiting::start(&cli);
    kill_process(processes(&cli)[0], Signal::KILL).unwrap();
    let ran = waiting.end();
    assert_eq!(ran.exit, Some(1), "{ran}");
    assert_eq!(ran.stdout.matches("✗ [1/2] never ends").count(), 1, "{ran}");
    let events = cli.run(&["events", "--json"]).json();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events[0]["state"], "acknowledged");
}

#[test]
fn what_is_wrong_is_told_at_once_and_nothing_is_left() {
    let cli = Cli::new(&[]);
    cli.file("core.wasm", "no component");
    for arguments in [
        &["run", "Go", "--agent", "./none.wasm"][..],
        &["run", "Go", "--agent", "./core.wasm"],
        &["run", "Go", "--agent", "survey", "--toolsets", "none"],
        &["run", "--tasks", "-", "--json"],
    ] {
        let usual = cli.run(arguments);
        let ran = cli.run(&[arguments, &["--background"]].concat());
        assert_ne!(ran.exit, Some(0), "{ran}");
        assert_eq!(ran.to_string(), usual.to_string());
    }
    assert_eq!(cli.run(&["list", "--json"]).json().as_array().unwrap().len(), 0);
    assert!(processes(&cli).is_empty());
}

#[test]
fn a_handle_is_json_when_asked_and_tasks_are_read_from_standard_input() {
    let cli = Cli::new(&["honest"]);
    let tasks = r#"[{"goal": "read it", "agent": "./honest.wasm"}]"#;
    let ran = cli.run_with_stdin(&["run", "--tasks", "-", "--background", "--json", "-q"], tasks);
    let handle = ran.json();
    assert_eq!((&handle["status"], &handle["mode"]), (&"dispatched".into(), &"background".into()));
    let ended = cli.run(&["wait", handle["delegation_id"].as_str().unwrap(), "--json"]).json();
    assert_eq!(ended["delegation_id"], handle["delegation_id"]);
    assert_eq!(ended["summary"], "hello");
}
