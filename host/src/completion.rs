//! How a delegation's end reaches who asked: the queue of events, the event as
//! text for a conversation, and the cleaning that untrusted text goes through
//! before anyone sees it.
//!
//! Keeping events is the store's work, and applying them that of consumers;
//! the text is pure and decides nothing.

pub mod queue;
pub mod sanitize;
pub mod text;

pub use queue::{Deliveries, Delivery, Queue, QueueConfig};
