//! From a shell's point of view: a fresh process, the cache warm, one agent
//! that does next to nothing, its result printed. The floor is a process that
//! does nothing.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use tokio::task::spawn_blocking;

use super::{
    Aim, BenchError, Course, Measured,
    figures::{Pairs, middle},
    rig::COMPONENT,
};

/// Processes of each side in a round.
const PROCESSES: usize = 7;

/// Does nothing.
const FLOOR: &str = "true";

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let dir = tempfile::tempdir_in(course.dir)?;
    let agent = dir.path().join("measured.wasm");
    fs::write(&agent, COMPONENT)?;
    fs::create_dir(dir.path().join("workspace"))?;
    let (program, place) = (course.program.to_owned(), dir.path().to_owned());
    let ours = move || took(&mut command(program.as_os_str(), &place));
    let bare = || took(&mut Command::new(FLOOR));
    // Fills the cache, and makes the store.
    spawn_blocking(ours.clone()).await??;
    let mut pairs = Pairs::default();
    for _ in course.rounds("cold") {
        let ours = spawn_blocking({
            let ours = ours.clone();
            move || times(&ours)
        })
        .await??;
        let bare = spawn_blocking(move || times(&bare)).await??;
        pairs.push(ours, bare);
    }
    Ok(vec![pairs.measured("cold", "ms").aiming(Aim::AtMost(50.0))])
}

/// `hermitage run` with nothing of the person's own settings.
fn command(program: &OsStr, place: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("run").arg("Do next to nothing").arg("--quiet");
    command.arg("--agent").arg(place.join("measured.wasm")).arg("--toolsets").arg("");
    command.arg("--workspace").arg(place.join("workspace"));
    command.arg("--store").arg(place.join("hermitage.db"));
    for (variable, dir) in [
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "state"),
    ] {
        command.env(variable, place.join(dir));
    }
    command
}

/// The middle of several, in milliseconds.
fn times(once: &impl Fn() -> Result<f64, BenchError>) -> Result<f64, BenchError> {
    let times: Result<Vec<f64>, _> = (0..PROCESSES).map(|_| once()).collect();
    Ok(middle(times?))
}

fn took(command: &mut Command) -> Result<f64, BenchError> {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` failed: {said}", command.get_program().display()).into());
    }
    Ok(took)
}
