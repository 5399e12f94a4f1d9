//! Units, and the results of their children.

use std::{borrow::Cow, sync::Arc};

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    Bad, Failure, Found, aside, count, execute, find, interrupt, journal, settled::settle,
};
use crate::{
    event::{ASYNC_DELEGATION, ChildResult, CompletionEvent, Status, batch_status},
    id::{DelegationId, HostId},
    store::{Corrupt, EventBody, EventId, Finish, StoreError, UnitRow, record, words::dedup},
    unit::UnitRecord,
};

pub(super) fn insert(db: &Connection, unit: &UnitRecord, owner: HostId) -> Result<(), Failure> {
    let sql = "INSERT INTO unit (id, parent, session, owner, state, n_groups, groups_left, body)
        VALUES (?1, ?2, ?3, ?4, 0, ?5, ?5, ?6) ON CONFLICT DO NOTHING";
    let n_inserted = execute(
        db,
        sql,
        params![
            unit.id.to_string(),
            unit.parent.map(|it| it.to_string()),
            unit.session.to_string(),
            owner.to_string(),
            count(unit.groups.len()),
            record::encode_unit(unit)?,
        ],
    )?;
    if n_inserted == 0 {
        return Err(StoreError::Exists(unit.id.to_string()).into());
    }
    Ok(())
}

pub(super) fn child_ended(
    db: &Connection,
    id: DelegationId,
    result: &ChildResult,
) -> Result<bool, Failure> {
    if is_told(db, id, result.task_index)? {
        return Ok(false);
    }
    let sql = "INSERT INTO child (unit, task, body)
        SELECT id, ?2, ?3 FROM unit WHERE id = ?1 AND state = 0 ON CONFLICT DO NOTHING";
    let body = record::encode_result(result)?;
    let n_inserted = execute(db, sql, params![id.to_string(), count(result.task_index), body])?;
    if n_inserted > 0 {
        keep_summary(db, id, result)?;
    }
    Ok(n_inserted > 0)
}

/// Whether the group of that task has its event. A unit of one group has
/// ended then, which needs no look into its body.
fn is_told(db: &Connection, id: DelegationId, task: usize) -> Result<bool, Failure> {
    let sql = "SELECT body FROM unit WHERE id = ?1 AND state = 0 AND n_groups > 1";
    let key = id.to_string();
    let body: Option<Vec<u8>> =
        db.prepare_cached(sql)?.query_row([&key], |row| row.get(0)).optional()?;
    let Some(body) = body else {
        return Ok(false);
    };
    let unit = record::decode_unit(&body).map_err(|err| corrupt(&key, &err.into()))?;
    match unit.groups.iter().position(|it| it.tasks.contains(&task)) {
        None => Ok(false),
        Some(group) => has_event(db, &dedup(id, group, unit.groups.len())),
    }
}

pub(super) fn has_event(db: &Connection, dedup: &str) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM event WHERE type = ?1 AND dedup = ?2";
    Ok(db.prepare_cached(sql)?.exists([ASYNC_DELEGATION, dedup])?)
}

fn keep_summary(db: &Connection, id: DelegationId, result: &ChildResult) -> Result<(), Failure> {
    if let Some(text) = &result.full_summary {
        let sql = "INSERT OR REPLACE INTO summary (unit, task, body) VALUES (?1, ?2, ?3)";
        let body = record::encode_summary(text)?;
        execute(db, sql, params![id.to_string(), count(result.task_index), body])?;
    }
    Ok(())
}

/// One insert and one update for a unit of a single task.
pub(super) fn finish(db: &Connection, finish: &Finish) -> Result<Option<EventId>, Failure> {
    let Finish { id, group, event, acked } = finish;
    // An insert that meets a conflict would use up a place in the queue.
    let sql = "INSERT INTO event (type, dedup, unit, session, owner, state, created, body)
        SELECT ?1, dedup, id, ?3, owner, ?4, ?5, ?6 FROM (
            SELECT id, owner, CASE WHEN n_groups > 1 THEN id || '/' || ?2 ELSE id END AS dedup
            FROM unit WHERE id = ?7 AND state = 0 AND ?2 < n_groups
        ) AS it
        WHERE NOT EXISTS (SELECT 1 FROM event WHERE type = ?1 AND dedup = it.dedup)";
    let (key, at) = (id.to_string(), event.completed_at);
    let state = if *acked { 2 } else { 0 };
    let (event, body) = match record::encode_completion(event) {
        Ok(body) => (Cow::Borrowed(event.as_ref()), body),
        // A unit must end, whatever its children said.
        Err(StoreError::TooLarge { most, .. }) => {
            let shortened = event.shortened(most / 2);
            let body = record::encode_completion(&shortened)?;
            (Cow::Owned(shortened), body)
        }
        Err(err) => return Err(err.into()),
    };
    let session = event.session_key.to_string();
    let params = params![event.kind, count(*group), session, state, at, body, &key];
    if execute(db, sql, params)? == 0 {
        return if is_there(db, &key)? { Ok(None) } else { Err(StoreError::Missing(key).into()) };
    }
    let res = db.last_insert_rowid();
    end_group(db, *id, &event)?;
    if *acked {
        settle(db, &key)?;
    }
    Ok(Some(EventId(u64::try_from(res).unwrap_or_default())))
}

fn is_there(db: &Connection, unit: &str) -> Result<bool, Failure> {
    Ok(db.prepare_cached("SELECT 1 FROM unit WHERE id = ?1")?.exists([unit])?)
}

fn end_group(db: &Connection, id: DelegationId, event: &CompletionEvent) -> Result<(), Failure> {
    let sql = "UPDATE unit SET groups_left = groups_left - 1, state = groups_left = 1,
            status = CASE groups_left WHEN 1 THEN ?2 END,
            ended_at = CASE groups_left WHEN 1 THEN ?3 END
        WHERE id = ?1 RETURNING n_groups, groups_left";
    let (key, status) = (id.to_string(), event.status.as_str());
    let params = params![key, status, event.completed_at];
    let numbers = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let (n_groups, groups_left) = db.prepare_cached(sql)?.query_row(params, numbers)?;
    for result in &event.results {
        keep_summary(db, id, result)?;
    }
    if groups_left == 0 {
        interrupt::forget(db, &key)?;
    }
    if n_groups == 1 {
        execute(db, "DELETE FROM child WHERE unit = ?1", [&key])?;
        return Ok(());
    }
    forget_children(db, &key, &event.results)?;
    if groups_left == 0 {
        let status = combined(db, &key)?.as_str();
        execute(db, "UPDATE unit SET status = ?2 WHERE id = ?1", [key.as_str(), status])?;
    }
    Ok(())
}

fn forget_children(db: &Connection, unit: &str, told: &[ChildResult]) -> Result<(), Failure> {
    for result in told {
        let sql = "DELETE FROM child WHERE unit = ?1 AND task = ?2";
        execute(db, sql, params![unit, count(result.task_index)])?;
    }
    Ok(())
}

/// The status of a unit of several groups, from those of all results.
pub(super) fn combined(db: &Connection, unit: &str) -> Result<Status, Failure> {
    // What can't be read is left to whoever delivers it.
    let told = aside::leave("event", told(db, unit)?, &mut Vec::new());
    Ok(batch_status(&told.concat()))
}

/// The results in the events that ended groups.
fn told(db: &Connection, unit: &str) -> Result<Vec<Found<Vec<ChildResult>>>, Failure> {
    let sql = "SELECT id, body FROM event WHERE unit = ?1 AND type = ?2 ORDER BY id";
    find(db, sql, [unit, ASYNC_DELEGATION], |row| {
        Ok(match record::decode_body(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)? {
            EventBody::Completion(event) => Arc::unwrap_or_clone(event).results,
            EventBody::Failure(_) | EventBody::Other(_) => Vec::new(),
        })
    })
}

/// The results of tasks whose group has no event.
pub(super) fn children(db: &Connection, unit: &str) -> Result<Vec<Found<ChildResult>>, Failure> {
    let sql = "SELECT rid, body FROM child WHERE unit = ?1 ORDER BY task";
    find(db, sql, [unit], |row| {
        let body = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        Ok(record::decode_result(body)?)
    })
}

macro_rules! select_unit {
    ($rest:literal) => {
        concat!("SELECT rid, owner, status, ended_at, body FROM unit ", $rest)
    };
}
pub(super) use select_unit;

/// All but its results.
pub(super) fn read(row: &Row<'_>) -> Result<UnitRow, Bad> {
    let owner = record::parse("host", &row.get::<_, String>(1)?)?;
    let ended = match (row.get::<_, Option<String>>(2)?, row.get(3)?) {
        (Some(word), Some(at)) => Some((record::status(&word)?, at)),
        (None, None) => None,
        _ => return Err(Bad("it ended in part".to_owned())),
    };
    let body = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(UnitRow { record: record::decode_unit(body)?, owner, ended, results: Vec::new() })
}

fn corrupt(unit: &str, why: &Bad) -> StoreError {
    StoreError::Corrupt { row: format!("unit {unit}"), why: why.to_string() }
}

/// Read as it was at one moment, whatever other processes write.
pub(super) fn by_id(db: &Connection, id: DelegationId) -> Result<Option<UnitRow>, Failure> {
    execute(db, "SAVEPOINT look", [])?;
    let res = look(db, &id.to_string());
    execute(db, "RELEASE look", [])?;
    res
}

fn look(db: &Connection, key: &str) -> Result<Option<UnitRow>, Failure> {
    let found = find(db, select_unit!("WHERE id = ?1"), [key], read)?;
    let Some(Found { row, .. }) = found.into_iter().next() else {
        return Ok(None);
    };
    let mut res = row.map_err(|why| corrupt(key, &why))?;
    for found in told(db, key)? {
        res.results.extend(found.row.map_err(|why| corrupt(key, &why))?);
    }
    for found in children(db, key)? {
        res.results.push(found.row.map_err(|why| corrupt(key, &why))?);
    }
    res.results.sort_by_key(|it| it.task_index);
    Ok(Some(res))
}

pub(super) fn full_summary(
    db: &Connection,
    id: DelegationId,
    task: usize,
) -> Result<Option<String>, Failure> {
    let sql = "SELECT body FROM summary WHERE unit = ?1 AND task = ?2";
    let params = params![id.to_string(), count(task)];
    let body: Option<Vec<u8>> =
        db.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()?;
    let decode = |body: Vec<u8>| record::decode_summary(&body);
    Ok(body.map(decode).transpose().map_err(|err| StoreError::Corrupt {
        row: format!("the summary of task {task} of {id}"),
        why: err.to_string(),
    })?)
}

/// Sorted after they were found: in the order of the table, all that ended
/// would be looked at for the few that run.
pub(super) const RUNNING: &str = select_unit!("WHERE state = 0 ORDER BY +rid DESC");

pub(super) const NEWEST: &str = select_unit!(
    "WHERE state = 1 AND parent IS NULL ORDER BY ended_at DESC, rid DESC LIMIT ?1 OFFSET ?2"
);

pub(super) fn list(
    db: &Connection,
    ended: usize,
    bad: &mut Vec<Corrupt>,
) -> Result<Vec<UnitRow>, Failure> {
    let mut rows = aside::leave("unit", find(db, RUNNING, [], read)?, bad);
    let page = |limit, offset| find(db, NEWEST, [count(limit), count(offset)], read);
    rows.extend(aside::page(ended, "unit", page, bad)?);
    with_results(db, rows, bad)
}

fn with_results(
    db: &Connection,
    mut rows: Vec<UnitRow>,
    bad: &mut Vec<Corrupt>,
) -> Result<Vec<UnitRow>, Failure> {
    for row in &mut rows {
        let key = row.record.id.to_string();
        row.results = aside::leave("event", told(db, &key)?, bad).concat();
        row.results.extend(aside::leave("result", children(db, &key)?, bad));
        row.results.sort_by_key(|it| it.task_index);
    }
    Ok(rows)
}

/// Sets aside those that can't be read.
pub(super) fn readable(
    db: &Connection,
    found: Vec<Found<UnitRow>>,
    corrupt: &mut Vec<Corrupt>,
) -> Result<Vec<UnitRow>, Failure> {
    let mut res = Vec::with_capacity(found.len());
    for Found { rid, row } in found {
        match row {
            Ok(row) => res.push(row),
            Err(why) => aside::set_unit(db, rid, &why, corrupt)?,
        }
    }
    Ok(res)
}

pub(super) fn below(
    db: &Connection,
    parent: DelegationId,
    bad: &mut Vec<Corrupt>,
) -> Result<Vec<UnitRow>, Failure> {
    let sql = select_unit!("WHERE parent = ?1 ORDER BY rid");
    let rows = aside::leave("unit", find(db, sql, [parent.to_string()], read)?, bad);
    with_results(db, rows, bad)
}

/// Forgets a unit, and those that its children asked for.
fn forget(db: &Connection, unit: Found<String>) -> Result<usize, Failure> {
    let mut res = execute(db, "DELETE FROM unit WHERE rid = ?1", [unit.rid])?;
    let Ok(id) = unit.row else {
        return Ok(res);
    };
    res += execute(db, "DELETE FROM event WHERE unit = ?1", [&id])?;
    execute(db, "DELETE FROM child WHERE unit = ?1", [&id])?;
    execute(db, "DELETE FROM summary WHERE unit = ?1", [&id])?;
    journal::forget(db, &id)?;
    interrupt::forget(db, &id)?;
    let sql = "SELECT rid, id FROM unit WHERE parent = ?1";
    for below in find(db, sql, [&id], |row| Ok(row.get::<_, String>(1)?))? {
        res += forget(db, below)?;
    }
    Ok(res)
}

pub(super) const OLD_UNITS: &str = "SELECT rid, id FROM unit
    WHERE settled = 1 AND parent IS NULL ORDER BY ended_at DESC, rid DESC LIMIT -1 OFFSET ?1";

pub(super) const OLD_EVENTS: &str = "SELECT id FROM event
    WHERE state = 2 AND unit IS NULL ORDER BY id DESC LIMIT -1 OFFSET ?1";

pub(super) fn prune(db: &Connection, keep: usize, keep_events: usize) -> Result<usize, Failure> {
    let old = find(db, OLD_UNITS, [count(keep)], |row| Ok(row.get::<_, String>(1)?))?;
    let mut res = 0;
    for unit in old {
        res += forget(db, unit)?;
    }
    for event in find(db, OLD_EVENTS, [count(keep_events)], |_| Ok(()))? {
        res += execute(db, "DELETE FROM event WHERE id = ?1", [event.rid])?;
    }
    Ok(res)
}

/// Ends a unit whose groups all have their event.
pub(super) fn end(db: &Connection, unit: &str, now: f64) -> Result<(), Failure> {
    let sql = "UPDATE unit SET state = 1, groups_left = 0, status = ?2, ended_at = ?3
        WHERE id = ?1";
    let status = combined(db, unit)?.as_str();
    execute(db, sql, params![unit, status, now])?;
    settle(db, unit)
}

pub(super) fn set_groups_left(db: &Connection, unit: &str, left: usize) -> Result<(), Failure> {
    let sql = "UPDATE unit SET groups_left = ?2 WHERE id = ?1";
    execute(db, sql, params![unit, count(left)])?;
    Ok(())
}
