//! What dead hosts left behind.

use std::sync::Arc;

use rusqlite::Connection;

use super::{
    Bad, Failure, aside, execute, find, interrupt, journal,
    units::{self, select_unit},
};
use crate::{
    id::{DelegationId, HostId},
    store::{
        Corrupt, Finish, Leave, Recovered, UnitRow,
        words::{HOST_GONE, dedup},
    },
    unit::UnitRecord,
};

pub(super) fn owners(db: &Connection) -> Result<Vec<HostId>, Failure> {
    let sql = "SELECT 0, owner FROM unit WHERE state = 0
        UNION SELECT 0, claimed_by FROM event WHERE state = 1
        UNION SELECT 0, owner FROM event
            WHERE session = '' AND owner IS NOT NULL AND state <> 2
        ORDER BY 2";
    let found = find(db, sql, [], |row| Ok(row.get::<_, String>(1)?))?;
    let mut res = Vec::new();
    for text in found.into_iter().filter_map(|it| it.row.ok()) {
        match text.parse() {
            // Its lease ends by itself.
            Ok(HostId::OUTSIDE) => (),
            Ok(host) => res.push(host),
            Err(_) => set_owner_aside(db, &text)?,
        }
    }
    Ok(res)
}

/// Nobody would ever recover the rows of an owner that can't be read.
fn set_owner_aside(db: &Connection, owner: &str) -> Result<(), Failure> {
    let why = Bad("its owner can't be read".to_owned());
    let sql = "SELECT rid FROM unit WHERE state = 0 AND owner = ?1";
    for unit in find(db, sql, [owner], |_| Ok(()))? {
        aside::set_unit(db, unit.rid, &why, &mut Vec::new())?;
    }
    let sql = "SELECT id FROM event WHERE state = 1 AND claimed_by = ?1
        UNION SELECT id FROM event WHERE session = '' AND owner = ?1 AND state <> 2";
    for event in find(db, sql, [owner], |_| Ok(()))? {
        aside::set(db, aside::EVENT, event.rid, &why)?;
    }
    Ok(())
}

pub(super) fn recover(
    db: &Connection,
    dead: HostId,
    now: f64,
    leave: Leave,
) -> Result<Recovered, Failure> {
    let (mut res, host) = (Recovered::default(), dead.to_string());
    let sql = select_unit!("WHERE state = 0 AND owner = ?1 ORDER BY rid");
    let found = find(db, sql, [&host], units::read)?;
    for row in units::readable(db, found, &mut res.corrupt)? {
        if leave == Leave::Resumable && journal::is_resumable(db, &row)? {
            continue;
        }
        report(db, row, None, now, &mut res)?;
    }
    let sql = "UPDATE event SET state = 0, claimed_by = NULL, until = NULL, last_error = ?2
        WHERE state = 1 AND claimed_by = ?1";
    res.claims = execute(db, sql, [&host, HOST_GONE])?;
    let sql = "UPDATE event SET owner = NULL
        WHERE session = '' AND owner IS NOT NULL AND state <> 2 AND owner = ?1";
    execute(db, sql, [&host])?;
    interrupt::forget_all(db, dead)?;
    Ok(res)
}

/// Top-level units of a host that can be run again.
pub(super) fn resumable(
    db: &Connection,
    dead: HostId,
    bad: &mut Vec<Corrupt>,
) -> Result<Vec<DelegationId>, Failure> {
    let sql = select_unit!(
        "WHERE state = 0 AND owner = ?1 AND parent IS NULL
            AND EXISTS (SELECT 1 FROM head WHERE head.unit = unit.id) ORDER BY rid"
    );
    let rows = aside::leave("unit", find(db, sql, [dead.to_string()], units::read)?, bad);
    Ok(rows.into_iter().map(|it| it.record.id).collect())
}

/// Reports one unit of whatever host, which can't go on.
pub(super) fn give_up(
    db: &Connection,
    id: DelegationId,
    why: &str,
    now: f64,
) -> Result<Recovered, Failure> {
    let mut res = Recovered::default();
    let sql = select_unit!("WHERE state = 0 AND id = ?1");
    let found = find(db, sql, [id.to_string()], units::read)?;
    for row in units::readable(db, found, &mut res.corrupt)? {
        report(db, row, Some(why), now, &mut res)?;
    }
    Ok(res)
}

/// Reports one unit. One that can't be must not keep the host from starting.
fn report(
    db: &Connection,
    row: UnitRow,
    why: Option<&str>,
    now: f64,
    res: &mut Recovered,
) -> Result<(), Failure> {
    let unit = &row.record;
    match report_groups(db, unit, why, now, res) {
        Ok(n_events) => {
            res.units.push(unit.id);
            res.events += n_events;
            Ok(())
        }
        Err(failure) if failure.is_too_large() => {
            let why = Bad("what is known of it is too large for an event".to_owned());
            let sql = "SELECT rid FROM unit WHERE id = ?1";
            for found in find(db, sql, [unit.id.to_string()], |_| Ok(()))? {
                aside::set_unit(db, found.rid, &why, &mut res.corrupt)?;
            }
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// Returns how many events are to be delivered.
fn report_groups(
    db: &Connection,
    unit: &UnitRecord,
    why: Option<&str>,
    now: f64,
    res: &mut Recovered,
) -> Result<usize, Failure> {
    let (key, n_groups) = (unit.id.to_string(), unit.groups.len());
    let kept = aside::sort(db, aside::CHILD, units::children(db, &key)?, &mut res.corrupt)?;
    let mut left = Vec::new();
    for (idx, group) in unit.groups.iter().enumerate() {
        if !units::has_event(db, &dedup(unit.id, idx, n_groups))? {
            left.push((idx, group));
        }
    }
    if left.is_empty() {
        units::end(db, &key, now)?;
    }
    // An event that was set aside is reported anew.
    units::set_groups_left(db, &key, left.len())?;
    let acked = unit.parent.is_some();
    for (group, tasks) in &left {
        let mut event = unit.unknown(tasks, &kept, now);
        event.notes.extend(why.map(str::to_owned));
        units::finish(db, &Finish { id: unit.id, group: *group, event: Arc::new(event), acked })?;
    }
    Ok(if acked { 0 } else { left.len() })
}
