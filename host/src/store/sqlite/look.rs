//! A database that is looked at where nothing can be written.

use std::{fs, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::{FLAGS, Sqlite, schema};
use crate::store::StoreError;

/// Tries, in this order: as others do, with the log's index in a file; alone,
/// with that index in memory, which a full disk allows; and as a file that
/// nobody writes, which is all that a directory of somebody else allows.
pub(super) fn open(path: &Path) -> Result<Sqlite, StoreError> {
    let write = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let first = match connect(path, write, "") {
        Ok(res) => return Ok(res),
        Err(StoreError::Newer { path, found, known }) => {
            return Err(StoreError::Newer { path, found, known });
        }
        Err(err) => err,
    };
    let read = OpenFlags::SQLITE_OPEN_READ_ONLY;
    connect(path, read, "")
        .or_else(|_| connect(path, write, "PRAGMA locking_mode = EXCLUSIVE"))
        .or_else(|_| as_it_is(path))
        .map_err(|_| first)
}

fn connect(path: &Path, flags: OpenFlags, settings: &str) -> Result<Sqlite, StoreError> {
    let error = |err: rusqlite::Error| schema::at(path, &err);
    let db = Connection::open_with_flags(path, flags | FLAGS).map_err(error)?;
    db.execute_batch(settings).map_err(error)?;
    let res = Sqlite::identified(db, path)?;
    // Reads through the log, which is where what is in the way shows.
    let (sql, tables) = ("SELECT count(*) FROM unit", |_: &rusqlite::Row<'_>| Ok(()));
    res.db.query_row(sql, [], tables).map_err(error)?;
    res.db.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF").map_err(error)?;
    Ok(res)
}

/// Without its log, which is said.
fn as_it_is(path: &Path) -> Result<Sqlite, StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if fs::metadata(log).is_ok_and(|it| it.len() > 0) {
        tracing::warn!("the log of the store can't be read here: what was written last is missing");
    }
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' => address.push(char::from(*byte)),
            it if it.is_ascii_alphanumeric() => address.push(char::from(*it)),
            it => address.push_str(&format!("%{it:02x}")),
        }
    }
    address.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let mut res = connect(Path::new(&address), flags, "")?;
    res.path = path.to_owned();
    Ok(res)
}
