//! The pause of a consumer, which its deliveries begin.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{self, Instant};

/// How long a consumer that put an event back is not offered one.
pub const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// Until when a consumer is not offered anything. Shared with its deliveries.
#[derive(Clone, Default)]
pub(super) struct Pause {
    until: Arc<Mutex<Option<Instant>>>,
}

impl Pause {
    pub(super) fn begin_busy(&self) {
        self.begin(BUSY_PAUSE);
    }

    pub(super) fn begin(&self, length: Duration) {
        let until = Instant::now() + length;
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    pub(super) async fn over(&self) {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            time::sleep_until(until).await;
        }
    }
}
