//! What a ledger writes, and to where.

use std::sync::Arc;

use crate::{
    clock::Clock,
    completion::Queue,
    delegation::{
        feed::{Feed, Progress},
        retry::Trouble,
    },
    event::ChildResult,
    id::HostId,
    store::{EventId, Finish, NewEvent, Store, StoreError, Tables},
    unit::UnitRecord,
};

/// What a ledger writes to.
#[derive(Clone)]
pub(in crate::delegation) struct Books {
    pub(in crate::delegation) store: Store,
    pub(in crate::delegation) queue: Queue,
    pub(in crate::delegation) clock: Arc<dyn Clock>,
    pub(in crate::delegation) trouble: Trouble,
}

impl Books {
    pub(super) async fn write(
        &self,
        record: &Arc<UnitRecord>,
        finish: &Arc<Finish>,
    ) -> Result<Option<EventId>, StoreError> {
        let (owner, record, finish) = (self.store.host(), Arc::clone(record), Arc::clone(finish));
        self.store.run(move |tables| end(tables, &record, owner, &finish)).await
    }
}

/// Ends a group. A unit that somebody took out of the store ends, too: what
/// is known of it is here.
pub(super) fn end(
    tables: &mut dyn Tables,
    record: &UnitRecord,
    owner: HostId,
    finish: &Finish,
) -> Result<Option<EventId>, StoreError> {
    match tables.finish(finish) {
        Err(StoreError::Missing(id)) => {
            tracing::error!(%id, "a delegation is gone from the store: it is recorded once more");
            tables.insert_unit(record, owner)?;
            tables.finish(finish)
        }
        res => res,
    }
}

/// A child that ended while others of its group go on.
pub(super) struct News {
    pub(super) books: Books,
    pub(super) feed: Feed,
    pub(super) record: Arc<UnitRecord>,
    pub(super) result: Arc<ChildResult>,
    pub(super) notice: Option<NewEvent>,
}

impl News {
    /// Keeps the result for the case that this host dies before the others
    /// come.
    pub(super) async fn keep(&self) -> Result<(), StoreError> {
        let (id, owner) = (self.record.id, self.books.store.host());
        let (result, notice) = (Arc::clone(&self.result), self.notice.clone());
        let keep = move |tables: &mut dyn Tables| {
            tables.child_ended(id, &result)?;
            notice.map(|it| tables.push(&it, owner)).transpose().map(drop)
        };
        self.books.store.run(keep).await
    }

    /// Only of what is on disk, so that what a person saw is what the next
    /// start reports.
    pub(super) fn tell(&self, kept: Result<(), StoreError>) {
        if let Err(err) = kept {
            // It comes with the group's event all the same.
            tracing::error!(%err, delegation = %self.record.id, "a result was not kept");
            return;
        }
        if self.notice.is_some() {
            self.books.queue.offered(&self.record.session);
        }
        let news = || Progress::ChildEnded(Arc::clone(&self.result));
        self.feed.send(self.record.id, &self.record.session, news);
    }
}
