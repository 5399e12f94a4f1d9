//! What a store said, held against what is found afterwards.

use std::{collections::BTreeMap, path::Path};

use hermitage::{
    event::Status,
    store::{EventBody, EventFilter, EventRow, EventState, Leave, Store, UnitRow},
};
use hermitage_tests::record::{end_of, id};
use rusqlite::Connection;

use crate::work::{Effect, NOW, OTHER, Said, Taken, event, key, random, unit};

/// More than any work makes.
const ALL: usize = 100_000;

/// Whether something was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sure {
    #[default]
    No,
    Perhaps,
    Yes,
}

/// What has to be true of a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    queued: BTreeMap<u32, Sure>,
    dispatched: BTreeMap<u32, Sure>,
    kept: BTreeMap<u32, Sure>,
    ended: BTreeMap<(u32, usize), Sure>,
    acked: BTreeMap<String, Sure>,
    /// Events that were applied, and units of them, may be gone.
    pruned: bool,
}

impl Promises {
    /// Of steps, each with how sure it is that it was done.
    pub(crate) fn of<'a>(steps: impl IntoIterator<Item = (&'a Taken, Sure)>) -> Self {
        let mut res = Self::default();
        for (taken, sure) in steps {
            for effect in &taken.effects {
                res.note(effect, sure);
            }
        }
        res
    }

    /// Of steps that were taken, by what was said of each.
    pub(crate) fn said(taken: &[Taken]) -> Self {
        Self::of(taken.iter().map(|it| (it, sure(&it.said))))
    }

    fn note(&mut self, effect: &Effect, sure: Sure) {
        let place = match effect {
            Effect::Queued(n) => self.queued.entry(*n).or_default(),
            Effect::Dispatched(n) => self.dispatched.entry(*n).or_default(),
            Effect::ChildKept(n) => self.kept.entry(*n).or_default(),
            Effect::Ended(n, group) => self.ended.entry((*n, *group)).or_default(),
            Effect::Acked(key) => self.acked.entry(key.clone()).or_default(),
            Effect::Pruned => {
                self.pruned |= sure != Sure::No;
                return;
            }
        };
        *place = sure.max(*place);
    }

    fn acked(&self, key: &str) -> Sure {
        self.acked.get(key).copied().unwrap_or_default()
    }

    /// It may be gone when it was applied.
    fn may_be_pruned(&self, key: &str) -> bool {
        self.pruned && self.acked(key) != Sure::No
    }
}

pub(crate) fn sure(said: &Said) -> Sure {
    match said {
        Said::Done => Sure::Yes,
        Said::NotDone(_) => Sure::No,
        Said::Failed(_) => Sure::Perhaps,
    }
}

/// Opens the store as the next host, lets it settle what the last one left,
/// and looks at everything.
pub(crate) async fn check(file: &Path, promises: &Promises) {
    let store = Store::open(file, &*random(90)).unwrap();
    let recovered = store.recover(NOW, Leave::Nothing).await.unwrap();
    assert_eq!(recovered.corrupt, Vec::new());
    let aside = store.read_raw(|it| it.set_aside()).await.unwrap();
    assert_eq!(aside, Vec::new());

    let filter = EventFilter { limit: ALL, ..EventFilter::default() };
    let rows = store.read_raw(move |it| it.events(&filter)).await.unwrap();
    let mut events = BTreeMap::new();
    for row in rows {
        let key = key(&row.event.kind, &row.event.dedup);
        assert!(events.insert(key.clone(), row).is_none(), "twice: {key}");
    }
    others(promises, &mut events);
    for (n, sure) in &promises.dispatched {
        let id = id(*n);
        let found = store.read_raw(move |it| it.unit(id)).await.unwrap();
        of_unit(promises, *n, *sure, found, &mut events);
    }
    assert!(events.is_empty(), "nobody queued these: {events:#?}");
    works_on(&store).await;
    drop(store);
    is_whole(file);
}

/// Events that are no unit's.
fn others(promises: &Promises, events: &mut BTreeMap<String, EventRow>) {
    for (n, sure) in &promises.queued {
        let key = key(OTHER, &n.to_string());
        match (events.remove(&key), sure) {
            (None, Sure::Yes) => assert!(promises.may_be_pruned(&key), "lost: {key}"),
            (None, _) => (),
            (Some(_), Sure::No) => panic!("it was said not to be written: {key}"),
            (Some(row), _) => {
                assert_eq!(row.event, event(*n));
                state(promises, &key, &row);
            }
        }
    }
}

fn state(promises: &Promises, key: &str, row: &EventRow) {
    let is_acked = row.state == EventState::Acked;
    match promises.acked(key) {
        Sure::Yes => assert!(is_acked, "to be delivered again: {row:#?}"),
        Sure::No => assert!(!is_acked, "nobody had it: {row:#?}"),
        Sure::Perhaps => (),
    }
    assert!(!matches!(row.state, EventState::Claimed { .. }), "its holder is gone: {row:#?}");
}

/// A unit, which has ended once, with an event for each of its groups.
fn of_unit(
    promises: &Promises,
    n: u32,
    sure: Sure,
    found: Option<UnitRow>,
    events: &mut BTreeMap<String, EventRow>,
) {
    let ends = [end_of(n, 0), end_of(n, 1)];
    let Some(found) = found else {
        assert!(ends.iter().all(|it| !events.contains_key(it)), "an event without its unit: {n}");
        let is_pruned = ends.iter().all(|it| promises.may_be_pruned(it));
        assert!(sure != Sure::Yes || is_pruned, "lost: unit {n}");
        return;
    };
    assert_ne!(sure, Sure::No, "it was said not to be written: {found:#?}");
    assert_eq!(found.record, unit(n));
    assert!(found.ended.is_some(), "still runs: {found:#?}");
    assert_eq!(found.results.len(), 2, "{found:#?}");
    if promises.kept.get(&n) == Some(&Sure::Yes) {
        assert_eq!(found.results[0].status, Status::Completed, "lost: the child of {n}");
    }
    for (group, end) in ends.iter().enumerate() {
        let row = events.remove(end).unwrap_or_else(|| panic!("lost: {end}"));
        state(promises, end, &row);
        let EventBody::Completion(event) = &row.event.body else { panic!("{row:#?}") };
        let ended = promises.ended.get(&(n, group)).copied().unwrap_or_default();
        match (ended, event.status) {
            (Sure::Yes, Status::Completed) | (Sure::Perhaps, _) => (),
            // The child was kept, its end was not.
            (Sure::No, Status::Completed) if group == 0 && promises.kept.contains_key(&n) => (),
            (Sure::No, Status::Unknown) => (),
            (sure, status) => panic!("{end} ended as {status:?}, and that it did: {sure:?}"),
        }
    }
}

/// It takes what comes next.
async fn works_on(store: &Store) {
    let host = store.host();
    let pushed = store.write_raw(move |it| it.push(&event(999_999), host)).await.unwrap();
    assert!(pushed.is_some());
}

pub(crate) fn is_whole(file: &Path) {
    let db = Connection::open(file).unwrap();
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}
