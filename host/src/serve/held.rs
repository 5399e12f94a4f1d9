//! Events in the hands of consumers over HTTP, until they are settled or their
//! leases end.
//!
//! The claim itself is the queue's; here is only what settles it. One that is
//! missing here, since the service was started anew or its lease ended, was put
//! back or is another's: the consumer is told that.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task::AbortHandle, time::sleep};

use super::{error::Refusal, wire::ClaimId};
use crate::{completion::Delivery, store::EventId};

/// Events held at once. Bounds what consumers keep in memory that never settle
/// what they take.
pub(super) const MAX_HELD: usize = 4_096;

/// Why a claim is a failed attempt that nobody settled.
const EXPIRED: &str = "its lease ended";

/// The events that are held.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<HashMap<EventId, Entry>>>);

struct Entry {
    delivery: Delivery,
    claim: ClaimId,
    end: AbortHandle,
}

impl Held {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries().len()
    }

    /// Holds one until it is taken, or for that long.
    pub(super) fn hold(&self, delivery: Delivery, lease: Duration) -> ClaimId {
        let claim = ClaimId::new();
        self.hold_as(claim.clone(), delivery, lease);
        claim
    }

    /// The same under the claim that it had.
    pub(super) fn hold_as(&self, claim: ClaimId, delivery: Delivery, lease: Duration) {
        let (held, id, meant) = (self.clone(), delivery.id(), claim.clone());
        let end = tokio::spawn(async move {
            sleep(lease).await;
            if let Some((delivery, _)) = held.take(id, Some(&meant)) {
                let _ = delivery.retry(EXPIRED).await;
            }
        });
        self.entries().insert(id, Entry { delivery, claim, end: end.abort_handle() });
    }

    /// Takes one to settle it, if it is held, and by that claim.
    pub(super) fn take(&self, id: EventId, claim: Option<&ClaimId>) -> Option<(Delivery, ClaimId)> {
        let mut entries = self.entries();
        let is_meant = |it: &Entry| claim.is_none_or(|claim| it.claim == *claim);
        if !entries.get(&id).is_some_and(is_meant) {
            return None;
        }
        let Entry { delivery, claim, end } = entries.remove(&id)?;
        end.abort();
        Some((delivery, claim))
    }

    /// Puts all of them back: the service ends, and nobody failed.
    pub(super) async fn put_all_back(&self) {
        let all: Vec<EventId> = self.entries().keys().copied().collect();
        for id in all {
            if let Some((delivery, _)) = self.take(id, None) {
                let _ = delivery.put_back().await;
            }
        }
    }

    /// Refuses to hand out more than are held at most.
    pub(super) fn room(&self) -> Result<usize, Refusal> {
        match MAX_HELD.saturating_sub(self.len()) {
            0 => Err(Refusal::full(format!(
                "{MAX_HELD} events are with consumers that have not settled them"
            ))),
            room => Ok(room),
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<EventId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
