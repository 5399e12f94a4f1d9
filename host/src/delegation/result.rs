//! From the end of a run to its result entry: the one place where the words
//! of SEMANTICS.md §4 are chosen.
//!
//! **Invariant:** the error of a child that did not complete says why in
//! words, its summary holds only work that was done, and the exit reason
//! `completed` is of children with that status alone.

use std::{sync::Arc, time::Duration};

use super::{answer::Validity, chat::ChatTotals};
use crate::{
    completion::{
        sanitize::{clean_line, is_blank},
        text::cut_summary,
    },
    event::{BoundaryRecord, ChildResult, ExitReason, Status, Tokens},
    id::ChildId,
    sandbox::{Ended, Level, LoadError, Outcome, Report, StopReason, Traces},
    unit::two_decimals,
};

/// Characters of a child's own words that stand in an error.
const MAX_QUOTE_CHARS: usize = 500;

/// Characters of the reason that a child gives for its failure, and of what a
/// model's provider said: whole messages of providers fit.
const MAX_REASON_CHARS: usize = 2_000;

/// Refusals that stand in an error; the boundary record has all of them.
const MAX_REFUSALS: usize = 10;

/// What is known of a child before it runs.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) task_index: usize,
    pub(super) child_id: ChildId,
    pub(super) goal: String,
    pub(super) agent: String,
}

/// How a child ended, in the words of an event.
struct Verdict {
    status: Status,
    exit_reason: ExitReason,
    summary: Option<String>,
    error: Option<String>,
    truncated: bool,
}

/// Why a child did not get as far as a cell.
pub(super) struct Failure {
    status: Status,
    exit_reason: ExitReason,
    error: String,
    boundary: Option<Arc<BoundaryRecord>>,
}

impl Failure {
    fn new(status: Status, exit_reason: ExitReason, error: impl Into<String>) -> Self {
        Self { status, exit_reason, error: error.into(), boundary: None }
    }

    pub(super) fn interrupted(reason: Option<&str>) -> Self {
        let error = because("interrupted before it started", reason);
        Self::new(Status::Interrupted, ExitReason::Interrupted, error)
    }

    /// A panic of the host: it ends this child and no sibling.
    pub(super) fn crashed() -> Self {
        Self::new(Status::Error, ExitReason::Error, "the host crashed while it ran this child")
    }

    /// Compiling took all the time that the child had.
    pub(super) fn not_compiled_in(timeout: Duration) -> Self {
        let seconds = timeout.as_secs_f64();
        let error = format!("timed out after {seconds} s, while its component was compiled");
        Self::new(Status::Timeout, ExitReason::Timeout, error)
    }

    pub(super) fn load(err: &LoadError) -> Self {
        match err {
            err if err.is_transient() => {
                Self::new(Status::Error, ExitReason::Error, err.to_string())
            }
            err => {
                let error = format!("the component was refused: {err}");
                Self::new(Status::Error, ExitReason::Refused, error)
            }
        }
    }

    pub(super) fn refused(record: Arc<BoundaryRecord>) -> Self {
        let shown = record.refused.iter().take(MAX_REFUSALS);
        let mut why: Vec<String> =
            shown.map(|it| format!("`{}`: {}", it.import, it.reason)).collect();
        let rest = record.refused.len().saturating_sub(MAX_REFUSALS);
        if rest > 0 {
            why.push(format!("and {rest} more"));
        }
        let error = format!("the component was refused: {}", why.join("; "));
        Self { boundary: Some(record), ..Self::new(Status::Error, ExitReason::Refused, error) }
    }
}

/// With the word of whoever asked for it.
fn because(what: &str, reason: Option<&str>) -> String {
    reason.map_or_else(|| what.to_owned(), |it| format!("{what}: {it}"))
}

/// A child that never got as far as a cell.
pub(super) fn without_a_run(identity: Identity, failure: Failure) -> ChildResult {
    let Failure { status, exit_reason, error, boundary } = failure;
    let verdict = broken(status, exit_reason, error, None);
    entry(identity, verdict, &mut Traces::default(), 0.0, boundary)
}

/// What is known of a run besides its end.
pub(super) struct Told {
    pub(super) boundary: Arc<BoundaryRecord>,
    pub(super) chats: ChatTotals,
    pub(super) max_iterations: u32,
    pub(super) validity: Validity,
}

/// The result of a run. `reason` is the word of whoever interrupted it.
pub(super) fn of_run(
    identity: Identity,
    ended: Ended,
    reason: Option<&str>,
    told: Told,
) -> ChildResult {
    let Ended { outcome, stopped, mut traces, duration, .. } = ended;
    let Told { boundary, chats, max_iterations, validity } = told;
    let mut verdict = verdict(outcome, stopped.as_ref(), reason, &mut traces);
    verdict.count_iterations(&chats, max_iterations);
    verdict.judge(&validity);
    verdict.blame(&chats);
    let entry = entry(identity, verdict, &mut traces, duration.as_secs_f64(), Some(boundary));
    let (schema_valid, schema_errors) = match validity {
        Validity::Unchecked => (None, Vec::new()),
        Validity::Valid => (Some(true), Vec::new()),
        Validity::Invalid(errors) => (Some(false), errors),
    };
    ChildResult {
        api_calls: chats.calls,
        tokens: chats.tokens,
        cost_usd: chats.cost,
        model: chats.model,
        schema_valid,
        schema_errors,
        ..entry
    }
}

impl Verdict {
    /// A child that returned when its model calls were spent did what it could
    /// with them (SEMANTICS.md §4); one that gave up was ended by them.
    fn count_iterations(&mut self, chats: &ChatTotals, max_iterations: u32) {
        let gave_up = (self.status, self.exit_reason) == (Status::Failed, ExitReason::Error);
        if gave_up && chats.is_over {
            self.exit_reason = ExitReason::MaxIterations;
        }
        let all_used = chats.calls >= max_iterations && self.truncated;
        if self.exit_reason == ExitReason::Completed && (chats.is_over || all_used) {
            self.exit_reason = ExitReason::MaxIterations;
            self.truncated = true;
        }
    }

    /// An answer that misses its schema is no answer; its text is kept.
    fn judge(&mut self, validity: &Validity) {
        let Validity::Invalid(errors) = validity else {
            return;
        };
        if self.status == Status::Completed {
            self.status = Status::Failed;
            if self.exit_reason == ExitReason::Completed {
                self.exit_reason = ExitReason::Error;
            }
            let first = errors.first().map_or("", String::as_str);
            self.error = Some(format!("the answer misses its output schema: {first}"));
        }
    }

    /// What the provider said last instead of an answer, when a child that did
    /// not complete left it out.
    fn blame(&mut self, chats: &ChatTotals) {
        let Some(error) = self.error.as_mut() else {
            return;
        };
        let said = chats.failure.as_ref().map(|it| clean_line(it, MAX_REASON_CHARS));
        if let Some(said) = said.filter(|it| !is_blank(it) && !error.contains(it.as_str())) {
            error.push_str(&format!("; the model failed: {said}"));
        }
    }
}

fn entry(
    identity: Identity,
    verdict: Verdict,
    traces: &mut Traces,
    seconds: f64,
    boundary: Option<Arc<BoundaryRecord>>,
) -> ChildResult {
    let Identity { task_index, child_id, goal, agent } = identity;
    let whole = verdict.summary.filter(|it| !is_blank(it));
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
        cost_usd: None,
        model: None,
        schema_valid: None,
        schema_errors: Vec::new(),
        tool_calls: traces.tool_calls,
        tool_trace: std::mem::take(&mut traces.tools),
        boundary,
        log: std::mem::take(&mut traces.log),
        log_dropped: traces.log_dropped,
    }
}

/// `reason` is the word of whoever interrupted it.
fn verdict(
    outcome: Outcome,
    stopped_by: Option<&StopReason>,
    reason: Option<&str>,
    traces: &mut Traces,
) -> Verdict {
    let panicked = last_error(traces);
    let checkpoint = traces.checkpoint.take();
    if let Some(stop) = stopped_by {
        return stopped(stop, reason, outcome, checkpoint, panicked);
    }
    let (status, exit_reason, error) = match outcome {
        Outcome::Returned { report, calls_spent } => {
            return returned(report, calls_spent.map(calls_text), checkpoint);
        }
        Outcome::Gave(_) => (Status::Failed, ExitReason::Error, words(&outcome, panicked)),
        Outcome::Trapped(_) | Outcome::Limit(_) => {
            (Status::Error, ExitReason::Trap, words(&outcome, panicked))
        }
        Outcome::CpuSpent(cpu) => {
            let seconds = cpu.as_secs_f64();
            let text = format!("all {seconds} s of CPU time are spent (`sandbox.cpu_seconds`)");
            (Status::Timeout, ExitReason::Timeout, text)
        }
        Outcome::CallsSpent(calls) => (Status::Failed, ExitReason::Budget, calls_text(calls)),
        // Never without a reason.
        Outcome::Stopped => (Status::Error, ExitReason::Error, "stopped".to_owned()),
        Outcome::HostFault(text) => (Status::Error, ExitReason::Error, text),
    };
    broken(status, exit_reason, error, checkpoint)
}

/// It did not return: its last checkpoint is what there is.
fn broken(
    status: Status,
    exit_reason: ExitReason,
    error: String,
    summary: Option<String>,
) -> Verdict {
    Verdict { status, exit_reason, truncated: summary.is_some(), summary, error: Some(error) }
}

/// How a run broke off by itself, with the child's last words where they say
/// more. Empty for one that did not.
fn words(outcome: &Outcome, panicked: Option<String>) -> String {
    let text = match outcome {
        Outcome::Gave(text) => {
            let text = clean_line(text, MAX_REASON_CHARS);
            let text = if is_blank(&text) { "it does not say why".to_owned() } else { text };
            return format!("the agent gave up: {text}");
        }
        Outcome::Returned { report: Report { failed: Some(why), .. }, .. } => {
            return format!("the agent says: {}", reason_of(why));
        }
        Outcome::Trapped(text) => format!("trapped: {text}"),
        Outcome::Limit(limit) => limit.to_string(),
        _ => return String::new(),
    };
    match (outcome, panicked) {
        // How Rust ends a component says nothing besides.
        (Outcome::Trapped(_), Some(it)) => format!("trapped: {it}"),
        (_, Some(it)) => format!("{text}: {it}"),
        (_, None) => text,
    }
}

fn calls_text(calls: u64) -> String {
    format!("all {calls} host calls are spent (`sandbox.host_calls`)")
}

/// Why it failed, in its own words.
fn reason_of(why: &str) -> String {
    let why = clean_line(why, MAX_REASON_CHARS);
    if is_blank(&why) { "it failed, and does not say why".to_owned() } else { why }
}

/// It returned by itself, perhaps because a budget is spent. One that failed
/// and returned no work leaves its last checkpoint.
fn returned(report: Report, spent: Option<String>, checkpoint: Option<String>) -> Verdict {
    let Report { failed, summary, truncated } = report;
    let is_without_work = is_blank(&summary);
    let why = match failed {
        Some(why) => Some(reason_of(&why)),
        None => is_without_work.then(|| "finished without a summary".to_owned()),
    };
    let summary = if is_without_work { checkpoint } else { Some(summary) };
    let truncated = truncated || spent.is_some() || is_without_work && summary.is_some();
    let (status, exit_reason) = match (&why, &spent) {
        (None, None) => (Status::Completed, ExitReason::Completed),
        (None, Some(_)) => (Status::Completed, ExitReason::Budget),
        (Some(_), None) => (Status::Failed, ExitReason::Error),
        (Some(_), Some(_)) => (Status::Failed, ExitReason::Budget),
    };
    let error = why.map(|why| match spent {
        Some(spent) => format!("{spent}; {why}"),
        None => why,
    });
    Verdict { status, exit_reason, summary, error, truncated }
}

/// It was asked to stop. What it returned counts more than its last
/// checkpoint, and makes it completed only when a budget was spent: then it
/// did what it could with what it had.
fn stopped(
    stop: &StopReason,
    reason: Option<&str>,
    outcome: Outcome,
    checkpoint: Option<String>,
    panicked: Option<String>,
) -> Verdict {
    let (status, exit_reason, mut error) = match stop {
        StopReason::Interrupted => {
            (Status::Interrupted, ExitReason::Interrupted, because("interrupted", reason))
        }
        StopReason::TimedOut(after) => {
            let text = format!("not finished within {} s", after.as_secs_f64());
            (Status::Timeout, ExitReason::Timeout, text)
        }
        StopReason::Spent(what) => (Status::Failed, ExitReason::Budget, what.to_string()),
    };
    let words = words(&outcome, panicked);
    match outcome {
        Outcome::Returned { report, .. } if matches!(stop, StopReason::Spent(_)) => {
            returned(report, Some(error), checkpoint)
        }
        outcome => {
            if !words.is_empty() {
                error = format!("{error}; {words}");
            }
            let work = match outcome {
                Outcome::Returned { report, .. } => Some(report.summary),
                _ => None,
            };
            broken(status, exit_reason, error, work.filter(|it| !is_blank(it)).or(checkpoint))
        }
    }
}

/// The last line of the log with level error: the guest's panic hook writes
/// one, and a trap alone does not say what was wrong.
fn last_error(traces: &Traces) -> Option<String> {
    let line = traces.log.iter().rev().find(|it| it.level == Level::Error)?;
    Some(clean_line(&line.text, MAX_QUOTE_CHARS))
}

#[cfg(test)]
mod tests;
