//! Writes that must not be lost: what the store can't take now, because the
//! disk is full or another process holds it, is tried again until it can.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::store::StoreError;

/// Before the second try. Doubled after each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Between later tries: how late an end can be after there is room again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether the store may take the same write later.
pub(super) fn may_pass<T>(res: &Result<T, StoreError>) -> bool {
    res.as_ref().is_err_and(StoreError::leaves_all_as_it_was)
}

/// Whether the store of a host takes writes, so that it is told once when it
/// stops to, and once when it does again, however many units wait for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble(Arc<AtomicBool>);

impl Trouble {
    fn begins(&self, err: &StoreError) {
        if !self.0.swap(true, Ordering::AcqRel) {
            tracing::warn!(%err, "ends and results are kept in memory until the store takes them");
        }
    }

    /// Whether there is something that the store has not taken.
    pub(super) fn lasts(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn is_over(&self) {
        if self.0.swap(false, Ordering::AcqRel) {
            tracing::info!("the store takes writes again");
        }
    }

    /// Tries a write until it is taken, or fails for good.
    pub(super) async fn outlast<T, F>(&self, write: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let res = write().await;
            match &res {
                Err(err) if may_pass(&res) => self.begins(err),
                Err(_) => return res,
                Ok(_) => {
                    self.is_over();
                    return res;
                }
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_the_store_has_not_taken_is_known_until_it_has() {
        let trouble = Trouble::default();
        let tries = std::sync::atomic::AtomicUsize::new(0);
        let write = async || match tries.fetch_add(1, Ordering::Relaxed) {
            0 => Err(StoreError::Full("no room".to_owned())),
            _ => Ok(trouble.lasts()),
        };
        assert!(!trouble.lasts());
        assert!(trouble.outlast(write).await.unwrap(), "it was told before the second try");
        assert!(!trouble.lasts());
    }
}
