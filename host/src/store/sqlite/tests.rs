//! What only a file can have: rows that can't be read, and older versions.

use rusqlite::params;

use super::*;
use crate::{
    event::Status,
    session::Session,
    store::{EventState, StateFilter, record, sample::*, suite},
};

struct Case {
    dir: tempfile::TempDir,
    tables: Sqlite,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tables = suite::sqlite(&dir.path().join("store.db"));
        Self { dir, tables }
    }

    fn sql(&self, sql: &str) {
        assert_ne!(execute(&self.tables.db, sql, []).unwrap(), 0, "{sql}");
    }

    fn names_aside(&mut self) -> Vec<String> {
        self.tables.set_aside().unwrap().into_iter().map(|it| it.row).collect()
    }

    fn push(&mut self, dedup: &str) -> EventId {
        self.tables.push(&other("watch_match", dedup, chat()), host(1)).unwrap().unwrap()
    }

    fn claim(&mut self) -> Option<String> {
        let res = self.tables.claim(&all_of(chat()), host(1), 1.0, 9.0, 8).unwrap();
        res.map(|(row, _)| row.event.dedup)
    }
}

#[test]
fn an_event_with_any_spoiled_byte_is_set_aside_and_the_next_one_handed_out() {
    let mut case = Case::new();
    let good = record::encode_body(&other("", "", chat()).body).unwrap();
    let mut spoiled: Vec<Vec<u8>> = (0..good.len()).map(|it| good[..it].to_vec()).collect();
    for idx in 0..good.len() {
        let mut bad = good.clone();
        bad[idx] ^= 1;
        spoiled.push(bad);
    }
    for (n, bad) in spoiled.iter().enumerate() {
        let id = case.push(&format!("bad {n}"));
        let sql = "UPDATE event SET body = ?2 WHERE id = ?1";
        execute(&case.tables.db, sql, params![number(id.0), bad]).unwrap();
        let next = format!("good {n}");
        case.push(&next);
        assert!(matches!(case.tables.event(id), Err(StoreError::Corrupt { .. })), "{n}");
        assert_eq!(case.claim(), Some(next), "{n}");
        assert_eq!(case.tables.event(id), Ok(None));
    }
    let kept = find(&case.tables.db, "SELECT rid, body FROM set_aside ORDER BY rid", [], |row| {
        Ok(row.get::<_, Vec<u8>>(1)?)
    });
    let kept: Vec<Vec<u8>> = kept.unwrap().into_iter().map(|it| it.row.unwrap()).collect();
    assert_eq!(kept, spoiled, "byte for byte");
}

#[test]
fn a_row_that_is_set_aside_says_what_it_was_and_why() {
    let mut case = Case::new();
    case.push("a");
    case.sql("UPDATE event SET body = x'00112233445566778899'");
    assert_eq!(case.claim(), None);
    let why = "it does not begin like an envelope".to_owned();
    assert_eq!(case.tables.set_aside(), Ok(vec![Corrupt { row: "event 1".to_owned(), why }]));
    let columns: String =
        case.tables.db.query_row("SELECT columns FROM set_aside", [], |row| row.get(0)).unwrap();
    let columns: serde_json::Value = serde_json::from_str(&columns).unwrap();
    assert_eq!((&columns["type"], &columns["dedup"]), (&"watch_match".into(), &"a".into()));
}

#[test]
fn columns_that_can_not_be_read_are_no_reason_to_stop() {
    let check = |spoil: &str, row: &str| {
        let mut case = Case::new();
        case.push("a");
        case.push("b");
        case.sql(spoil);
        let filter = EventFilter { limit: 10, ..EventFilter::default() };
        let left = case.tables.events(&filter).unwrap();
        assert_eq!(left.len(), 1, "{spoil}");
        assert_eq!(case.tables.told.iter().collect::<Vec<_>>(), [row]);
        assert_eq!(case.names_aside(), [""; 0]);
    };
    check("UPDATE event SET session = 'x' WHERE id = 1", "event 1");
    check("UPDATE event SET state = 9 WHERE id = 1", "event 1");
    check("UPDATE event SET state = 1, until = 5, claimed_by = 'me' WHERE id = 1", "event 1");
    let not_text = "UPDATE event SET last_error = CAST(x'ff' AS TEXT) WHERE id = 1";
    check(not_text, "event 1");
}

#[test]
fn a_unit_that_can_not_be_read_is_set_aside_with_its_results() {
    let mut case = Case::new();
    for n in [1, 2] {
        case.tables.insert_unit(&unit(n, &[&[0, 1]]), host(1)).unwrap();
        case.tables.child_ended(delegation(n), &result(1, Status::Completed)).unwrap();
    }
    case.sql(&format!("UPDATE unit SET body = x'48' WHERE id = '{}'", delegation(1)));
    let err = case.tables.unit(delegation(1)).unwrap_err().to_string();
    let id = delegation(1);
    assert_eq!(err, format!("unit {id} can't be read: it has 1 bytes, fewer than an envelope"));
    let res = case.tables.recover(host(1), 50.0, Leave::Nothing).unwrap();
    assert_eq!((res.units, res.events, res.corrupt.len()), (vec![delegation(2)], 1, 2));
    assert_eq!(case.names_aside(), [format!("unit {id}"), format!("child 1 of {id}")]);
    assert_eq!(case.tables.recover(host(1), 60.0, Leave::Nothing), Ok(Recovered::default()));
}

#[test]
fn a_result_that_can_not_be_read_is_reported_as_unknown() {
    let mut case = Case::new();
    let record = unit(1, &[&[0, 1]]);
    case.tables.insert_unit(&record, host(1)).unwrap();
    for task in [0, 1] {
        case.tables.child_ended(record.id, &result(task, Status::Completed)).unwrap();
    }
    case.sql("UPDATE child SET body = x'48' WHERE task = 1");
    assert!(case.tables.unit(record.id).is_err());
    assert_eq!(case.tables.recover(host(1), 50.0, Leave::Nothing).unwrap().corrupt.len(), 1);
    let row = case.tables.unit(record.id).unwrap().unwrap();
    let seen: Vec<Status> = row.results.iter().map(|it| it.status).collect();
    assert_eq!(seen, [Status::Completed, Status::Unknown]);
}

#[test]
fn a_listing_leaves_out_what_can_not_be_read() {
    let mut case = Case::new();
    for n in 1..=4 {
        let record = unit(n, &[&[0]]);
        case.tables.insert_unit(&record, host(1)).unwrap();
        if n != 2 {
            let end = finish(&record, 0, Status::Completed, f64::from(n));
            case.tables.finish(&end).unwrap();
        }
    }
    case.sql(&format!("UPDATE unit SET status = 'great' WHERE id = '{}'", delegation(4)));
    case.sql(&format!("UPDATE event SET body = x'' WHERE unit = '{}'", delegation(3)));
    case.tables.insert_unit(&unit(5, &[&[0]]), host(1)).unwrap();
    case.sql(&format!("UPDATE unit SET body = x'48' WHERE id = '{}'", delegation(5)));
    let rows = case.tables.units(2).unwrap();
    let seen: Vec<_> = rows.iter().map(|it| (it.record.id, it.results.len())).collect();
    assert_eq!(seen, [(delegation(2), 0), (delegation(3), 0), (delegation(1), 1)]);
    // They are left alone, and told of once.
    assert_eq!(case.names_aside(), [""; 0]);
    assert_eq!(case.tables.told.len(), 3);
    case.tables.units(2).unwrap();
    assert_eq!(case.tables.told.len(), 3);
    let end = finish(&unit(5, &[&[0]]), 0, Status::Completed, 9.0);
    assert!(case.tables.finish(&end).unwrap().is_some(), "its host lives, and ends it");
    assert!(case.claim().is_some());
}

#[test]
fn an_event_that_was_set_aside_is_reported_anew_by_recovery() {
    let mut case = Case::new();
    let record = unit(1, &[&[0], &[1]]);
    case.tables.insert_unit(&record, host(1)).unwrap();
    case.tables.finish(&finish(&record, 0, Status::Completed, 2.0)).unwrap();
    case.sql("UPDATE event SET body = x''");
    assert_eq!(case.claim(), None);
    assert_eq!(case.tables.recover(host(1), 50.0, Leave::Nothing).unwrap().events, 2);
    let row = case.tables.unit(record.id).unwrap().unwrap();
    assert_eq!((row.ended, row.results.len()), (Some((Status::Unknown, 50.0)), 2));
}

#[test]
fn an_owner_that_can_not_be_read_is_set_aside() {
    let mut case = Case::new();
    case.tables.insert_unit(&unit(1, &[&[0]]), host(1)).unwrap();
    let local = other("watch_match", "a", Session::Local);
    case.tables.push(&local, host(2)).unwrap();
    case.sql("UPDATE unit SET owner = 'me'");
    assert_eq!(case.tables.owners(), Ok(vec![host(2)]));
    assert_eq!(case.names_aside(), [format!("unit {}", delegation(1))]);
}

#[test]
fn a_summary_that_can_not_be_read_is_named() {
    let mut case = Case::new();
    let record = unit(1, &[&[0, 1]]);
    let full = crate::event::ChildResult {
        full_summary: Some("long".to_owned()),
        ..result(1, Status::Completed)
    };
    case.tables.insert_unit(&record, host(1)).unwrap();
    case.tables.child_ended(record.id, &full).unwrap();
    case.sql("UPDATE summary SET body = x'48'");
    let err = case.tables.full_summary(record.id, 1).unwrap_err().to_string();
    assert!(err.starts_with("the summary of task 1 of deleg_01"), "{err}");
}

#[test]
fn an_older_database_is_brought_forward_and_nothing_is_lost() {
    let mut case = Case::new();
    let record = unit(1, &[&[0]]);
    case.tables.insert_unit(&record, host(1)).unwrap();
    case.push("a");
    let version = |case: &Case| schema::version(&case.tables.db).unwrap();
    assert_eq!(version(&case), schema::STEPS.len());
    let mut steps = schema::STEPS.to_vec();
    steps.push("ALTER TABLE unit ADD COLUMN priority INTEGER NOT NULL DEFAULT 5");
    let path = case.dir.path().join("store.db");
    schema::migrate(&case.tables.db, &path, &steps).unwrap();
    schema::migrate(&case.tables.db, &path, &steps).unwrap();
    assert_eq!(version(&case), steps.len());
    case.sql("UPDATE unit SET priority = priority + 1 WHERE priority = 5");
    assert_eq!(case.tables.unit(record.id).unwrap().unwrap().record, record);
    assert_eq!(case.claim().as_deref(), Some("a"));
    let err = schema::migrate(&case.tables.db, &path, schema::STEPS).unwrap_err();
    assert!(matches!(err, StoreError::Newer { found: 5, known: 4, .. }), "{err}");
}

#[test]
fn a_step_that_fails_leaves_the_older_version() {
    let mut case = Case::new();
    case.push("a");
    let mut steps = schema::STEPS.to_vec();
    steps.extend(["CREATE TABLE more (id)", "no statement"]);
    assert!(schema::migrate(&case.tables.db, &case.tables.path, &steps).is_err());
    assert_eq!(schema::version(&case.tables.db).unwrap(), schema::STEPS.len());
    assert!(case.tables.db.prepare("SELECT * FROM more").is_err());
    assert_eq!(case.claim().as_deref(), Some("a"));
}

#[test]
fn a_database_of_version_1_is_brought_forward_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = prepare(&dir.path().join("store.db")).unwrap();
    let db = Connection::open(&path).unwrap();
    schema::migrate(&db, &path, &schema::STEPS[..1]).unwrap();
    let body = record::encode_unit(&unit(1, &[&[0]])).unwrap();
    let event = record::encode_body(&other("watch_match", "", chat()).body).unwrap();
    for (n, state) in [(1, 0), (2, 1), (3, 1)] {
        let sql = "INSERT INTO unit (id, session, owner, state, n_groups, groups_left, body,
            status, ended_at) VALUES (?1, ?2, ?3, ?4, 1, 1 - ?4, ?5, ?6, ?7)";
        let (status, at) = ((state == 1).then_some("completed"), (state == 1).then_some(5.0));
        let (id, session, host) =
            (delegation(n).to_string(), chat().to_string(), host(1).to_string());
        db.execute(sql, params![id, session, host, state, body, status, at]).unwrap();
    }
    for (id, unit, state) in [(4, Some(2), 2), (5, Some(3), 0), (7, None, 0), (9, None, 2)] {
        let sql = "INSERT INTO event (id, type, dedup, unit, session, owner, state, created, body)
            VALUES (?1, 'watch_match', ?1, ?2, ?3, ?4, ?5, 1, ?6)";
        let unit = unit.map(|it| delegation(it).to_string());
        let (session, host) = (chat().to_string(), host(1).to_string());
        db.execute(sql, params![id, unit, session, host, state, event]).unwrap();
    }
    db.execute("DELETE FROM event WHERE id = 9", []).unwrap();
    drop(db);
    let mut tables = suite::sqlite(&path);
    assert_eq!(schema::version(&tables.db).unwrap(), schema::STEPS.len());
    let filter = EventFilter { limit: 9, ..EventFilter::default() };
    let seen: Vec<u64> = tables.events(&filter).unwrap().iter().map(|it| it.id.0).collect();
    assert_eq!(seen, [4, 5, 7]);
    let id = tables.push(&other("watch_match", "new", chat()), host(1)).unwrap();
    assert_eq!(id, Some(EventId(10)), "the place of one that is gone is not used again");
    assert_eq!(tables.prune(0, 0), Ok(2), "unit 2 and its event: 3 waits for its session");
}

#[test]
fn what_can_be_forgotten_is_found_by_its_own_index() {
    let case = Case::new();
    for (sql, index) in [(units::OLD_UNITS, "unit_settled"), (units::OLD_EVENTS, "event_told")] {
        let mut statement = case.tables.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: String = statement.query_row([0], |row| row.get(3)).unwrap();
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn a_list_looks_at_no_more_than_it_shows() {
    let case = Case::new();
    for (sql, index) in [(units::RUNNING, "unit_running"), (units::NEWEST, "unit_ended")] {
        let mut statement = case.tables.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nothing = vec![0; statement.parameter_count()];
        let params = rusqlite::params_from_iter(nothing);
        let plan: String = statement.query_row(params, |row| row.get(3)).unwrap();
        assert!(plan.contains(index), "{plan}");
    }
}

#[test]
fn what_waits_is_counted_without_a_look_at_what_it_says() {
    use StateFilter::{Claimed, Dead, Undelivered};
    let case = Case::new();
    let sqls = [
        queue::count_sql(Some(Undelivered)),
        queue::count_sql(Some(Claimed)),
        queue::count_sql(Some(Dead)),
        queue::list_sql(Some(Claimed)),
        queue::list_sql(Some(Dead)),
    ];
    for sql in sqls {
        let mut statement = case.tables.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nothing = vec![0; statement.parameter_count()];
        let mut rows = statement.query(rusqlite::params_from_iter(nothing)).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get(3).unwrap();
            assert!(!step.contains("event") || step.contains("INDEX"), "{sql}: {step}");
            // The others are few.
            let is_pending = step.contains("event_pending");
            assert!(!is_pending || step.contains("COVERING"), "{sql}: {step}");
        }
    }
}

#[test]
fn a_full_file_is_told_as_that_and_takes_writes_when_there_is_room() {
    let mut case = Case::new();
    let limit = |case: &Case, pages: u32| {
        case.tables.db.pragma_update(None, "max_page_count", pages).unwrap();
    };
    limit(&case, 1);
    let mut n = 0;
    let full = loop {
        n += 1;
        let event = other("watch_match", &format!("{n} {}", "x".repeat(200)), chat());
        if let Err(err) = case.tables.push(&event, host(1)) {
            break err;
        }
    };
    assert!(matches!(full, StoreError::Full(_)), "{full}");
    limit(&case, 1_000_000);
    assert!(case.tables.push(&other("watch_match", "a", chat()), host(1)).unwrap().is_some());
}

/// Databases of these versions exist: a change of the tables is a new step.
#[test]
fn the_first_steps_never_change() {
    let hash = blake3::hash(include_bytes!("schema/v1.sql")).to_hex();
    insta::assert_snapshot!(hash.as_str(), @"03b4717c5159ddc5570d176890a7688884bd9bb3dc4992daff8dd9aa2b07967b");
}

#[test]
fn the_settings_of_a_connection_are_those_that_keep_what_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = prepare(&dir.path().join("store.db")).unwrap();
    let tables = Sqlite::find(&path).unwrap().set_up().unwrap();
    let pragma = |name: &str| {
        let value: rusqlite::types::Value =
            tables.db.pragma_query_value(None, name, |row| row.get(0)).unwrap();
        format!("{value:?}")
    };
    assert_eq!(pragma("journal_mode"), r#"Text("wal")"#);
    assert_eq!(
        (pragma("synchronous"), pragma("page_size")),
        ("Integer(2)".into(), "Integer(8192)".into())
    );
}

#[test]
fn a_turn_tells_what_another_wrote_before_it() {
    let mut case = Case::new();
    let mut other = suite::sqlite(&case.dir.path().join("store.db"));
    let mut news = case.tables.writes().subscribe();
    let mut turn = |tables: &mut Sqlite, n| {
        tables.begin().unwrap();
        let is_told = news.has_changed().unwrap();
        news.mark_unchanged();
        tables.insert_unit(&unit(n, &[&[0]]), host(1)).unwrap();
        tables.commit().unwrap();
        is_told
    };
    assert!(!turn(&mut case.tables, 1) && !turn(&mut case.tables, 2), "its own are no news");
    turn(&mut other, 3);
    assert!(turn(&mut case.tables, 4));
    assert!(!turn(&mut case.tables, 5));
}

#[test]
fn a_claim_looks_at_no_more_than_an_index_gives_it() {
    let case = Case::new();
    for sql in [queue::FIRST, queue::FIRST_DUE] {
        let mut statement = case.tables.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nothing = params!["", "", None::<String>, 0.0, 0.0, 0.0];
        let mut rows = statement.query(nothing).unwrap();
        let mut plan = String::new();
        while let Some(row) = rows.next().unwrap() {
            plan += &row.get::<_, String>(3).unwrap();
            plan.push('\n');
        }
        assert!(!plan.contains("SCAN event") && !plan.contains("TEMP B-TREE"), "{plan}");
        for index in ["event_pending", "event_claimed", "event_leased"] {
            assert!(plan.contains(index), "{plan}");
        }
    }
}

#[test]
fn what_a_crash_left_open_is_not_there() {
    let mut case = Case::new();
    case.push("a");
    case.tables.begin().unwrap();
    case.push("b");
    let path = case.dir.path().join("store.db");
    drop(std::mem::replace(&mut case.tables, suite::sqlite(&case.dir.path().join("other.db"))));
    case.tables = suite::sqlite(&path);
    assert_eq!(case.claim().as_deref(), Some("a"));
    assert_eq!(case.claim(), None);
    let state = case.tables.event(EventId(1)).unwrap().unwrap().state;
    assert!(matches!(state, EventState::Claimed { .. }));
}

#[test]
fn a_unit_whose_event_would_be_too_large_ends_and_is_recovered_with_a_shorter_one() {
    let mut case = Case::new();
    let tasks: Vec<usize> = (0..100).collect();
    let long = "é".repeat(100_000);
    let result = |it| ChildResult { summary: Some(long.clone()), ..result(it, Status::Completed) };
    let (ended, lost) = (unit(1, &[&tasks]), unit(2, &[&tasks]));
    for unit in [&ended, &lost] {
        case.tables.insert_unit(unit, host(1)).unwrap();
    }
    let mut end = finish(&ended, 0, Status::Completed, 2_000.0);
    Arc::make_mut(&mut end.event).results = tasks.iter().copied().map(result).collect();
    assert!(case.tables.finish(&end).unwrap().is_some());
    for task in tasks {
        assert!(case.tables.child_ended(lost.id, &result(task)).unwrap());
    }
    let recovered = case.tables.recover(host(1), 3_000.0, Leave::Nothing).unwrap();
    assert_eq!((recovered.units.as_slice(), recovered.events), (&[lost.id][..], 1));
    for unit in [&ended, &lost] {
        let row = case.tables.unit(unit.id).unwrap().unwrap();
        assert_eq!(row.ended.unwrap().0, Status::Completed);
        assert_eq!(row.results.len(), 100);
        assert!(row.results.iter().all(|it| it.truncated && it.summary.is_some()));
        let whole = case.tables.full_summary(unit.id, 99).unwrap();
        assert_eq!(whole.as_deref(), Some(long.as_str()));
    }
}

fn push(tables: &mut Sqlite, dedup: &str) {
    tables.begin().unwrap();
    tables.push(&other("watch_match", dedup, chat()), host(1)).unwrap().unwrap();
    tables.commit().unwrap();
}

fn pushed(tables: &mut Sqlite) -> Vec<String> {
    let filter = EventFilter { session: None, state: None, limit: usize::MAX };
    tables.events(&filter).unwrap().into_iter().map(|it| it.event.dedup).collect()
}

#[test]
fn what_closes_late_leaves_the_log_of_the_store_that_took_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let [path, moved] = ["store.db", "old.db"].map(|it| dir.path().join(it));
    let mut late = suite::sqlite(&path);
    push(&mut late, "old");
    std::fs::rename(&path, &moved).unwrap();
    remove_side_files(&path);
    let mut next = suite::sqlite(&path);
    push(&mut next, "next");

    drop(late);
    push(&mut next, "last");
    assert_eq!(pushed(&mut next), ["next", "last"]);
    assert_eq!(pushed(&mut suite::sqlite(&moved)), ["old"], "it is in its file");
}

#[test]
fn what_closes_late_does_not_write_a_log_that_was_replaced_over_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    drop(suite::sqlite(&path));
    let mut late = suite::sqlite(&path);
    push(&mut late, "old");
    // Of a process of its own, which shares nothing of SQLite's with this one.
    remove_side_files(&path);
    for suffix in ["db-wal", "db-shm"] {
        std::fs::write(path.with_extension(suffix), "of others").unwrap();
    }
    let before = std::fs::read(&path).unwrap();

    drop(late);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read(path.with_extension("db-wal")).unwrap(), b"of others");
    let copy = path.with_extension("db.rescued-1");
    assert_eq!(pushed(&mut suite::sqlite(&copy)), ["old"]);
}

fn remove_side_files(path: &std::path::Path) {
    for suffix in ["db-wal", "db-shm"] {
        std::fs::remove_file(path.with_extension(suffix)).unwrap();
    }
}
