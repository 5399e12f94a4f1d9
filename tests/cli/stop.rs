//! Ctrl-C.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use hermitage_tests::bombs;

use crate::harness::Cli;

/// Half a second is what children get to end in, five what they would get
/// without the command line. Between them, with room for a busy machine.
const SOON: Duration = Duration::from_secs(3);

#[test]
fn ctrl_c_ends_soon_and_keeps_what_is_finished() {
    [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM].into_iter().for_each(ends_soon);
}

fn ends_soon(signal: i32) {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.file(
        "tasks.json",
        r#"[
            {"goal": "never ends", "agent": "./ignores_interruption.wasm"},
            {"goal": "read it", "agent": "./honest.wasm"}
        ]"#,
    );
    let mut command = cli.command(&["run", "--tasks", "tasks.json", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.starts_with("✓ [2/2] read it"), "{first}");

    let asked = Instant::now();
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: sends a signal to a child that was not waited for yet.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    let last = lines.next().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < SOON, "took {:?}", asked.elapsed());

    assert!(last.starts_with("✗ [1/2] never ends"), "{last}");
    assert_eq!(output.status.code(), Some(130));
    let event: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(event["status"], "interrupted");
    assert_eq!(event["results"][0]["status"], "interrupted");
    assert_eq!(event["results"][1]["summary"], "hello");
}

/// The children of a process, by their command lines.
fn children(process: u32) -> Vec<(u32, String)> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    // Of each thread those that it started.
    let lists = threads.filter_map(|it| fs::read_to_string(it.ok()?.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    let ids = lists.iter().flat_map(|it| it.split_whitespace()).filter_map(|it| it.parse().ok());
    ids.filter_map(|id| Some((id, command_line(id)?))).collect()
}

fn command_line(process: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{process}/cmdline")).ok()
}

#[test]
fn a_compiler_that_has_begun_ends_with_its_host() {
    let cli = Cli::new(&[]);
    cli.file("bomb.wasm", bombs::find("loops one after the other").bytes);
    cli.config("[sandbox]\ncompile_seconds = 3600");
    for arguments in [&["run", "Go", "--agent", "./bomb.wasm"][..], &["inspect", "bomb.wasm"]] {
        let mut child = cli.command(arguments).stderr(Stdio::piped()).spawn().unwrap();
        let helper = loop {
            let mut children = children(child.id()).into_iter();
            if let Some((id, _)) =
                children.find(|(_, line)| line.starts_with("hermitage-helper\0compile"))
            {
                break id;
            }
            std::thread::yield_now();
        };
        let asked = Instant::now();
        let pid = libc::pid_t::try_from(child.id()).unwrap();
        // SAFETY: sends a signal to a child that was not waited for yet.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        child.wait().unwrap();
        while command_line(helper).is_some_and(|it| it.starts_with("hermitage-helper")) {
            assert!(asked.elapsed() < SOON, "{arguments:?}: the helper goes on");
            std::thread::yield_now();
        }
    }
}
