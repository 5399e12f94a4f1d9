//! Keys of requests: what tells one that is repeated from a new one.

use std::time::Duration;

use crate::id::DelegationId;

/// How long a key is known. Whoever repeats a call does so within minutes; a
/// key that is used again a day later is a new request's.
pub const KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Keys that are known at once, of all sessions; the oldest go first. Bounds
/// what a caller that makes up keys leaves in the store.
pub const MOST_KEYS: usize = 10_000;

/// A key, as its caller made it up for one session, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The caller's own.
    pub key: String,
    /// Of the whole request.
    pub digest: String,
}

/// What a key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    /// The unit that the request became.
    pub unit: DelegationId,
    /// Of that request.
    pub digest: String,
}

/// Keys that were made before this (epoch seconds) are forgotten.
pub(super) fn oldest(now: f64) -> f64 {
    now - KEY_LIFE.as_secs_f64()
}
