//! The result of one task, made in one place: who did it, how it ended, and
//! what it left.

use std::{sync::Arc, time::Duration};

use super::{TaskRecord, two_decimals};
use crate::event::{BoundaryRecord, ChildResult, ExitReason, LogLine, Status, Tokens, ToolTrace};

/// How a child ended, in the words of an event, and what it left.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// In a word.
    pub status: Status,
    /// What ended it.
    pub exit_reason: ExitReason,
    /// The work that was done. Untrusted text.
    pub summary: Option<String>,
    /// The whole of it, where the summary was cut.
    pub full_summary: Option<String>,
    /// Why it did not complete.
    pub error: Option<String>,
    /// The summary covers a part of the work, or was cut.
    pub truncated: bool,
    /// What else there is of it.
    pub left: Left,
}

/// What a child left besides the word for its end: nothing, where it never
/// ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Left {
    /// Time in its cells.
    pub duration: Duration,
    /// What was decided about its imports.
    pub boundary: Option<Arc<BoundaryRecord>>,
    /// Calls of its model.
    pub api_calls: u32,
    /// What those took.
    pub tokens: Tokens,
    /// What those cost, where it is known.
    pub cost_usd: Option<f64>,
    /// The model that answered last.
    pub model: Option<String>,
    /// Whether the answer satisfies the schema that was asked for.
    pub schema_valid: Option<bool>,
    /// Why it does not.
    pub schema_errors: Vec<String>,
    /// Its first calls of tools.
    pub tool_trace: Vec<ToolTrace>,
    /// All of them.
    pub tool_calls: u64,
    /// What it wrote into its log.
    pub log: Vec<LogLine>,
    /// Lines that found no room there.
    pub log_dropped: u64,
}

impl End {
    /// Of a child that left no work, for that reason.
    pub fn without_work(status: Status, exit_reason: ExitReason, error: impl Into<String>) -> Self {
        Self {
            status,
            exit_reason,
            summary: None,
            full_summary: None,
            error: Some(error.into()),
            truncated: false,
            left: Left::default(),
        }
    }
}

impl TaskRecord {
    /// The result of this task, which is the one at that place.
    pub fn result(&self, task_index: usize, end: End) -> ChildResult {
        let End { status, exit_reason, summary, full_summary, error, truncated, left } = end;
        ChildResult {
            task_index,
            child_id: self.child_id,
            goal: self.goal.clone(),
            agent: self.agent.clone(),
            status,
            summary,
            error,
            exit_reason,
            truncated,
            full_summary,
            api_calls: left.api_calls,
            tokens: left.tokens,
            duration_seconds: two_decimals(left.duration.as_secs_f64()),
            cost_usd: left.cost_usd,
            model: left.model,
            schema_valid: left.schema_valid,
            schema_errors: left.schema_errors,
            tool_trace: left.tool_trace,
            tool_calls: left.tool_calls,
            boundary: left.boundary,
            log: left.log,
            log_dropped: left.log_dropped,
        }
    }
}
