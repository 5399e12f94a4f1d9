//! Keys of requests.

use rusqlite::{Connection, params};

use super::{Failure, aside, count, execute, find};
use crate::{
    id::DelegationId,
    session::Session,
    store::{
        keys::{Keyed, RequestKey, oldest},
        record,
    },
};

/// A row that can't be read stands for none.
pub(super) fn get(
    db: &Connection,
    session: &Session,
    key: &str,
    now: f64,
) -> Result<Option<Keyed>, Failure> {
    let sql = "SELECT rid, unit, digest FROM request
        WHERE session = ?1 AND key = ?2 AND created >= ?3";
    let found = find(db, sql, params![session.to_string(), key, oldest(now)], |row| {
        let unit = record::parse("delegation", &row.get::<_, String>(1)?)?;
        Ok(Keyed { unit, digest: row.get(2)? })
    })?;
    Ok(aside::leave("request", found, &mut Vec::new()).pop())
}

/// In the place of one that can't be read, or is too old.
pub(super) fn add(
    db: &Connection,
    session: &Session,
    key: &RequestKey,
    unit: DelegationId,
    now: f64,
) -> Result<(), Failure> {
    let sql = "INSERT OR REPLACE INTO request (session, key, unit, digest, created)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let RequestKey { key, digest } = key;
    execute(db, sql, params![session.to_string(), key, unit.to_string(), digest, now])?;
    Ok(())
}

pub(super) fn forget(db: &Connection, now: f64, most: usize) -> Result<(), Failure> {
    execute(db, "DELETE FROM request WHERE created < ?1", [oldest(now)])?;
    let sql = "DELETE FROM request WHERE rid <= (SELECT max(rid) FROM request) - ?1";
    execute(db, sql, [count(most)])?;
    Ok(())
}
