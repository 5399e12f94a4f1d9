//! How late a child that spins is gone: from the end of its time and of its
//! grace until its delegation has ended and its cell is free. The floor is the
//! tick of the clock by which guests are looked at.

use std::time::{Duration, Instant};

use super::{
    Aim, BenchError, Course, Measured,
    figures::{Pairs, at},
    rig::{self, Doing, Rig},
};
use crate::{delegation::Request, event::ExitReason, sandbox};

/// What such a child has.
const TIME: Duration = Duration::from_millis(20);

/// And what it has after that, being asked to stop.
const GRACE: Duration = Duration::from_millis(20);

/// Children of a round.
const CHILDREN: usize = 20;

/// How late a child may be beyond the tick, in milliseconds.
const SLACK: f64 = 50.0;

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let rig = Rig::new(|it| it.delegation.interrupt_grace = GRACE, |it| it.ephemeral()).await?;
    let (mut half, mut nearly_all) = (Pairs::default(), Pairs::default());
    let mut late_ever = Vec::new();
    for _ in course.rounds("kill") {
        let (mut late, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..CHILDREN {
            late.push(kill(&rig).await?);
            bare.push(rig.floor.until_the_tick().await?.as_secs_f64() * 1e3);
        }
        half.push(at(late.clone(), 50), at(bare.clone(), 50));
        nearly_all.push(at(late.clone(), 99), at(bare, 99));
        late_ever.extend(late);
    }
    rig.host.shutdown().await;
    let tick = sandbox::TICK.as_secs_f64() * 1e3;
    let nearly_all = nearly_all.measured("kill.p99", "ms");
    Ok(vec![
        half.measured("kill.p50", "ms"),
        Measured { value: at(late_ever, 99), ..nearly_all }.aiming(Aim::AtMost(tick + SLACK)),
    ])
}

/// Milliseconds that it was late by.
async fn kill(rig: &Rig) -> Result<f64, BenchError> {
    let request = Request { timeout: Some(TIME), ..rig::request(1, Doing::Spin) };
    let begun = Instant::now();
    let event = rig::finished(&rig.host, request).await?;
    let took = begun.elapsed();
    let reason = event.results.first().map(|it| it.exit_reason);
    if reason != Some(ExitReason::Timeout) || rig.host.usage().cells != 0 {
        return Err(format!("a child that spins ended with {reason:?}").into());
    }
    Ok(took.saturating_sub(TIME).saturating_sub(GRACE).as_secs_f64() * 1e3)
}
