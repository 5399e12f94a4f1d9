//! How many delegations a second reach the disk, against the same durable steps
//! on the same file system without a host.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    Aim, BenchError, Course, Measured,
    clock::{Begun, Took},
    figures::{Pairs, middle},
    rig::{self, Doing, Load, Rig},
};
use crate::{
    config::Config,
    id::OsRandom,
    store::{Floor, Sizes, Step, Store, Watch},
};

/// Delegations at once, and what the figure is called.
const IN_FLIGHT: [(usize, &str); 3] = [(1, "durable.1"), (64, "durable.64"), MOST];

/// Where commits are shared by as many as can be.
const MOST: (usize, &str) = (256, "durable.256");

/// How long each side is measured for in a round.
const WINDOW: Duration = Duration::from_millis(800);

/// Before each: the log of a new file is slow until it is long enough to be
/// written from its start again.
const WARM_UP: Duration = Duration::from_millis(300);

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let mut figures = Vec::new();
    for (in_flight, name) in IN_FLIGHT {
        let dir = tempfile::tempdir_in(course.dir)?;
        let Sides { rate, cpu, commits } = compare(course, dir.path(), in_flight).await?;
        let rate = rate.measured(name, "/s");
        if (in_flight, name) != MOST {
            figures.push(rate);
            continue;
        }
        figures.push(rate.aiming(Aim::RatioAtLeast(0.7)));
        figures.push(cpu.measured("durable.cpu", "µs"));
        figures.push(Measured::alone("durable.commits", middle(commits), "each"));
    }
    Ok(figures)
}

/// Both sides, and how many commits each delegation of ours has to itself.
#[derive(Default)]
struct Sides {
    rate: Pairs,
    cpu: Pairs,
    commits: Vec<f64>,
}

async fn compare(course: &Course<'_>, dir: &Path, in_flight: usize) -> Result<Sides, BenchError> {
    let (file, counted) = (dir.join("hermitage.db"), Arc::new(Commits::default()));
    let rig = rig(&file, Arc::clone(&counted)).await?;
    ours(&rig, in_flight, WARM_UP).await?;
    let mut sides = Sides::default();
    for round in course.rounds(&format!("durable, {in_flight} in flight")) {
        let before = counted.0.load(Ordering::Relaxed);
        let ours = ours(&rig, in_flight, WINDOW).await?;
        let more = counted.0.load(Ordering::Relaxed).saturating_sub(before);
        sides.commits.push(more as f64 / ours.count as f64);
        // A new file each time: the host's stays small, since it forgets what
        // was acknowledged, and a small one is faster.
        let floor = dir.join(format!("bare{round}.db"));
        let floor = Floor::start(&floor, Sizes::of(&file)?)?;
        bare(&floor, in_flight, WARM_UP).await?;
        let bare = bare(&floor, in_flight, WINDOW).await?;
        sides.rate.push(ours.rate(), bare.rate());
        sides.cpu.push(ours.cpu_each(), bare.cpu_each());
    }
    rig.host.shutdown().await;
    Ok(sides)
}

/// Counts what the store's writer does.
#[derive(Default)]
struct Commits(AtomicU64);

impl Watch for Commits {
    fn at(&self, step: Step) {
        if step == Step::Committed {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Nothing is to be rejected, and no child to wait for a cell.
async fn rig(file: &Path, counted: Arc<Commits>) -> Result<Rig, BenchError> {
    let change = |config: &mut Config| {
        config.delegation.max_async_children = 1_000;
        config.sandbox.max_live_cells = 600;
    };
    let store = Store::open_watched(file, &OsRandom, counted)?;
    Rig::new(change, |it| it.store(store)).await
}

async fn ours(rig: &Rig, in_flight: usize, window: Duration) -> Result<Took, BenchError> {
    let (begun, end) = (Begun::now(), Instant::now() + window);
    let count =
        Load { first: 0, in_flight, batch: 1, doing: Doing::Nothing }.run(&rig.host, end).await?;
    Ok(begun.took(count))
}

async fn bare(floor: &Floor, in_flight: usize, window: Duration) -> Result<Took, BenchError> {
    let (mut callers, begun) = (JoinSet::new(), Begun::now());
    let end = Instant::now() + window;
    let units = Arc::new(AtomicU64::new(0));
    for caller in 0..in_flight {
        let (floor, session, units) = (floor.clone(), rig::session(caller)?, Arc::clone(&units));
        let session = session.to_string();
        callers.spawn(async move {
            let mut count = 0;
            while Instant::now() < end {
                floor.delegate(unit(units.fetch_add(1, Ordering::Relaxed), end), &session).await?;
                count += 1;
            }
            Ok::<u64, BenchError>(count)
        });
    }
    Ok(begun.took(rig::sum(callers).await?))
}

/// As long as the id of a host's unit, and as little sorted; unlike those of
/// the window before.
fn unit(number: u64, window: Instant) -> String {
    let digest = blake3::hash(format!("{window:?} {number}").as_bytes());
    let hex = digest.to_hex();
    format!("deleg_{}", hex.get(..32).unwrap_or_default())
}
