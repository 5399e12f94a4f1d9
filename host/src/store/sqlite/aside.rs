//! Rows that can't be read: moved out of the way byte for byte, with the
//! reason, for a person to look at.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Bad, Failure, Found, execute, find, settled::settle};
use crate::store::Corrupt;

/// A table with bodies: how its rows are copied, and how they are removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    copy: &'static str,
    delete: &'static str,
    /// The unit that may have nothing left to be told of without it.
    unit: Option<&'static str>,
}

pub(super) const UNIT: Table = Table {
    copy: "INSERT INTO set_aside (place, why, columns, body)
        SELECT 'unit ' || id, ?2, json_object('id', id, 'parent', parent, 'session', session,
            'owner', owner, 'state', state, 'status', status, 'ended_at', ended_at,
            'n_groups', n_groups, 'groups_left', groups_left), body
        FROM unit WHERE rid = ?1 RETURNING CAST(place AS BLOB)",
    delete: "DELETE FROM unit WHERE rid = ?1",
    unit: None,
};

pub(super) const CHILD: Table = Table {
    copy: "INSERT INTO set_aside (place, why, columns, body)
        SELECT 'child ' || task || ' of ' || unit, ?2, json_object('unit', unit, 'task', task),
            body
        FROM child WHERE rid = ?1 RETURNING CAST(place AS BLOB)",
    delete: "DELETE FROM child WHERE rid = ?1",
    unit: None,
};

pub(super) const EVENT: Table = Table {
    copy: "INSERT INTO set_aside (place, why, columns, body)
        SELECT 'event ' || id, ?2, json_object('id', id, 'type', type, 'dedup', dedup,
            'unit', unit, 'session', session, 'owner', owner, 'state', state,
            'attempts', attempts, 'token', token, 'claimed_by', claimed_by, 'until', until,
            'not_before', not_before, 'last_error', last_error, 'created', created), body
        FROM event WHERE id = ?1 RETURNING CAST(place AS BLOB)",
    delete: "DELETE FROM event WHERE id = ?1",
    unit: Some("SELECT unit FROM event WHERE id = ?1"),
};

/// Moves one row, in one step.
pub(super) fn set(db: &Connection, table: Table, rid: i64, why: &Bad) -> Result<Corrupt, Failure> {
    execute(db, "SAVEPOINT aside", [])?;
    let place: Vec<u8> =
        db.prepare_cached(table.copy)?.query_row(params![rid, why.0], |row| row.get(0))?;
    let told: Option<Option<String>> = match table.unit {
        Some(sql) => db.prepare_cached(sql)?.query_row([rid], |row| row.get(0)).optional()?,
        None => None,
    };
    execute(db, table.delete, [rid])?;
    if let Some(Some(unit)) = told {
        settle(db, &unit)?;
    }
    execute(db, "RELEASE aside", [])?;
    let row = String::from_utf8_lossy(&place).into_owned();
    tracing::error!(row, why = why.0, "a row of the store can't be read and is set aside");
    Ok(Corrupt { row, why: why.0.clone() })
}

/// Those that can be read; the others are set aside, and reported.
pub(super) fn sort<T>(
    db: &Connection,
    table: Table,
    found: Vec<Found<T>>,
    corrupt: &mut Vec<Corrupt>,
) -> Result<Vec<T>, Failure> {
    let mut res = Vec::with_capacity(found.len());
    for Found { rid, row } in found {
        match row {
            Ok(row) => res.push(row),
            Err(why) => corrupt.push(set(db, table, rid, &why)?),
        }
    }
    Ok(res)
}

/// Those that can be read; the others are left where they are, for listings:
/// they may be a living host's, which has not ended with them.
pub(super) fn leave<T>(what: &str, found: Vec<Found<T>>, bad: &mut Vec<Corrupt>) -> Vec<T> {
    let mut res = Vec::with_capacity(found.len());
    for Found { rid, row } in found {
        match row {
            Ok(row) => res.push(row),
            Err(why) => bad.push(Corrupt { row: format!("{what} {rid}"), why: why.0 }),
        }
    }
    res
}

/// The first `limit` rows that can be read, from pages of a limit and an
/// offset.
pub(super) fn page<T>(
    limit: usize,
    what: &str,
    page: impl Fn(usize, usize) -> Result<Vec<Found<T>>, Failure>,
    bad: &mut Vec<Corrupt>,
) -> Result<Vec<T>, Failure> {
    let (mut res, mut seen) = (Vec::new(), 0_usize);
    loop {
        let wanted = limit.saturating_sub(res.len());
        let found = page(wanted, seen)?;
        let n_found = found.len();
        seen = seen.saturating_add(n_found);
        res.extend(leave(what, found, bad));
        if n_found < wanted || limit <= res.len() {
            return Ok(res);
        }
    }
}

/// Moves a unit, and the results of its children: nobody could tell of them.
pub(super) fn set_unit(
    db: &Connection,
    rid: i64,
    why: &Bad,
    corrupt: &mut Vec<Corrupt>,
) -> Result<(), Failure> {
    let sql = "SELECT child.rid FROM child JOIN unit ON unit.id = child.unit WHERE unit.rid = ?1";
    let children = find(db, sql, [rid], |_| Ok(()))?;
    // Its events are those of a producer that nobody knows any more.
    let sql = "UPDATE event SET unit = NULL WHERE unit = (SELECT id FROM unit WHERE rid = ?1)";
    execute(db, sql, [rid])?;
    corrupt.push(set(db, UNIT, rid, why)?);
    for child in children {
        corrupt.push(set(db, CHILD, child.rid, &Bad("its unit can't be read".to_owned()))?);
    }
    Ok(())
}

pub(super) fn list(db: &Connection) -> Result<Vec<Corrupt>, Failure> {
    let mut statement = db.prepare_cached("SELECT place, why FROM set_aside ORDER BY rid")?;
    let mut rows = statement.query([])?;
    let mut res = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |idx: usize| -> Result<String, Failure> {
            let bytes = row.get_ref(idx)?.as_bytes().map_err(rusqlite::Error::from)?;
            Ok(String::from_utf8_lossy(bytes).into_owned())
        };
        res.push(Corrupt { row: text(0)?, why: text(1)? });
    }
    Ok(res)
}
