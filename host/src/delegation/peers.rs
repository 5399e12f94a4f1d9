//! The hosts of one process that stand on one store: what one of them is
//! asked about, another may run.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;

use super::{
    dispatcher::{Dispatcher, RunningUnit, WeakDispatcher, Which},
    hand::Stop,
};
use crate::id::DelegationId;

/// The dispatchers of all of them. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Peers(Arc<Mutex<Vec<WeakDispatcher>>>);

impl Peers {
    /// One more, until it ends by itself.
    pub(super) fn join(&self, dispatcher: &Dispatcher) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|it| it.upgrade().is_some());
        all.push(dispatcher.downgrade());
    }

    /// Asks units to stop, whoever runs them. Returns how many were asked.
    pub(super) async fn interrupt(&self, which: &Which, reason: Option<&str>) -> usize {
        let ask = |it: Dispatcher| {
            let (which, reason) = (which.clone(), reason.map(str::to_owned));
            async move { it.interrupt(which, reason).await }
        };
        join_all(self.living().into_iter().map(ask)).await.into_iter().sum()
    }

    /// The hand on one unit that runs or waits in one of them.
    pub(super) async fn hand(&self, id: DelegationId) -> Option<Stop> {
        let ask = |it: Dispatcher| async move { it.hand(id).await };
        join_all(self.living().into_iter().map(ask)).await.into_iter().flatten().next()
    }

    /// What runs and waits now.
    pub(super) async fn running(&self) -> Vec<RunningUnit> {
        let ask = |it: Dispatcher| async move { it.running().await };
        join_all(self.living().into_iter().map(ask)).await.concat()
    }

    fn living(&self) -> Vec<Dispatcher> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(WeakDispatcher::upgrade).collect()
    }
}
