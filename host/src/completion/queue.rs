//! The queue of events that every producer shares (SEMANTICS.md §8).
//!
//! Delivery is at least once: an event is claimed, applied by its consumer and
//! then acknowledged. A claim is exclusive and has a lease; a failed attempt
//! is followed by a pause, and the last one leaves the event dead and visible.
//! A busy consumer has not failed.
//!
//! What is queued, and in which state, is the store's; this module decides
//! when it is looked at and tells those who wait. It never applies an event.

mod claim;
mod config;
mod deliveries;
mod delivery;
mod error;
mod pause;
mod waiters;

use std::{fmt, sync::Arc, time::Duration};

pub use self::{
    config::{QueueConfig, QueueConfigError},
    deliveries::{Deliveries, FOREIGN_LOOK},
    delivery::Delivery,
    error::{QueueError, SettleError},
    pause::BUSY_PAUSE,
};
pub use crate::store::Settled;

use self::{claim::Claim, pause::Pause, waiters::Waiters};
use crate::{
    clock::Clock,
    event::ASYNC_DELEGATION,
    session::Session,
    store::{
        ClaimFilter, ClaimToken, EventBody, EventFilter, EventId, EventRow, NewEvent, Store,
        StoreError, Tables,
    },
};

/// Longest type of an event; types are index columns of the store.
const MAX_KIND_BYTES: usize = 64;

/// Longest identity of an event, likewise.
const MAX_DEDUP_BYTES: usize = 256;

/// Longest body of another producer's event, as JSON. Events are messages:
/// what is larger belongs in a file, whose name the event can tell.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// Most events of one [`Queue::drain`], which is one operation of the store
/// that others wait for.
pub const MAX_DRAIN: usize = 1024;

/// A handle on the queue. Clones are handles on the same; a process has one
/// queue for each store, since consumers are woken by the queue that they
/// wait at.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    config: QueueConfig,
    waiters: Waiters,
}

impl Queue {
    /// The queue of that store.
    pub fn new(store: Store, clock: Arc<dyn Clock>, config: QueueConfig) -> Self {
        Self { shared: Arc::new(Shared { store, clock, config, waiters: Waiters::default() }) }
    }

    /// Queues an event of a producer other than delegations. When this
    /// returns, it is durable. `None` when one of the same type and identity
    /// was queued for that session before, whatever became of it.
    ///
    /// # Errors
    ///
    /// A type that is not in snake case, is too long or is a delegation's; an
    /// identity that is empty or too long; a body above [`MAX_BODY_BYTES`];
    /// or that of the store.
    pub async fn push(
        &self,
        kind: &str,
        dedup: &str,
        session: &Session,
        body: &serde_json::Value,
    ) -> Result<Option<EventId>, QueueError> {
        let event = NewEvent {
            kind: checked_kind(kind)?,
            dedup: checked_dedup(dedup)?,
            session: session.clone(),
            body: EventBody::Other(checked_body(body)?),
            created_at: self.now(),
        };
        let _wake = self.waiters().wake_at_end(session);
        let host = self.store().host();
        Ok(self.store().run(move |tables| tables.push(&event, host)).await?)
    }

    /// An event of that session was queued past [`Queue::push`], and is
    /// durable: wakes those who wait for it.
    pub fn offered(&self, session: &Session) {
        self.waiters().wake(session);
    }

    /// Events were freed without anybody saying which, as those of a host that
    /// ended are: wakes everybody who waits.
    pub(crate) fn freed(&self) {
        self.waiters().wake_all();
    }

    /// Waits for events. A consumer that asks only when it is idle gets each
    /// as a turn of its own.
    pub fn deliveries(&self, filter: ClaimFilter) -> Deliveries {
        Deliveries::new(self.clone(), filter)
    }

    /// What is there now, in order: at most `max` events and never more than
    /// [`MAX_DRAIN`]. Events of other types and sessions are not touched.
    ///
    /// # Errors
    ///
    /// That of the store; then nothing is claimed.
    pub async fn drain(
        &self,
        filter: ClaimFilter,
        max: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (queue, max) = (self.clone(), max.min(MAX_DRAIN));
        let drain = move |tables: &mut dyn Tables| {
            // One moment for all: what is claimed is not offered again at it.
            let (mut claims, now) = (Vec::new(), queue.now());
            while claims.len() < max
                && let Some(claim) = Claim::first(&queue, &filter, now, tables)?
            {
                claims.push(claim);
            }
            Ok(claims)
        };
        let claims = self.store().run(drain).await?;
        Ok(claims.into_iter().map(|it| Delivery::new(it, Pause::default())).collect())
    }

    /// An event that was lent ([`Delivery::lend`]), to be settled for whoever
    /// has it: under that token, or under whichever it has. Dropped without a
    /// word, it stays theirs. `None` when nobody has it, or by another claim.
    ///
    /// # Errors
    ///
    /// That of the store.
    pub async fn lent(
        &self,
        id: EventId,
        token: Option<ClaimToken>,
    ) -> Result<Option<Delivery>, StoreError> {
        let lent = self.store().read(move |tables| tables.lent(id)).await?;
        let meant = lent.filter(|(_, it)| token.is_none_or(|token| *it == token));
        Ok(meant.map(|(row, token)| Delivery::lent(Claim::lent(self, row, token))))
    }

    /// Events and their states, dead ones included.
    ///
    /// # Errors
    ///
    /// That of the store.
    pub async fn list(&self, filter: EventFilter) -> Result<Vec<EventRow>, StoreError> {
        self.store().read(move |tables| tables.events(&filter)).await
    }

    /// Acknowledges an event that a person has read, whoever holds it; a
    /// consumer that holds it loses its claim. `false` when it was
    /// acknowledged before.
    ///
    /// # Errors
    ///
    /// That of the store.
    pub async fn ack_by_hand(&self, id: EventId) -> Result<bool, StoreError> {
        self.store().run(move |tables| tables.ack_by_hand(id)).await
    }

    /// Offers an event again whose attempts were all used up, as if nobody had
    /// tried it. It is the first of its session again. `false` when it is not
    /// dead.
    ///
    /// # Errors
    ///
    /// That of the store.
    pub async fn revive(&self, id: EventId) -> Result<bool, StoreError> {
        let revive = move |tables: &mut dyn Tables| {
            let session = tables.event(id)?.map(|it| it.event.session);
            Ok(if tables.revive(id)? { session } else { None })
        };
        let session = self.store().run(revive).await?;
        if let Some(session) = &session {
            self.offered(session);
        }
        Ok(session.is_some())
    }

    /// How long a claim holds without an acknowledgement.
    pub fn lease_time(&self) -> Duration {
        self.config().lease()
    }

    fn store(&self) -> &Store {
        &self.shared.store
    }

    fn config(&self) -> &QueueConfig {
        &self.shared.config
    }

    fn waiters(&self) -> &Waiters {
        &self.shared.waiters
    }

    fn now(&self) -> f64 {
        self.shared.clock.now()
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { store, config, .. } = &*self.shared;
        f.debug_struct("Queue")
            .field("store", store)
            .field("config", config)
            .finish_non_exhaustive()
    }
}

fn checked_kind(kind: &str) -> Result<String, QueueError> {
    let is_part = |it: &str| {
        let is_char = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
        !it.is_empty() && it.bytes().all(is_char)
    };
    let is_snake = kind.starts_with(|it: char| it.is_ascii_lowercase());
    if MAX_KIND_BYTES < kind.len() || !is_snake || !kind.split('_').all(is_part) {
        return Err(QueueError::kind(kind));
    }
    if kind.starts_with(ASYNC_DELEGATION) {
        return Err(QueueError::Reserved(kind.to_owned()));
    }
    Ok(kind.to_owned())
}

fn checked_dedup(dedup: &str) -> Result<String, QueueError> {
    if dedup.is_empty() || MAX_DEDUP_BYTES < dedup.len() {
        return Err(QueueError::Dedup { bytes: dedup.len(), max: MAX_DEDUP_BYTES });
    }
    Ok(dedup.to_owned())
}

fn checked_body(body: &serde_json::Value) -> Result<String, QueueError> {
    let body = body.to_string();
    if MAX_BODY_BYTES < body.len() {
        return Err(QueueError::Body { bytes: body.len(), max: MAX_BODY_BYTES });
    }
    Ok(body)
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
