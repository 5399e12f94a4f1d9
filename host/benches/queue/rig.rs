//! A host with a real component that does next to nothing.

use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use hermitage::{
    Host,
    completion::Deliveries,
    config::{Config, Layers},
    delegation::Request,
    id::OsRandom,
    plugin::{BuildOnStderr, Library},
    sandbox::Binary,
    session::Session,
    store::{Step, Store, Watch},
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::floor::Sizes;

/// Where units and events are.
#[derive(Clone, Copy)]
pub(crate) enum Kept {
    Memory,
    Sqlite,
}

/// Counts what the store's writer does.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) commits: AtomicUsize,
    pub(crate) operations: AtomicUsize,
}

struct Counting(Arc<Counts>);

impl Watch for Counting {
    fn at(&self, step: Step) {
        match step {
            Step::Taken(operations) => {
                self.0.operations.fetch_add(operations, Ordering::Relaxed);
            }
            Step::Committed => {
                self.0.commits.fetch_add(1, Ordering::Relaxed);
            }
            _ => (),
        }
    }
}

pub(crate) struct Rig {
    pub(crate) host: Host,
    pub(crate) counts: Arc<Counts>,
    dir: TempDir,
}

/// How long the parts of one delegation took.
pub(crate) struct Stages {
    /// Until the call returned: one commit.
    pub(crate) dispatch: Duration,
    /// From there until the event was in hand: the child, two commits.
    pub(crate) delivery: Duration,
    /// Until it was acknowledged: one commit.
    pub(crate) ack: Duration,
}

impl Rig {
    pub(crate) async fn new(kept: Kept) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let counts = Arc::new(Counts::default());
        // Nothing is to be rejected, and no child to wait for a cell.
        let mut config = Config::load(&Layers::default()).unwrap();
        config.delegation.max_async_children = 1_000;
        config.sandbox.max_live_cells = 600;
        let builder = Host::builder().config(config).agent("steps", steps());
        let builder = match kept {
            Kept::Memory => builder.ephemeral(),
            Kept::Sqlite => {
                let watch = Arc::new(Counting(Arc::clone(&counts)));
                let file = dir.path().join("hermitage.db");
                builder.store(Store::open_watched(&file, &OsRandom, watch).unwrap())
            }
        };
        let host = builder.build().await.unwrap();
        host.warm_up(&["steps"]).await.unwrap();
        Self { host, counts, dir }
    }

    /// Sizes of the rows of its file.
    pub(crate) fn sizes(&self) -> Sizes {
        let db = Connection::open(self.dir.path().join("hermitage.db")).unwrap();
        let size = |table| {
            let sql = format!("SELECT max(length(body)) FROM {table}");
            let bytes: u32 = db.query_row(&sql, [], |row| row.get(0)).unwrap();
            bytes as usize
        };
        Sizes { unit: size("unit"), event: size("event") }
    }
}

/// One delegation, from the call to the acknowledged event.
pub(crate) async fn delegate(
    host: &Host,
    session: &Session,
    completions: &mut Deliveries,
) -> Stages {
    let request = Request {
        goal: Some("Do nothing".to_owned()),
        context: Some("[]".to_owned()),
        toolsets: Some(Vec::new()),
        agent: Some("steps".to_owned()),
        background: true,
        ..Request::default()
    };
    let begun = Instant::now();
    host.delegate(session, request).await.unwrap();
    let dispatched = Instant::now();
    let delivery = completions.next().await.unwrap();
    let delivered = Instant::now();
    delivery.ack().await.unwrap();
    Stages {
        dispatch: dispatched - begun,
        delivery: delivered - dispatched,
        ack: delivered.elapsed(),
    }
}

/// The bundled agent, which an empty list gives nothing to do.
fn steps() -> Binary {
    static STEPS: OnceLock<Binary> = OnceLock::new();
    let find = || {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let library = Library::of_checkout(checkout, 32 << 20);
        library.find("steps", &mut BuildOnStderr).unwrap().component
    };
    STEPS.get_or_init(find).clone()
}
