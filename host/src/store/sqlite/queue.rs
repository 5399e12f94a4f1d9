//! The queue of events.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row, params};

use super::{Bad, Failure, Found, aside, count, execute, find, number, settled::settle};
use crate::{
    id::{DelegationId, HostId},
    session::Session,
    store::{
        CLOCK_SLACK, ClaimFilter, ClaimToken, Corrupt, EventFilter, EventId, EventRow, EventState,
        LONGEST_PAUSE, NewEvent, Settled, StateFilter, StoreError, record,
        words::{USED_UP, lease_ended, unit_of},
    },
};

macro_rules! select_event {
    ($rest:literal) => {
        concat!(
            "SELECT id, type, dedup, session, state, attempts, claimed_by, until, not_before,
                last_error, created, body
            FROM event ",
            $rest
        )
    };
}

/// Whose it is, and of which type: `?1` session, `?2` host, `?3` types as
/// JSON.
macro_rules! is_for {
    () => {
        "session = ?1 AND (?1 <> '' OR owner IS NULL OR owner = ?2)
            AND (?3 IS NULL OR type IN (SELECT value FROM json_each(?3)))"
    };
}

/// The first of those whose lease ended, by index: a claim that was made
/// after now had its clock set back. `?4` is now, `?6` now and some slack.
macro_rules! lease_ended {
    () => {
        concat!(
            "SELECT min(id) AS id FROM event INDEXED BY event_claimed
                WHERE state = 1 AND until <= ?4 AND ",
            is_for!(),
            " UNION ALL SELECT min(id) FROM event INDEXED BY event_leased
                WHERE state = 1 AND ?6 < claimed_at AND ",
            is_for!()
        )
    };
}

/// The pending one that is first in the queue, and those whose lease ended.
/// When the first of them is kept back, so is what stands behind it. `?5` is
/// later than any pause can last from now.
pub(super) const FIRST: &str = concat!(
    select_event!("WHERE id = (SELECT min(id) FROM ("),
    "SELECT * FROM (SELECT id FROM event WHERE state = 0 AND ",
    is_for!(),
    " ORDER BY session, id LIMIT 1) UNION ALL ",
    lease_ended!(),
    ")) AND (state = 1 OR not_before <= ?4 OR ?5 < not_before)"
);

/// The same for a consumer that does not wait for what failed.
pub(super) const FIRST_DUE: &str = concat!(
    select_event!("WHERE id = (SELECT min(id) FROM ("),
    "SELECT * FROM (SELECT id FROM event WHERE state = 0
        AND (not_before <= ?4 OR ?5 < not_before) AND ",
    is_for!(),
    " ORDER BY session, id LIMIT 1) UNION ALL ",
    lease_ended!(),
    "))"
);

/// What stands behind a pending event comes when that one does.
const NEXT_DUE: &str = concat!(
    "WITH head AS (SELECT id, not_before AS at FROM event WHERE state = 0 AND ",
    is_for!(),
    " ORDER BY session, id LIMIT 1)
    SELECT min(at) FROM (SELECT at FROM head
    UNION ALL SELECT min(until) FROM event WHERE state = 1 AND ",
    is_for!(),
    " AND id < ifnull((SELECT id FROM head), ?4))"
);

const NEXT_DUE_OF_ANY: &str = concat!(
    "SELECT min(at) FROM (SELECT min(not_before) AS at FROM event WHERE state = 0 AND ",
    is_for!(),
    " UNION ALL SELECT min(until) FROM event WHERE state = 1 AND ",
    is_for!(),
    " AND id < ?4)"
);

fn read(row: &Row<'_>) -> Result<EventRow, Bad> {
    let last_error: Option<String> = row.get(9)?;
    Ok(EventRow {
        id: EventId(u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default()),
        state: state(row, last_error.as_deref())?,
        attempts: row.get(5)?,
        last_error,
        event: NewEvent {
            kind: row.get(1)?,
            dedup: row.get(2)?,
            session: record::session(&row.get::<_, String>(3)?)?,
            body: record::decode_body(row.get_ref(11)?.as_blob().map_err(rusqlite::Error::from)?)?,
            created_at: row.get(10)?,
        },
    })
}

fn state(row: &Row<'_>, last_error: Option<&str>) -> Result<EventState, Bad> {
    Ok(match row.get::<_, i64>(4)? {
        0 => EventState::Pending { not_before: row.get(8)? },
        1 => EventState::Claimed {
            by: record::parse("host", &row.get::<_, String>(6)?)?,
            until: row.get(7)?,
        },
        2 => EventState::Acked,
        3 => EventState::Dead { reason: last_error.unwrap_or_default().to_owned() },
        other => return Err(Bad(format!("{other} is no state"))),
    })
}

pub(super) fn push(
    db: &Connection,
    event: &NewEvent,
    owner: HostId,
) -> Result<Option<EventId>, Failure> {
    let sql = "INSERT INTO event (type, dedup, unit, session, owner, state, created, body)
        SELECT ?1, ?2, ?3, ?4, ?5, 0, ?6, ?7
        WHERE NOT EXISTS (SELECT 1 FROM event WHERE type = ?1 AND dedup = ?2 AND session = ?4)";
    let unit = unit_of(&event.body).map(|it| it.to_string());
    let n_inserted = execute(
        db,
        sql,
        params![
            event.kind,
            event.dedup,
            unit,
            event.session.to_string(),
            owner.to_string(),
            event.created_at,
            record::encode_body(&event.body)?,
        ],
    )?;
    let id = EventId(u64::try_from(db.last_insert_rowid()).unwrap_or_default());
    if let Some(unit) = unit.filter(|_| n_inserted > 0) {
        execute(db, "UPDATE unit SET settled = 0 WHERE id = ?1 AND settled = 1", [unit])?;
    }
    Ok((n_inserted > 0).then_some(id))
}

/// The parameters of `is_for`.
fn whose(filter: &ClaimFilter, by: HostId) -> (String, String, Option<String>) {
    let kinds = filter.kinds.as_ref().map(|it| serde_json::Value::from(it.clone()).to_string());
    (filter.session.to_string(), by.to_string(), kinds)
}

pub(super) fn claim(
    db: &Connection,
    filter: &ClaimFilter,
    by: HostId,
    now: f64,
    until: f64,
    max_attempts: u32,
) -> Result<Option<(EventRow, ClaimToken)>, Failure> {
    let (session, host, kinds) = whose(filter, by);
    let sql = if filter.overtake { FIRST_DUE } else { FIRST };
    let (latest_pause, latest_claim) =
        (now + LONGEST_PAUSE.as_secs_f64(), now + CLOCK_SLACK.as_secs_f64());
    loop {
        let params = params![session, host, kinds, now, latest_pause, latest_claim];
        let found = find(db, sql, params, read)?;
        let Some(Found { rid, row }) = found.into_iter().next() else {
            return Ok(None);
        };
        let mut row = match row {
            Ok(row) => row,
            Err(why) => {
                aside::set(db, aside::EVENT, rid, &why)?;
                continue;
            }
        };
        if let EventState::Claimed { by, .. } = row.state {
            row.last_error = Some(lease_ended(by));
        }
        if max_attempts <= row.attempts {
            die(db, rid, row.last_error.as_deref().unwrap_or(USED_UP))?;
            continue;
        }
        row.attempts = row.attempts.saturating_add(1);
        row.state = EventState::Claimed { by, until };
        let token = hand_out(db, &row, &host, now, until)?;
        return Ok(Some((row, token)));
    }
}

fn hand_out(
    db: &Connection,
    row: &EventRow,
    by: &str,
    now: f64,
    until: f64,
) -> Result<ClaimToken, Failure> {
    let sql = "UPDATE event SET state = 1, attempts = ?2, token = token + 1, claimed_by = ?3,
            until = ?4, last_error = ?5, claimed_at = ?6
        WHERE id = ?1 RETURNING token";
    let params = params![number(row.id.0), row.attempts, by, until, row.last_error, now];
    let token: i64 = db.prepare_cached(sql)?.query_row(params, |row| row.get(0))?;
    Ok(ClaimToken(u64::try_from(token).unwrap_or_default()))
}

fn die(db: &Connection, rid: i64, reason: &str) -> Result<(), Failure> {
    let sql = "UPDATE event SET state = 3, claimed_by = NULL, until = NULL, last_error = ?2
        WHERE id = ?1";
    execute(db, sql, params![rid, reason])?;
    Ok(())
}

pub(super) fn ack(
    db: &Connection,
    id: EventId,
    token: ClaimToken,
) -> Result<Option<Settled>, Failure> {
    let sql = "UPDATE event SET state = 2, claimed_by = NULL, until = NULL
        WHERE id = ?1 AND state = 1 AND token = ?2 RETURNING unit";
    let is_acked = acked(db, db.prepare_cached(sql)?, [number(id.0), number(token.0)])?;
    Ok(is_acked.then_some(Settled::Done))
}

/// Runs an acknowledgement that returns the unit of its event. `false` when
/// there is no such event.
fn acked(
    db: &Connection,
    mut statement: CachedStatement<'_>,
    params: impl Params,
) -> Result<bool, Failure> {
    let unit: Option<Option<String>> = statement.query_row(params, |row| row.get(0)).optional()?;
    if let Some(Some(unit)) = &unit {
        settle(db, unit)?;
    }
    Ok(unit.is_some())
}

pub(super) fn retry(
    db: &Connection,
    id: EventId,
    token: ClaimToken,
    not_before: f64,
    error: &str,
    max_attempts: u32,
) -> Result<Option<Settled>, Failure> {
    let sql = "UPDATE event SET state = CASE WHEN ?5 <= attempts THEN 3 ELSE 0 END,
            claimed_by = NULL, until = NULL, not_before = ?3, last_error = ?4
        WHERE id = ?1 AND state = 1 AND token = ?2 RETURNING state = 3";
    let params = params![number(id.0), number(token.0), not_before, error, max_attempts];
    let is_dead: Option<bool> =
        db.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()?;
    Ok(is_dead.map(|it| if it { Settled::Dead } else { Settled::Done }))
}

pub(super) fn put_back(
    db: &Connection,
    id: EventId,
    token: ClaimToken,
) -> Result<Option<Settled>, Failure> {
    let sql = "UPDATE event SET state = 0, attempts = max(attempts - 1, 0), claimed_by = NULL,
            until = NULL
        WHERE id = ?1 AND state = 1 AND token = ?2";
    let n_changed = execute(db, sql, [number(id.0), number(token.0)])?;
    Ok((n_changed > 0).then_some(Settled::Done))
}

pub(super) fn prolong(
    db: &Connection,
    id: EventId,
    token: ClaimToken,
    until: f64,
) -> Result<bool, Failure> {
    let sql = "UPDATE event SET until = ?3 WHERE id = ?1 AND state = 1 AND token = ?2";
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.execute(params![number(id.0), number(token.0), until])? > 0)
}

pub(super) fn lend(db: &Connection, id: EventId, token: ClaimToken) -> Result<bool, Failure> {
    let sql = "UPDATE event SET claimed_by = ?3 WHERE id = ?1 AND state = 1 AND token = ?2";
    let params = params![number(id.0), number(token.0), HostId::OUTSIDE.to_string()];
    Ok(execute(db, sql, params)? > 0)
}

pub(super) fn lent(
    db: &Connection,
    id: EventId,
) -> Result<Option<(EventRow, ClaimToken)>, Failure> {
    let sql = "SELECT token FROM event WHERE id = ?1 AND state = 1 AND claimed_by = ?2";
    let params = params![number(id.0), HostId::OUTSIDE.to_string()];
    let token: Option<i64> =
        db.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()?;
    let Some(token) = token.and_then(|it| u64::try_from(it).ok()) else { return Ok(None) };
    Ok(by_id(db, id)?.map(|row| (row, ClaimToken(token))))
}

pub(super) fn ack_by_hand(db: &Connection, id: EventId) -> Result<bool, Failure> {
    let sql = "UPDATE event SET state = 2, claimed_by = NULL, until = NULL
        WHERE id = ?1 AND state <> 2 RETURNING unit";
    acked(db, db.prepare_cached(sql)?, [number(id.0)])
}

pub(super) fn revive(db: &Connection, id: EventId) -> Result<bool, Failure> {
    let sql = "UPDATE event SET state = 0, attempts = 0, not_before = 0
        WHERE id = ?1 AND state = 3";
    Ok(execute(db, sql, [number(id.0)])? > 0)
}

pub(super) fn next_due(
    db: &Connection,
    filter: &ClaimFilter,
    by: HostId,
) -> Result<Option<f64>, Failure> {
    let (session, host, kinds) = whose(filter, by);
    let sql = if filter.overtake { NEXT_DUE_OF_ANY } else { NEXT_DUE };
    let params = params![session, host, kinds, i64::MAX];
    Ok(db.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
}

pub(super) fn by_id(db: &Connection, id: EventId) -> Result<Option<EventRow>, Failure> {
    let found = find(db, select_event!("WHERE id = ?1"), [number(id.0)], read)?;
    let row = found.into_iter().next().map(|it| it.row).transpose();
    Ok(row.map_err(|why| StoreError::Corrupt { row: format!("event {}", id.0), why: why.0 })?)
}

pub(super) fn of_unit(
    db: &Connection,
    id: DelegationId,
    bad: &mut Vec<Corrupt>,
) -> Result<Vec<EventRow>, Failure> {
    let found = find(db, select_event!("WHERE unit = ?1 ORDER BY id"), [id.to_string()], read)?;
    Ok(aside::leave("event", found, bad))
}

/// Which states are listed and in which order, in the words of the indexes:
/// the few that are claimed are sorted after they were found.
fn listed(state: Option<StateFilter>) -> (&'static str, &'static str) {
    match state {
        None => ("TRUE", "id"),
        Some(StateFilter::Undelivered) => ("state IN (0, 1)", "id"),
        Some(StateFilter::Claimed) => ("state = 1", "+id"),
        Some(StateFilter::Acked) => ("state = 2", "id"),
        Some(StateFilter::Dead) => ("state = 3", "id"),
    }
}

pub(super) fn list_sql(state: Option<StateFilter>) -> String {
    let (states, order) = listed(state);
    let select = select_event!("WHERE (?1 IS NULL OR session = ?1) AND ");
    format!("{select}{states} ORDER BY {order} DESC LIMIT ?2 OFFSET ?3")
}

pub(super) fn list(
    db: &Connection,
    filter: &EventFilter,
    bad: &mut Vec<Corrupt>,
) -> Result<Vec<EventRow>, Failure> {
    let (sql, session) = (list_sql(filter.state), filter.session.as_ref().map(Session::to_string));
    let page = |limit, offset| find(db, &sql, params![session, count(limit), count(offset)], read);
    let mut res = aside::page(filter.limit, "event", page, bad)?;
    res.reverse();
    Ok(res)
}

pub(super) fn after(
    db: &Connection,
    after: EventId,
    limit: usize,
    bad: &mut Vec<Corrupt>,
) -> Result<Vec<EventRow>, Failure> {
    let sql = select_event!("WHERE id > ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let page = |limit, offset| find(db, sql, params![after, count(limit), count(offset)], read);
    aside::page(limit, "event", page, bad)
}

/// What waits is counted state by state: each has its index.
pub(super) fn count_sql(state: Option<StateFilter>) -> String {
    let of = |states| {
        format!("(SELECT count(*) FROM event WHERE (?1 IS NULL OR session = ?1) AND {states})")
    };
    match state {
        Some(StateFilter::Undelivered) => {
            format!("SELECT {} + {}", of("state = 0"), of("state = 1"))
        }
        state => format!("SELECT {}", of(listed(state).0)),
    }
}

pub(super) fn count_listed(db: &Connection, filter: &EventFilter) -> Result<usize, Failure> {
    let (sql, session) = (count_sql(filter.state), filter.session.as_ref().map(Session::to_string));
    let count: i64 = db.prepare_cached(&sql)?.query_row([session], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}
