//! From the bytes of a component to one that is ready to be planned: compiled
//! in a process of its own, and found in the cache; against the compiler alone
//! in this process, and against the reading of machine code alone.

use std::{path::Path, sync::Arc, time::Instant};

use super::{
    Aim, BenchError, Course, Measured,
    figures::{Pairs, middle},
    rig::COMPONENT,
};
use crate::{
    config::{Config, Layers},
    id::OsRandom,
    sandbox::{Binary, Code, Sandbox},
};

/// Readings of each side in a round.
const READINGS: usize = 5;

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let component = Binary::new(COMPONENT);
    let (mut cold, mut warm) = (Pairs::default(), Pairs::default());
    for _ in course.rounds("compile") {
        // Its cache is empty.
        let dir = tempfile::tempdir_in(course.dir)?;
        let compiled = load(dir.path(), &component).await?;
        let (code, took) = Code::compile(&sandbox(dir.path())?, &component)?;
        cold.push(compiled, took.as_secs_f64() * 1e3);
        let (mut found, mut read) = (Vec::new(), Vec::new());
        for _ in 0..READINGS {
            found.push(load(dir.path(), &component).await?);
            let begun = Instant::now();
            code.read()?;
            read.push(milliseconds(begun));
        }
        warm.push(middle(found), middle(read));
    }
    Ok(vec![
        cold.measured("compile.cold", "ms"),
        warm.measured("compile.warm", "ms").aiming(Aim::AtMost(1.0)),
    ])
}

/// By a sandbox that has nothing in memory: how long it takes.
async fn load(cache: &Path, component: &Binary) -> Result<f64, BenchError> {
    let sandbox = sandbox(cache)?;
    let begun = Instant::now();
    sandbox.load(component).await?;
    Ok(milliseconds(begun))
}

fn sandbox(cache: &Path) -> Result<Sandbox, BenchError> {
    let mut config = Config::load(&Layers::default())?.sandbox;
    config.cache_dir = Some(cache.to_owned());
    Ok(Sandbox::new(config, 1, Arc::new(OsRandom))?)
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}
