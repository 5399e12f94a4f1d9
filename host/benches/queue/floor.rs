//! The floor: the durable steps of one delegation and nothing else. A thread
//! that owns a SQLite file groups what waits into one commit; there is no
//! host, no sandbox, no savepoint and no queue logic.

use std::{fs, path::Path, thread};

use rusqlite::{Connection, config::DbConfig, params};
use tokio::sync::{mpsc, oneshot};

/// The settings of the store's connection.
const SETTINGS: &str = "
    PRAGMA page_size = 8192;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 2048;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -16384;
    PRAGMA temp_store = MEMORY;
";

/// As in the store's writer.
const BATCH: usize = 512;

/// Bodies of the host's rows, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) unit: usize,
    pub(crate) event: usize,
}

enum Step {
    Insert { unit: String, session: String },
    Finish { unit: String, session: String },
    Claim { session: String },
    Ack { event: i64 },
}

/// The answer is an event's id, or 0.
type Asked = (Step, oneshot::Sender<i64>);

/// The way to the thread, which ends with the last clone.
#[derive(Clone)]
pub(crate) struct Floor(mpsc::Sender<Asked>);

impl Floor {
    pub(crate) fn start(file: &Path, sizes: Sizes) -> Self {
        let db = Connection::open(file).unwrap();
        db.execute_batch(SETTINGS).unwrap();
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
        db.execute_batch(&schema()).unwrap();
        db.set_prepared_statement_cache_capacity(64);
        let (sender, asked) = mpsc::channel(2048);
        thread::spawn(move || serve(&db, asked, sizes));
        Self(sender)
    }

    /// One delegation: each step waits for its commit.
    pub(crate) async fn delegate(&self, unit: String, session: &str) {
        let session = session.to_owned();
        self.ask(Step::Insert { unit: unit.clone(), session: session.clone() }).await;
        self.ask(Step::Finish { unit, session: session.clone() }).await;
        let event = self.ask(Step::Claim { session }).await;
        self.ask(Step::Ack { event }).await;
    }

    async fn ask(&self, step: Step) -> i64 {
        let (sender, answer) = oneshot::channel();
        assert!(self.0.send((step, sender)).await.is_ok(), "the floor's thread is gone");
        answer.await.unwrap()
    }
}

/// The tables of the store, so that the same indices are kept: all steps that
/// lead to them.
fn schema() -> String {
    let step = |number: u32| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite/schema");
        fs::read_to_string(dir.join(format!("v{number}.sql"))).ok()
    };
    (1..).map_while(step).collect()
}

fn serve(db: &Connection, mut asked: mpsc::Receiver<Asked>, sizes: Sizes) {
    let bodies = (vec![7_u8; sizes.unit], vec![7_u8; sizes.event]);
    while let Some(first) = asked.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = asked.try_recv()
        {
            batch.push(next);
        }
        run(db, "BEGIN IMMEDIATE", []);
        let answers: Vec<_> =
            batch.into_iter().map(|(step, to)| (take(db, step, &bodies), to)).collect();
        run(db, "COMMIT", []);
        for (answer, to) in answers {
            to.send(answer).unwrap();
        }
    }
}

fn take(db: &Connection, step: Step, (unit_body, event_body): &(Vec<u8>, Vec<u8>)) -> i64 {
    match step {
        Step::Insert { unit, session } => {
            let sql = "INSERT INTO unit (id, session, owner, state, n_groups, groups_left, body)
                VALUES (?1, ?2, 'bare', 0, 1, 1, ?3)";
            run(db, sql, params![unit, session, unit_body]);
            0
        }
        Step::Finish { unit, session } => {
            let sql = "INSERT INTO event (type, dedup, unit, session, owner, state, created, body)
                VALUES ('bare', ?1, ?1, ?2, 'bare', 0, 1.0, ?3)";
            run(db, sql, params![unit, session, event_body]);
            let sql = "UPDATE unit SET state = 1, groups_left = 0, status = 'completed',
                ended_at = 1.0 WHERE id = ?1";
            run(db, sql, params![unit]);
            0
        }
        Step::Claim { session } => {
            let sql = "UPDATE event SET state = 1, attempts = attempts + 1, token = token + 1,
                    claimed_by = 'bare', claimed_at = 1.0, until = 300.0
                WHERE id = (SELECT id FROM event WHERE session = ?1 AND state = 0
                    ORDER BY session, id LIMIT 1)
                RETURNING id, body";
            let mut claim = db.prepare_cached(sql).unwrap();
            let event = claim.query_row([session], |row| {
                row.get::<_, Vec<u8>>(1)?;
                row.get(0)
            });
            event.unwrap()
        }
        Step::Ack { event } => {
            let sql = "UPDATE event SET state = 2, claimed_by = NULL, until = NULL WHERE id = ?1";
            run(db, sql, [event]);
            0
        }
    }
}

fn run(db: &Connection, sql: &str, params: impl rusqlite::Params) {
    db.prepare_cached(sql).unwrap().execute(params).unwrap();
}
