//! What a notice says: the projection of an event onto its text, with every
//! untrusted part cleaned, bounded and in the form that it is shown in.

use crate::{
    completion::sanitize::clean_line,
    event::{ChildResult, CompletionEvent, ExitReason, FailureNotice, Status},
};

use super::{
    block::{block, bounded},
    message::Message,
};

/// Longest goal or label that stands on one line, which has to stay readable.
const MAX_TASK_GOAL_CHARS: usize = 2_000;

/// Longest name of a model or toolset. Names come from outside; real ones are
/// much shorter.
const MAX_NAME_CHARS: usize = 100;

/// Longest duration shown, in seconds: 30 years, beyond any truth.
const MAX_SECONDS: f64 = 1e9;

/// What the text of an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A delegation, or a group of its tasks, ended.
    Ended(Ended),
    /// A child failed while its siblings run.
    ChildFailed(ChildFailed),
    /// Another session has something to say.
    Message(Message),
}

/// What [`render`](super::render) tells of a delegation's end.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The dispatched unit.
    pub delegation_id: String,
    /// The single goal, or the label of a batch.
    pub goal: String,
    /// The part of the delegation that this is, on one line.
    pub group: Option<String>,
    /// What the caller handed over with the goal, if it was not blank.
    pub context: Option<String>,
    /// The grant that was asked for; none and no request look the same.
    pub toolsets: Vec<String>,
    /// `leaf` or `orchestrator`.
    pub role: String,
    /// The model that answered a single task, else the one asked for.
    pub model: Option<String>,
    /// Of the whole.
    pub status: Status,
    /// Model calls of all children.
    pub api_calls: u64,
    /// Of the single child, or from dispatch to end of a batch; two decimals.
    pub duration_seconds: f64,
    /// What the host decided on its own.
    pub notes: Vec<String>,
    /// What came of it.
    pub body: Body,
}

/// What [`render_failure`](super::render_failure) tells of one child.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildFailed {
    /// The unit that goes on.
    pub delegation_id: String,
    /// The label of the batch, on one line.
    pub goal: String,
    /// Tasks of the batch.
    pub count: usize,
    /// Those without a result yet.
    pub remaining: usize,
    /// What failed.
    pub task: TaskNotice,
}

/// What came of a delegation.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Of one task.
    Single(Outcome),
    /// Of several.
    Batch {
        /// How many were asked for.
        count: usize,
        /// Why the whole did not complete.
        error: Option<String>,
        /// Those with a result, in the order of the tasks.
        tasks: Vec<TaskNotice>,
    },
}

/// One task of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskNotice {
    /// Place in the batch, or in the group of it that is told of; from 1.
    pub number: usize,
    /// On one line.
    pub goal: String,
    /// How it ended.
    pub status: Status,
    /// Model calls.
    pub api_calls: u64,
    /// Wall clock, two decimals.
    pub duration_seconds: f64,
    /// The model that answered.
    pub model: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What one child left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What ended it, where the status does not say it already.
    pub exit_reason: Option<ExitReason>,
    /// The summary covers a part of the work, or was cut.
    pub truncated: bool,
    /// The result, or what there was of it.
    pub summary: Option<String>,
    /// Why it did not complete; never with a completed one.
    pub error: Option<String>,
}

impl From<&CompletionEvent> for Notice {
    fn from(event: &CompletionEvent) -> Self {
        Notice::Ended(event.into())
    }
}

impl From<&FailureNotice> for Notice {
    fn from(event: &FailureNotice) -> Self {
        Notice::ChildFailed(event.into())
    }
}

impl From<&FailureNotice> for ChildFailed {
    fn from(event: &FailureNotice) -> Self {
        Self {
            delegation_id: event.delegation_id.to_string(),
            goal: clean_line(&event.goal, MAX_TASK_GOAL_CHARS),
            count: event.count,
            remaining: event.remaining,
            task: task(&event.result),
        }
    }
}

impl From<&CompletionEvent> for Ended {
    fn from(event: &CompletionEvent) -> Self {
        let single = if event.is_batch { None } else { event.results.first() };
        let answered = single.and_then(|it| it.model.as_deref());
        let elapsed = single.map_or(event.total_duration_seconds, |it| it.duration_seconds);
        Self {
            delegation_id: event.delegation_id.to_string(),
            goal: goal(event),
            group: event.group.as_deref().and_then(name),
            context: event.context.as_deref().and_then(block),
            toolsets: event.toolsets.iter().flatten().filter_map(|it| list_item(it)).collect(),
            role: event.role.as_str().to_owned(),
            model: answered.or(event.model.as_deref()).and_then(name),
            status: event.status,
            api_calls: api_calls(event),
            duration_seconds: seconds(elapsed),
            notes: event.notes.iter().filter_map(|it| block(it)).collect(),
            body: body(event),
        }
    }
}

/// The whole of a single goal; the label of a batch, whose goals follow, on
/// one line.
fn goal(event: &CompletionEvent) -> String {
    if event.is_batch {
        clean_line(&event.goal, MAX_TASK_GOAL_CHARS)
    } else {
        block(&event.goal).unwrap_or_default()
    }
}

fn api_calls(event: &CompletionEvent) -> u64 {
    let n_told = if event.is_batch { event.results.len() } else { 1 };
    event.results.iter().take(n_told).map(|it| u64::from(it.api_calls)).sum()
}

fn body(event: &CompletionEvent) -> Body {
    if event.is_batch {
        Body::Batch {
            count: event.goals.len(),
            error: error(event.status, event.error.as_deref()),
            tasks: tasks(event),
        }
    } else {
        Body::Single(match event.results.first() {
            Some(result) => outcome(event.status, result, event.error.as_deref()),
            None => {
                Outcome { error: error(event.status, event.error.as_deref()), ..Outcome::default() }
            }
        })
    }
}

/// Tasks are numbered as the caller gave them. Those of a group that is a part
/// of its batch are counted within the group, like the total beside them.
fn tasks(event: &CompletionEvent) -> Vec<TaskNotice> {
    let is_part = event.results.iter().any(|it| it.task_index >= event.goals.len());
    let number = |place: usize, task: TaskNotice| match is_part {
        true => TaskNotice { number: place.saturating_add(1), ..task },
        false => task,
    };
    event.results.iter().enumerate().map(|(place, it)| number(place, task(it))).collect()
}

fn task(result: &ChildResult) -> TaskNotice {
    TaskNotice {
        number: result.task_index.saturating_add(1),
        goal: clean_line(&result.goal, MAX_TASK_GOAL_CHARS),
        status: result.status,
        api_calls: u64::from(result.api_calls),
        duration_seconds: seconds(result.duration_seconds),
        model: result.model.as_deref().and_then(name),
        outcome: outcome(result.status, result, None),
    }
}

fn outcome(status: Status, result: &ChildResult, of_event: Option<&str>) -> Outcome {
    let summary = result.summary.as_deref().and_then(bounded);
    let was_cut = summary.as_ref().is_some_and(|(_, was_cut)| *was_cut);
    let said = result.exit_reason.as_str() == status.as_str();
    Outcome {
        exit_reason: (!said).then_some(result.exit_reason),
        truncated: result.truncated || was_cut,
        summary: summary.map(|(text, _)| text),
        error: error(status, result.error.as_deref().or(of_event)),
    }
}

fn error(status: Status, error: Option<&str>) -> Option<String> {
    if status == Status::Completed { None } else { error.and_then(block) }
}

fn name(text: &str) -> Option<String> {
    let name = clean_line(text, MAX_NAME_CHARS);
    if name.is_empty() { None } else { Some(name) }
}

/// A name without the comma that parts it from the next.
fn list_item(text: &str) -> Option<String> {
    name(&text.replace(',', " "))
}

/// Two decimals of what is a duration, 0 for what is none.
pub(super) fn seconds(seconds: f64) -> f64 {
    if seconds > 0.0 { (seconds.min(MAX_SECONDS) * 100.0).round() / 100.0 } else { 0.0 }
}
