//! What a parent is answered: a text for its model, and the same facts as JSON.
//!
//! Texts of children are untrusted. They are cleaned where events are rendered
//! (`completion::text`), and those here hold nothing else of theirs than goals.

use rmcp::model::{CallToolResult, ContentBlock};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    completion::sanitize::clean_line,
    delegation::Phase,
    event::{ChildResult, Counts},
    host::Listing,
    id::{ChildId, DelegationId},
    serve::wire::{Claim, Delegation},
};

/// Characters of a goal in a text.
const MAX_GOAL_CHARS: usize = 120;

/// Of one delegation.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Told {
    /// Its handle.
    pub(super) delegation_id: DelegationId,
    /// `waiting`, `running`, or how it ended.
    pub(super) status: Phase,
    /// How many of its subagents completed, of those that have ended.
    pub(super) counts: Counts,
    /// In the order of the tasks.
    pub(super) children: Vec<Child>,
    /// What the host decided on its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// What to call next, where the work goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// Of one subagent.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Child {
    /// Place of its task, from 0.
    task_index: usize,
    child_id: ChildId,
    goal: String,
    agent: String,
    /// `waiting`, `running`, or how it ended.
    status: Phase,
    /// What it does now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activity: Option<String>,
    /// It has given no sign of life for too long.
    stalled: bool,
    /// What it returned. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    /// Why it did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The summary covers a part of the work, or was cut.
    truncated: bool,
    /// Whether the summary satisfies the task's output schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema_valid: Option<bool>,
    /// Wall clock, to its end or to now.
    duration_seconds: f64,
    /// Calls of tools so far.
    tool_calls: u64,
    /// What its model calls cost in US dollars, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

impl Told {
    pub(super) fn of(shown: &Delegation) -> Self {
        let Delegation { delegation, results, .. } = shown;
        let is_over = delegation.status.ended().is_some();
        Self { next: (!is_over).then(|| next(delegation)), ..Self::listed(delegation, results) }
    }

    /// The same as a list has it.
    pub(super) fn listed(listing: &Listing, results: &[ChildResult]) -> Self {
        let result = |index| results.iter().find(|it| it.task_index == index);
        let child = |it: &crate::host::ChildListing| Child {
            task_index: it.task_index,
            child_id: it.child_id,
            goal: it.goal.clone(),
            agent: it.agent.clone(),
            status: it.status,
            activity: it.activity.clone(),
            stalled: it.stalled,
            summary: result(it.task_index).and_then(|it| it.summary.clone()),
            error: result(it.task_index).and_then(|it| it.error.clone()),
            truncated: result(it.task_index).is_some_and(|it| it.truncated),
            schema_valid: result(it.task_index).and_then(|it| it.schema_valid),
            duration_seconds: it.elapsed_seconds,
            tool_calls: it.tool_calls,
            cost_usd: it.cost_usd,
        };
        Self {
            delegation_id: listing.delegation_id,
            status: listing.status,
            counts: listing.counts,
            children: listing.children.iter().map(child).collect(),
            notes: Vec::new(),
            next: None,
        }
    }
}

/// A goal on one line.
pub(super) fn goal(text: &str) -> String {
    clean_line(text, MAX_GOAL_CHARS)
}

fn next(listing: &Listing) -> String {
    let id = listing.delegation_id;
    format!(
        "its completion comes with the next result of any of these tools once it has ended; \
             `wait_delegation` with `{id}` waits for it"
    )
}

/// What a model reads of a delegation: the text of its completion, or where it
/// is.
pub(super) fn text(shown: &Delegation) -> String {
    if shown.delegation.status.ended().is_some() && !shown.texts.is_empty() {
        return shown.texts.join("\n\n");
    }
    running(&shown.delegation)
}

fn running(listing: &Listing) -> String {
    let line = |it: &crate::host::ChildListing| {
        let activity = it.activity.as_deref().map(|it| format!(" · {it}")).unwrap_or_default();
        let goal = goal(&it.goal);
        format!("  {}. {}{activity}: {goal}", it.task_index.saturating_add(1), it.status.as_str())
    };
    let lines: Vec<String> = listing.children.iter().map(line).collect();
    let (id, status) = (listing.delegation_id, listing.status.as_str());
    format!(
        "Delegation {id} is {status}:\n{}\nGo on with other work: {}",
        lines.join("\n"),
        next(listing)
    )
}

/// In one line, for a progress bar or the status of a task.
pub(super) fn status_line(listing: &Listing) -> String {
    let ended = listing.children.iter().filter(|it| it.status.ended().is_some()).count();
    let busy = listing.children.iter().find_map(|it| {
        let activity = it.activity.as_deref().filter(|it| !it.is_empty())?;
        Some(format!(" · {}: {activity}", clean_line(&it.goal, MAX_GOAL_CHARS / 2)))
    });
    format!("{ended}/{} done{}", listing.children.len(), busy.unwrap_or_default())
}

/// Completions that ride on a result.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Unread {
    /// Of which delegation, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delegation_id: Option<String>,
    /// `async_delegation` of a completion.
    #[serde(rename = "type")]
    kind: String,
    /// Above 1, it may have been told before.
    attempt: u32,
    /// What it says. Untrusted where it quotes subagents.
    text: String,
}

impl From<&Claim> for Unread {
    fn from(it: &Claim) -> Self {
        let id = it.event.get("delegation_id").and_then(Value::as_str);
        Self {
            delegation_id: id.map(str::to_owned),
            kind: it.kind.clone(),
            attempt: it.attempt,
            text: it.text.clone(),
        }
    }
}

/// A result that is a JSON object, with the text that a model reads.
pub(super) fn result(facts: &impl Serialize, text: impl Into<String>) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text.into())]);
    result.structured_content = Some(json!(facts));
    result
}

/// What is told of one delegation. Partial failure is no error of the call.
pub(super) fn of(shown: &Delegation) -> CallToolResult {
    let mut result = result(&Told::of(shown), text(shown));
    let counts = shown.delegation.counts;
    let is_over = shown.delegation.status.ended().is_some();
    result.is_error = Some(is_over && counts.completed == 0);
    result
}

/// A result that says what went wrong, to the model.
pub(super) fn failed(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text.into())])
}

/// Puts completions onto a result: a text for each, and the field `unread`.
pub(super) fn with_unread(mut result: CallToolResult, claims: &[Claim]) -> CallToolResult {
    if claims.is_empty() {
        return result;
    }
    let unread: Vec<Unread> = claims.iter().map(Unread::from).collect();
    for it in &unread {
        let again = if it.attempt > 1 { " (it may have been told before)" } else { "" };
        let text = format!("While you worked, this came{again}:\n\n{}", it.text);
        result.content.push(ContentBlock::text(text));
    }
    if let Some(Value::Object(facts)) = &mut result.structured_content {
        facts.insert("unread".to_owned(), json!(unread));
    }
    result
}
