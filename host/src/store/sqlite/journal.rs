//! What units were started with, and what their children were told.

use rusqlite::{Connection, params};

use super::{Bad, Failure, Found, aside, count, execute, find, number};
use crate::{
    id::{DelegationId, HostId},
    store::{Blob, Head, KeptHead, Line, Place, StoreError, UnitRow, record},
};

pub(super) fn keep_head(db: &Connection, unit: DelegationId, head: &Head) -> Result<(), Failure> {
    let key = unit.to_string();
    let sql = "INSERT INTO head (unit, body) VALUES (?1, ?2)";
    execute(db, sql, params![key, record::encode_note(&head.text)?])?;
    for component in &head.components {
        keep_blob(db, component)?;
        let sql = "INSERT OR IGNORE INTO component (unit, digest) VALUES (?1, ?2)";
        execute(db, sql, params![key, component.digest()])?;
    }
    Ok(())
}

/// Looked for first: to bind what is there already copies all of it.
fn keep_blob(db: &Connection, blob: &Blob) -> Result<(), Failure> {
    if db.prepare_cached("SELECT 1 FROM blob WHERE digest = ?1")?.exists([blob.digest()])? {
        return Ok(());
    }
    let sql = "INSERT INTO blob (digest, bytes) VALUES (?1, ?2)";
    execute(db, sql, params![blob.digest(), &blob.bytes()[..]])?;
    Ok(())
}

pub(super) fn head(db: &Connection, unit: DelegationId) -> Result<Option<KeptHead>, Failure> {
    let key = unit.to_string();
    let found = find(db, "SELECT rid, resumed, body FROM head WHERE unit = ?1", [&key], |row| {
        let resumed = serde_json::from_str(&row.get::<_, String>(1)?);
        let resumed = resumed.map_err(|err| Bad(err.to_string()))?;
        let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        Ok((record::decode_note(body)?, resumed))
    })?;
    let Some(Found { row, .. }) = found.into_iter().next() else { return Ok(None) };
    let (text, resumed) = row.map_err(|why| corrupt(format!("the start of {key}"), &why))?;
    let components = components(db, &key)?;
    Ok(Some(KeptHead { head: Head { text, components }, resumed }))
}

fn components(db: &Connection, unit: &str) -> Result<Vec<Blob>, Failure> {
    let sql = "SELECT component.rid, bytes FROM component JOIN blob USING (digest)
        WHERE unit = ?1 ORDER BY component.rid";
    let found = find(db, sql, [unit], |row| Ok(Blob::new(row.get::<_, Vec<u8>>(1)?)))?;
    found
        .into_iter()
        .map(|it| it.row.map_err(|why| corrupt(unit.to_owned(), &why).into()))
        .collect()
}

pub(super) fn add_line(db: &Connection, place: Place, line: &Line) -> Result<(), Failure> {
    if let Some(blob) = &line.blob {
        keep_blob(db, blob)?;
    }
    let sql = "INSERT INTO line (unit, task, place, digest, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    let digest = line.blob.as_ref().map(|it| &it.digest()[..]);
    let (unit, task) = (place.unit.to_string(), count(place.task));
    let body = record::encode_note(&line.text)?;
    execute(db, sql, params![unit, task, number(place.line), digest, body])?;
    Ok(())
}

/// All of them. One that is missing before another was not kept, and what is
/// left says too little.
pub(super) fn lines(
    db: &Connection,
    unit: DelegationId,
    task: usize,
) -> Result<Vec<Line>, Failure> {
    let sql = "SELECT 0, place, body, line.digest IS NOT NULL, bytes
        FROM line LEFT JOIN blob USING (digest) WHERE unit = ?1 AND task = ?2 ORDER BY place";
    let found = find(db, sql, params![unit.to_string(), count(task)], |row| {
        let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        let bytes: Option<Vec<u8>> = row.get(4)?;
        if row.get(3)? && bytes.is_none() {
            return Err(Bad("what it names is gone".to_owned()));
        }
        let line = Line { text: record::decode_note(body)?, blob: bytes.map(Blob::new) };
        Ok((row.get::<_, i64>(1)?, line))
    })?;
    let mut res = Vec::with_capacity(found.len());
    for Found { row, .. } in found {
        let name =
            || format!("line {} of task {} of {unit}", res.len() + 1, task.saturating_add(1));
        let (place, line) = row.map_err(|why| corrupt(name(), &why))?;
        if place != count(res.len()) {
            return Err(corrupt(name(), &Bad("it is missing".to_owned())).into());
        }
        res.push(line);
    }
    Ok(res)
}

/// It can't be run again.
pub(super) fn forget(db: &Connection, unit: &str) -> Result<(), Failure> {
    let sql = "SELECT 0, digest FROM line WHERE unit = ?1 AND digest IS NOT NULL
        UNION SELECT 0, digest FROM component WHERE unit = ?1";
    let digests = find(db, sql, [unit], |row| Ok(row.get::<_, Vec<u8>>(1)?))?;
    for table in ["line", "component", "head"] {
        execute(db, &format!("DELETE FROM {table} WHERE unit = ?1"), [unit])?;
    }
    let sql = "DELETE FROM blob WHERE digest = ?1
        AND NOT EXISTS (SELECT 1 FROM line WHERE line.digest = ?1)
        AND NOT EXISTS (SELECT 1 FROM component WHERE component.digest = ?1)";
    for digest in digests.into_iter().filter_map(|it| it.row.ok()) {
        execute(db, sql, [digest])?;
    }
    Ok(())
}

/// Whether a unit can be run again: by itself, or by whoever asked for it.
pub(super) fn is_resumable(db: &Connection, unit: &UnitRow) -> Result<bool, Failure> {
    let has_head = |id: DelegationId| {
        db.prepare_cached(
            "SELECT 1 FROM head JOIN unit ON unit.id = head.unit WHERE unit = ?1 AND state = 0",
        )?
        .exists([id.to_string()])
    };
    Ok(has_head(unit.record.id)? && unit.record.parent.map_or(Ok(true), has_head)?)
}

/// From now on the unit is another host's. `false` when it has ended.
pub(super) fn take_over(
    db: &Connection,
    unit: DelegationId,
    by: HostId,
    now: f64,
) -> Result<bool, Failure> {
    let (key, by) = (unit.to_string(), by.to_string());
    let sql = "UPDATE unit SET owner = ?2 WHERE id = ?1 AND state = 0";
    if execute(db, sql, [&key, &by])? == 0 {
        return Ok(false);
    }
    execute(db, "UPDATE interrupt SET owner = ?2 WHERE unit = ?1", [&key, &by])?;
    let sql = "UPDATE head SET resumed = json_insert(resumed, '$[#]', ?2) WHERE unit = ?1";
    execute(db, sql, params![key, now])?;
    Ok(true)
}

/// The last line of each child of a unit.
pub(super) fn last_lines(db: &Connection, unit: DelegationId) -> Result<Vec<String>, Failure> {
    let sql = "SELECT 0, body FROM line AS it WHERE unit = ?1
        AND place = (SELECT max(place) FROM line WHERE unit = ?1 AND task = it.task)";
    let found = find(db, sql, [unit.to_string()], |row| {
        let body = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        Ok(record::decode_note(body)?)
    })?;
    Ok(aside::leave("line", found, &mut Vec::new()))
}

fn corrupt(row: String, why: &Bad) -> StoreError {
    StoreError::Corrupt { row, why: why.to_string() }
}
