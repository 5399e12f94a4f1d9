//! How long an honest child takes among many that spin, against the same child
//! alone.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{
    Aim, BenchError, Course, Measured,
    figures::{Pairs, middle},
    rig::{self, Doing, Rig},
};
use crate::{config::Config, delegation::Request, event::Status};

/// Children that spin.
const SPINNING: usize = 64;

/// Honest ones of each side in a round.
const HONEST: usize = 10;

/// What those that spin have when they are asked to stop.
const GRACE: Duration = Duration::from_millis(100);

/// How often it is looked whether all of them spin.
const LOOK: Duration = Duration::from_millis(5);

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let change = |config: &mut Config| {
        config.sandbox.max_live_cells = 256;
        config.delegation.interrupt_grace = GRACE;
        config.delegation.max_concurrent_children = SPINNING;
        config.delegation.max_tasks_per_batch = SPINNING;
    };
    let rig = Rig::new(change, |it| it.ephemeral()).await?;
    honest(&rig).await?;
    let mut pairs = Pairs::default();
    for _ in course.rounds("fairness") {
        let alone = honest(&rig).await?;
        let request = Request { background: true, ..rig::request(SPINNING, Doing::Spin) };
        rig.host.delegate(&rig::session(1)?, request).await?;
        while rig.host.usage().cells < SPINNING {
            sleep(LOOK).await;
        }
        let among = honest(&rig).await;
        rig.host.interrupt_all("measured").await;
        let mut completions = rig.host.completions(&rig::session(1)?);
        completions.next().await?.ack().await?;
        pairs.push(among?, alone);
    }
    rig.host.shutdown().await;
    Ok(vec![pairs.measured("fairness", "ms").aiming(Aim::RatioAtMost(2.0))])
}

/// The middle of several, in milliseconds.
async fn honest(rig: &Rig) -> Result<f64, BenchError> {
    let mut times = Vec::new();
    for _ in 0..HONEST {
        let begun = Instant::now();
        let event = rig::finished(&rig.host, rig::request(1, Doing::Nothing)).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        if event.status != Status::Completed {
            return Err("an honest child did not complete".into());
        }
    }
    Ok(middle(times))
}
