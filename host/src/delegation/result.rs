//! From the end of a run to the words of its result: the one place where
//! those of SEMANTICS.md §4 are chosen.
//!
//! **Invariant:** the error of a child that did not complete says why in
//! words, its summary holds only work that was done, and the exit reason
//! `completed` is of children with that status alone.

pub(super) mod failure;
mod words;

use std::sync::Arc;

use self::words::{MAX_REASON_CHARS, because, broke_off, calls_text, last_error, reason_of};
use super::{answer::Validity, chat::ChatTotals};
use crate::{
    completion::{
        sanitize::{clean_line, is_blank},
        text::cut_summary,
    },
    event::{BoundaryRecord, ExitReason, Status},
    sandbox::{Ended, Outcome, Report, StopReason, Traces},
    unit::{End, Left},
};

/// What is known of a run besides its end.
pub(super) struct Told {
    pub(super) boundary: Arc<BoundaryRecord>,
    pub(super) chats: ChatTotals,
    pub(super) max_iterations: u32,
    pub(super) validity: Validity,
}

/// How a run ended. `reason` is the word of whoever interrupted it.
pub(super) fn of_run(ended: Ended, reason: Option<&str>, told: Told) -> End {
    let Ended { outcome, stopped, mut traces, duration, .. } = ended;
    let Told { boundary, chats, max_iterations, validity } = told;
    let mut end = end(outcome, stopped.as_ref(), reason, &mut traces);
    end.count_iterations(&chats, max_iterations);
    end.judge(&validity);
    end.blame(&chats);
    end.cut();
    let (schema_valid, schema_errors) = match validity {
        Validity::Unchecked => (None, Vec::new()),
        Validity::Valid => (Some(true), Vec::new()),
        Validity::Invalid(errors) => (Some(false), errors),
    };
    end.left = Left {
        duration,
        boundary: Some(boundary),
        api_calls: chats.calls,
        tokens: chats.tokens,
        cost_usd: chats.cost,
        model: chats.model,
        schema_valid,
        schema_errors,
        tool_trace: traces.tools,
        tool_calls: traces.tool_calls,
        log: traces.log,
        log_dropped: traces.log_dropped,
    };
    end
}

/// `reason` is the word of whoever interrupted it.
fn end(
    outcome: Outcome,
    stopped_by: Option<&StopReason>,
    reason: Option<&str>,
    traces: &mut Traces,
) -> End {
    let panicked = last_error(traces);
    let checkpoint = traces.checkpoint.take();
    if let Some(stop) = stopped_by {
        return stopped(stop, reason, outcome, checkpoint, panicked);
    }
    let (status, exit_reason, error) = match outcome {
        Outcome::Returned { report, calls_spent } => {
            return returned(report, calls_spent.map(calls_text), checkpoint);
        }
        Outcome::Gave(_) => (Status::Failed, ExitReason::Error, broke_off(&outcome, panicked)),
        Outcome::Trapped(_) | Outcome::Limit(_) => {
            (Status::Error, ExitReason::Trap, broke_off(&outcome, panicked))
        }
        Outcome::CpuSpent(cpu) => {
            let seconds = cpu.as_secs_f64();
            let text = format!("all {seconds} s of CPU time are spent (`sandbox.cpu_seconds`)");
            (Status::Timeout, ExitReason::Timeout, text)
        }
        Outcome::CallsSpent(calls) => (Status::Failed, ExitReason::Budget, calls_text(calls)),
        // Never without a reason.
        Outcome::Stopped => (Status::Error, ExitReason::Error, "stopped".to_owned()),
        Outcome::Departed(departure) => {
            let text = format!(
                "it can't go on where its host was killed: {departure} (a component that does \
                 not do the same when it is told the same)"
            );
            (Status::Error, ExitReason::Error, text)
        }
        Outcome::HostFault(text) => (Status::Error, ExitReason::Error, text),
    };
    broken(status, exit_reason, error, checkpoint)
}

/// It did not return: its last checkpoint is what there is.
fn broken(status: Status, exit_reason: ExitReason, error: String, summary: Option<String>) -> End {
    let end = End::without_work(status, exit_reason, error);
    End { truncated: summary.is_some(), summary, ..end }
}

/// It returned by itself, perhaps because a budget is spent. One that failed
/// and returned no work leaves its last checkpoint.
fn returned(report: Report, spent: Option<String>, checkpoint: Option<String>) -> End {
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
    let (full_summary, left) = (None, Left::default());
    End { status, exit_reason, summary, full_summary, error, truncated, left }
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
) -> End {
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
    let words = broke_off(&outcome, panicked);
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

impl End {
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

    /// Keeps of a summary what a conversation takes, and the whole beside it.
    fn cut(&mut self) {
        let whole = self.summary.take().filter(|it| !is_blank(it));
        let cut = whole.as_deref().map(cut_summary);
        if let Some((kept, true)) = cut {
            self.truncated = true;
            (self.summary, self.full_summary) = (Some(kept.into_owned()), whole);
        } else {
            self.summary = whole;
        }
    }
}

#[cfg(test)]
mod tests;
