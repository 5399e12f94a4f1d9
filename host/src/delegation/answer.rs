//! Structured output: whether an answer satisfies the schema of its task, and
//! what is told to the second and last try (SEMANTICS.md §4).

use tokio::task::spawn_blocking;

use crate::{
    sandbox::{Ended, Outcome, Rejected, StopReason},
    toolset::Schema,
};

/// Whether a task's answer satisfied the schema it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Validity {
    /// Nobody asked, or there is no answer to check.
    #[default]
    Unchecked,
    Valid,
    /// Lines of the form `$path: message`.
    Invalid(Vec<String>),
}

/// Checks what could count as completed: what a child returned by itself, or
/// when a budget was spent. What it returned because it was stopped, or says
/// that it failed, is no answer.
pub(super) async fn validity(schema: Option<&Schema>, ended: &Ended) -> Validity {
    let counts = matches!(ended.stopped, None | Some(StopReason::Spent(_)));
    let Some(schema) = schema.filter(|_| counts) else {
        return Validity::Unchecked;
    };
    match &ended.outcome {
        Outcome::Returned { report, .. } if report.failed.is_none() => {
            let (schema, answer) = (schema.clone(), report.summary.clone());
            // A large answer and a large schema take a while.
            let errors = spawn_blocking(move || schema.errors(&answer)).await;
            let errors = errors.unwrap_or_else(|_| vec!["$: it could not be checked".to_owned()]);
            if errors.is_empty() { Validity::Valid } else { Validity::Invalid(errors) }
        }
        _ => Validity::Unchecked,
    }
}

/// What the second try is told of the first. `None` when there is none,
/// because nothing is left for it.
pub(super) fn rejected(ended: &Ended, errors: &[String]) -> Option<Rejected> {
    match &ended.outcome {
        Outcome::Returned { report, calls_spent: None } if ended.stopped.is_none() => {
            Some(Rejected { answer: report.summary.clone(), errors: errors.to_vec() })
        }
        _ => None,
    }
}

/// Two tries as one run: the end of the second, the traces of both. Should
/// the second break off, the first answer is what there is.
pub(super) fn joined(first: Ended, second: Ended) -> Ended {
    let mut traces = first.traces;
    if let Outcome::Returned { report, .. } = first.outcome {
        traces.checkpoint = Some(report.summary);
    }
    let later = second.traces;
    traces.log.extend(later.log);
    traces.log_dropped = traces.log_dropped.saturating_add(later.log_dropped);
    traces.checkpoint = later.checkpoint.or(traces.checkpoint);
    traces.tools.extend(later.tools);
    traces.tool_calls = traces.tool_calls.saturating_add(later.tool_calls);
    Ended {
        traces,
        cpu: first.cpu.saturating_add(second.cpu),
        duration: first.duration.saturating_add(second.duration),
        ..second
    }
}
