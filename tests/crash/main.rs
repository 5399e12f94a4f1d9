//! Real host processes on real files, killed with SIGKILL: at random moments,
//! at every step of the store, and between any two steps of an application.
//! Nothing that was confirmed may be lost, and nothing may happen twice.
//!
//! `HERMITAGE_CRASH_SEED` repeats the moments and choices of a run,
//! `HERMITAGE_CRASH_ROUNDS` makes it longer. This does not test the loss of
//! power: what a process wrote outlives it.

mod check;
mod process;
mod resume;

use std::{
    env, fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use hermitage_tests::{Dice, guest};
use tempfile::TempDir;

use self::{
    check::{Counts, check},
    process::Process,
};

/// Of all stores together.
const ROUNDS: usize = 200;

/// That the rounds go on, one after the other.
const STORES: usize = 4;

/// Longest life of a host that is up, in milliseconds.
const MAX_LIFE: u64 = 250;

/// From opening the store to a host that takes calls.
const MAX_UP: Duration = Duration::from_secs(2);

/// Every step of the store's writer, and the gaps between an application's
/// own steps: told of a dispatch, holding an event, having applied it, having
/// told so, and having acknowledged it.
const POINTS: [&str; 10] = [
    "taken",
    "begun",
    "applied",
    "committed",
    "answered",
    "dispatched",
    "delivered",
    "effect",
    "recorded",
    "acked",
];

/// The n-th times at which hosts die at a point.
const TIMES: [&str; 5] = ["1", "2", "5", "13", "40"];

/// Units that ended and are kept: all, or few, so that pruning is killed, too.
const RETAINED: [usize; 2] = [10_000, 5];

/// The hosts on one store.
struct Campaign {
    dir: TempDir,
    rng: Dice,
    retained: usize,
    started: usize,
    kills: usize,
    max_up: Duration,
    start: Instant,
}

impl Campaign {
    fn new(seed: u64, retained: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["workspace", "guests"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("workspace/hello.txt"), "hello").unwrap();
        for name in ["honest", "fails", "delegates"] {
            fs::write(dir.path().join(format!("guests/{name}.wasm")), guest(name)).unwrap();
        }
        let (rng, start) = (Dice::new(seed), Instant::now());
        Self { dir, rng, retained, started: 0, kills: 0, max_up: Duration::ZERO, start }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// It is up when this returns, or dead.
    fn host(&mut self, mode: &[&str]) -> Process {
        self.started += 1;
        let name = format!("h{}", self.started);
        let mut res = Process::start(self.dir.path(), &name, self.rng.draw(), self.retained, mode);
        if let Some(up) = res.up() {
            assert!(up < MAX_UP, "{name} took {up:?}");
            self.max_up = self.max_up.max(up);
        }
        res
    }

    /// Kills hosts at random moments. Now and then there are two on the
    /// store; the one that is left goes on through the next rounds.
    fn kill_at_random(&mut self, rounds: usize) {
        let mut hosts = vec![self.host(&["work"])];
        for _ in 0..rounds {
            if self.rng.below(3) == 0 {
                hosts.push(self.host(&["work"]));
            }
            // The moment is the test's input; nothing is waited for.
            thread::sleep(Duration::from_millis(self.rng.below(MAX_LIFE)));
            let which = self.rng.below(hosts.len() as u64) as usize;
            hosts.swap_remove(which).kill();
            self.kills += 1;
            if hosts.is_empty() {
                hosts.push(self.host(&["work"]));
            }
        }
        for host in hosts {
            host.kill();
            self.kills += 1;
        }
    }

    fn kill_at(&mut self, point: &str, n: &str) {
        self.host(&["die", point, n]).dies();
        self.kills += 1;
    }

    /// Delivers what is left, and checks everything. `has_store`: it never
    /// failed.
    fn finish(mut self, has_store: bool) -> Counts {
        self.host(&["drain"]).ends();
        let counts = check(self.path(), has_store);
        let Self { kills, max_up, .. } = self;
        println!("{kills} kills, {counts:?}, up in {max_up:?}, took {:?}", self.start.elapsed());
        counts
    }
}

pub(crate) fn number(variable: &str, default: usize) -> usize {
    env::var(variable).map_or(default, |it| it.parse().unwrap())
}

/// Runs it with a seed of its own for each store, and names the seed when it
/// fails.
fn on_stores(test: impl Fn(&mut Campaign, usize) + Sync) {
    let seed = number("HERMITAGE_CRASH_SEED", 1);
    let run = |index: usize| {
        println!("HERMITAGE_CRASH_SEED={seed}, store {index}");
        let retained = RETAINED[index % RETAINED.len()];
        let mut campaign = Campaign::new((seed + index) as u64, retained);
        test(&mut campaign, index);
        let counts = campaign.finish(true);
        assert!(0 < counts.acked, "nothing was done: {counts:?}");
    };
    // Two at a time: each waits for the disk most of the time.
    thread::scope(|scope| {
        for part in 0..2 {
            scope.spawn(move || (part..STORES).step_by(2).for_each(run));
        }
    });
}

#[test]
fn hosts_that_are_killed_at_any_moment_lose_nothing_and_do_nothing_twice() {
    let rounds = number("HERMITAGE_CRASH_ROUNDS", ROUNDS) / STORES;
    on_stores(|campaign, _| campaign.kill_at_random(rounds));
}

#[test]
fn hosts_that_die_at_any_step_lose_nothing_and_do_nothing_twice() {
    on_stores(|campaign, index| {
        let all = POINTS.iter().flat_map(|point| TIMES.map(|n| (*point, n)));
        for (point, n) in all.skip(index).step_by(STORES) {
            campaign.kill_at(point, n);
        }
    });
}

#[test]
fn a_host_whose_file_can_not_grow_says_so_and_the_next_one_has_everything() {
    let mut campaign = Campaign::new(1, RETAINED[0]);
    for kib in [400, 2_000, 6_000] {
        let mut host = campaign.host(&["limit", &(kib * 1024).to_string()]);
        host.failed();
        host.kill();
        campaign.kills += 1;
    }
    campaign.finish(false);
}
