//! What hosts say to one another.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::holding::SignedHolding;
use crate::{
    id::HostId,
    journal::Start,
    sandbox::{FarAnswer, FarCall, News, Outcome, Rejected, StopReason},
    tools::delegation::TaskRequest,
};

/// One run of one child.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct ChildKey {
    /// The host that was asked for it.
    pub(super) host: HostId,
    /// In hexadecimal; drawn for each run.
    pub(super) run: String,
}

impl ChildKey {
    /// Where a worker asks about it.
    pub(super) fn subject(&self) -> String {
        format!("{}.{}", asks(self.host), self.run)
    }
}

/// Below it, workers ask about children of that host.
pub(super) fn asks(host: HostId) -> String {
    format!("hermitage.child.{host}")
}

/// Where a host is greeted. An empty message is a question whether it lives.
pub(super) fn greetings(host: HostId) -> String {
    format!("hermitage.host.{host}")
}

/// What a worker says about a child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ask {
    /// Drawn by the worker in its order: one that is said again has the same.
    pub(super) serial: u64,
    /// Of which run of it; 0 for a worker that has none yet.
    pub(super) attempt: u64,
    pub(super) what: What,
    /// What the child said meanwhile.
    #[serde(default)]
    pub(super) news: News,
    /// What its clocks said.
    #[serde(default)]
    pub(super) readings: Vec<(u64, u64)>,
}

impl Ask {
    /// Of a worker that has a cell for the child.
    pub(super) fn start(serial: u64) -> Self {
        Self { serial, attempt: 0, what: What::Start, news: News::default(), readings: Vec::new() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// A worker has a cell for it.
    Start,
    /// It makes a call, by its number from 1.
    Call { number: u64, call: FarCall },
    /// It runs.
    Beat,
    /// It has ended.
    Ended {
        outcome: Box<Outcome>,
        stopped: Option<StopReason>,
        cpu: Duration,
        /// Lines that its log had no room for.
        log_dropped: u64,
    },
}

/// What the host answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The child is the worker's.
    Assigned(Box<Assignment>),
    /// Another worker has it now.
    Busy,
    /// Nobody waits for it any more.
    Gone,
    /// Another worker has it: what this one says changes nothing.
    Fenced,
    /// What it was told is taken.
    Taken,
    /// The child is to stop.
    Stop(Stop),
    /// What the call came to.
    Answered(FarAnswer),
}

/// That a child is to stop.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stop {
    pub(super) reason: StopReason,
    /// Its grace is over.
    pub(super) at_once: bool,
}

/// A child, for the worker that runs it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Assignment {
    pub(super) attempt: u64,
    pub(super) holding: SignedHolding,
    pub(super) child: String,
    pub(super) asked: Arc<TaskRequest>,
    pub(super) depth: u32,
    pub(super) max_iterations: u32,
    pub(super) output_schema: Option<String>,
    pub(super) rejected: Option<Rejected>,
    pub(super) timeout: Duration,
    pub(super) time_used: Duration,
    pub(super) cpu_used: Duration,
    pub(super) grace: Duration,
    pub(super) lease: Duration,
    pub(super) start: Start,
    /// What its clocks had said in earlier runs.
    pub(super) readings: Vec<(u64, u64)>,
}

/// What a host tells a worker without being asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tell {
    pub(super) run: String,
    pub(super) attempt: u64,
    pub(super) stop: Stop,
}
