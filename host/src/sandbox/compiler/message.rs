//! What the host and its helper tell each other.

use serde::{Deserialize, Serialize};

use super::Budget;
use crate::sandbox::{load_error::LoadError, value::Docs};

/// Bytes of an order.
pub(super) const MAX_ORDER: usize = 1 << 10;

/// What the host wants of its helper.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// What it is asked for.
    pub(super) want: Want,
    /// Size of the component, which follows.
    pub(super) bytes: u64,
    /// What all of it may cost.
    pub(super) budget: Budget,
}

/// What there is to learn of a component.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Want {
    /// Its machine code.
    Code,
    /// What its functions are for.
    Docs,
}

/// Bytes of an answer that is no machine code.
pub(super) const MAX_ANSWER: usize = 64 << 10;

/// What a helper says of a component: how much machine code follows.
pub(super) type Answer = Result<u64, LoadError>;

/// Bytes of an answer with docs, which are bounded when they are read.
pub(super) const MAX_DOCS: usize = 256 << 10;

/// What a helper says of a component: what its functions are for.
pub(super) type DocsAnswer = Result<Docs, LoadError>;
