//! Delegation: from a request to one completion event.
//!
//! [`Request`] is what a caller says; [`Request::resolve`] checks all of it
//! before anything is spawned and gives a [`Delegation`], whose grants are
//! frozen; the [`Executor`] runs its children, some at a time, and ends with
//! exactly one [`CompletionEvent`](crate::event::CompletionEvent).
//!
//! **Invariant:** one child's trap, timeout or refusal never touches a
//! sibling, and every task of a delegation has exactly one result.

pub mod executor;
pub mod live;
pub mod request;
mod result;

pub use executor::{Delegation, Executor, ExecutorConfig, Work};
pub use live::{Live, LiveChild, Phase, Progress};
pub use request::{Request, RequestError, Rules, TaskRequest};
