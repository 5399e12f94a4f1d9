//! The store on a disk that fails: every call of SQLite to its files failed in
//! turn ([`every_call`]), no room left ([`full`]), and the power cut at any
//! moment ([`power`]). What the store said is done has to be there afterwards,
//! what it said is not must not be, and a file that is no longer whole has to
//! be told of.
//!
//! `HERMITAGE_FAULTS_SEEDS=2000` cuts the power so often, and
//! `HERMITAGE_FAULTS_SEED=N` from that seed on.

mod every_call;
mod full;
mod power;
mod promises;
mod vfs;
mod work;

use std::{env, path::Path};

use tempfile::TempDir;

/// A directory whose files cost no waiting for a disk: what a disk does is
/// played here.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap()
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |it| it.parse().unwrap())
}

/// Fails a test, which can be repeated with that seed.
fn named<T>(seed: u64, run: impl FnOnce() -> T) -> T {
    struct Name(u64);
    impl Drop for Name {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("HERMITAGE_FAULTS_SEED={}", self.0);
            }
        }
    }
    let _name = Name(seed);
    run()
}
