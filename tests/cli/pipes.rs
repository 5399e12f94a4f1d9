//! A pipe where a file should be, with nobody at its other end: an error, and
//! nothing that is waited for.

use std::{fs, process::Stdio, sync::mpsc::channel, thread, time::Duration};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Signal, kill_process},
};

use crate::harness::{CONFIG, Cli, Ran};

/// How long a command has that waits for nothing.
const SOON: Duration = Duration::from_secs(60);

/// Runs a command that must come to its end; one that waits is ended.
fn ends(cli: &Cli, args: &[&str]) -> Ran {
    let mut command = cli.command(args);
    command.env("XDG_CACHE_HOME", cli.path("home/cache"));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (ended, end) = channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    match end.recv_timeout(SOON) {
        Ok(output) => Ran::from(output.unwrap()),
        Err(_) => {
            kill_process(pid, Signal::KILL).unwrap();
            panic!("{args:?} waits for a pipe");
        }
    }
}

fn pipe(cli: &Cli, path: &str) {
    let path = cli.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if path.exists() {
        fs::remove_file(&path).unwrap();
    }
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// With a pipe there, a command says so.
fn check(place: &str, args: &[&str], prepare: impl Fn(&Cli)) {
    let cli = Cli::new(&["honest"]);
    prepare(&cli);
    pipe(&cli, place);
    let ran = ends(&cli, args);
    assert_ne!(ran.exit, Some(0), "{place}: {ran}");
    // The doctor has it among its findings.
    assert!(ran.to_string().contains("no regular file"), "{place}: {ran}");
}

const HONEST: [&str; 4] = ["run", "read it", "--agent", "./honest.wasm"];

#[test]
fn in_the_place_of_what_is_named() {
    check(CONFIG, &["config", "check"], |_| ());
    check("other.toml", &["--config", "other.toml", "doctor"], |_| ());
    check("tasks.json", &["run", "--tasks", "tasks.json"], |_| ());
    check(
        "schema.json",
        &[HONEST.as_slice(), &["--output-schema", "schema.json"]].concat(),
        |_| (),
    );
    check("a.wasm", &["inspect", "./a.wasm"], |_| ());
    let tape = "model.default = 'tape/x'\n[providers.tape]\nkind = 'scripted'\ncassette = 'tape'";
    check("home/config/hermitage/tape", &["run", "think"], |cli| cli.config(tape));
}

#[test]
fn in_the_place_of_what_the_host_keeps() {
    let with_store = [HONEST.as_slice(), &["--store", "hermitage.db"]].concat();
    check("hermitage.db", &with_store, |_| ());
    for suffix in ["-journal", "-wal", "-shm"] {
        let made = |cli: &Cli| assert_eq!(ends(cli, &with_store).exit, Some(0));
        check(&format!("hermitage.db{suffix}"), &with_store, made);
    }
}

#[test]
fn in_the_place_of_the_key_of_the_cache() {
    let cli = Cli::new(&["honest"]);
    pipe(&cli, "home/cache/hermitage/compiled/key");
    fs::set_permissions(cli.path("home/cache/hermitage/compiled"), private()).unwrap();
    let ran = ends(&cli, &HONEST);
    assert!(ran.stderr.contains("key`: it is no regular file"), "{ran}");
}

fn private() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o700)
}

#[test]
fn a_device_without_an_end_is_not_read() {
    let cli = Cli::new(&["honest"]);
    for args in [
        [HONEST.as_slice(), &["--output-schema", "/dev/zero"]].concat(),
        vec!["--config", "/dev/zero", "doctor"],
        vec!["run", "--tasks", "/dev/zero"],
        vec!["inspect", "/dev/zero"],
    ] {
        let ran = ends(&cli, &args);
        assert!(ran.exit != Some(0) && ran.to_string().contains("no regular file"), "{ran}");
    }
}
