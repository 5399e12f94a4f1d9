//! The hosts of one process that stand on one store: what one of them is
//! asked about, another may run.

use std::sync::{Arc, Mutex, PoisonError};

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
    pub(super) fn interrupt(&self, which: &Which, reason: Option<&str>) -> usize {
        self.living().iter().map(|it| it.interrupt(which, reason)).sum()
    }

    /// The hand on one unit that runs or waits in one of them.
    pub(super) fn hand(&self, id: DelegationId) -> Option<Stop> {
        self.living().iter().find_map(|it| it.hand(id))
    }

    /// What runs and waits now.
    pub(super) fn running(&self) -> Vec<RunningUnit> {
        self.living().iter().flat_map(Dispatcher::running).collect()
    }

    fn living(&self) -> Vec<Dispatcher> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(WeakDispatcher::upgrade).collect()
    }
}
