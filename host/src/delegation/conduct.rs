//! The life of a unit that was let in: it is recorded, runs, and ends.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, future::join};
use tokio::sync::{mpsc, oneshot};

use super::{
    budget::Budget,
    dispatcher::Admitted,
    executor::{Batch, Bounds, Cells, ToolsOf, Work},
    feed::{Feed, Progress},
    hand::Stop,
    journals::{Calling, Journals, Past},
    ledger::{Books, Ledger},
    live::Live,
    origin::Origin,
};
use crate::{
    event::{CompletionEvent, Status},
    store::{Head, MOST_KEYS, RequestKey, StoreError, Tables},
    telemetry::{Span, Work as Seen},
    toolset::Registry,
    unit::UnitRecord,
};

/// Acknowledged events of other producers that are kept, so that a repetition
/// is recognised.
const KEPT_EVENTS: usize = 1_000;

/// A unit that was let in.
pub(super) struct Unit {
    pub(super) works: Vec<Work>,
    pub(super) tools: Box<ToolsOf>,
    pub(super) budget: Budget,
    pub(super) failure_notices: bool,
    /// Less than every child has, where somebody asked for that.
    pub(super) timeout: Option<Duration>,
    pub(super) key: Option<RequestKey>,
    pub(super) live: Arc<Live>,
    pub(super) stop: Stop,
    /// What telemetry sees of who asked, and later of itself.
    pub(super) span: Span,
    /// What its children were started with; none when nothing is kept.
    pub(super) origin: Option<Origin>,
    /// What another host had done of it.
    pub(super) past: Option<Past>,
    /// The call of a child that it comes from.
    pub(super) calling: Option<Calling>,
}

/// What became of the record of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It is in the store.
    Now,
    /// A unit that was asked for with the same key is.
    Before,
}

/// Conducts the units of one host.
pub(super) struct Conductor {
    cells: Cells,
    registry: Arc<Registry>,
    bounds: Bounds,
    books: Books,
    feed: Feed,
    /// Where the journals of children go.
    journals: Journals,
    /// Units that ended and are still listed.
    retained_records: usize,
    /// Whether an operation that prunes is on its way.
    is_pruning: Arc<AtomicBool>,
}

impl Conductor {
    pub(super) fn new(
        cells: Cells,
        registry: Arc<Registry>,
        bounds: Bounds,
        books: Books,
        feed: Feed,
        journals: Journals,
        retained_records: usize,
    ) -> Self {
        let is_pruning = Arc::default();
        Self { cells, registry, bounds, books, feed, journals, retained_records, is_pruning }
    }

    /// The life of a unit: recorded, run, ended.
    pub(super) async fn conduct(
        &self,
        mut unit: Unit,
        admitted: Admitted,
        recorded: oneshot::Sender<Result<Recorded, StoreError>>,
    ) -> Option<CompletionEvent> {
        let Admitted { record, turn, lease } = admitted;
        // Before the record is: should this task be dropped while the record
        // is on its way, the unit ends all the same.
        let mut ledger = self.ledger(&record, &unit);
        let res = self.recorded(&record, &mut unit).await;
        let is_recorded = res == Ok(Recorded::Now);
        // Whoever asked may be gone: a unit in the background goes on.
        let _ = recorded.send(res);
        if !is_recorded {
            ledger.discard();
            return None;
        }
        let seen = Seen::Delegation { id: record.id, tasks: record.tasks.len() };
        let span = unit.span.start(seen);
        unit.span = span.clone();
        if let Some(turn) = turn {
            tokio::select! {
                // The dispatcher is gone, or this unit's turn has come.
                _ = turn => (),
                () = unit.stop.all_asked() => (),
            }
            unit.budget = unit.budget.begun(Instant::now());
        }
        let failure = self.run(unit, record, &mut ledger).await;
        ledger.close().await;
        span.end(failure.map(Status::as_str));
        self.prune();
        // The slot is free before anybody hears of the end.
        drop(lease);
        ledger.offer();
        ledger.into_event()
    }

    /// Records a new unit, or makes one this host's that another had.
    async fn recorded(
        &self,
        record: &Arc<UnitRecord>,
        unit: &mut Unit,
    ) -> Result<Recorded, StoreError> {
        let Some(past) = &unit.past else {
            let head = unit.origin.as_ref().and_then(|it| it.head(&unit.works));
            if head.is_none() {
                unit.origin = None;
            }
            return self.insert(record, unit.key.take(), head, unit.calling.as_ref()).await;
        };
        let (id, now) = (record.id, self.books.clock.now());
        let store = &self.books.store;
        let is_taken = match past.host {
            Some(dead) => store.take_over(id, dead, now).await?,
            None => {
                let host = store.host();
                store.run(move |tables| tables.take_over(id, host, now)).await?
            }
        };
        Ok(if is_taken { Recorded::Now } else { Recorded::Before })
    }

    /// A key and its unit are recorded together, or neither is; and so is the
    /// call of a child that becomes the unit.
    async fn insert(
        &self,
        record: &Arc<UnitRecord>,
        key: Option<RequestKey>,
        head: Option<Head>,
        calling: Option<&Calling>,
    ) -> Result<Recorded, StoreError> {
        let (owner, unit) = (self.books.store.host(), Arc::clone(record));
        let delegated = calling.and_then(|it| it.delegated(unit.id));
        let insert = move |tables: &mut dyn Tables| {
            let (session, now) = (&unit.session, unit.dispatched_at);
            if let Some(key) = &key
                && tables.keep_key(session, key, unit.id, now)?.is_some()
            {
                return Ok(Recorded::Before);
            }
            tables.insert_unit(&unit, owner)?;
            if let Some(head) = &head {
                tables.keep_head(unit.id, head)?;
            }
            if let Some((place, line)) = &delegated {
                tables.add_line(*place, line)?;
            }
            Ok(Recorded::Now)
        };
        if self.books.store.run(insert).await? == Recorded::Before {
            return Ok(Recorded::Before);
        }
        let count = record.tasks.len();
        tracing::debug!(unit = %record.id, tasks = count, session = %record.session, "dispatched");
        self.feed.send(record.id, &record.session, || Progress::Dispatched { count });
        Ok(Recorded::Now)
    }

    fn ledger(&self, record: &Arc<UnitRecord>, unit: &Unit) -> Ledger {
        let (feed, stop) = (self.feed.clone(), unit.stop.interrupt.clone());
        let (books, record) = (self.books.clone(), Arc::clone(record));
        let ledger = Ledger::new(books, feed, record, unit.failure_notices, stop);
        match &unit.past {
            Some(past) => ledger.gone_on_with(past, self.books.clock.now()),
            None => ledger,
        }
    }

    /// Runs the children and books their results. A panic in here is a fault
    /// of the host that ends this unit alone: the ledger is closed after it.
    /// Gives how the first child ended that did not complete.
    async fn run(
        &self,
        unit: Unit,
        record: Arc<UnitRecord>,
        ledger: &mut Ledger,
    ) -> Option<Status> {
        let (results, mut ended) = mpsc::channel(record.tasks.len().max(1));
        let batch = self.batch(unit, record);
        let run = AssertUnwindSafe(batch.run(results)).catch_unwind();
        let mut failure = None;
        let book = async {
            while let Some(result) = ended.recv().await {
                failure = failure.or(Some(result.status).filter(|it| *it != Status::Completed));
                ledger.take(*result).await;
            }
        };
        if let (Err(_), ()) = join(run, book).await {
            tracing::error!(delegation = %batch.record.id, "the host crashed in a delegation");
            return Some(Status::Error);
        }
        failure
    }

    fn batch(&self, unit: Unit, record: Arc<UnitRecord>) -> Batch {
        let Unit { works, tools, budget, live, stop, timeout, span, origin, past, .. } = unit;
        let mut entries = Vec::new();
        let mut done = Vec::new();
        if let Some(past) = past {
            done.extend(past.results.iter().map(|it| it.task_index));
            entries = past.entries;
        }
        entries.resize_with(works.len(), Vec::new);
        let starts = origin.into_iter().flat_map(|it| it.tasks).map(|it| it.start);
        let journals = (0..).zip(starts.zip(entries)).map(|(task, (start, past))| {
            Some(self.journals.of((record.id, task), start, past, budget.clone()))
        });
        let journals = journals.collect();
        let (cells, registry) = (self.cells.clone(), Arc::clone(&self.registry));
        let timeout = timeout.unwrap_or(self.bounds.timeout);
        let bounds = Bounds { timeout, ..self.bounds };
        Batch {
            cells,
            registry,
            record,
            works,
            tools,
            live,
            stop,
            budget,
            bounds,
            span,
            journals,
            done,
        }
    }

    /// Forgets what is older than the newest records, when nobody waits. One
    /// that is on its way sees every unit that has ended by now, so that many
    /// that end at once cost one.
    fn prune(&self) {
        if self.is_pruning.swap(true, Ordering::AcqRel) {
            return;
        }
        let (keep, now) = (self.retained_records, self.books.clock.now());
        let on_its_way = Pruning(Arc::clone(&self.is_pruning));
        self.books.store.send(move |tables| {
            let _on_its_way = on_its_way;
            tables.forget_keys(now, MOST_KEYS)?;
            tables.prune(keep, KEPT_EVENTS).map(|_| ())
        });
    }
}

/// An operation that prunes, until it ran or was dropped by a store that
/// failed.
struct Pruning(Arc<AtomicBool>);

impl Drop for Pruning {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
