//! A program with all that it started, ended together.
//!
//! It stays in the host's process group, so that it may ask a person on the
//! terminal, where a group of its own would be stopped. So its descendants are
//! looked for when it is given up. What made itself independent before, such
//! as an agent that keeps keys, is none of them and stays.

use std::{collections::BTreeSet, fs};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

/// How often descendants are looked for: each time those that are found can
/// start no more, so that more rounds find what was started meanwhile.
const ROUNDS: usize = 8;

/// Ends all of them when it is dropped.
pub(super) struct Tree(Option<Pid>);

impl Tree {
    /// Of a child that was not waited for.
    pub(super) fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|it| i32::try_from(it).ok());
        Self(pid.and_then(Pid::from_raw))
    }

    /// It ended by itself, and its number may be another's by now.
    pub(super) fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let Some(root) = self.0 else { return };
        let mut all = BTreeSet::from([root.as_raw_nonzero().get()]);
        signal(&all, Signal::STOP);
        for _ in 0..ROUNDS {
            let new = below(&all);
            if new.is_empty() {
                break;
            }
            signal(&new, Signal::STOP);
            all.extend(new);
        }
        signal(&all, Signal::KILL);
    }
}

fn signal(pids: &BTreeSet<i32>, signal: Signal) {
    for pid in pids.iter().filter_map(|it| Pid::from_raw(*it)) {
        // One that is gone needs none.
        let _ = kill_process(pid, signal);
    }
}

/// Processes whose parent is one of these, and which are none of them.
fn below(parents: &BTreeSet<i32>) -> BTreeSet<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeSet::new() };
    let names = entries.filter_map(|it| it.ok()?.file_name().into_string().ok());
    let pids = names.filter_map(|it| it.parse::<i32>().ok());
    let is_new =
        |it: &i32| !parents.contains(it) && parent(*it).is_some_and(|it| parents.contains(&it));
    pids.filter(is_new).collect()
}

/// The fourth field of `/proc/PID/stat`; the second may hold anything.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
