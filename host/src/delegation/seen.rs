//! One child as it can be seen from outside.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{Status, Tokens};

/// Where a child, or a delegation, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// A child: for one of the places of the batch, or for a cell. A
    /// delegation: for its slot.
    Waiting,
    /// A child: in its cell. A delegation: with its slot.
    Running,
    /// With its result.
    #[serde(untagged)]
    Ended(Status),
}

impl Phase {
    /// The word in listings: how it ended, once it has.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Waiting => "waiting",
            Phase::Running => "running",
            Phase::Ended(status) => status.as_str(),
        }
    }

    /// How it ended, once it has.
    pub fn ended(self) -> Option<Status> {
        match self {
            Phase::Ended(status) => Some(status),
            Phase::Waiting | Phase::Running => None,
        }
    }
}

/// What a running child waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// Its language model.
    Model,
    /// The tool of that name.
    Tool(&'static str),
    /// Nothing: its own code runs.
    GuestCode,
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitsFor::Model => f.write_str("model"),
            WaitsFor::Tool(name) => write!(f, "tool {name}"),
            WaitsFor::GuestCode => f.write_str("guest code"),
        }
    }
}

/// One child as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveChild {
    /// Place of the task in the batch, from 0.
    pub task_index: usize,
    /// The task's goal.
    pub goal: String,
    /// The component by its name.
    pub agent: String,
    /// Where it stands.
    pub phase: Phase,
    /// What it says it is doing, or the tool it is calling. One clean line.
    pub activity: String,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// Calls of tools so far.
    pub tool_calls: u64,
    /// Calls of the model so far.
    pub model_calls: u32,
    /// Tokens of those that were answered.
    pub tokens: Tokens,
    /// What those cost in US dollars, when every one had a price.
    pub cost: Option<f64>,
    /// Time in its cell.
    pub elapsed: Duration,
    /// Since it last gave a sign of life.
    pub quiet: Duration,
    /// That is too long (`delegation.stall_seconds`).
    pub stalled: bool,
}
