//! Delegates the tasks that its context lists, waits for all of them, and sums
//! up what came back.
//!
//! It has no model: what it delegates is written down. Only this file talks to
//! the host; the modules below are plain functions over texts and results.

mod batch;
mod summary;

use hermitage_guest::{
    Error, Report, Task, ToolError, agent,
    delegation::{SubtaskResult, delegate_task},
    progress,
};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let batch = batch::read(&task.goal, task.context.as_deref())?;
    progress::report(&summary::label(&batch));
    match delegate_task(&batch) {
        Ok(results) => Ok(report(&results, summary::write(&batch, &results))),
        Err(error) if error.is_stop() => {
            Ok(Report::failed(format!("stopped before any result: {}", Error::from(error)))
                .truncated())
        }
        Err(error) => Ok(Report::failed(refusal(error))),
    }
}

/// A parent has done its work when one of its children has; the summary names
/// those that have not.
fn report(results: &[SubtaskResult], summary: String) -> Report {
    let report = match results.iter().any(summary::is_completed) {
        true => Report::completed(summary),
        false => Report::failed(summary::failure(results)).with_summary(summary),
    };
    let is_whole = results.iter().all(|it| !it.truncated);
    if is_whole { report } else { report.truncated() }
}

/// Why nothing was started, and what would change that.
fn refusal(error: ToolError) -> String {
    match error {
        ToolError::Denied(why) => format!(
            "nothing was delegated: {why}; this agent needs the tool `delegate_task`, and has it when \
             it runs in the role `orchestrator`, at a depth below `delegation.max_depth`"
        ),
        error => format!("nothing was delegated: {}", Error::from(error)),
    }
}

#[cfg(test)]
mod tests;
