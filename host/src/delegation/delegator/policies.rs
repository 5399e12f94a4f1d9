//! Policies that were decided lately: a host decides few, and children that
//! are held to the same share one, with its digest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::boundary::Policy;

/// As many as a host uses at a time, with room; each more is one more that a
/// new one is compared with.
const KEPT: usize = 16;

/// The latest ones. Replaced as a whole, so that to look takes no copy.
#[derive(Default)]
pub(super) struct Policies(Mutex<Arc<[Arc<Policy>]>>);

impl Policies {
    pub(super) fn latest(&self) -> Arc<[Arc<Policy>]> {
        Arc::clone(&self.lock())
    }

    pub(super) fn keep(&self, policy: &Arc<Policy>) {
        let mut latest = self.lock();
        if !latest.iter().any(|it| Arc::ptr_eq(it, policy)) {
            let before = latest.iter().take(KEPT - 1);
            *latest = std::iter::once(policy).chain(before).cloned().collect();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[Arc<Policy>]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
