//! From the end of a run to its result entry: the one place where the words
//! of semantics.md §4 are chosen.

use std::sync::Arc;

use crate::{
    completion::{sanitize::clean_line, text::cut_summary},
    event::{BoundaryRecord, ChildResult, ExitReason, Status, Tokens},
    id::ChildId,
    sandbox::{Ended, Level, Outcome, Report, StopReason, Traces},
    unit::two_decimals,
};

/// Characters of a child's own words that stand in an error.
const MAX_QUOTE_CHARS: usize = 500;

/// What is known of a child before it runs.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) task_index: usize,
    pub(super) child_id: ChildId,
    pub(super) goal: String,
    pub(super) agent: String,
}

/// The numbers that stand in messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) timeout_seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) host_calls: u64,
}

/// How a child ended, in the words of an event.
struct Verdict {
    status: Status,
    exit_reason: ExitReason,
    summary: Option<String>,
    error: Option<String>,
    truncated: bool,
}

/// A child that never got as far as a cell.
pub(super) fn without_a_run(
    identity: Identity,
    status: Status,
    exit_reason: ExitReason,
    error: String,
    boundary: Option<Arc<BoundaryRecord>>,
) -> ChildResult {
    let (summary, truncated) = (None, false);
    let verdict = Verdict { status, exit_reason, summary, error: Some(error), truncated };
    entry(identity, verdict, &mut Traces::default(), 0.0, boundary)
}

/// The result of a run.
pub(super) fn of_run(
    identity: Identity,
    ended: Ended,
    bounds: Bounds,
    boundary: Arc<BoundaryRecord>,
) -> ChildResult {
    let Ended { outcome, stopped, mut traces, duration, .. } = ended;
    let verdict = verdict(outcome, stopped, &mut traces, bounds);
    entry(identity, verdict, &mut traces, duration.as_secs_f64(), Some(boundary))
}

fn entry(
    identity: Identity,
    verdict: Verdict,
    traces: &mut Traces,
    seconds: f64,
    boundary: Option<Arc<BoundaryRecord>>,
) -> ChildResult {
    let Identity { task_index, child_id, goal, agent } = identity;
    let whole = verdict.summary.filter(|it| !it.trim().is_empty());
    let (summary, full_summary) = match whole.as_deref().map(cut_summary) {
        Some((kept, true)) => (Some(kept.into_owned()), whole),
        Some((_, false)) => (whole, None),
        None => (None, None),
    };
    ChildResult {
        task_index,
        child_id,
        goal,
        agent,
        status: verdict.status,
        summary,
        error: verdict.error,
        exit_reason: verdict.exit_reason,
        truncated: verdict.truncated || full_summary.is_some(),
        full_summary,
        api_calls: 0,
        tokens: Tokens::default(),
        duration_seconds: two_decimals(seconds),
        model: None,
        tool_calls: traces.tool_calls,
        tool_trace: std::mem::take(&mut traces.tools),
        boundary,
    }
}

fn verdict(
    outcome: Outcome,
    stop_reason: Option<StopReason>,
    traces: &mut Traces,
    bounds: Bounds,
) -> Verdict {
    let panicked = last_error(traces);
    let checkpoint = traces.checkpoint.take();
    if let Some(reason) = stop_reason {
        return stopped(reason, outcome, checkpoint, panicked, bounds);
    }
    let broken = |status, exit_reason, error: String| Verdict {
        status,
        exit_reason,
        summary: checkpoint.clone(),
        error: Some(error),
        truncated: checkpoint.is_some(),
    };
    match outcome {
        Outcome::Returned { report, calls_spent } => returned(report, calls_spent, bounds),
        Outcome::Gave(_) => broken(Status::Failed, ExitReason::Error, words(&outcome, panicked)),
        Outcome::Trapped(_) | Outcome::Limit(_) => {
            broken(Status::Error, ExitReason::Trap, words(&outcome, panicked))
        }
        Outcome::CpuSpent => {
            let seconds = bounds.cpu_seconds;
            let text = format!("all {seconds} s of CPU time are spent (`sandbox.cpu_seconds`)");
            broken(Status::Timeout, ExitReason::Timeout, text)
        }
        Outcome::CallsSpent => broken(Status::Failed, ExitReason::Budget, calls_spent_text(bounds)),
        Outcome::Stopped(reason) => stopped(reason, outcome, checkpoint, None, bounds),
        Outcome::HostFault(text) => broken(Status::Error, ExitReason::Error, text),
    }
}

/// How a run broke off by itself, with the child's last words where they say
/// more. Empty for one that did not.
fn words(outcome: &Outcome, panicked: Option<String>) -> String {
    let text = match outcome {
        Outcome::Gave(text) => {
            return format!("the agent gave up: {}", clean_line(text, MAX_QUOTE_CHARS));
        }
        Outcome::Trapped(text) => format!("trapped: {text}"),
        Outcome::Limit(limit) => limit.to_string(),
        _ => return String::new(),
    };
    panicked.map(|it| format!("{text}: {it}")).unwrap_or(text)
}

fn calls_spent_text(bounds: Bounds) -> String {
    format!("all {} host calls are spent (`sandbox.host_calls`)", bounds.host_calls)
}

/// It returned by itself.
fn returned(report: Report, calls_spent: bool, bounds: Bounds) -> Verdict {
    let blank = report.summary.trim().is_empty();
    let (status, error) = match (report.completed, blank) {
        (true, false) => (Status::Completed, None),
        (true, true) => (Status::Failed, Some("finished without a summary")),
        (false, _) => (Status::Failed, Some("the agent says that it failed")),
    };
    let error = if calls_spent && status != Status::Completed {
        Some(calls_spent_text(bounds))
    } else {
        error.map(str::to_owned)
    };
    Verdict {
        status,
        exit_reason: if calls_spent { ExitReason::Budget } else { ExitReason::Completed },
        summary: Some(report.summary),
        error,
        truncated: report.truncated || calls_spent,
    }
}

/// It was asked to stop. What it returned counts more than its last
/// checkpoint, and neither makes it completed.
fn stopped(
    reason: StopReason,
    outcome: Outcome,
    checkpoint: Option<String>,
    panicked: Option<String>,
    bounds: Bounds,
) -> Verdict {
    let (status, exit_reason, mut error) = match reason {
        StopReason::Interrupted => {
            (Status::Interrupted, ExitReason::Interrupted, "interrupted".to_owned())
        }
        StopReason::TimedOut => {
            let seconds = bounds.timeout_seconds;
            (Status::Timeout, ExitReason::Timeout, format!("not finished within {seconds} s"))
        }
    };
    let words = words(&outcome, panicked);
    if !words.is_empty() {
        error = format!("{error}; {words}");
    }
    let returned = match outcome {
        Outcome::Returned { report, .. } => Some(report.summary),
        _ => None,
    };
    let summary = returned.filter(|it| !it.trim().is_empty()).or(checkpoint);
    Verdict { status, exit_reason, truncated: summary.is_some(), summary, error: Some(error) }
}

/// The last line of the log with level error: the guest's panic hook writes
/// one, and a trap alone does not say what was wrong.
fn last_error(traces: &Traces) -> Option<String> {
    let line = traces.log.iter().rev().find(|it| it.level == Level::Error)?;
    Some(clean_line(&line.text, MAX_QUOTE_CHARS))
}
