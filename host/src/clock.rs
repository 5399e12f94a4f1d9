//! The wall clock, passed in. Deadlines never use it: they are measured on
//! the monotonic clock of the runtime.

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time that stands in events.
pub trait Clock: Send + Sync {
    /// Epoch seconds.
    fn now(&self) -> f64;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A clock set before 1970 reads 0.
    fn now(&self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }
}
