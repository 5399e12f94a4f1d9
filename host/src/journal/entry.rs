//! What stands in a journal.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{
    completion::sanitize::clean_line,
    event::ToolTrace,
    id::{DelegationId, Random},
    toolset::ModelError,
};

/// Hexadecimal digits of a digest: 128 bits tell any two calls apart.
const DIGEST_CHARS: usize = 32;

/// Longest text about a call.
const MAX_SUBJECT_BYTES: usize = 256;

/// What a child was started with, besides its task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// What its randomness is made of.
    pub seed: [u8; 32],
    /// What its wall clock said first, in milliseconds since 1970.
    pub wall_clock_ms: u64,
}

impl Start {
    /// Of a child that starts now.
    pub fn now(random: &dyn Random) -> Self {
        let mut seed = [0; 32];
        random.fill(&mut seed);
        let wall_clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_clock_ms = u64::try_from(wall_clock.as_millis()).unwrap_or(u64::MAX);
        Self { seed, wall_clock_ms }
    }
}

/// What a child asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The tool, or `chat`.
    pub call: String,
    /// What the call is about, for people. Untrusted text.
    pub subject: String,
    /// Of the arguments.
    digest: String,
}

impl Asked {
    /// A call with those arguments.
    pub fn new(call: &str, subject: &str, arguments: &impl Serialize) -> Self {
        let mut hasher = blake3::Hasher::new();
        // Only a map with keys that are no text can't be written.
        let _ = serde_json::to_writer(&mut hasher, arguments);
        Self::of(call, subject, &hasher)
    }

    /// The same call, with its arguments written as JSON.
    pub fn of_json(call: &str, subject: &str, arguments: &str) -> Self {
        Self::of(call, subject, blake3::Hasher::new().update(arguments.as_bytes()))
    }

    fn of(call: &str, subject: &str, hasher: &blake3::Hasher) -> Self {
        let subject = subject.get(..subject.floor_char_boundary(MAX_SUBJECT_BYTES));
        Self {
            call: call.to_owned(),
            subject: subject.unwrap_or_default().to_owned(),
            digest: hasher.finalize().to_hex().chars().take(DIGEST_CHARS).collect(),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject.is_empty() {
            write!(f, "`{}`", self.call)
        } else {
            write!(f, "`{} {}`", self.call, clean_line(&self.subject, MAX_SUBJECT_BYTES))
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// The answer of a call that has one; an empty text otherwise.
    pub answer: Result<String, ModelError>,
    /// How long the child had run, in milliseconds.
    pub at_ms: u64,
    /// What its clocks said since the entry before: how often, and how many
    /// milliseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<(u64, u64)>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A call that may have an effect begins.
    Began {
        /// For what.
        asked: Asked,
    },
    /// The call under way became a unit.
    Delegated {
        /// Which one.
        unit: DelegationId,
    },
    /// A call ended.
    Answered {
        /// What was asked.
        asked: Asked,
        /// As it stands in the child's result; none for a chat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<ToolTrace>,
        /// What the child's model was told with this chat.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        heard: Vec<String>,
    },
    /// The child was asked to stop.
    Stopped,
    /// The child returned.
    Ended,
}

impl Entry {
    /// What was asked for, where it is a call.
    pub fn asked(&self) -> Option<&Asked> {
        match &self.event {
            Event::Began { asked } | Event::Answered { asked, .. } => Some(asked),
            Event::Delegated { .. } | Event::Stopped | Event::Ended => None,
        }
    }
}
