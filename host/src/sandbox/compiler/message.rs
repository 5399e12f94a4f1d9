//! What the host and its helper tell each other.

use serde::{Deserialize, Serialize};

use super::Budget;
use crate::sandbox::load_error::LoadError;

/// Bytes of an order.
pub(super) const MAX_ORDER: usize = 1 << 10;

/// What the host wants of its helper.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// Size of the component, which follows.
    pub(super) bytes: u64,
    /// What all of it may cost.
    pub(super) budget: Budget,
}

/// Bytes of an answer that is no machine code.
pub(super) const MAX_ANSWER: usize = 64 << 10;

/// What a helper says of a component: how much machine code follows.
pub(super) type Answer = Result<u64, LoadError>;
