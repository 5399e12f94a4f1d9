//! The tables in a SQLite database.
//!
//! Write-ahead log and full synchronisation: a commit is on disk when it
//! returns, and any number of processes read and write the same file.
//! Columns hold what is searched for, bodies the rest. Every statement is
//! prepared once.

mod aside;
mod error;
mod file;
#[cfg(feature = "bench")]
mod floor;
mod holder;
mod interrupt;
mod journal;
mod keys;
mod look;
mod presence;
mod queue;
mod recover;
mod rescue;
mod rights;
mod schema;
mod settled;
#[cfg(test)]
mod tests;
mod units;

#[cfg(feature = "bench")]
pub(crate) use self::floor::{Floor, Sizes};
pub(super) use self::{
    error::in_words,
    file::{failed, is_there, prepare},
};

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, OpenFlags, Params, Row, config::DbConfig};

use self::{
    error::{Bad, Failure},
    presence::{Presence, SideFiles},
};
use super::{
    ClaimFilter, ClaimToken, Corrupt, EventFilter, EventId, EventRow, Finish, Head, Interruption,
    KeptHead, Keyed, Leave, Line, NewEvent, Place, Recovered, RequestKey, Settled, StoreError,
    Tables, ToStop, UnitRow, neighbours::Writes, open_error,
};
use crate::{
    event::ChildResult,
    id::{DelegationId, HostId},
    session::Session,
    unit::UnitRecord,
};

/// More than the statements of this module.
const STATEMENTS: usize = 64;

/// Of every connection.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_EXRESCODE);

/// Rows that are told of. Bounds what a spoiled file makes of the log.
const MOST_TOLD: usize = 100;

/// One connection.
#[derive(Debug)]
pub(super) struct Sqlite {
    db: Connection,
    path: PathBuf,
    /// `None` before it is set up.
    presence: Option<Presence>,
    /// What was lost with the file: nothing is written after that.
    lost: Option<StoreError>,
    /// Rows that can't be read and that were told of.
    told: BTreeSet<String>,
    /// What `PRAGMA data_version` said last.
    version: i64,
    writes: Arc<Writes>,
}

impl Sqlite {
    /// Opens a file that [`prepare`] has seen, and reads whether it is this
    /// program's. Nothing is written.
    pub(super) fn find(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let db = Connection::open_with_flags(path, flags | FLAGS);
        Self::identified(db.map_err(|err| schema::at(path, &err))?, path)
    }

    fn identified(mut db: Connection, path: &Path) -> Result<Self, StoreError> {
        db.busy_handler(Some(schema::wait_for_others)).map_err(|err| schema::at(path, &err))?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        schema::identify(&db, path)?;
        Ok(Self::over(db, path))
    }

    fn over(db: Connection, path: &Path) -> Self {
        let (path, told, writes) = (path.to_owned(), BTreeSet::new(), Arc::default());
        Self { db, path, presence: None, lost: None, told, version: 0, writes }
    }

    /// Makes it what this version works with.
    pub(super) fn set_up(mut self) -> Result<Self, StoreError> {
        schema::set_up(&self.db, &self.path)?;
        self.version = schema::data_version(&self.db)?;
        let presence = Presence::of(&self.path).map_err(|err| open_error(&self.path, &err))?;
        self.presence = Some(presence);
        Ok(self)
    }

    /// Who writes to the database.
    pub(super) fn writes(&self) -> Arc<Writes> {
        Arc::clone(&self.writes)
    }

    /// Whether the file is still the one that was opened. Otherwise nothing
    /// more is written, and what is in it is kept in another file while this
    /// process still has it open.
    fn check_presence(&mut self) -> Result<(), StoreError> {
        if let Some(err) = &self.lost {
            return Err(err.clone());
        }
        let db = &self.db;
        let holds = |len: u64| schema::length(db).is_ok_and(|it| it <= len);
        let Some(why) = self.presence.as_mut().and_then(|it| it.trouble(holds)) else {
            return Ok(());
        };
        let rescued = rescue::rescue(&self.db, &self.path);
        let rescued = rescued.inspect_err(|err| tracing::error!(%err, "nothing can be rescued"));
        let lost = StoreError::Lost { path: self.path.clone(), why, rescued: rescued.ok() };
        tracing::error!(%lost, "the store takes no more writes");
        self.lost = Some(lost.clone());
        Err(lost)
    }

    /// Tells of rows that can't be read, each once.
    fn tell(&mut self, bad: Vec<Corrupt>) {
        for Corrupt { row, why } in bad {
            if self.told.len() < MOST_TOLD && self.told.insert(row.clone()) {
                tracing::error!(row, why, "a row of the store can't be read and is left out");
            }
        }
    }

    /// Opens a file to look at it, however little is possible there.
    pub(super) fn to_read(path: &Path) -> Result<Self, StoreError> {
        let mut res = look::open(path)?;
        res.lost = Some(StoreError::ReadOnly(path.to_owned()));
        Ok(res)
    }

    /// Does not wait for the disk: most tests pull no plug.
    #[cfg(any(test, feature = "oracles"))]
    pub(super) fn unsynchronised(self) -> Self {
        // A damaged one refuses it, and is slow.
        let _ = self.db.execute_batch("PRAGMA synchronous = OFF");
        self
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        execute(&self.db, sql, [])?;
        Ok(())
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        let side_files = self.presence.as_ref().map(Presence::side_files);
        let left = match side_files {
            None | Some(SideFiles::Own) => Ok(()),
            Some(SideFiles::OfAnother) => leave_side_files(&self.db)
                .and_then(|()| self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))),
            // What is in the old log would be written over what others wrote
            // since: it goes into a copy.
            Some(SideFiles::OfOthers) => {
                let _ = self.check_presence();
                leave_side_files(&self.db)
            }
        };
        if let Err(err) = left {
            tracing::error!(%err, "the log of another store may be removed");
        }
    }
}

/// The last connection writes the log into the database, and removes it by its
/// name. From now on this one does neither.
fn leave_side_files(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
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
        self.check_presence()?;
        // Immediate: a transaction that begins with a read can't always wait
        // for its turn to write.
        self.writes.begin();
        self.run("BEGIN IMMEDIATE")?;
        if self.changed_elsewhere()? {
            self.writes.tell();
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT")?;
        self.writes.end();
        Ok(())
    }

    fn rollback(&mut self) {
        if !self.db.is_autocommit()
            && let Err(err) = self.run("ROLLBACK")
        {
            tracing::error!(%err, "a transaction can't be rolled back");
        }
        self.writes.end();
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
        let mut bad = Vec::new();
        let rows = units::list(&self.db, ended, &mut bad)?;
        self.tell(bad);
        Ok(rows)
    }

    fn units_below(&mut self, parent: DelegationId) -> Result<Vec<UnitRow>, StoreError> {
        let mut bad = Vec::new();
        let rows = units::below(&self.db, parent, &mut bad)?;
        self.tell(bad);
        Ok(rows)
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

    fn ack(&mut self, id: EventId, token: ClaimToken) -> Result<Option<Settled>, StoreError> {
        Ok(queue::ack(&self.db, id, token)?)
    }

    fn retry(
        &mut self,
        id: EventId,
        token: ClaimToken,
        not_before: f64,
        error: &str,
        max_attempts: u32,
    ) -> Result<Option<Settled>, StoreError> {
        Ok(queue::retry(&self.db, id, token, not_before, error, max_attempts)?)
    }

    fn put_back(&mut self, id: EventId, token: ClaimToken) -> Result<Option<Settled>, StoreError> {
        Ok(queue::put_back(&self.db, id, token)?)
    }

    fn prolong(&mut self, id: EventId, token: ClaimToken, until: f64) -> Result<bool, StoreError> {
        Ok(queue::prolong(&self.db, id, token, until)?)
    }

    fn lend(&mut self, id: EventId, token: ClaimToken) -> Result<bool, StoreError> {
        Ok(queue::lend(&self.db, id, token)?)
    }

    fn lent(&mut self, id: EventId) -> Result<Option<(EventRow, ClaimToken)>, StoreError> {
        Ok(queue::lent(&self.db, id)?)
    }

    fn ack_by_hand(&mut self, id: EventId) -> Result<bool, StoreError> {
        Ok(queue::ack_by_hand(&self.db, id)?)
    }

    fn revive(&mut self, id: EventId) -> Result<bool, StoreError> {
        Ok(queue::revive(&self.db, id)?)
    }

    fn next_due(&mut self, filter: &ClaimFilter, by: HostId) -> Result<Option<f64>, StoreError> {
        Ok(queue::next_due(&self.db, filter, by)?)
    }

    fn event(&mut self, id: EventId) -> Result<Option<EventRow>, StoreError> {
        Ok(queue::by_id(&self.db, id)?)
    }

    fn events_of(&mut self, id: DelegationId) -> Result<Vec<EventRow>, StoreError> {
        let mut bad = Vec::new();
        let rows = queue::of_unit(&self.db, id, &mut bad)?;
        self.tell(bad);
        Ok(rows)
    }

    fn events(&mut self, filter: &EventFilter) -> Result<Vec<EventRow>, StoreError> {
        let mut bad = Vec::new();
        let rows = queue::list(&self.db, filter, &mut bad)?;
        self.tell(bad);
        Ok(rows)
    }

    fn events_after(&mut self, after: EventId, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        let mut bad = Vec::new();
        let rows = queue::after(&self.db, after, limit, &mut bad)?;
        self.tell(bad);
        Ok(rows)
    }

    fn count_events(&mut self, filter: &EventFilter) -> Result<usize, StoreError> {
        Ok(queue::count_listed(&self.db, filter)?)
    }

    fn ask_to_stop(
        &mut self,
        what: &ToStop,
        by: HostId,
        reason: Option<&str>,
    ) -> Result<usize, StoreError> {
        Ok(interrupt::ask(&self.db, what, by, reason)?)
    }

    fn asked_to_stop(&mut self, host: HostId) -> Result<Vec<Interruption>, StoreError> {
        Ok(interrupt::of(&self.db, host)?)
    }

    fn heard(&mut self, units: &[DelegationId]) -> Result<(), StoreError> {
        for unit in units {
            interrupt::forget(&self.db, &unit.to_string())?;
        }
        Ok(())
    }

    fn keyed(
        &mut self,
        session: &Session,
        key: &str,
        now: f64,
    ) -> Result<Option<Keyed>, StoreError> {
        Ok(keys::get(&self.db, session, key, now)?)
    }

    fn keep_key(
        &mut self,
        session: &Session,
        key: &RequestKey,
        unit: DelegationId,
        now: f64,
    ) -> Result<Option<Keyed>, StoreError> {
        let before = keys::get(&self.db, session, &key.key, now)?;
        if before.is_none() {
            keys::add(&self.db, session, key, unit, now)?;
        }
        Ok(before)
    }

    fn forget_keys(&mut self, now: f64, most: usize) -> Result<(), StoreError> {
        Ok(keys::forget(&self.db, now, most)?)
    }

    fn write_nothing(&mut self) -> Result<(), StoreError> {
        Ok(schema::write_version(&self.db)?)
    }

    fn changed_elsewhere(&mut self) -> Result<bool, StoreError> {
        let now = schema::data_version(&self.db)?;
        Ok(std::mem::replace(&mut self.version, now) != now)
    }

    fn owners(&mut self) -> Result<Vec<HostId>, StoreError> {
        Ok(recover::owners(&self.db)?)
    }

    fn recover(&mut self, dead: HostId, now: f64, leave: Leave) -> Result<Recovered, StoreError> {
        Ok(recover::recover(&self.db, dead, now, leave)?)
    }

    fn give_up(&mut self, id: DelegationId, why: &str, now: f64) -> Result<Recovered, StoreError> {
        Ok(recover::give_up(&self.db, id, why, now)?)
    }

    fn keep_head(&mut self, unit: DelegationId, head: &Head) -> Result<(), StoreError> {
        Ok(journal::keep_head(&self.db, unit, head)?)
    }

    fn head(&mut self, unit: DelegationId) -> Result<Option<KeptHead>, StoreError> {
        Ok(journal::head(&self.db, unit)?)
    }

    fn add_line(&mut self, place: Place, line: &Line) -> Result<(), StoreError> {
        Ok(journal::add_line(&self.db, place, line)?)
    }

    fn lines(&mut self, unit: DelegationId, task: usize) -> Result<Vec<Line>, StoreError> {
        Ok(journal::lines(&self.db, unit, task)?)
    }

    fn last_lines(&mut self, unit: DelegationId) -> Result<Vec<String>, StoreError> {
        Ok(journal::last_lines(&self.db, unit)?)
    }

    fn forget_journal(&mut self, unit: DelegationId) -> Result<(), StoreError> {
        Ok(journal::forget(&self.db, &unit.to_string())?)
    }

    fn resumable(&mut self, dead: HostId) -> Result<Vec<DelegationId>, StoreError> {
        let mut bad = Vec::new();
        let units = recover::resumable(&self.db, dead, &mut bad)?;
        self.tell(bad);
        Ok(units)
    }

    fn take_over(&mut self, unit: DelegationId, by: HostId, now: f64) -> Result<bool, StoreError> {
        Ok(journal::take_over(&self.db, unit, by, now)?)
    }

    fn set_aside(&mut self) -> Result<Vec<Corrupt>, StoreError> {
        Ok(aside::list(&self.db)?)
    }
}
