//! Whether the service can do what it is there for: `/healthz`.
//!
//! What it promises is that it records what it is asked, so it tries that.
//! Anybody on this machine may ask, so all who ask within a while have one
//! answer.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{extract::State, http::StatusCode};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::time::{Instant, timeout};

use super::{Inner, error::Refusal};
use crate::{
    host::Host,
    store::{Store, StoreError},
};

/// How long an answer stands. Bounds what callers without a token make the
/// store write.
const FRESH: Duration = Duration::from_secs(1);

/// For the store to answer. Bounds how long whoever asks is left without a word
/// by a disk that hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is told when the store has not taken an end.
const BEHIND: &str = "what ended is in memory alone: the store takes no writes";

/// What was found last.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<Look>>);

struct Look {
    begun: Instant,
    found: Shared<BoxFuture<'static, Result<(), Refusal>>>,
}

impl Look {
    fn at(store: &Store) -> Self {
        let store = store.clone();
        // A task of its own: whoever asked may leave.
        let looking = tokio::spawn(async move {
            let tried = timeout(PATIENCE, store.try_to_write()).await;
            tried.unwrap_or_else(|_| Err(StoreError::Busy("it does not answer".to_owned())))
        });
        let found = looking.map(|it| Ok(it.unwrap_or(Err(StoreError::Closed))?));
        Self { begun: Instant::now(), found: found.boxed().shared() }
    }

    fn stands(&self) -> bool {
        self.begun.elapsed() < FRESH || self.found.peek().is_none()
    }
}

impl Health {
    /// Whether that store takes writes.
    async fn of(&self, store: &Store) -> Result<(), Refusal> {
        let found = {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !last.as_ref().is_some_and(Look::stands) {
                *last = None;
            }
            last.get_or_insert_with(|| Look::at(store)).found.clone()
        };
        found.await
    }
}

/// `GET /healthz`.
pub(super) async fn show(State(service): State<Arc<Inner>>) -> Result<&'static str, Refusal> {
    service.health.of(service.hosts.store()).await?;
    // A little may still fit where what matters does not.
    match service.hosts.all().iter().any(Host::is_behind) {
        true => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store", BEHIND)),
        false => Ok("ok\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::OsRandom;

    /// As if so long had passed.
    fn pass(health: &Health, time: Duration) {
        let mut last = health.0.lock().unwrap();
        last.as_mut().unwrap().begun -= time;
    }

    #[tokio::test]
    async fn a_store_that_takes_no_writes_is_told_of_and_asked_once_in_a_while() {
        let (store, broken) = Store::breakable(&OsRandom);
        let health = Health::default();
        health.of(&store).await.unwrap();
        *broken.lock().unwrap() = Some(StoreError::Full("no room".to_owned()));
        health.of(&store).await.expect("nobody looks again so soon");
        pass(&health, FRESH);
        let refused = format!("{:?}", health.of(&store).await.unwrap_err());
        assert!(refused.contains("503") && refused.contains("disk_full"), "{refused}");
        *broken.lock().unwrap() = None;
        assert!(health.of(&store).await.is_err());
        pass(&health, FRESH);
        health.of(&store).await.unwrap();
    }
}
