//! Hosts that are killed in the middle of nested batches: every unit ends with
//! one event, nothing that has an effect is done twice, and next to nothing of
//! what was done is done again.
//!
//! `HERMITAGE_RESUME_ROUNDS` makes it longer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use hermitage_tests::{Dice, guest};
use serde_json::Value;

use crate::number;

const ROUNDS: usize = 25;

/// Longest life of a host that is up, in milliseconds.
const MAX_LIFE: u64 = 250;

/// Calls that may be made once more, of those that were made: one in twenty.
const MOST_REPEATED: usize = 20;

fn host(dir: &Path, mode: &str) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_resume-host"));
    command.arg(dir).arg(mode).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    command.spawn().unwrap()
}

/// The lines that a tool left, each with how often.
fn lines(file: &Path) -> BTreeMap<String, usize> {
    let mut res = BTreeMap::new();
    for line in fs::read_to_string(file).unwrap().lines() {
        *res.entry(line.to_owned()).or_default() += 1;
    }
    res
}

#[test]
fn children_go_on_where_their_hosts_were_killed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("workspace")).unwrap();
    fs::write(dir.join("counts.wasm"), guest("counts")).unwrap();
    let mut dice = Dice::new(number("HERMITAGE_CRASH_SEED", 1) as u64);
    let rounds = number("HERMITAGE_RESUME_ROUNDS", ROUNDS);
    for _ in 0..rounds {
        let mut host = host(dir, "work");
        let mut up = String::new();
        BufReader::new(host.stdout.take().unwrap()).read_line(&mut up).unwrap();
        assert_eq!(up, "up\n", "{}", fs::read_to_string(dir.join("log")).unwrap());
        // The moment is the test's input; nothing is waited for.
        thread::sleep(Duration::from_millis(dice.below(MAX_LIFE)));
        host.kill().unwrap();
        host.wait().unwrap();
    }
    let drained = host(dir, "drain").wait_with_output().unwrap();
    assert!(drained.status.success(), "{}", fs::read_to_string(dir.join("log")).unwrap());
    check(dir, &String::from_utf8(drained.stdout).unwrap(), rounds);
}

fn check(dir: &Path, printed: &str, rounds: usize) {
    let events: Vec<Value> =
        printed.lines().skip(1).map(|it| serde_json::from_str(it).unwrap()).collect();
    let of = |it: &Value| it["delegation_id"].as_str().unwrap().to_owned();
    let ids: BTreeSet<String> = events.iter().map(of).collect();
    assert_eq!(ids.len(), events.len(), "an event for each");
    let dispatched = fs::read_to_string(dir.join("dispatched")).unwrap();
    for id in dispatched.lines() {
        assert!(ids.contains(id), "{id} has no event");
    }
    let results = events.iter().flat_map(|it| it["results"].as_array().unwrap());
    for result in results {
        let expect = if result["goal"].as_str().unwrap().ends_with("fails") {
            "failed"
        } else {
            "completed"
        };
        assert_eq!(result["status"], expect, "{result}");
    }
    let (looks, ticks) = (lines(&dir.join("looks")), lines(&dir.join("ticks")));
    let twice: Vec<_> = ticks.iter().filter(|it| *it.1 > 1).collect();
    assert!(twice.is_empty(), "done twice: {twice:?}");
    let made_looks: usize = looks.values().sum();
    let (made, repeated) = (made_looks + ticks.len(), made_looks - looks.len());
    let resumed = events.iter().filter(|it| it["resumed"].is_array()).count();
    println!(
        "{rounds} kills, {} units, {resumed} of them resumed, {made} calls, {repeated} repeated",
        events.len(),
    );
    assert!(0 < resumed && 0 < made);
    assert!(repeated * MOST_REPEATED <= made, "{repeated} of {made} calls were repeated");
}
