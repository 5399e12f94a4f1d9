//! How many children a second go from their dispatch to their result, and how
//! long each takes: a real component in a cell of its own, with a grant that
//! was planned and linked for it, and the store in memory.
//!
//! `cargo bench --bench children` prints a line for children that call no tool
//! and one for children that read a file.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails has nothing to tell")]

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use hermitage::{
    Host,
    config::{Config, Layers},
    delegation::Request,
    event::Status,
    sandbox::Binary,
    session::Session,
};
use tokio::{runtime::Runtime, task::JoinSet};

/// Children of one measurement.
const CHILDREN: usize = 5_000;

/// Those at a time.
const IN_FLIGHT: usize = 64;

/// Before a measurement: threads, pools and caches are made meanwhile.
const WARM_UP: usize = 256;

/// A bundled agent, which does the calls that its context lists.
const STEPS: &[u8] = include_bytes!("../../agents/steps.wasm");

const NO_CALL: &str = "[]";
const ONE_CALL: &str = r#"[{"tool": "read_file", "arguments": {"path": "note.txt"}}]"#;

fn main() {
    hermitage::run_if_helper();
    let workspace = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(workspace.path().join("note.txt"), "one\ntwo\nthree\n").unwrap();
    Runtime::new().unwrap().block_on(async {
        let host = host(workspace.path()).await;
        for (name, steps) in [("without a call", NO_CALL), ("with one call", ONE_CALL)] {
            run(&host, steps, WARM_UP).await;
            let begun = Instant::now();
            let times = run(&host, steps, CHILDREN).await;
            println!("{CHILDREN} children {name}, {IN_FLIGHT} in flight: {}", told(begun, times));
        }
        host.shutdown().await;
    });
}

async fn host(workspace: &Path) -> Host {
    let mut config = Config::load(&Layers::default()).unwrap();
    // No child is to wait for a cell.
    config.sandbox.max_live_cells = 4 * u32::try_from(IN_FLIGHT).unwrap();
    let builder = Host::builder().config(config).ephemeral().workspace(workspace);
    let host = builder.agent("steps", Binary::new(STEPS)).build().await.unwrap();
    host.warm_up(&["steps"]).await.unwrap();
    host
}

/// How long each of so many children took from its dispatch to its result.
async fn run(host: &Host, steps: &'static str, count: usize) -> Vec<Duration> {
    let (mut callers, begun) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for caller in 0..IN_FLIGHT {
        let (host, begun) = (host.clone(), Arc::clone(&begun));
        let session: Session = format!("agent:main:telegram:dm:{caller}").parse().unwrap();
        callers.spawn(async move {
            let mut times = Vec::new();
            while begun.fetch_add(1, Ordering::Relaxed) < count {
                times.push(child(&host, &session, steps).await);
            }
            times
        });
    }
    callers.join_all().await.into_iter().flatten().collect()
}

async fn child(host: &Host, session: &Session, steps: &str) -> Duration {
    let request = Request {
        goal: Some("Do the steps".to_owned()),
        context: Some(steps.to_owned()),
        toolsets: Some(vec!["file_read".to_owned()]),
        agent: Some("steps".to_owned()),
        ..Request::default()
    };
    let begun = Instant::now();
    let event = host.delegate(session, request).await.unwrap().finished().unwrap();
    let time = begun.elapsed();
    assert_eq!(event.status, Status::Completed, "{:?}", event.results);
    time
}

fn told(begun: Instant, mut times: Vec<Duration>) -> String {
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: usize| times.get((times.len() - 1) * part / 100).unwrap().as_secs_f64() * 1e3;
    let [middle, most, nearly_all, longest] = [50, 90, 99, 100].map(at);
    format!(
        "{rate:.0}/s; dispatch to result {middle:.1} ms (p90 {most:.1}, p99 {nearly_all:.1}, \
         longest {longest:.1})"
    )
}
