//! A message of one session to another, as an event and as its text.

use serde::Deserialize;

use super::block::block;
use crate::completion::sanitize::clean_line;

/// The type of a message among the events.
pub const MESSAGE: &str = "message";

/// What one session tells another. On the queue it is the JSON object
/// `{"from": …, "text": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Key of the session that sent it, on one line.
    pub from: String,
    /// As much of it is told as of a summary
    /// ([`MAX_SUMMARY_CHARS`](super::MAX_SUMMARY_CHARS)).
    pub text: String,
}

/// Characters of a sender: no session key is longer.
const MAX_FROM_CHARS: usize = 512;

impl Message {
    /// The message in an event's JSON, in the form that it is shown in. `None`
    /// when it is none, or nothing of it could be read.
    pub(super) fn of(kind: &str, json: &str) -> Option<Self> {
        if kind != MESSAGE {
            return None;
        }
        let Self { from, text } = serde_json::from_str(json).ok()?;
        let from = clean_line(&from, MAX_FROM_CHARS);
        let text = block(&text)?;
        (!from.is_empty()).then_some(Self { from, text })
    }
}
