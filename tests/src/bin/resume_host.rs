//! A host that the resume campaign kills: its children call two tools, which
//! leave a line each in a file that no host looks at.
//!
//! `resume-host DIR work|drain`

use std::{
    env, fs,
    future::pending,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hermitage::{
    Caller, NativeTool, ToolError, ToolSpec,
    config::{Config, Layers},
    delegation::{OnCapacity, Request, TaskRequest},
    event::Role,
    host::{Answer, Host},
    id::OsRandom,
    sandbox::Binary,
    session::Session,
    store::{EventFilter, Store},
    toolset::{Effect, native::NativeFuture},
};

/// Units that run at a time.
const UNITS: usize = 4;

/// How long a call takes.
const CALL: Duration = Duration::from_millis(2);

fn main() {
    hermitage::run_if_helper();
    application();
}

#[tokio::main]
async fn application() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [dir, mode] = &args[..] else { panic!("{args:?}") };
    let dir = Path::new(dir);
    let host = host(dir).await;
    println!("up");
    match mode.as_str() {
        "work" => work(dir, &host).await,
        _ => drain(&host).await,
    }
}

async fn host(dir: &Path) -> Host {
    let mut config = Config::load(&Layers::default()).unwrap();
    config.delegation.max_async_children = UNITS;
    config.delegation.max_depth = 3;
    config.budget.children = 10_000;
    config.delegation.retained_records = 10_000;
    config.sandbox.cache_dir = Some(dir.join("cache"));
    let store = Store::open(&dir.join("store/hermitage.db"), &OsRandom).unwrap();
    let guest = fs::read(dir.join("counts.wasm")).unwrap();
    let tool = |name: &'static str, effect| {
        let witness = dir.join(format!("{name}s"));
        Arc::new(Counted { name, effect, witness }) as Arc<dyn NativeTool>
    };
    Host::builder()
        .config(config)
        .workspace(dir.join("workspace"))
        .store(store)
        .agent("counts", Binary::new(guest))
        .tool(tool("look", Effect::None))
        .tool(tool("tick", Effect::Once))
        .without_commands()
        .build()
        .await
        .unwrap()
}

/// Leaves a line behind for each call.
struct Counted {
    name: &'static str,
    effect: Effect,
    witness: PathBuf,
}

impl NativeTool for Counted {
    fn spec(&self) -> ToolSpec {
        let schema = r#"{"type":"object","properties":{"call":{"type":"integer"}}}"#;
        ToolSpec::new(self.name, "Leaves a line behind.", schema)
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn call(&self, caller: Caller, arguments: String) -> NativeFuture {
        let line = format!("{} {arguments}", caller.child);
        let witness = self.witness.clone();
        Box::pin(async move {
            append(&witness, &line);
            // A call that takes its time can be killed in the middle.
            tokio::time::sleep(CALL).await;
            Ok::<_, ToolError>("done".to_owned())
        })
    }
}

/// In one write, so that a line is there as a whole or not at all.
fn append(file: &Path, line: &str) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Until it is killed. Each unit is written down when it was dispatched.
async fn work(dir: &Path, host: &Host) -> ! {
    for n in 0_usize.. {
        let running = host.list().await.unwrap();
        let running = running.iter().filter(|it| it.completed_at.is_none()).count();
        if UNITS <= running {
            tokio::time::sleep(CALL).await;
            continue;
        }
        let answer = host.delegate(&Session::Local, request(n)).await.unwrap();
        let Answer::Dispatched { delegation_id, .. } = answer else {
            panic!("it runs in the background");
        };
        append(&dir.join("dispatched"), &delegation_id.to_string());
    }
    pending().await
}

/// Slow ones, fast ones, one that fails, and one with children of its own.
fn request(n: usize) -> Request {
    let goals = match n % 3 {
        0 => vec!["calls 60 below 2 2 ends", "calls 3 below 0 0 ends"],
        1 => vec!["calls 80 below 0 0 ends", "calls 5 below 0 0 fails", "calls 20 below 0 0 ends"],
        _ => vec!["calls 40 below 3 1 ends"],
    };
    let task = |goal: &str| TaskRequest {
        goal: goal.to_owned(),
        role: Some(Role::Orchestrator),
        ..TaskRequest::default()
    };
    Request {
        tasks: goals.into_iter().map(task).collect(),
        agent: Some("counts".to_owned()),
        toolsets: Some(vec!["look".to_owned(), "tick".to_owned(), "delegation".to_owned()]),
        background: true,
        on_capacity: OnCapacity::Queue,
        ..Request::default()
    }
}

/// Waits for the end of everything, and prints each event.
async fn drain(host: &Host) {
    let mut updates = host.subscribe();
    while host.list().await.unwrap().iter().any(|it| it.completed_at.is_none()) {
        let _ = tokio::time::timeout(Duration::from_secs(1), updates.recv()).await;
    }
    let filter = EventFilter { limit: usize::MAX, ..EventFilter::default() };
    let rows = host.store().read_raw(move |tables| tables.events(&filter)).await.unwrap();
    for row in rows {
        println!("{}", serde_json::to_string(&row.event.body).unwrap());
    }
    host.shutdown().await;
}
