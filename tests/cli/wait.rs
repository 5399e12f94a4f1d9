//! `wait` and `stop`: from another command than the one that runs it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use crate::{
    check,
    harness::{Cli, NOTHING_GOES_ON, Ran},
    store::{endless, kill},
};

#[test]
fn a_delegation_of_another_command_is_stopped_and_its_end_waited_for() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    let running = endless(&cli);
    let asked = cli.run(&["stop", "latest", "--reason", "no need"]);
    check!(asked, @"
    exit: 0
    ----- stdout
    asked deleg_[ID] to stop
    ----- stderr
    ");
    check!(cli.run(&["wait", "latest"]).sorted(), @"
    exit: 130
    ----- stdout
    ✗ [1/2] never ends  (ignores_interruption, interrupted, [TIME])
      why: interrupted: no need

    ✓ [2/2] read it  (honest, completed, [TIME])
      hello
    ----- stderr
    1 of 2 completed  ([TIME])
    ✗ [1/2] never ends  (ignores_interruption, interrupted, [TIME])
    ✓ [2/2] read it  (honest, completed, [TIME])
    ");
    let ended = running.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    check!(cli.run(&["stop", "latest"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: too late: deleg_[ID] has ended (interrupted)
    hint: `hermitage show deleg_[ID]` tells what came of it
    ");
}

#[test]
fn the_end_of_a_host_that_was_killed_is_waited_for_and_told_once() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.config(NOTHING_GOES_ON);
    let running = endless(&cli);
    let waiting = Waiting::start(&cli);
    kill(running);
    let ran = waiting.end();
    check!(ran, @"
    exit: 1
    ----- stdout
    ✗ [1/2] never ends  (ignores_interruption, unknown, [TIME])
      why: the host that ran this child is gone, and nobody saw how it ended

    ✓ [2/2] read it  (honest, completed, [TIME])
      hello
    ----- stderr
    ✓ [2/2] read it  (honest, completed, [TIME])
    ✗ [1/2] never ends  (ignores_interruption, unknown, [TIME])
    1 of 2 completed  ([TIME])
    ");
    // It is taken: no parent hears of it again.
    check!(cli.run(&["events", "--pending"]), @"
    exit: 0
    ----- stdout

    ----- stderr
    no such events
    ");
    // Who asks again is told the same.
    let again = cli.run(&["wait", "latest"]);
    assert_eq!((again.exit, again.stdout), (ran.exit, ran.stdout));
}

#[test]
fn who_stops_waiting_stops_nothing() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    let running = endless(&cli);
    let waiting = Waiting::start(&cli);
    let pid = libc::pid_t::try_from(waiting.process.id()).unwrap();
    // SAFETY: sends a signal to a child that was not waited for yet.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
    check!(waiting.end(), @"
    exit: 130
    ----- stdout

    ----- stderr
    ✓ [2/2] read it  (honest, completed, [TIME])
    note: deleg_[ID] goes on
    hint: `hermitage wait deleg_[ID]`, or `hermitage stop deleg_[ID]`
    ");
    assert_eq!(cli.run(&["list", "--json"]).json()[0]["status"], "running");
    kill(running);
}

#[test]
fn what_is_not_there_is_told() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["wait", "latest"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: there is no delegation yet
    hint: `hermitage run` records them
    ");
    let strange = format!("deleg_{}", "0a".repeat(16));
    check!(cli.run(&["wait", &strange]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: there is no delegation `deleg_[ID]`
    hint: see `hermitage list`
    ");
    check!(cli.run(&["wait", "latest/1"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `latest/1` is a single task, and this is of all of them
    hint: leave out the slash and what is behind it
    ");
    assert_eq!(cli.run(&["stop", &strange]).stderr, cli.run(&["wait", &strange]).stderr);
    check!(cli.run(&["stop", "soon"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `soon` is no id
    hint: give an id, its beginning, or `latest`: see `hermitage list`
    ");
}

/// `wait latest`, which has said that the second child ended.
pub(crate) struct Waiting {
    process: Child,
    first: String,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Waiting {
    pub(crate) fn start(cli: &Cli) -> Self {
        let mut command = cli.command(&["wait", "latest"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut first = String::new();
        stderr.read_line(&mut first).unwrap();
        assert!(first.starts_with("✓ [2/2] read it"), "{first}");
        Self { process, first, stderr }
    }

    pub(crate) fn end(mut self) -> Ran {
        let rest = std::io::read_to_string(self.stderr).unwrap();
        let stdout = std::io::read_to_string(self.process.stdout.take().unwrap()).unwrap();
        let exit = self.process.wait().unwrap().code();
        Ran { exit, stdout, stderr: format!("{}{rest}", self.first) }
    }
}
