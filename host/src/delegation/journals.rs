//! The journals of a unit's children, as they are kept in the store, and what
//! they say to a host that goes on with it.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::budget::{Budget, Used};
use crate::{
    event::ChildResult,
    id::{DelegationId, HostId},
    journal::{Entry, Journal, Recorder, Sink, Start, Wait},
    store::{Blob, Line, Place, Store, StoreError, Tables},
};

/// An answer from here on is kept by its digest: children read the same files.
const SHARED_BYTES: usize = 512;

/// What another host had done of a unit before it was killed.
pub(super) struct Past {
    /// That host; none where nobody else goes on with the unit.
    pub(super) host: Option<HostId>,
    /// The results that were kept.
    pub(super) results: Vec<ChildResult>,
    /// What each child was told.
    pub(super) entries: Vec<Vec<Entry>>,
    /// When other hosts went on with it (epoch seconds), this one not counted.
    pub(super) resumed: Vec<f64>,
    /// Somebody asked for its stop while no host ran it, and perhaps said why.
    pub(super) stop: Option<Option<String>>,
}

impl Past {
    /// How long the children that were not done had run, at most.
    pub(super) fn time_used(&self) -> Duration {
        let last = self.entries.iter().filter_map(|it| Some(it.last()?.at_ms));
        Duration::from_millis(last.max().unwrap_or_default())
    }
}

pub(super) fn unread(what: &str, err: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { row: what.to_owned(), why: err.to_string() }
}

/// An entry as it is kept: with what the tree had spent by then.
#[derive(Serialize, Deserialize)]
struct Written {
    entry: Entry,
    used: Used,
}

fn line(entry: &Entry, used: Used) -> Line {
    let mut entry = entry.clone();
    let is_long = |it: &&mut String| SHARED_BYTES <= it.len();
    let long = entry.answer.as_mut().ok().filter(is_long).map(std::mem::take);
    let blob = long.map(|it| Blob::new(it.into_bytes()));
    let text = serde_json::to_string(&Written { entry, used }).unwrap_or_default();
    Line { text, blob }
}

fn entry(line: Line) -> Result<Entry, StoreError> {
    let written: Written =
        serde_json::from_str(&line.text).map_err(|it| unread("a line of a journal", &it))?;
    let mut entry = written.entry;
    if let Some(blob) = line.blob {
        entry.answer = Ok(String::from_utf8_lossy(blob.bytes()).into_owned());
    }
    Ok(entry)
}

/// What a child was told, in its order.
pub(super) fn entries(
    tables: &mut dyn Tables,
    unit: DelegationId,
    task: usize,
) -> Result<Vec<Entry>, StoreError> {
    tables.lines(unit, task)?.into_iter().map(entry).collect()
}

/// The most that the tree had spent by what its children were told last, at
/// every depth.
pub(super) fn used(tables: &mut dyn Tables, unit: DelegationId) -> Result<Used, StoreError> {
    let mut res = Used::default();
    for text in tables.last_lines(unit)? {
        let written: Result<Written, _> = serde_json::from_str(&text);
        res = res.most(written.map_or_else(|_| Used::default(), |it| it.used));
    }
    for below in tables.units_below(unit)? {
        res = res.most(used(tables, below.record.id)?);
    }
    Ok(res)
}

/// The journals of a unit's children go there.
#[derive(Clone)]
pub(super) struct Journals {
    pub(super) store: Store,
    pub(super) max_bytes: usize,
}

impl Journals {
    /// That of one child, behind what it was told before.
    pub(super) fn of(
        &self,
        child: (DelegationId, usize),
        start: Start,
        past: Vec<Entry>,
        budget: Budget,
    ) -> Arc<Journal> {
        let (unit, task) = child;
        let sink = Box::new(Kept { store: self.store.clone(), unit, task, budget });
        Arc::new(Journal::new(start, past, Recorder { sink, max_bytes: self.max_bytes }))
    }
}

/// Where one child's journal is kept.
struct Kept {
    store: Store,
    unit: DelegationId,
    task: usize,
    budget: Budget,
}

impl Sink for Kept {
    fn keep(
        &self,
        place: u64,
        entries: &[Entry],
        wait: Wait,
    ) -> BoxFuture<'static, Result<(), String>> {
        let (unit, task, used) = (self.unit, self.task, self.budget.used());
        let lines: Vec<Line> = entries.iter().map(|it| line(it, used)).collect();
        let op = move |tables: &mut dyn Tables| {
            let mut places = (place..).map(|line| Place { unit, task, line });
            lines.iter().zip(&mut places).try_for_each(|(line, place)| tables.add_line(place, line))
        };
        let store = self.store.clone();
        Box::pin(async move {
            let kept = match wait {
                Wait::ForOthers | Wait::ForItsTurn => store.post(op).await,
                Wait::UntilDurable => store.run(op).await,
            };
            kept.map_err(|it| it.to_string())
        })
    }

    fn forget(&self) -> BoxFuture<'static, Result<(), String>> {
        let (store, unit) = (self.store.clone(), self.unit);
        Box::pin(async move {
            let forgotten = store.run(move |tables| tables.forget_journal(unit)).await;
            forgotten.map_err(|it| it.to_string())
        })
    }
}

/// The call of a child that becomes a unit.
#[derive(Clone)]
pub(super) struct Calling {
    /// The unit of the child, and its task.
    pub(super) child: (DelegationId, usize),
    pub(super) journal: Arc<Journal>,
    pub(super) budget: Budget,
}

impl Calling {
    /// What is kept together with the unit that the call becomes.
    pub(super) fn delegated(&self, to: DelegationId) -> Option<(Place, Line)> {
        let (place, entry) = self.journal.delegated(to)?;
        let (unit, task) = self.child;
        Some((Place { unit, task, line: place }, line(&entry, self.budget.used())))
    }
}
