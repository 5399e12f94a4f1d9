//! What must be true whatever was killed when: the facts that hosts were
//! told against the ledger of the application and the store.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
};

use hermitage::{
    event::ASYNC_DELEGATION,
    id::OsRandom,
    store::{EventFilter, EventState, Leave, StateFilter, Store, UnitRow},
};
use hermitage_tests::facts::{self, Fact, Line};
use rusqlite::Connection;

/// More than a campaign makes.
const ALL: usize = 1_000_000;

/// What a campaign came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) dispatched: usize,
    pub(crate) delivered: usize,
    pub(crate) repeated: usize,
    pub(crate) acked: usize,
}

/// After the last host is gone and nothing is left to deliver. `has_store`:
/// no host had to go on without it, as one that answers its caller does.
pub(crate) fn check(dir: &Path, has_store: bool) -> Counts {
    let lines = facts::read(&dir.join("facts"));
    let counts = deliveries_are_exclusive_and_end_with_their_acknowledgement(&lines);
    let effects = effects(&dir.join("app.db"));
    what_was_confirmed_has_its_effects(&lines, &effects, has_store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(nothing_is_left(&dir.join("store/hermitage.db"), &effects));
    sqlite_is_content(&dir.join("store/hermitage.db"));
    counts
}

fn deliveries_are_exclusive_and_end_with_their_acknowledgement(lines: &[Line]) -> Counts {
    let (mut res, mut holders, mut acked) = (Counts::default(), HashMap::new(), HashSet::new());
    for (number, Line { host, fact }) in lines.iter().enumerate() {
        let at = format!("line {number}: {host} {fact}");
        match fact {
            Fact::Delivered { key, to, of } => {
                assert_eq!(to, of, "another session's: {at}");
                assert!(!acked.contains(key), "acknowledged before: {at}");
                let holder = holders.insert(key, host);
                assert_eq!(holder, None, "held by another one: {at}");
                res.delivered += 1;
            }
            Fact::Applied { key } => assert!(!acked.contains(key), "acknowledged before: {at}"),
            Fact::Repeated { .. } => res.repeated += 1,
            Fact::Acked { key } => {
                assert_eq!(holders.remove(key), Some(host), "not held: {at}");
                assert!(acked.insert(key.clone()), "twice: {at}");
            }
            Fact::Gone => holders.retain(|_, it| *it != host),
            Fact::Dispatched { .. } | Fact::Waits { .. } => res.dispatched += 1,
            Fact::Answered { .. } | Fact::Pushed { .. } | Fact::Failed => (),
        }
    }
    res.acked = acked.len();
    res
}

/// Every effect of the application, once each: the tally counts what the
/// identities stand for.
fn effects(file: &Path) -> BTreeSet<String> {
    let db = Connection::open(file).unwrap();
    let mut statement = db.prepare("SELECT session, key FROM inbox").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: Vec<(String, String)> = rows.map(Result::unwrap).collect();
    let mut statement = db.prepare("SELECT session, effects FROM tally").unwrap();
    let tally = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let tally: BTreeMap<String, i64> = tally.map(Result::unwrap).collect();
    let mut counted = BTreeMap::<String, i64>::new();
    for (session, _) in &rows {
        *counted.entry(session.clone()).or_default() += 1;
    }
    assert_eq!(tally, counted);
    rows.into_iter().map(|(_, key)| key).collect()
}

fn what_was_confirmed_has_its_effects(lines: &[Line], effects: &BTreeSet<String>, has_store: bool) {
    let keys = |id: &str, events: usize| match events {
        1 => vec![format!("{ASYNC_DELEGATION}:{id}")],
        events => (0..events).map(|it| format!("{ASYNC_DELEGATION}:{id}/{it}")).collect(),
    };
    for Line { host, fact } in lines {
        match fact {
            Fact::Dispatched { id, events } => {
                for key in keys(id, *events) {
                    assert!(effects.contains(&key), "lost: {key} of {host}");
                }
            }
            Fact::Answered { id } if has_store => {
                let key = &keys(id, 1)[0];
                assert!(!effects.contains(key), "answered and delivered: {key} of {host}");
            }
            Fact::Failed => assert!(!has_store, "the store of {host} failed"),
            Fact::Pushed { key } | Fact::Acked { key } => {
                assert!(effects.contains(key), "lost: {key} of {host}");
            }
            _ => (),
        }
    }
}

async fn nothing_is_left(file: &Path, effects: &BTreeSet<String>) {
    let store = Store::open(file, &OsRandom).unwrap();
    let recovered = store.recover(0.0, Leave::Nothing).await.unwrap();
    assert_eq!(recovered, Default::default());
    let (units, aside) =
        store.read_raw(|tables| Ok((tables.units(ALL)?, tables.set_aside()?))).await.unwrap();
    assert!(aside.is_empty(), "{aside:?}");
    for state in [StateFilter::Undelivered, StateFilter::Dead] {
        let filter = EventFilter { session: None, state: Some(state), limit: ALL };
        let left = store.read_raw(move |tables| tables.events(&filter)).await.unwrap();
        assert!(left.is_empty(), "{left:#?}");
    }
    for unit in units {
        has_ended_once(&store, &unit, effects).await;
    }
}

/// Also units whose dispatch was never confirmed.
async fn has_ended_once(store: &Store, unit: &UnitRow, effects: &BTreeSet<String>) {
    let (id, groups) = (unit.record.id, unit.record.groups.len());
    let events = store.read_raw(move |tables| tables.events_of(id)).await.unwrap();
    let ends: Vec<_> = events.iter().filter(|it| it.event.kind == ASYNC_DELEGATION).collect();
    assert!(unit.ended.is_some(), "still runs: {unit:#?}");
    assert_eq!(ends.len(), groups, "{unit:#?}");
    assert_eq!(unit.results.len(), unit.record.tasks.len(), "{unit:#?}");
    assert!(events.iter().all(|it| it.state == EventState::Acked), "{events:#?}");
    let is_nested = unit.record.parent.is_some();
    for end in ends {
        let key = format!("{ASYNC_DELEGATION}:{}", end.event.dedup);
        assert_eq!(end.event.session, unit.record.session);
        // A child has its answer in its own turn; its session hears nothing.
        assert!(!(is_nested && effects.contains(&key)), "{key}");
    }
}

fn sqlite_is_content(file: &Path) {
    let db = Connection::open(file).unwrap();
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}
