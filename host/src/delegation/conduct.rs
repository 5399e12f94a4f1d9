//! The life of a unit that was let in: it is recorded, runs, and ends.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use futures_util::{FutureExt as _, future::join};
use tokio::sync::{mpsc, oneshot};

use super::{
    budget::Budget,
    delegator::Core,
    dispatcher::{Admitted, Stop},
    executor::{Batch, Bounds, Work},
    ledger::{Books, Ledger},
    live::{Live, Progress},
    nested::ChildTools,
};
use crate::{event::CompletionEvent, store::StoreError, unit::UnitRecord};

/// Acknowledged events of other producers that are kept, so that a repetition
/// is recognised.
const KEPT_EVENTS: usize = 1_000;

/// A unit that was let in.
pub(super) struct Unit {
    pub(super) works: Vec<Work>,
    pub(super) budget: Budget,
    pub(super) failure_notices: bool,
    pub(super) live: Arc<Live>,
    pub(super) stop: Stop,
}

impl Core {
    /// The life of a unit: recorded, run, ended.
    pub(super) async fn conduct(
        self: Arc<Self>,
        mut unit: Unit,
        admitted: Admitted,
        recorded: oneshot::Sender<Result<(), StoreError>>,
    ) -> Option<CompletionEvent> {
        let Admitted { record, turn, lease } = admitted;
        // Before the record is: should this task be dropped while the record
        // is on its way, the unit ends all the same.
        let mut ledger = self.ledger(&record, &unit);
        let res = self.insert(&record).await;
        let is_recorded = res.is_ok();
        // Whoever asked may be gone: a unit in the background goes on.
        let _ = recorded.send(res);
        if !is_recorded {
            ledger.discard();
            return None;
        }
        if let Some(turn) = turn {
            tokio::select! {
                // The dispatcher is gone, or this unit's turn has come.
                _ = turn => (),
                () = unit.stop.interrupt.asked() => (),
            }
            unit.budget = unit.budget.begun(Instant::now());
        }
        self.run(unit, record, &mut ledger).await;
        ledger.close().await;
        self.prune();
        // The slot is free before anybody hears of the end.
        drop(lease);
        ledger.offer();
        ledger.into_event()
    }

    async fn insert(&self, record: &Arc<UnitRecord>) -> Result<(), StoreError> {
        let (owner, unit) = (self.parts.store.host(), Arc::clone(record));
        self.parts.store.run(move |tables| tables.insert_unit(&unit, owner)).await?;
        let count = record.tasks.len();
        tracing::debug!(unit = %record.id, tasks = count, session = %record.session, "dispatched");
        self.feed.send(record.id, &record.session, || Progress::Dispatched { count });
        Ok(())
    }

    fn ledger(&self, record: &Arc<UnitRecord>, unit: &Unit) -> Ledger {
        let books = Books {
            store: self.parts.store.clone(),
            queue: self.parts.queue.clone(),
            clock: Arc::clone(&self.parts.clock),
            trouble: self.trouble.clone(),
        };
        let (feed, stop) = (self.feed.clone(), unit.stop.interrupt.clone());
        Ledger::new(books, feed, Arc::clone(record), unit.failure_notices, stop)
    }

    /// Runs the children and books their results. A panic in here is a fault
    /// of the host that ends this unit alone: the ledger is closed after it.
    async fn run(self: &Arc<Self>, unit: Unit, record: Arc<UnitRecord>, ledger: &mut Ledger) {
        let (results, mut ended) = mpsc::channel(record.tasks.len().max(1));
        let batch = self.batch(unit, record);
        let run = AssertUnwindSafe(batch.run(results)).catch_unwind();
        let book = async {
            while let Some(result) = ended.recv().await {
                ledger.take(result).await;
            }
        };
        if let (Err(_), ()) = join(run, book).await {
            tracing::error!(delegation = %batch.record.id, "the host crashed in a delegation");
        }
    }

    fn batch(self: &Arc<Self>, unit: Unit, record: Arc<UnitRecord>) -> Batch {
        let Unit { works, budget, live, stop, failure_notices: _ } = unit;
        let (core, of, tree) = (Arc::clone(self), Arc::clone(&record), budget.clone());
        Batch {
            sandbox: Arc::clone(&self.parts.sandbox),
            tools: Box::new(move |work, spent| {
                Arc::new(ChildTools::new(&core, &of, work, tree.clone(), spent))
            }),
            record,
            works,
            live,
            stop,
            budget,
            bounds: self.bounds(),
        }
    }

    fn bounds(&self) -> Bounds {
        let limits = &self.parts.limits;
        Bounds {
            max_concurrent_children: limits.max_concurrent_children,
            timeout: limits.child_timeout,
            grace: limits.interrupt_grace,
        }
    }

    /// Forgets what is older than the newest records, when nobody waits. One
    /// that is on its way sees every unit that has ended by now, so that many
    /// that end at once cost one.
    fn prune(&self) {
        if self.is_pruning.swap(true, Ordering::AcqRel) {
            return;
        }
        let keep = self.parts.limits.retained_records;
        let on_its_way = Pruning(Arc::clone(&self.is_pruning));
        self.parts.store.send(move |tables| {
            let _on_its_way = on_its_way;
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
