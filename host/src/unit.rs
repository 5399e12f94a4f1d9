//! A dispatched unit as it was recorded before anything of it ran, and the
//! events that it ends with.
//!
//! One delegation is one unit: a single task or a batch. The record holds all
//! that its events need besides the results, so that a unit whose host died
//! can still be reported by another.

mod result;

use std::time::Duration;

pub use self::result::{End, Left};

use crate::{
    event::{
        ASYNC_DELEGATION, ASYNC_DELEGATION_FAILURE, ChildResult, CompletionEvent, ExitReason,
        FailureNotice, Role, Status, batch_status, fit_logs, label,
    },
    id::{ChildId, DelegationId},
    session::Session,
};

/// What stands in the results that a dead host did not leave.
const HOST_GONE: &str = "the host that ran this child is gone, and nobody saw how it ended";

/// Who waits for a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody: its events are delivered to the session.
    Background,
    /// The caller, who gets the results as the answer of the call.
    Foreground,
}

/// One task of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRecord {
    /// Identity of the child that does it.
    pub child_id: ChildId,
    /// The work.
    pub goal: String,
    /// The component, by the name it was asked for.
    pub agent: String,
    /// What the child may do besides.
    pub role: Role,
    /// The tools of its grant, frozen at dispatch.
    pub grant: Vec<String>,
}

/// Tasks whose completion is told in one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// As the caller named it; `None` when the unit gives one event alone, or
    /// for tasks outside of every named group.
    pub name: Option<String>,
    /// Places of the tasks, ascending. Never empty.
    pub tasks: Vec<usize>,
}

/// A dispatched unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitRecord {
    /// Its identity.
    pub id: DelegationId,
    /// The unit whose child asked for this one.
    pub parent: Option<DelegationId>,
    /// Who asked, captured here and nowhere later.
    pub session: Session,
    /// Who waits.
    pub mode: Mode,
    /// Depth of the children; 1 for those of a top-level caller.
    pub depth: u32,
    /// The role that was asked for.
    pub role: Role,
    /// The context that all tasks share.
    pub context: Option<String>,
    /// The grant as it was asked for.
    pub toolsets: Option<Vec<String>>,
    /// The model that was asked for.
    pub model: Option<String>,
    /// The directory that its children work in, where there is one.
    pub workspace: Option<String>,
    /// Epoch seconds.
    pub dispatched_at: f64,
    /// In the order of the request. Never empty.
    pub tasks: Vec<TaskRecord>,
    /// Every task is in exactly one. Never empty.
    pub groups: Vec<Group>,
    /// What the host decided on its own and the caller should know.
    pub notes: Vec<String>,
}

impl UnitRecord {
    /// A caller waits for all of it after all: one event, with the reason
    /// among its notes.
    pub fn make_foreground(&mut self, note: &str) {
        self.mode = Mode::Foreground;
        self.join_groups();
        self.notes.push(note.to_owned());
    }

    /// One event for all tasks, whatever groups there were: a caller that
    /// waits gets one answer, and it has all results.
    pub fn join_groups(&mut self) {
        self.groups = vec![Group { name: None, tasks: (0..self.tasks.len()).collect() }];
    }

    /// Goals in the order of the tasks.
    pub fn goals(&self) -> Vec<String> {
        self.tasks.iter().map(|it| it.goal.clone()).collect()
    }

    /// The single goal, or the label of the batch.
    pub fn label(&self) -> String {
        label(&self.goals())
    }

    /// The event of one group from the results of its tasks.
    pub fn completion(
        &self,
        group: &Group,
        mut results: Vec<ChildResult>,
        completed_at: f64,
        duration: Duration,
    ) -> CompletionEvent {
        results.sort_by_key(|it| it.task_index);
        fit_logs(&mut results);
        let in_group = |idx: &usize| self.tasks.get(*idx).map(|it| it.goal.clone());
        let goals: Vec<String> = group.tasks.iter().filter_map(in_group).collect();
        let status = match results.as_slice() {
            [only] => only.status,
            results => batch_status(results),
        };
        CompletionEvent {
            kind: ASYNC_DELEGATION,
            delegation_id: self.id,
            group: group.name.clone(),
            session_key: self.session.clone(),
            goal: label(&goals),
            context: self.context.clone(),
            toolsets: self.toolsets.clone(),
            role: self.role,
            model: self.model.clone(),
            status,
            dispatched_at: self.dispatched_at,
            completed_at,
            is_batch: goals.len() > 1,
            goals,
            error: results.is_empty().then(|| "there was no task".to_owned()),
            total_duration_seconds: two_decimals(duration.as_secs_f64()),
            notes: self.notes.clone(),
            resumed: Vec::new(),
            results,
        }
    }

    /// The event of a group whose host died: the results that were kept, and
    /// `unknown` for every other task.
    pub fn unknown(&self, group: &Group, kept: &[ChildResult], now: f64) -> CompletionEvent {
        let result = |idx: &usize| {
            let found = kept.iter().find(|it| it.task_index == *idx).cloned();
            found.or_else(|| self.lost(*idx, Status::Unknown, HOST_GONE))
        };
        let results = group.tasks.iter().filter_map(result).collect();
        // The wall clock is all that two hosts share.
        let elapsed = Duration::try_from_secs_f64(now - self.dispatched_at).unwrap_or_default();
        self.completion(group, results, now, elapsed)
    }

    /// The result of a task that gave none. `None` for a task that is not
    /// there.
    pub fn lost(&self, task_index: usize, status: Status, why: &str) -> Option<ChildResult> {
        let task = self.tasks.get(task_index)?;
        Some(task.result(task_index, End::without_work(status, ExitReason::Error, why)))
    }

    /// The early notice of a child that failed while `remaining` others have
    /// no result yet.
    pub fn failure(
        &self,
        mut result: ChildResult,
        remaining: usize,
        failed_at: f64,
    ) -> FailureNotice {
        fit_logs(std::slice::from_mut(&mut result));
        FailureNotice {
            kind: ASYNC_DELEGATION_FAILURE,
            delegation_id: self.id,
            session_key: self.session.clone(),
            goal: self.label(),
            dispatched_at: self.dispatched_at,
            failed_at,
            count: self.tasks.len(),
            remaining,
            result,
        }
    }
}

/// Seconds as they stand in events.
pub fn two_decimals(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}
