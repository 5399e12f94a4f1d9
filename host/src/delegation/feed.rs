//! News of delegations, for whoever watches.

use std::{sync::Arc, time::Duration};

use tokio::sync::broadcast;

use super::seen::{LiveChild, WaitsFor};
use crate::{
    event::{ChildResult, LogLine, Status},
    id::DelegationId,
    session::Session,
};

/// Updates that a slow subscriber may be behind. It is told how many it
/// missed; completions are not told here but by the queue, which loses none.
const FEED: usize = 4_096;

/// What happened to a delegation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// It was recorded, and waits or starts.
    Dispatched {
        /// Tasks.
        count: usize,
    },
    /// A child got its cell.
    Started {
        /// Place of the task in the batch, from 0.
        task_index: usize,
    },
    /// A child does something else than before, or has an answer of its model:
    /// as it is now. What follows one another quickly is told together.
    Activity(Arc<LiveChild>),
    /// A child wrote these lines into its log. Untrusted text.
    Logged {
        /// Place of the task in the batch, from 0.
        task_index: usize,
        /// In their order.
        lines: Arc<[LogLine]>,
    },
    /// A child has given no sign of life for too long
    /// (`delegation.stall_seconds`). Told once, until it gives one.
    Stalled {
        /// Place of the task in the batch, from 0.
        task_index: usize,
        /// What it waits for.
        waits_for: WaitsFor,
        /// Since it last gave a sign of life.
        quiet: Duration,
    },
    /// A child ended, whatever way.
    ChildEnded(Arc<ChildResult>),
    /// A group of tasks, or all of them, ended. Its event is recorded, unless
    /// the store failed, which the log tells.
    Ended {
        /// The group, when there are several.
        group: Option<String>,
        /// Of the group.
        status: Status,
    },
}

/// One piece of news.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Of this delegation.
    pub delegation_id: DelegationId,
    /// Whose it is.
    pub session: Session,
    /// What happened.
    pub progress: Progress,
}

/// Tells all subscribers.
#[derive(Clone, Debug)]
pub(super) struct Feed(broadcast::Sender<Update>);

impl Feed {
    pub(super) fn new() -> Self {
        Self(broadcast::channel(FEED).0)
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Update> {
        self.0.subscribe()
    }

    /// Costs nothing when nobody listens.
    pub(super) fn send(
        &self,
        delegation_id: DelegationId,
        session: &Session,
        progress: impl FnOnce() -> Progress,
    ) {
        if self.0.receiver_count() > 0 {
            let update = Update { delegation_id, session: session.clone(), progress: progress() };
            // The last one may have gone by now.
            let _ = self.0.send(update);
        }
    }
}
