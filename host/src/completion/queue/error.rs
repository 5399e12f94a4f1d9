//! What the queue refuses.

use crate::store::{EventId, StoreError};

/// Why an event was not queued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// Types are told apart by people and by filters.
    #[error("`{0}` is no type of an event: give at most 64 of `a-z`, `0-9` and single `_`")]
    Kind(String),
    /// Only delegations queue events of their types.
    #[error("the type `{0}` is reserved for delegations")]
    Reserved(String),
    /// Nothing would tell a repetition, or too much.
    #[error("an identity of {bytes} bytes: it takes 1 to {max}")]
    Dedup {
        /// As it was given.
        bytes: usize,
        /// The longest.
        max: usize,
    },
    /// Larger than a message.
    #[error("a body of {bytes} bytes: at most {max} are taken")]
    Body {
        /// As it was given.
        bytes: usize,
        /// The longest.
        max: usize,
    },
    /// It was not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueueError {
    pub(super) fn kind(kind: &str) -> Self {
        QueueError::Kind(kind.chars().take(80).flat_map(char::escape_default).collect())
    }
}

/// Why an event was not settled as its consumer asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The claim is no longer this consumer's: its lease ended and another one
    /// has the event, or it is settled.
    #[error("event {} is no longer this consumer's", .0.0)]
    Lost(EventId),
    /// It was not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}
