//! The floor under a durable delegation: its durable steps and nothing else. A
//! thread that owns a database of the same tables and settings groups what
//! waits into one commit; there is no host, no sandbox, no savepoint and no
//! logic of a queue.

use std::{path::Path, thread};

use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use super::{STATEMENTS, schema};
use crate::store::{StoreError, open_error};

/// As in the store's writer.
const BATCH: usize = 512;

/// Steps that wait for the thread.
const QUEUE: usize = 2048;

/// Bytes of the bodies of a host's rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    unit: usize,
    event: usize,
}

/// One durable step of a delegation.
enum Step {
    Insert { unit: String, session: String },
    Finish { unit: String, session: String },
    Claim { session: String },
    Ack { event: i64 },
}

/// The answer is an event's id, or 0.
type Asked = (Step, oneshot::Sender<rusqlite::Result<i64>>);

/// The way to the thread, which ends with the last clone.
#[derive(Clone)]
pub(crate) struct Floor {
    asked: mpsc::Sender<Asked>,
}

impl Sizes {
    /// The longest in the database of a host.
    pub(crate) fn of(file: &Path) -> Result<Self, StoreError> {
        let db = Connection::open(file).map_err(|err| schema::at(file, &err))?;
        let size = |table: &str| {
            let sql = format!("SELECT coalesce(max(length(body)), 0) FROM {table}");
            let bytes = db.query_row(&sql, [], |row| row.get::<_, u32>(0));
            bytes.map(|it| it as usize).map_err(|err| schema::at(file, &err))
        };
        Ok(Self { unit: size("unit")?, event: size("event")? })
    }
}

impl Floor {
    /// On a new file.
    pub(crate) fn start(file: &Path, sizes: Sizes) -> Result<Self, StoreError> {
        let db = Connection::open(file).map_err(|err| schema::at(file, &err))?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        schema::set_up(&db, file)?;
        let (sender, asked) = mpsc::channel(QUEUE);
        let bodies = Bodies { unit: vec![7; sizes.unit], event: vec![7; sizes.event] };
        let thread = thread::Builder::new().name("hermitage-floor".to_owned());
        let started = thread.spawn(move || serve(&db, asked, &bodies));
        started.map_err(|err| open_error(file, &err))?;
        Ok(Self { asked: sender })
    }

    /// One delegation: each step waits for its commit.
    pub(crate) async fn delegate(&self, unit: String, session: &str) -> Result<(), StoreError> {
        let session = session.to_owned();
        self.ask(Step::Insert { unit: unit.clone(), session: session.clone() }).await?;
        self.ask(Step::Finish { unit, session: session.clone() }).await?;
        let event = self.ask(Step::Claim { session }).await?;
        self.ask(Step::Ack { event }).await?;
        Ok(())
    }

    async fn ask(&self, step: Step) -> Result<i64, StoreError> {
        let (sender, answer) = oneshot::channel();
        self.asked.send((step, sender)).await.map_err(|_| StoreError::Closed)?;
        let answer = answer.await.map_err(|_| StoreError::Closed)?;
        answer.map_err(|err| StoreError::Io(err.to_string()))
    }
}

struct Bodies {
    unit: Vec<u8>,
    event: Vec<u8>,
}

/// A batch that can't be committed has nobody answered, and ends the thread.
fn serve(db: &Connection, mut asked: mpsc::Receiver<Asked>, bodies: &Bodies) {
    while let Some(first) = asked.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = asked.try_recv()
        {
            batch.push(next);
        }
        if run(db, "BEGIN IMMEDIATE", []).is_err() {
            return;
        }
        let answers: Vec<_> =
            batch.into_iter().map(|(step, to)| (take(db, step, bodies), to)).collect();
        if run(db, "COMMIT", []).is_err() {
            return;
        }
        for (answer, to) in answers {
            // Whoever asked may be gone.
            let _ = to.send(answer);
        }
    }
}

fn take(db: &Connection, step: Step, bodies: &Bodies) -> rusqlite::Result<i64> {
    match step {
        Step::Insert { unit, session } => {
            let sql = "INSERT INTO unit (id, session, owner, state, n_groups, groups_left, body)
                VALUES (?1, ?2, 'bare', 0, 1, 1, ?3)";
            run(db, sql, params![unit, session, bodies.unit])
        }
        Step::Finish { unit, session } => {
            let sql = "INSERT INTO event (type, dedup, unit, session, owner, state, created, body)
                VALUES ('bare', ?1, ?1, ?2, 'bare', 0, 1.0, ?3)";
            run(db, sql, params![unit, session, bodies.event])?;
            let sql = "UPDATE unit SET state = 1, groups_left = 0, status = 'completed',
                ended_at = 1.0 WHERE id = ?1";
            run(db, sql, params![unit])
        }
        Step::Claim { session } => {
            let sql = "UPDATE event SET state = 1, attempts = attempts + 1, token = token + 1,
                    claimed_by = 'bare', claimed_at = 1.0, until = 300.0
                WHERE id = (SELECT id FROM event WHERE session = ?1 AND state = 0
                    ORDER BY session, id LIMIT 1)
                RETURNING id, body";
            db.prepare_cached(sql)?.query_row([session], |row| {
                row.get::<_, Vec<u8>>(1)?;
                row.get(0)
            })
        }
        Step::Ack { event } => {
            let sql = "UPDATE event SET state = 2, claimed_by = NULL, until = NULL WHERE id = ?1";
            run(db, sql, [event])
        }
    }
}

/// Runs a statement that gives nothing back.
fn run(db: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<i64> {
    db.prepare_cached(sql)?.execute(params)?;
    Ok(0)
}
