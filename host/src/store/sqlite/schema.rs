//! The tables, their versions, and the settings of a connection.

use std::{path::Path, thread, time::Duration};

use rusqlite::{Connection, ErrorCode, config::DbConfig};

use super::{
    Failure,
    error::{in_words, store_error},
    rights,
};
use crate::store::{StoreError, open_error};

/// `HERM`: tells this program's databases from others.
const APPLICATION: i32 = 0x4845_524d;

/// The steps from an empty file to the newest version; the version of a file
/// is how many were taken. A step that was released never changes.
pub(super) const STEPS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
];

/// How often a write that another process is in the way of is tried again:
/// for five seconds, where commits take milliseconds.
const BUSY_TRIES: i32 = 5_000;

/// Between two of them. SQLite's own pauses grow to 100 ms, and with those it
/// can take seconds to meet the moment between two commits of a process that
/// has much to write.
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// Tries to switch the journal, for which SQLite does not wait on its own.
const JOURNAL_TRIES: u32 = 250;

/// What a log is cut to when it has grown beyond that and is empty again.
pub(super) const LOG_LIMIT: u64 = 64 << 20;

/// Settings of a connection. The log is copied back every 16 MiB: rarely
/// enough that commits stay one write, and small enough to open fast.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 2048;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -16384;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
";

/// Whether the file is new, or made by this program in a version that this
/// one knows.
pub(super) fn identify(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let error = |err: rusqlite::Error| at(path, &err);
    let application: i32 = pragma(db, "application_id").map_err(error)?;
    if application != APPLICATION && (application != 0 || !is_empty(db).map_err(error)?) {
        return Err(open_error(path, &"it is the database of another program"));
    }
    let found = pragma(db, "user_version").map_err(error)?;
    refuse_newer(path, found, STEPS.len())
}

/// For the handler of a connection that is busy.
pub(super) fn wait_for_others(tries: i32) -> bool {
    let waits = tries < BUSY_TRIES;
    if waits {
        thread::sleep(BUSY_PAUSE);
    }
    waits
}

fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn refuse_newer(path: &Path, found: u32, known: usize) -> Result<(), StoreError> {
    let known = u32::try_from(known).unwrap_or(u32::MAX);
    if known < found {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

/// Makes the tables what this version works with.
pub(super) fn set_up(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let error = |err: rusqlite::Error| at(path, &err);
    // Bodies of a kilobyte fit several to a page. For a new file only.
    db.pragma_update(None, "page_size", 8192).map_err(error)?;
    write_ahead(db, path)?;
    db.execute_batch(SETTINGS).map_err(error)?;
    // Plans do not depend on bound values. Otherwise a query whose parameter
    // meets the condition of a partial index is planned again for each value,
    // which costs several times what running it does.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(error)?;
    migrate(db, path, STEPS)?;
    // What stands in the log alone is lost with it: at least the tables are
    // in the file itself. Another process that reads is no reason to wait.
    let copied = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    copied.map_err(error)
}

fn write_ahead(db: &Connection, path: &Path) -> Result<(), StoreError> {
    for _ in 0..JOURNAL_TRIES {
        let mode = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let why = format!("its directory can't have a write-ahead log (but `{mode}`)");
                return Err(open_error(path, &why));
            }
            Err(err) if is_busy(&err) => thread::sleep(Duration::from_millis(20)),
            Err(err) => return Err(at(path, &err)),
        }
    }
    Err(StoreError::Busy("another process is opening it".to_owned()))
}

/// Takes the steps that the file has not taken, all or none.
pub(super) fn migrate(db: &Connection, path: &Path, steps: &[&str]) -> Result<(), StoreError> {
    let error = |err: rusqlite::Error| at(path, &err);
    if version(db).map_err(error)? == steps.len() {
        return Ok(());
    }
    db.execute_batch("BEGIN IMMEDIATE").map_err(error)?;
    let res = take_steps(db, path, steps);
    let end = if res.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = db.execute_batch(end).map_err(error);
    res.and(ended)
}

fn take_steps(db: &Connection, path: &Path, steps: &[&str]) -> Result<(), StoreError> {
    let error = |err: rusqlite::Error| at(path, &err);
    // Another process may have taken them by now.
    let found = version(db).map_err(error)?;
    refuse_newer(path, u32::try_from(found).unwrap_or(u32::MAX), steps.len())?;
    for step in steps.iter().skip(found) {
        db.execute_batch(step).map_err(error)?;
    }
    db.pragma_update(None, "application_id", APPLICATION).map_err(error)?;
    db.pragma_update(None, "user_version", super::count(steps.len())).map_err(error)
}

pub(super) fn version(db: &Connection) -> rusqlite::Result<usize> {
    pragma(db, "user_version").map(|it: u32| usize::try_from(it).unwrap_or(usize::MAX))
}

/// Writes the version that it has: the page that holds it goes to the disk,
/// whatever stood there.
pub(super) fn write_version(db: &Connection) -> Result<(), Failure> {
    Ok(db.pragma_update(None, "user_version", super::count(version(db)?))?)
}

/// A number that changes when another connection wrote.
pub(super) fn data_version(db: &Connection) -> Result<i64, Failure> {
    Ok(db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
}

/// Bytes that the file has to have, as far as the database knows.
pub(super) fn length(db: &Connection) -> Result<u64, Failure> {
    let (pages, size): (u32, u32) = (pragma(db, "page_count")?, pragma(db, "page_size")?);
    Ok(u64::from(pages).saturating_mul(u64::from(size)))
}

fn pragma<T: rusqlite::types::FromSql>(db: &Connection, name: &str) -> rusqlite::Result<T> {
    db.pragma_query_value(None, name, |row| row.get(0))
}

fn is_busy(err: &rusqlite::Error) -> bool {
    matches!(err.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Why a file can't be opened, in words that name it.
pub(super) fn at(path: &Path, err: &rusqlite::Error) -> StoreError {
    match (in_words(path, store_error(err)), err.sqlite_error_code()) {
        (full_or_busy, _) if full_or_busy.leaves_all_as_it_was() && !is_read_only(err) => {
            full_or_busy
        }
        (damaged, Some(ErrorCode::DatabaseCorrupt)) => damaged,
        (_, Some(ErrorCode::NotADatabase)) => {
            open_error(path, &"it is no database, or a damaged one")
        }
        (_, Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)) => {
            let usual = || "it, or its directory, can't be written to by this user".to_owned();
            open_error(path, &rights::missing(path).unwrap_or_else(usual))
        }
        _ => open_error(path, err),
    }
}

fn is_read_only(err: &rusqlite::Error) -> bool {
    err.sqlite_error_code() == Some(ErrorCode::ReadOnly)
}
