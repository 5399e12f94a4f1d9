//! Delegation: from a request to its completion events (SEMANTICS.md §2–§6).
//!
//! [`Request`] is what a caller says. The [`Delegator`] checks all of it
//! before anything is spawned, finds the components and pays for the children
//! (`prepare`); finds a place for the unit and records it (`dispatch`); and
//! runs its children, some at a time, to exactly one event for each group of
//! tasks.
//!
//! The dispatcher is the only writer of what runs; the ledger of a unit is
//! the only writer of its results; a child's tools are what an orchestrator
//! delegates through.
//!
//! **Invariant:** one child's trap, timeout or refusal never touches a
//! sibling, and every task of a delegation has exactly one result.

mod admission;
mod answer;
pub mod budget;
#[path = "delegation/budget/limits.rs"]
mod budget_limits;
mod chat;
mod conduct;
mod delegator;
mod dispatcher;
mod error;
mod executor;
mod feed;
mod follow_up;
mod hand;
mod inbox;
mod journals;
mod ledger;
mod limits;
mod live;
mod origin;
mod originals;
mod peers;
mod preview;
pub mod request;
mod result;
mod retry;
mod running;
mod seen;
mod sync;

#[cfg(test)]
#[path = "delegation/budget/tests.rs"]
mod budget_tests;

pub use admission::{OnCapacity, Rejection, Whose};
pub use budget::{Budget, Spent};
pub use delegator::{Delegator, Parts, Prepared, Replay, Replayed};
pub use dispatcher::RunningUnit;
pub use error::DelegateError;
pub use executor::Work;
pub use feed::{Progress, Update};
pub use hand::ChildError;
pub use limits::{Limits, Resume};
pub use live::{ChildLog, Live};
pub use preview::NotLoaded;
pub use request::{
    Completion, Request, RequestError, Rules, STRANGERS_TOOLSET, TaskRequest, WrittenBy,
};
pub use running::{Dispatched, Handle, Running, Stopper};
pub use seen::{LiveChild, Phase, WaitsFor};
