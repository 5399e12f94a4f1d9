//! The tables in a SQLite database.
//!
//! Write-ahead log and full synchronisation: a commit is on disk when it
//! returns, and any number of processes read and write the same file.
//! Columns hold what is searched for, bodies the rest. Every statement is
//! prepared once.

mod aside;
mod error;
mod file;
mod queue;
mod recover;
mod schema;
#[cfg(test)]
mod tests;
mod units;

pub(super) use self::file::prepare;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Params, Row};

use self::error::{Bad, Failure};
use super::{
    ClaimFilter, ClaimToken, Corrupt, EventFilter, EventId, EventRow, Finish, NewEvent, Recovered,
    Settled, StoreError, Tables, UnitRow, open_error,
};
use crate::{
    event::ChildResult,
    id::{DelegationId, HostId},
    unit::UnitRecord,
};

/// More than the statements of this module.
const STATEMENTS: usize = 64;

/// One connection.
#[derive(Debug)]
pub(super) struct Sqlite {
    db: Connection,
    path: PathBuf,
}

impl Sqlite {
    /// Opens a file that [`prepare`] has seen, and reads whether it is this
    /// program's. Nothing is written.
    pub(super) fn find(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let error = |err: rusqlite::Error| open_error(path, &err);
        let mut db = Connection::open_with_flags(path, flags).map_err(error)?;
        db.busy_handler(Some(schema::wait_for_others)).map_err(error)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        schema::identify(&db, path)?;
        Ok(Self { db, path: path.to_owned() })
    }

    /// Makes it what this version works with.
    pub(super) fn set_up(self) -> Result<Self, StoreError> {
        schema::set_up(&self.db, &self.path)?;
        Ok(self)
    }

    /// Does not wait for the disk: most tests pull no plug.
    #[cfg(test)]
    pub(super) fn unsynchronised(self) -> Self {
        self.db.execute_batch("PRAGMA synchronous = OFF").unwrap();
        self
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        execute(&self.db, sql, [])?;
        Ok(())
    }
}

/// Runs a statement; returns how many rows it changed.
fn execute(db: &Connection, sql: &str, params: impl Params) -> Result<usize, Failure> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

/// A row that was found, whether or not it can be read.
#[derive(Debug)]
struct Found<T> {
    rid: i64,
    row: Result<T, Bad>,
}

/// Every row of a query whose first column is the row's id.
fn find<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Bad>,
) -> Result<Vec<Found<T>>, Failure> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut res = Vec::new();
    while let Some(row) = rows.next()? {
        res.push(Found { rid: row.get(0)?, row: read(row) });
    }
    Ok(res)
}

/// What no row has stands for numbers that SQLite has not.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Tables for Sqlite {
    fn begin(&mut self) -> Result<(), StoreError> {
        // Immediate: a transaction that begins with a read can't always wait
        // for its turn to write.
        self.run("BEGIN IMMEDIATE")
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT")
    }

    fn rollback(&mut self) {
        if !self.db.is_autocommit()
            && let Err(err) = self.run("ROLLBACK")
        {
            tracing::error!(%err, "a transaction can't be rolled back");
        }
    }

    fn savepoint(&mut self) -> Result<(), StoreError> {
        if self.db.is_autocommit() {
            return Err(StoreError::Io("the transaction is gone".to_owned()));
        }
        self.run("SAVEPOINT op")
    }

    fn release(&mut self, keep: bool) -> Result<(), StoreError> {
        if !keep {
            // Fails when SQLite undid the whole transaction, as it does when
            // the disk is full.
            self.run("ROLLBACK TO op")?;
        }
        self.run("RELEASE op")
    }

    fn insert_unit(&mut self, unit: &UnitRecord, owner: HostId) -> Result<(), StoreError> {
        Ok(units::insert(&self.db, unit, owner)?)
    }

    fn child_ended(&mut self, id: DelegationId, result: &ChildResult) -> Result<bool, StoreError> {
        Ok(units::child_ended(&self.db, id, result)?)
    }

    fn finish(&mut self, finish: &Finish) -> Result<Option<EventId>, StoreError> {
        Ok(units::finish(&self.db, finish)?)
    }

    fn unit(&mut self, id: DelegationId) -> Result<Option<UnitRow>, StoreError> {
        Ok(units::by_id(&self.db, id)?)
    }

    fn full_summary(
        &mut self,
        id: DelegationId,
        task_index: usize,
    ) -> Result<Option<String>, StoreError> {
        Ok(units::full_summary(&self.db, id, task_index)?)
    }

    fn units(&mut self, ended: usize) -> Result<Vec<UnitRow>, StoreError> {
        Ok(units::list(&self.db, ended)?)
    }

    fn units_below(&mut self, parent: DelegationId) -> Result<Vec<UnitRow>, StoreError> {
        Ok(units::below(&self.db, parent)?)
    }

    fn prune(&mut self, keep: usize, keep_events: usize) -> Result<usize, StoreError> {
        Ok(units::prune(&self.db, keep, keep_events)?)
    }

    fn push(&mut self, event: &NewEvent, owner: HostId) -> Result<Option<EventId>, StoreError> {
        Ok(queue::push(&self.db, event, owner)?)
    }

    fn claim(
        &mut self,
        filter: &ClaimFilter,
        by: HostId,
        now: f64,
        until: f64,
        max_attempts: u32,
    ) -> Result<Option<(EventRow, ClaimToken)>, StoreError> {
        Ok(queue::claim(&self.db, filter, by, now, until, max_attempts)?)
    }

    fn ack(&mut self, id: EventId, token: ClaimToken) -> Result<Settled, StoreError> {
        Ok(queue::ack(&self.db, id, token)?)
    }

    fn retry(
        &mut self,
        id: EventId,
        token: ClaimToken,
        not_before: f64,
        error: &str,
        max_attempts: u32,
    ) -> Result<Settled, StoreError> {
        Ok(queue::retry(&self.db, id, token, not_before, error, max_attempts)?)
    }

    fn put_back(&mut self, id: EventId, token: ClaimToken) -> Result<Settled, StoreError> {
        Ok(queue::put_back(&self.db, id, token)?)
    }

    fn ack_by_hand(&mut self, id: EventId) -> Result<bool, StoreError> {
        Ok(queue::ack_by_hand(&self.db, id)?)
    }

    fn next_due(&mut self, filter: &ClaimFilter, by: HostId) -> Result<Option<f64>, StoreError> {
        Ok(queue::next_due(&self.db, filter, by)?)
    }

    fn event(&mut self, id: EventId) -> Result<Option<EventRow>, StoreError> {
        Ok(queue::by_id(&self.db, id)?)
    }

    fn events_of(&mut self, id: DelegationId) -> Result<Vec<EventRow>, StoreError> {
        Ok(queue::of_unit(&self.db, id)?)
    }

    fn events(&mut self, filter: &EventFilter) -> Result<Vec<EventRow>, StoreError> {
        Ok(queue::list(&self.db, filter)?)
    }

    fn owners(&mut self) -> Result<Vec<HostId>, StoreError> {
        Ok(recover::owners(&self.db)?)
    }

    fn recover(&mut self, dead: HostId, now: f64) -> Result<Recovered, StoreError> {
        Ok(recover::recover(&self.db, dead, now)?)
    }

    fn set_aside(&mut self) -> Result<Vec<Corrupt>, StoreError> {
        Ok(aside::list(&self.db)?)
    }
}
