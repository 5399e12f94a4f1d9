//! A host under work for a long time ([`mix`]), under more than it has room
//! for ([`load`]), and with very much that waits ([`waiting`]). The program
//! `soak` runs these at length, and the tests for a moment.

pub mod load;
pub mod meter;
pub mod mix;
pub mod waiting;

use std::time::Duration;

/// Of times, the one that so many of a hundred are not above.
pub fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
}
