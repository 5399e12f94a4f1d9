//! A process that holds keys leaves no image of itself.

use std::{fs, io::BufRead as _, io::BufReader, os::unix::fs::MetadataExt as _, process::Stdio};

use rustix::process::geteuid;

use crate::harness::Cli;

#[test]
fn the_command_line_leaves_no_dump() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.file(
        "tasks.json",
        r#"[
            {"goal": "never ends", "agent": "./ignores_interruption.wasm"},
            {"goal": "read it", "agent": "./honest.wasm"}
        ]"#,
    );
    let mut command = cli.command(&["run", "--tasks", "tasks.json", "--json"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // It is at work once one of the two is done.
    BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    let below = format!("/proc/{}", child.id());
    let limits = fs::read_to_string(format!("{below}/limits")).unwrap();
    let line = limits.lines().find(|it| it.starts_with("Max core file size")).unwrap();
    let found: Vec<&str> = line.split_whitespace().skip(4).take(2).collect();
    // The kernel writes none for a limit of one byte, not even to a program.
    assert_eq!(found, ["1", "1"], "{line}");
    // What the kernel does not dump belongs to root.
    let owner = fs::metadata(format!("{below}/environ")).unwrap().uid();
    assert!(geteuid().is_root() || owner == 0, "{owner}");
    child.kill().unwrap();
    child.wait().unwrap();
}
