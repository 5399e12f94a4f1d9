//! What one child costs from the call to the acknowledged event, with the
//! store in memory, against the run of its component alone.

use std::time::{Duration, Instant};

use super::{
    Aim, BenchError, Course, Measured,
    clock::{Begun, Took},
    figures::Pairs,
    rig::{Doing, Load, Rig},
};
use crate::config::Config;

/// Children at once.
const IN_FLIGHT: usize = 64;

/// Children of one delegation.
const BATCH: usize = 16;

/// How long each side is measured for in a round.
const WINDOW: Duration = Duration::from_millis(600);

/// Before the first: threads, pools and caches are made meanwhile.
const WARM_UP: Duration = Duration::from_millis(200);

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let rig = rig().await?;
    let (one, batch) = (sides(course, &rig, 1).await?, sides(course, &rig, BATCH).await?);
    rig.host.shutdown().await;
    let floor = one.rate.measured("spawn.floor", "/s");
    let floor = Measured::alone("spawn.floor", floor.floor.unwrap_or_default(), "/s");
    Ok(vec![
        one.cpu.measured("spawn.cpu", "µs").aiming(Aim::RatioAtMost(1.5)),
        one.rate.measured("spawn.rate", "/s"),
        floor.aiming(Aim::AtLeast(60_000.0)),
        batch.cpu.measured("spawn.batch.cpu", "µs").aiming(Aim::RatioAtMost(1.3)),
        batch.rate.measured("spawn.batch.rate", "/s"),
    ])
}

/// Nothing is to be rejected, and no child to wait for a cell.
async fn rig() -> Result<Rig, BenchError> {
    let change = |config: &mut Config| {
        config.sandbox.guest_threads = 1;
        config.sandbox.max_live_cells = 256;
        config.delegation.max_async_children = IN_FLIGHT.saturating_mul(2);
        config.delegation.max_concurrent_children = IN_FLIGHT;
    };
    Rig::new(change, |it| it.ephemeral()).await
}

/// Both sides of one figure.
#[derive(Default)]
struct Sides {
    cpu: Pairs,
    rate: Pairs,
}

async fn sides(course: &Course<'_>, rig: &Rig, batch: usize) -> Result<Sides, BenchError> {
    let mut res = Sides::default();
    ours(rig, batch, WARM_UP).await?;
    bare(rig, WARM_UP).await?;
    let what = if batch == 1 { "spawn".to_owned() } else { format!("spawn, {batch} at a time") };
    for _ in course.rounds(&what) {
        let (ours, bare) = (ours(rig, batch, WINDOW).await?, bare(rig, WINDOW).await?);
        res.cpu.push(ours.cpu_each(), bare.cpu_each());
        res.rate.push(ours.rate(), bare.rate());
    }
    Ok(res)
}

/// Delegations of so many children, over and over.
async fn ours(rig: &Rig, batch: usize, window: Duration) -> Result<Took, BenchError> {
    let load = Load { first: 0, in_flight: IN_FLIGHT / batch, batch, doing: Doing::Nothing };
    let (begun, end) = (Begun::now(), Instant::now() + window);
    let count = load.run(&rig.host, end).await?;
    Ok(begun.took(count))
}

async fn bare(rig: &Rig, window: Duration) -> Result<Took, BenchError> {
    let (begun, end) = (Begun::now(), Instant::now() + window);
    let count = rig.floor.run(move || Instant::now() < end).await?;
    Ok(begun.took(count))
}
