//! Two host processes beside each other, on a store each and on one store,
//! against a single one.

use std::{
    io::{self, Write as _},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdout},
    task::spawn_blocking,
};

use super::{
    Aim, BenchError, Course, Measured,
    figures::Pairs,
    part::{self, Part},
    rig::{Doing, Load, Rig},
};
use crate::config::Config;

/// Delegations at once, of each host.
const IN_FLIGHT: usize = 64;

/// How long each way is measured for in a round.
const WINDOW: Duration = Duration::from_millis(1_000);

/// Before that, and before anybody is told that it is ready.
const WARM_UP: Duration = Duration::from_millis(300);

/// What a host says when it is.
const READY: &str = "ready";

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let (mut apart, mut shared) = (Pairs::default(), Pairs::default());
    for _ in course.rounds("hosts") {
        let dirs = [tempfile::tempdir_in(course.dir)?, tempfile::tempdir_in(course.dir)?];
        let [one, two] = dirs.each_ref().map(tempfile::TempDir::path);
        let alone = together(course.program, &[one]).await?;
        apart.push(together(course.program, &[one, two]).await?, alone);
        shared.push(together(course.program, &[one, one]).await?, alone);
    }
    Ok(vec![
        apart.measured("hosts.two-stores", "/s").aiming(Aim::RatioAtLeast(1.8)),
        shared.measured("hosts.one-store", "/s"),
    ])
}

/// Delegations a second of hosts in these directories, together.
async fn together(program: &Path, dirs: &[&Path]) -> Result<f64, BenchError> {
    let mut hosts = Vec::new();
    for (number, dir) in dirs.iter().enumerate() {
        hosts.push(Process::start(program, dir, number.saturating_mul(IN_FLIGHT)).await?);
    }
    for host in &mut hosts {
        host.go().await?;
    }
    let mut rate = 0.0;
    for host in hosts {
        rate += host.rate().await?;
    }
    Ok(rate)
}

/// One of them.
struct Process {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    /// Returns when it is ready.
    async fn start(program: &Path, dir: &Path, first: usize) -> Result<Self, BenchError> {
        let mut command = part::command(program, &Part::Host(first));
        command.arg("--dir").arg(dir).stdin(Stdio::piped());
        let mut process = command.spawn()?;
        let said = process.stdout.take().ok_or("a process without output")?;
        let (mut said, mut line) = (BufReader::new(said), String::new());
        said.read_line(&mut line).await?;
        if line.trim() != READY {
            return Err("a host did not start".into());
        }
        Ok(Self { process, said })
    }

    async fn go(&mut self) -> Result<(), BenchError> {
        let input = self.process.stdin.as_mut().ok_or("a process without input")?;
        Ok(input.write_all(b"go\n").await?)
    }

    async fn rate(mut self) -> Result<f64, BenchError> {
        let mut said = String::new();
        self.said.read_to_string(&mut said).await?;
        if !self.process.wait().await?.success() {
            return Err("a host failed".into());
        }
        Ok(said.trim().parse()?)
    }
}

/// The host of such a process: its delegations a second, from the word on.
pub(super) async fn host(dir: &Path, first: usize) -> Result<f64, BenchError> {
    let file = dir.join("hermitage.db");
    let change = |config: &mut Config| {
        config.delegation.max_async_children = IN_FLIGHT.saturating_mul(2);
        config.sandbox.max_live_cells = 256;
    };
    let rig = Rig::new(change, |it| it.store_at(file)).await?;
    let load = Load { first, in_flight: IN_FLIGHT, batch: 1, doing: Doing::Nothing };
    load.run(&rig.host, Instant::now() + WARM_UP).await?;
    spawn_blocking(wait_for_the_word).await??;
    let begun = Instant::now();
    let count = load.run(&rig.host, begun + WINDOW).await?;
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    rig.host.shutdown().await;
    Ok(rate)
}

/// Says that it is ready, and waits until it is told to begin.
fn wait_for_the_word() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{READY}")?;
    out.flush()?;
    io::stdin().read_line(&mut String::new()).map(drop)
}
