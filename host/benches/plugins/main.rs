//! What a call of a plugin's tool costs: in a cell of the host's own, with all
//! limits on, against the least that wasmtime can do it for, which is to
//! instantiate the same component and call the same function.
//!
//! `cargo bench --bench plugins` measures the bundled plugins;
//! `cargo bench --bench plugins -- COMPONENT TOOL JSON` any other component.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that fails has nothing to tell"
)]

mod bare;

use std::{
    env, fs,
    sync::Arc,
    time::{Duration, Instant},
};

use hermitage::{
    boundary::Asks,
    config::{Config, Layers},
    id::OsRandom,
    plugin::bundled,
    sandbox::{AdmittedPlugin, Binary, Given, PluginCall, Sandbox},
    session::Session,
    toolset::Caller,
};
use tokio::runtime::Runtime;

use crate::bare::Bare;

/// How long each way is measured for.
const MEASURED: Duration = Duration::from_secs(3);

/// Before that: pools and caches are filled meanwhile.
const WARM_UP: Duration = Duration::from_millis(500);

/// Rounds in which the ways take turns, so that a machine that becomes slower
/// does so for both.
const ROUNDS: u32 = 6;

/// What a call may cost, of the bare one.
const MOST: f64 = 2.0;

struct Case {
    name: String,
    component: Binary,
    tool: String,
    arguments: String,
}

fn main() {
    hermitage::run_if_helper();
    let given: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let cases = match given.as_slice() {
        [path, tool, arguments] => vec![Case {
            name: path.clone(),
            component: Binary::new(fs::read(path).unwrap()),
            tool: tool.clone(),
            arguments: arguments.clone(),
        }],
        _ => bundled_cases(),
    };
    let runtime = Runtime::new().unwrap();
    let dearest = cases.into_iter().map(|case| measure(&runtime, &case)).fold(0.0, f64::max);
    assert!(dearest <= MOST, "a call costs {dearest:.2} times the bare one");
}

fn bundled_cases() -> Vec<Case> {
    let case = |(name, arguments): (&str, &str)| Case {
        name: name.to_owned(),
        component: bundled::tools::find(name).unwrap().component(),
        tool: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    [
        ("diff", r#"{"old": "a\nb\n", "new": "a\nc\n"}"#),
        ("jq", r#"{"filter": ".a[] | select(. > 1)", "json": "{\"a\": [1, 2, 3]}"}"#),
    ]
    .map(case)
    .into()
}

/// Prints a line, and returns how many times the bare call ours costs.
fn measure(runtime: &Runtime, case: &Case) -> f64 {
    let begun = Instant::now();
    let bare = Bare::new(case.component.bytes());
    let compiled = begun.elapsed();
    let (sandbox, plugin) = runtime.block_on(admitted(&case.component));
    let ours = || {
        let call = PluginCall {
            plugin: Arc::clone(&plugin),
            tool: case.tool.clone(),
            arguments: case.arguments.clone(),
            given: Given::default(),
            caller: Caller::of("bench", Session::Local),
        };
        runtime.block_on(sandbox.call(call)).answer.unwrap()
    };
    let theirs = || bare.call(&case.tool, &case.arguments);
    run(&theirs, WARM_UP);
    run(&ours, WARM_UP);
    let (mut bare_times, mut our_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare_times.extend(run(&theirs, MEASURED / ROUNDS));
        our_times.extend(run(&ours, MEASURED / ROUNDS));
    }
    let (bare, ours) = (middle(bare_times), middle(our_times));
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    println!(
        "{}: {} KiB, compiled in {} ms; a call {:.0} µs, bare {:.0} µs: {ratio:.2} times",
        case.name,
        case.component.bytes().len() / 1024,
        compiled.as_millis(),
        ours.as_secs_f64() * 1e6,
        bare.as_secs_f64() * 1e6,
    );
    ratio
}

async fn admitted(component: &Binary) -> (Sandbox, Arc<AdmittedPlugin>) {
    let mut config = Config::load(&Layers::default()).unwrap().sandbox;
    // For big ones, given by their path.
    config.component_bytes = config.component_bytes.max(component.bytes().len());
    let sandbox = Sandbox::new(config, 1, Arc::new(OsRandom)).unwrap();
    let loaded = sandbox.load(component).await.unwrap();
    let plugin = sandbox.admit_plugin(&loaded, &Asks::default()).unwrap();
    (sandbox, Arc::new(plugin))
}

/// How long each of the calls took that fit into a time.
fn run<T>(call: &impl Fn() -> T, time: Duration) -> Vec<Duration> {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let begun = Instant::now();
        call();
        times.push(begun.elapsed());
    }
    times
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    *times.get(times.len() / 2).unwrap()
}
