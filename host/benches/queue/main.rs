//! How many delegations a second go from their dispatch to an acknowledged
//! event, with the store in memory and in SQLite, next to the floor: the same
//! durable steps on the same file system without a host.
//!
//! `cargo bench --bench queue` prints the table, and after it what part of the
//! floor's rate the host has. That part is what to look at: rates are those of
//! the disk, and of whatever else the machine does.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails has nothing to tell")]

mod floor;
mod rig;

use std::{
    env,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use divan::{Bencher, counter::ItemsCount};
use hermitage::session::Session;
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    floor::{Floor, Sizes},
    rig::{Counts, Kept, Rig, Stages, delegate},
};

/// Delegations at once.
const IN_FLIGHT: [usize; 3] = [1, 64, 256];

/// How long one measurement of a comparison is.
const WINDOW: Duration = Duration::from_millis(1_500);

/// Measurements of each side, which alternate: other load hits both.
const WINDOWS: usize = 3;

/// Before a comparison: the log of a new file is slow until it is long enough
/// to be written from its start again.
const WARM_UP: Until = Until::Count(8);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

fn main() {
    hermitage::run_if_helper();
    divan::main();
    // Any other argument is a wish for a part of the table alone.
    if env::args().skip(1).all(|it| it == "--bench") {
        println!();
        for in_flight in IN_FLIGHT {
            RUNTIME.block_on(compare(in_flight));
        }
    }
}

#[divan::bench(args = IN_FLIGHT, sample_count = 5, sample_size = 1)]
fn memory(bencher: Bencher, in_flight: usize) {
    bench_host(bencher, in_flight, Kept::Memory);
}

#[divan::bench(args = IN_FLIGHT, sample_count = 5, sample_size = 1)]
fn sqlite(bencher: Bencher, in_flight: usize) {
    bench_host(bencher, in_flight, Kept::Sqlite);
}

#[divan::bench(args = IN_FLIGHT, sample_count = 5, sample_size = 1)]
fn bare(bencher: Bencher, in_flight: usize) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let floor = Floor::start(&dir.path().join("bare.db"), *SIZES);
    let each = each(in_flight);
    bencher
        .counter(ItemsCount::new(in_flight * each))
        .bench_local(|| RUNTIME.block_on(floor_round(&floor, in_flight, Until::Count(each))));
}

fn bench_host(bencher: Bencher, in_flight: usize, kept: Kept) {
    let rig = RUNTIME.block_on(Rig::new(kept));
    let each = each(in_flight);
    bencher
        .counter(ItemsCount::new(in_flight * each))
        .bench_local(|| RUNTIME.block_on(host_round(&rig, in_flight, Until::Count(each))));
    RUNTIME.block_on(rig.host.shutdown());
}

/// Delegations of each producer in one sample: enough that its start and end
/// do not matter.
fn each(in_flight: usize) -> usize {
    (2_048 / in_flight).clamp(8, 32)
}

/// Sizes of the host's rows.
static SIZES: LazyLock<Sizes> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let rig = Rig::new(Kept::Sqlite).await;
        host_round(&rig, 1, Until::Count(1)).await;
        rig.sizes()
    })
});

/// How long a producer goes on.
#[derive(Clone, Copy)]
enum Until {
    Count(usize),
    Time(Instant),
}

impl Until {
    fn goes_on(self, done: usize) -> bool {
        match self {
            Until::Count(count) => done < count,
            Until::Time(end) => Instant::now() < end,
        }
    }
}

async fn host_round(rig: &Rig, in_flight: usize, until: Until) -> Vec<Stages> {
    let mut producers = JoinSet::new();
    for producer in 0..in_flight {
        let host = rig.host.clone();
        let session: Session = session(producer).parse().unwrap();
        producers.spawn(async move {
            let (mut stages, mut completions) = (Vec::new(), host.completions(&session));
            while until.goes_on(stages.len()) {
                stages.push(delegate(&host, &session, &mut completions).await);
            }
            stages
        });
    }
    producers.join_all().await.into_iter().flatten().collect()
}

/// Returns how many it did.
async fn floor_round(floor: &Floor, in_flight: usize, until: Until) -> usize {
    static UNITS: AtomicUsize = AtomicUsize::new(0);
    let mut producers = JoinSet::new();
    for producer in 0..in_flight {
        let (floor, session) = (floor.clone(), session(producer));
        producers.spawn(async move {
            let mut done = 0;
            while until.goes_on(done) {
                // As long as the host's, and as little sorted.
                let unit = UNITS.fetch_add(1, Ordering::Relaxed) as u128;
                let id = unit.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                floor.delegate(format!("deleg_{id:032x}"), &session).await;
                done += 1;
            }
            done
        });
    }
    producers.join_all().await.into_iter().sum()
}

fn session(producer: usize) -> String {
    format!("agent:main:telegram:dm:{producer}")
}

/// Both sides in turn, and what one has of the other's rate.
async fn compare(in_flight: usize) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let rig = Rig::new(Kept::Sqlite).await;
    host_round(&rig, in_flight, WARM_UP).await;
    let (mut host, mut bare, mut stages) = (Vec::new(), Vec::new(), Vec::new());
    let (commits, operations) = counts(&rig);
    for window in 0..WINDOWS {
        let begun = Instant::now();
        let seen = host_round(&rig, in_flight, Until::Time(begun + WINDOW)).await;
        host.push(rate(seen.len(), begun));
        stages.extend(seen);
        // A new file each time: the host's stays small, since it forgets what
        // was acknowledged, and a small one is faster.
        let floor = Floor::start(&dir.path().join(format!("bare{window}.db")), rig.sizes());
        floor_round(&floor, in_flight, WARM_UP).await;
        let begun = Instant::now();
        let done = floor_round(&floor, in_flight, Until::Time(begun + WINDOW)).await;
        bare.push(rate(done, begun));
    }
    let (host, bare) = (median(host), median(bare));
    let percent = 100.0 * host / bare;
    println!("{in_flight} in flight: {host:.0}/s of {bare:.0}/s bare = {percent:.0} %");
    let (more_commits, more_operations) = counts(&rig);
    let each = |count: usize| count as f64 / stages.len() as f64;
    println!(
        "  each: {:.3} commits, {:.2} operations; {}",
        each(more_commits - commits),
        each(more_operations - operations),
        latencies(&stages)
    );
    rig.host.shutdown().await;
}

fn counts(rig: &Rig) -> (usize, usize) {
    let Counts { commits, operations } = &*rig.counts;
    (commits.load(Ordering::Relaxed), operations.load(Ordering::Relaxed))
}

fn latencies(stages: &[Stages]) -> String {
    let stage = |name: &str, of: fn(&Stages) -> Duration| {
        let mut all: Vec<_> = stages.iter().map(|it| of(it).as_secs_f64() * 1e3).collect();
        all.sort_by(f64::total_cmp);
        let at = |part: usize| all.get(all.len() * part / 100).copied().unwrap_or_default();
        format!("{name} {:.1} ms (p99 {:.0})", at(50), at(99))
    };
    [
        stage("dispatch", |it| it.dispatch),
        stage("delivery", |it| it.delivery),
        stage("ack", |it| it.ack),
    ]
    .join(", ")
}

fn rate(count: usize, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}
