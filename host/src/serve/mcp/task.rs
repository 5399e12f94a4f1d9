//! Delegations as tasks (the extension `io.modelcontextprotocol/tasks`).
//!
//! A task is a delegation and nothing more: it was in the store before its
//! handle was answered, and is found there after a restart. The client polls;
//! what it is shown as ended is acknowledged by that.

use std::time::Duration;

use jiff::Timestamp;
use rmcp::model::{DetailedTask, JsonObject, Task, TaskPayload, TaskStatus};
use serde_json::{Value, json};

use super::{Parent, answer, api::ApiError};
use crate::{
    event::Status,
    host::Listing,
    id::DelegationId,
    serve::wire::{Delegation, Stop},
};

/// Why a delegation ends whose task was cancelled.
const CANCELLED: &str = "its task was cancelled";

/// What stands before the reason of whoever stopped a child.
const INTERRUPTED: &str = "interrupted: ";

/// Between two polls of a task that has just begun, and of one that takes long.
const POLL: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

/// The part of its age after which a task is asked for again.
const POLL_PART: f64 = 0.1;

/// A delegation that goes on.
pub(super) fn of(listing: &Listing) -> Task {
    let (begun, age) = (listing.dispatched_at, listing.age_seconds);
    let poll = Duration::try_from_secs_f64(age * POLL_PART).unwrap_or(POLL.0).clamp(POLL.0, POLL.1);
    let poll = u64::try_from(poll.as_millis()).unwrap_or_default();
    let id = listing.delegation_id.to_string();
    Task::new(id, TaskStatus::Working, written(begun), written(begun + age))
        .with_status_message(answer::status_line(listing))
        .with_poll_interval_ms(poll)
}

/// A moment as the protocol writes it.
fn written(epoch_seconds: f64) -> String {
    let since = Duration::try_from_secs_f64(epoch_seconds).ok();
    let at = since.and_then(|it| Timestamp::UNIX_EPOCH.checked_add(it).ok());
    at.unwrap_or_default().to_string()
}

fn detailed(shown: &Delegation) -> DetailedTask {
    let task = of(&shown.delegation);
    if shown.delegation.status.ended().is_none() {
        return DetailedTask::new(task, TaskPayload::Working);
    }
    if shown.results.iter().any(|it| is_cancelled(it.status, it.error.as_deref())) {
        return DetailedTask::new(task, TaskPayload::Cancelled);
    }
    let result = match json!(answer::of(shown)) {
        Value::Object(it) => it,
        _ => JsonObject::new(),
    };
    DetailedTask::new(task, TaskPayload::Completed { result })
}

/// Whether it was stopped for that. What a subagent says of itself makes no
/// task a cancelled one, which would take the results of the others with it.
fn is_cancelled(status: Status, error: Option<&str>) -> bool {
    let why = error.and_then(|it| it.strip_prefix(INTERRUPTED));
    status == Status::Interrupted && why.is_some_and(|it| it.starts_with(CANCELLED))
}

impl Parent {
    /// `None` when there is no such task of this parent's.
    pub(super) async fn task(&self, id: &str) -> Result<Option<DetailedTask>, ApiError> {
        let Some(id) = self.id(id) else { return Ok(None) };
        let shown = match self.show(id).await {
            Err(err) if err.is("not_found") => return Ok(None),
            shown => shown?,
        };
        let task = detailed(&shown);
        if task.status().is_terminal() {
            self.api.ack_of(id).await?;
        }
        Ok(Some(task))
    }

    /// Asks it to stop; one that has ended stays what it is. `false` when there
    /// is no such task of this parent's.
    pub(super) async fn cancel(&self, id: &str) -> Result<bool, ApiError> {
        let Some(id) = self.id(id) else { return Ok(false) };
        match self.show(id).await {
            Err(err) if err.is("not_found") => return Ok(false),
            shown => shown?,
        };
        let stop = Stop { reason: Some(CANCELLED.to_owned()), ..Stop::default() };
        match self.api.stop(id, &stop).await {
            Err(err) if !err.is("too_late") => Err(err),
            _ => Ok(true),
        }
    }

    fn id(&self, text: &str) -> Option<DelegationId> {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_subagent_says_of_itself_cancels_no_task() {
        let ended = |status, error: &str| is_cancelled(status, Some(error));
        let words = format!("{INTERRUPTED}{CANCELLED}");
        assert!(ended(Status::Interrupted, &words));
        assert!(ended(Status::Interrupted, &format!("{words}; it had begun to write")));
        assert!(!ended(Status::Failed, &words));
        assert!(!ended(Status::Interrupted, &format!("interrupted: no need; {CANCELLED}")));
    }
}
