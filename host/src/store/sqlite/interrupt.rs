//! What hosts on one store ask each other to stop.

use rusqlite::{Connection, params};

use super::{Failure, aside, execute, find};
use crate::{
    id::HostId,
    store::{Interruption, ToStop, record},
};

pub(super) fn ask(
    db: &Connection,
    what: &ToStop,
    by: HostId,
    reason: Option<&str>,
) -> Result<usize, Failure> {
    let (sql, whose) = match what {
        ToStop::Unit(id) => (
            "INSERT INTO interrupt (unit, owner, reason) SELECT id, owner, ?3 FROM unit
                WHERE state = 0 AND owner <> ?2 AND id = ?1
                ON CONFLICT (unit) DO UPDATE SET owner = excluded.owner",
            id.to_string(),
        ),
        ToStop::Of(session) => (
            "INSERT INTO interrupt (unit, owner, reason) SELECT id, owner, ?3 FROM unit
                WHERE state = 0 AND owner <> ?2 AND session = ?1 AND parent IS NULL
                ON CONFLICT (unit) DO UPDATE SET owner = excluded.owner",
            session.to_string(),
        ),
    };
    execute(db, sql, params![whose, by.to_string(), reason])
}

pub(super) fn of(db: &Connection, host: HostId) -> Result<Vec<Interruption>, Failure> {
    let sql = "SELECT rid, unit, reason FROM interrupt WHERE owner = ?1 ORDER BY rid";
    let found = find(db, sql, [host.to_string()], |row| {
        let unit = record::parse("delegation", &row.get::<_, String>(1)?)?;
        Ok(Interruption { unit, reason: row.get(2)? })
    })?;
    Ok(aside::leave("interrupt", found, &mut Vec::new()))
}

pub(super) fn forget(db: &Connection, unit: &str) -> Result<(), Failure> {
    execute(db, "DELETE FROM interrupt WHERE unit = ?1", [unit])?;
    Ok(())
}

/// Nobody hears what a dead host was asked, but for whoever goes on with its
/// units.
pub(super) fn forget_all(db: &Connection, dead: HostId) -> Result<(), Failure> {
    let sql = "DELETE FROM interrupt WHERE owner = ?1
        AND NOT EXISTS (SELECT 1 FROM unit WHERE unit.id = interrupt.unit AND state = 0)";
    execute(db, sql, [dead.to_string()])?;
    Ok(())
}
