//! `run --background`: what goes on without its command.

use std::{
    fs,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, getsid, kill_process};

use crate::{
    check,
    harness::{Cli, NOTHING_GOES_ON, Ran},
    store::ENDLESS,
    wait::Waiting,
};

/// What ends by itself.
pub(crate) const READ: [&str; 5] = ["run", "read it", "--agent", "./honest.wasm", "--background"];

/// The only service of a test.
pub(crate) fn service(cli: &Cli) -> Pid {
    let [service] = cli.services()[..] else { panic!("one service for all") };
    service
}

/// The processes that were started for single delegations of a test.
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
pub(crate) fn endless(cli: &Cli, options: &[&str]) -> Ran {
    cli.file("endless.json", ENDLESS);
    let run = ["run", "--tasks", "endless.json", "--background", "--quiet"];
    let ran = cli.run(&[&run, options].concat());
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

/// What the service does not do has a process of its own.
const LONGER: [&str; 2] = ["--timeout", "3600"];

#[test]
fn it_has_left_the_terminal_and_is_stopped_from_elsewhere() {
    for options in [&[][..], &LONGER] {
        let cli = Cli::new(&["honest", "ignores_interruption"]);
        // It returns although a process goes on: that one has none of its streams.
        let id = endless(&cli, options).stdout;
        let [process] = [cli.services(), processes(&cli)].concat()[..] else { panic!("one") };
        assert_eq!(getsid(Some(process)).unwrap(), process);
        let asked = cli.run(&["stop", id.trim_end(), "--reason", "no need"]);
        assert_eq!(asked.exit, Some(0), "{asked}");
        let ran = cli.run(&["wait", "latest", "--json"]);
        assert_eq!(ran.exit, Some(130), "{ran}");
        assert_eq!(ran.json()["results"][0]["error"], "interrupted: no need");
        while processes(&cli).contains(&process) {
            std::thread::yield_now();
        }
        // The service stays, for the next one.
        assert_eq!(cli.services().is_empty(), !options.is_empty());
    }
}

#[test]
fn less_time_is_given_by_the_service_and_more_by_a_process_of_its_own() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.config("[delegation]\ninterrupt_grace_seconds = 1");
    endless(&cli, &["--timeout", "1"]);
    assert!(processes(&cli).is_empty());
    let ended = cli.run(&["wait", "latest", "--json"]).json();
    assert_eq!(ended["results"][0]["status"], "timeout", "{ended}");
    endless(&cli, &LONGER);
    assert_eq!(processes(&cli).len(), 1);
    cli.run(&["stop", "latest"]);
    assert_eq!(cli.run(&["wait", "latest", "-q"]).exit, Some(130));
}

#[test]
fn asked_to_end_it_ends_its_delegation_first() {
    for options in [&[][..], &LONGER] {
        let cli = Cli::new(&["honest", "ignores_interruption"]);
        cli.config("[delegation]\ninterrupt_grace_seconds = 1");
        endless(&cli, options);
        let waiting = Waiting::start(&cli);
        let process = [cli.services(), processes(&cli)].concat()[0];
        kill_process(process, Signal::TERM).unwrap();
        let ran = waiting.end();
        assert_eq!(ran.exit, Some(130), "{ran}");
        assert!(ran.stdout.contains("why: interrupted: the host is shutting down"), "{ran}");
    }
}

#[test]
fn killed_while_somebody_waits_it_has_one_completion() {
    for options in [&[][..], &LONGER] {
        let cli = Cli::new(&["honest", "ignores_interruption"]);
        cli.config(NOTHING_GOES_ON);
        endless(&cli, options);
        let waiting = Waiting::start(&cli);
        let process = [cli.services(), processes(&cli)].concat()[0];
        kill_process(process, Signal::KILL).unwrap();
        let ran = waiting.end();
        assert_eq!(ran.exit, Some(1), "{ran}");
        assert_eq!(ran.stdout.matches("✗ [1/2] never ends").count(), 1, "{ran}");
        let events = cli.run(&["events", "--json"]).json();
        assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
        assert_eq!(events[0]["state"], "acknowledged");
    }
}

#[test]
fn one_service_runs_what_is_asked_with_its_settings_and_nothing_else() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    // Whoever comes first starts it, and the others find it.
    let quietly = |it: &mut Command| it.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut starting: Vec<_> = (0..4).map(|_| quietly(&mut cli.command(&READ)).unwrap()).collect();
    starting.iter_mut().for_each(|it| assert!(it.wait().unwrap().success()));
    let process = service(&cli);
    let mut other = cli.command(&READ);
    let ran = Ran::from(other.env("HERMITAGE_DELEGATION__MAX_DEPTH", "2").output().unwrap());
    let note = "note: the service that runs has other settings than this command: this has a \
                process of its own";
    assert!(ran.stderr.starts_with(note), "{ran}");
    assert_eq!(cli.run(&["wait", ran.stdout.trim_end()]).exit, Some(0));
    assert_eq!(service(&cli), process);
    // A path is that of whoever asks, and not of the service.
    cli.file("below/honest.wasm", fs::read(cli.path("honest.wasm")).unwrap());
    let mut below = cli.command(&[&READ[..], &["--workspace", ".."]].concat());
    let ran = Ran::from(below.current_dir(cli.path("below")).output().unwrap());
    assert_eq!(cli.run(&["wait", ran.stdout.trim_end()]).stdout, "hello\n", "{ran}");
    assert_eq!(service(&cli), process);
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
    assert!(processes(&cli).is_empty() && cli.services().is_empty());
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
