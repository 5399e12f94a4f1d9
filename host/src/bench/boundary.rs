//! What a grant costs that no child had before: every import decided, and all
//! of them linked, against a linker without a plan. And what each call costs
//! for being checked again.

use super::{
    Aim, BenchError, Course, Measured,
    clock::Begun,
    figures::{Pairs, middle},
    rig::Rig,
};
use crate::{boundary::Policy, event::Role, tools};

/// Admissions of each side in a round.
const ADMISSIONS: u32 = 300;

/// Checks of a round: a child may make that many calls.
const CHECKS: u32 = 50_000;

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let rig = Rig::new(|_| (), |it| it.ephemeral()).await?;
    let grant = tools::bundled().expand(&["file", "terminal", "web"])?;
    let policy = Policy::of(&grant, Role::Leaf);
    let (mut plans, mut checks) = (Pairs::default(), Vec::new());
    for _ in course.rounds("boundary") {
        let ours = each(ADMISSIONS, || Ok(rig.floor.admit(&policy)?))?;
        let bare = each(ADMISSIONS, || Ok(rig.floor.link()?))?;
        plans.push(ours, bare);
        let begun = Begun::now();
        rig.floor.check(&policy, CHECKS)?;
        checks.push(begun.took(u64::from(CHECKS)).cpu_each() * 1e3);
    }
    rig.host.shutdown().await;
    Ok(vec![
        plans.measured("boundary.plan", "µs").aiming(Aim::AtMost(20.0)),
        Measured::alone("boundary.check", middle(checks), "ns").aiming(Aim::AtMost(100.0)),
    ])
}

/// Microseconds of processor time that one takes.
fn each(count: u32, mut once: impl FnMut() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    let begun = Begun::now();
    for _ in 0..count {
        once()?;
    }
    Ok(begun.took(u64::from(count)).cpu_each())
}
