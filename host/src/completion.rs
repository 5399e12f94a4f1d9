//! How a delegation's end is told: the event as text for a conversation, and
//! the cleaning that untrusted text goes through before anyone sees it.
//!
//! Pure: takes an event and gives a text back. Keeping events and handing
//! them to sessions is not its work, and it decides nothing about them.

pub mod sanitize;
pub mod text;
