//! A host that the crash campaign kills: an application that delegates for
//! several sessions, and applies what comes back to a ledger of its own.
//!
//! `crash-host DIR NAME SEED RETAINED work|drain|die POINT N|limit BYTES`

use std::{
    env, fs,
    future::pending,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use hermitage::{
    completion::Delivery,
    config::{Config, Layers},
    delegation::{Completion, DelegateError, Dispatched, OnCapacity, Request, Resume, TaskRequest},
    event::Role,
    host::Host,
    id::OsRandom,
    sandbox::Binary,
    session::Session,
    store::{ClaimFilter, EventBody, Step, Store, Watch},
};
use hermitage_tests::{
    Dice, checkout,
    facts::{Fact, Facts, name_of, sessions},
};
use rusqlite::{Connection, TransactionBehavior, params};
use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};

/// Type of the events that are pushed.
const WATCH: &str = "watch_match";

/// Events of one look while the queue is emptied.
const DRAINED: usize = 64;

fn main() {
    hermitage::run_if_helper();
    application();
}

#[tokio::main]
async fn application() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let [dir, name, seed, retained, mode @ ..] = &args[..] else { panic!("{args:?}") };
    let mode = Mode::parse(mode);
    let app = App::start(Path::new(dir), name, config(retained), &mode).await;
    let seed: u64 = seed.parse().unwrap();
    match mode {
        Mode::Drain => app.drain().await,
        Mode::Work | Mode::Die { .. } | Mode::Limit(_) => app.work(seed).await,
    }
}

/// What the process does until it is killed.
enum Mode {
    Work,
    /// Consumes what there is, and ends.
    Drain,
    /// Works, and kills itself when it is there for the n-th time.
    Die {
        point: String,
        n: usize,
    },
    /// Works, on a file that can't grow beyond so many bytes.
    Limit(u64),
}

impl Mode {
    fn parse(words: &[&str]) -> Self {
        match words {
            ["work"] => Mode::Work,
            ["drain"] => Mode::Drain,
            ["die", point, n] => Mode::Die { point: (*point).to_owned(), n: n.parse().unwrap() },
            ["limit", bytes] => Mode::Limit(bytes.parse().unwrap()),
            words => panic!("{words:?}"),
        }
    }
}

/// Where the process dies of its own.
struct Point {
    name: String,
    left: AtomicUsize,
}

impl Point {
    fn of(mode: &Mode) -> Self {
        match mode {
            Mode::Die { point, n } => Self { name: point.clone(), left: AtomicUsize::new(*n) },
            _ => Self { name: String::new(), left: AtomicUsize::new(0) },
        }
    }

    fn pass(&self, name: &str) {
        if self.name == name && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
    }
}

impl Watch for Point {
    fn at(&self, step: Step) {
        self.pass(&step.to_string());
    }
}

#[derive(Clone)]
struct App {
    host: Host,
    name: String,
    point: Arc<Point>,
    facts: Arc<Facts>,
    ledger: Arc<Mutex<Connection>>,
}

impl App {
    async fn start(dir: &Path, name: &str, config: Config, mode: &Mode) -> Self {
        let point = Arc::new(Point::of(mode));
        let facts = Arc::new(Facts::open(&dir.join("facts"), name));
        let ledger = Arc::new(Mutex::new(ledger(&dir.join("app.db"))));
        let guests = guests(&dir.join("guests"));
        let start = Instant::now();
        let watch = Arc::clone(&point);
        let store = Store::open_watched(&dir.join("store/hermitage.db"), &OsRandom, watch).unwrap();
        let mut builder =
            Host::builder().config(config).workspace(dir.join("workspace")).store(store);
        for (name, component) in guests {
            builder = builder.agent(name, component);
        }
        let host = builder.build().await.unwrap();
        println!("up {}", start.elapsed().as_millis());
        if let Mode::Limit(bytes) = mode {
            limit(*bytes);
        }
        Self { host, name: name.to_owned(), point, facts, ledger }
    }

    fn fact(&self, fact: &Fact) {
        self.facts.add(fact);
    }

    /// Until it is killed.
    async fn work(self, seed: u64) {
        for (index, session) in sessions().into_iter().enumerate() {
            let rng = Dice::new(seed.wrapping_add(index as u64));
            tokio::spawn(self.clone().consume(session.clone()));
            tokio::spawn(self.clone().produce(session, index, rng));
        }
        pending().await
    }

    async fn produce(self, session: Session, index: usize, mut rng: Dice) {
        for round in 0_usize.. {
            let key = format!("{}-{index}-{round}", self.name);
            let body = serde_json::json!({ "of": name_of(&session) });
            match self.host.queue().push(WATCH, &key, &session, &body).await {
                Ok(Some(_)) => self.fact(&Fact::Pushed { key: format!("{WATCH}:{key}") }),
                Ok(None) => panic!("{key} is new"),
                Err(_) => return self.fail().await,
            }
            if !self.delegate(&session, request(&session, &mut rng)).await {
                return self.fail().await;
            }
        }
    }

    /// `false` when the store failed.
    async fn delegate(&self, session: &Session, request: Request) -> bool {
        let prepared = self.host.prepare(session, request).await.unwrap();
        match self.host.dispatch(prepared).await {
            Ok(Dispatched::Background(handle)) => {
                self.point.pass("dispatched");
                let (id, events) = (handle.id().to_string(), handle.record.groups.len());
                self.fact(&Fact::Dispatched { id, events });
                true
            }
            Ok(Dispatched::Foreground(mut running)) => {
                let id = running.handle().id().to_string();
                self.fact(&Fact::Waits { id: id.clone() });
                if running.wait().await.is_none() {
                    return false;
                }
                self.fact(&Fact::Answered { id });
                true
            }
            Err(DelegateError::Rejected(_)) => true,
            Err(DelegateError::Store(_)) => false,
            Err(err) => panic!("{err}"),
        }
    }

    async fn consume(self, session: Session) {
        let mut deliveries = self.host.completions(&session);
        loop {
            let Ok(delivery) = deliveries.next().await else { return self.fail().await };
            if !self.settle(delivery, &session).await {
                return self.fail().await;
            }
        }
    }

    /// As an application does it: applied once, then acknowledged. `false`
    /// when the store failed.
    async fn settle(&self, delivery: Delivery, session: &Session) -> bool {
        let (key, to) = (key(&delivery), name_of(session));
        self.point.pass("delivered");
        let of = origin(&delivery);
        self.fact(&Fact::Delivered { key: key.clone(), to: to.clone(), of });
        let applied = tokio::task::block_in_place(|| self.apply(&key, &to));
        self.point.pass("effect");
        let told = if applied {
            Fact::Applied { key: key.clone() }
        } else {
            Fact::Repeated { key: key.clone() }
        };
        self.fact(&told);
        self.point.pass("recorded");
        let acked = delivery.ack().await.is_ok();
        self.point.pass("acked");
        if acked {
            self.fact(&Fact::Acked { key });
        }
        acked
    }

    /// The effect and the identity in one transaction. `false` when it was
    /// there before.
    fn apply(&self, key: &str, session: &str) -> bool {
        let mut ledger = self.ledger.lock().unwrap();
        let tx = ledger.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        let sql = "INSERT INTO inbox (key, session) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        let is_new = tx.execute(sql, [key, session]).unwrap() == 1;
        if is_new {
            let sql = "INSERT INTO tally (session, effects) VALUES (?1, 1)
                ON CONFLICT DO UPDATE SET effects = effects + 1";
            tx.execute(sql, params![session]).unwrap();
        }
        tx.commit().unwrap();
        is_new
    }

    /// The store takes nothing any more. Whoever watches may kill it now.
    async fn fail(&self) {
        self.fact(&Fact::Failed);
        println!("failed");
        pending().await
    }

    async fn drain(self) {
        for session in sessions() {
            let filter = ClaimFilter::of(session.clone());
            loop {
                let found = self.host.queue().drain(filter.clone(), DRAINED).await.unwrap();
                if found.is_empty() {
                    break;
                }
                for delivery in found {
                    assert!(self.settle(delivery, &session).await);
                }
            }
        }
        self.host.shutdown().await;
    }
}

fn config(retained: &str) -> Config {
    let mut res = Config::load(&Layers::default()).unwrap();
    res.delegation.retained_records = retained.parse().unwrap();
    res.sandbox.max_live_cells = 8;
    // What is gone on with is the resume campaign's.
    res.delegation.resume = Resume::Off;
    res.sandbox.cache_dir = Some(checkout().join("target/components/compiled"));
    res
}

fn guests(dir: &Path) -> Vec<(String, Binary)> {
    let files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
    let guest = |it: &PathBuf| {
        let name = it.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, Binary::new(fs::read(it).unwrap()))
    };
    files.iter().map(guest).collect()
}

/// What the application keeps of its own.
fn ledger(file: &Path) -> Connection {
    let db = Connection::open(file).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    // A process is killed here, not the machine.
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
        CREATE TABLE IF NOT EXISTS inbox (key TEXT PRIMARY KEY, session TEXT NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS tally (session TEXT PRIMARY KEY, effects INTEGER NOT NULL) STRICT;";
    db.execute_batch(settings).unwrap();
    db
}

/// Writes beyond that fail, and are no signal.
fn limit(bytes: u64) {
    // SAFETY: the handler is the one that ignores; nothing else sets one.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), maximum }).unwrap();
}

/// Some request. Its goals say whose it is and with how many events it ends.
fn request(session: &Session, rng: &mut Dice) -> Request {
    let n_tasks = usize::try_from(rng.below(3) + 1).unwrap();
    let (is_batch, background) = (n_tasks > 1, rng.below(4) > 0);
    let completion = match rng.below(3) {
        0 if is_batch && background => Completion::Each,
        _ => Completion::Together,
    };
    let is_grouped = completion == Completion::Together && is_batch && rng.below(2) == 0;
    let tasks = (0..n_tasks).map(|idx| task(session, idx, is_grouped, rng)).collect();
    let on_capacity = match rng.below(3) {
        0 => OnCapacity::Queue,
        _ => OnCapacity::Inline,
    };
    Request {
        tasks,
        background,
        completion,
        on_capacity,
        failure_notices: true,
        ..Request::default()
    }
}

fn task(session: &Session, index: usize, is_grouped: bool, rng: &mut Dice) -> TaskRequest {
    let (agent, role) = match rng.below(6) {
        0 => ("fails", Role::Leaf),
        1 => ("delegates", Role::Orchestrator),
        _ => ("honest", Role::Leaf),
    };
    let nested = r#"[{"goal": "nested", "agent": "honest"}, {"goal": "nested", "agent": "fails"}]"#;
    TaskRequest {
        goal: format!("for {}", name_of(session)),
        context: (agent == "delegates").then(|| nested.to_owned()),
        agent: Some(agent.to_owned()),
        role: Some(role),
        toolsets: Some(vec!["file_read".to_owned()]),
        group: is_grouped.then(|| format!("group {}", index.min(1))),
        ..TaskRequest::default()
    }
}

fn key(delivery: &Delivery) -> String {
    let event = delivery.event();
    format!("{}:{}", event.kind, event.dedup)
}

/// The session that the producer meant.
fn origin(delivery: &Delivery) -> String {
    let of = |goal: &str| goal.strip_prefix("for ").unwrap_or("nobody").to_owned();
    match &delivery.event().body {
        EventBody::Completion(event) => of(&event.goals[0]),
        EventBody::Failure(notice) => of(&notice.result.goal),
        EventBody::Other(json) => {
            let body: serde_json::Value = serde_json::from_str(json).unwrap();
            body["of"].as_str().unwrap().to_owned()
        }
    }
}
