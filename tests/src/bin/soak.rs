//! `soak memory|sqlite COUNT`, `soak load SECONDS`, `soak waiting-memory|waiting-sqlite COUNT`:
//! what it comes to is printed, and one that misses its aim ends with 1.
//!
//! Processor time is what it takes, so it can run beside other work; the times
//! of `load` and `waiting` are those of a machine that has nothing else to do.

use std::{
    env,
    process::{Command, ExitCode},
    time::Duration,
};

use hermitage_tests::{
    TestHost,
    soak::{load, meter::Held, mix, percentile, waiting},
};

/// Says that temporary files have a directory of their own.
const INSIDE: &str = "HERMITAGE_SOAK_INSIDE";

/// KiB for each 100,000 delegations.
const MOST_SLOPE: f64 = 1024.0;

/// Threads and files that may be there for a moment. What leaks one in ten
/// thousand times leaks more.
const FEW: u64 = 3;

/// Delegations before the first look.
const ONCE: usize = 1_000;

/// Longer than a thread that has nothing to do is kept.
const IDLE: Duration = Duration::from_secs(15);

const MOST_REJECTION: Duration = Duration::from_millis(5);
const MOST_LOOK: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    if env::var_os(INSIDE).is_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(env::args_os().skip(1)).env("TMPDIR", dir.path()).env(INSIDE, "1");
        let status = command.status().unwrap();
        return if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let is_well = runtime.block_on(async {
        match words.as_slice() {
            ["memory", count] => soak(mix::host(), number(count)).await,
            ["sqlite", count] => soak(mix::host().durable(), number(count)).await,
            ["load", seconds] => overload(number(seconds) as u64).await,
            ["waiting-memory", count] => wait(TestHost::new(), number(count)).await,
            ["waiting-sqlite", count] => wait(TestHost::new().durable(), number(count)).await,
            _ => panic!("what to do? See the source's first lines"),
        }
    });
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(word: &str) -> usize {
    word.replace('_', "").parse().unwrap()
}

async fn soak(host: TestHost, count: usize) -> bool {
    // So that all that is there once is there.
    mix::run(&host, ONCE, 2, |_, _| ()).await;
    tokio::time::sleep(IDLE).await;
    let before = Held::now();
    let look = |n, held| println!("{n:>9} {held:?}");
    let report = mix::run(&host, count, 1, look).await;
    for ((kind, status), n) in &report.counts {
        println!("{n:>9} {kind:?} {status}");
    }
    let slope = report.slope();
    println!("{count} in {:?}; {slope:.0} KiB for each 100,000 after warm-up", report.took);
    tokio::time::sleep(IDLE).await;
    let end = Held::now();
    println!("before it:  {before:?}\nat the end: {end:?}");
    let is_flat = slope <= MOST_SLOPE;
    let keeps = end.threads <= before.threads + FEW && end.files <= before.files + FEW as usize;
    let leaves = end.temporary <= before.temporary + FEW as usize;
    println!("flat: {is_flat}, threads and files kept: {keeps}, no file left: {leaves}");
    is_flat && keeps && leaves
}

async fn overload(seconds: u64) -> bool {
    let host = load::host();
    let mut report = load::run(&host, Duration::from_secs(seconds)).await;
    let (accepted, rejected) = (report.accepted, report.rejected.len());
    println!("{accepted} accepted and completed, {rejected} rejected");
    let p = |times: &mut [Duration]| [50, 99, 100].map(|it| percentile(times, it));
    println!("accepted in (p50, p99, most): {:?}", p(&mut report.taken));
    let of_rejections = p(&mut report.rejected);
    println!("rejected in (p50, p99, most): {of_rejections:?}");
    accepted == report.completed && of_rejections[1] <= MOST_REJECTION
}

async fn wait(host: TestHost, count: usize) -> bool {
    let report = waiting::run(host.host().await, u32::try_from(count).unwrap()).await;
    println!("{count} events, made in {:?}", report.filled);
    let mut is_well = true;
    for (what, mut times) in report.looks {
        let [middle, most] = [50, 100].map(|it| percentile(&mut times, it));
        println!("{what}: {middle:?}, at most {most:?}");
        is_well &= most <= MOST_LOOK;
    }
    is_well
}
