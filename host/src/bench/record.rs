//! What it costs to record what children are told, so that they can go on after
//! their host was killed: delegations that reach the disk, of children with ten
//! calls, against the same without a record.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    Aim, BenchError, Course, Measured,
    clock::{Begun, Took},
    figures::Pairs,
    rig::{Doing, FILE, Load, READER, Rig},
};
use crate::{
    config::Config,
    delegation::Resume,
    host::{Builder, Host},
    id::OsRandom,
    plugin::bundled,
    store::Store,
};

/// Delegations at once.
const IN_FLIGHT: usize = 64;

/// Bytes of the file that is read.
const FILE_BYTES: usize = 4 << 10;

/// How long each side is measured for in a round.
const WINDOW: Duration = Duration::from_millis(1_500);

/// Before the first.
const WARM_UP: Duration = Duration::from_millis(500);

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let dir = tempfile::tempdir_in(course.dir)?;
    fs::write(dir.path().join(FILE), vec![b'a'; FILE_BYTES])?;
    let (on, off) = (host(dir.path(), Resume::On).await?, host(dir.path(), Resume::Off).await?);
    for host in [&on, &off] {
        load(host, WARM_UP).await?;
    }
    let (mut rate, mut cpu) = (Pairs::default(), Pairs::default());
    for _ in course.rounds("record") {
        let (with, without) = (load(&on, WINDOW).await?, load(&off, WINDOW).await?);
        rate.push(with.rate(), without.rate());
        cpu.push(with.cpu_each(), without.cpu_each());
    }
    on.shutdown().await;
    off.shutdown().await;
    Ok(vec![
        rate.measured("record.10", "/s").aiming(Aim::RatioAtLeast(0.85)),
        cpu.measured("record.10.cpu", "µs"),
    ])
}

/// Nothing is to be rejected, and no child to wait for a cell.
async fn host(dir: &Path, resume: Resume) -> Result<Host, BenchError> {
    let change = |config: &mut Config| {
        config.delegation.max_async_children = 1_000;
        config.sandbox.max_live_cells = 256;
        config.delegation.resume = resume;
    };
    let name = if resume == Resume::On { "recorded.db" } else { "unrecorded.db" };
    let reader = bundled::find(READER).ok_or("an agent of the program is missing")?;
    let store = Store::open(&dir.join(name), &OsRandom)?;
    let built =
        |it: Builder| it.store(store).workspace(dir).agent(READER, reader).without_commands();
    Ok(Rig::new(change, built).await?.host)
}

async fn load(host: &Host, window: Duration) -> Result<Took, BenchError> {
    let (begun, end) = (Begun::now(), Instant::now() + window);
    let load = Load { first: 0, in_flight: IN_FLIGHT, batch: 1, doing: Doing::Read };
    Ok(begun.took(load.run(host, end).await?))
}
