//! What came back, for a reader who has only this text.

use hermitage_guest::delegation::{Subtask, SubtaskResult};

/// Characters of all results together: below the 24,000 at which a host cuts
/// a summary, with room for what stands around them.
const RESULTS_CHARS: usize = 20_000;

/// Characters of one result, however few there are.
const RESULT_CHARS: usize = 4_000;

/// Characters of the reasons of all tasks, in the error of a batch that failed:
/// below the 2,000 at which a host cuts one.
const REASONS_CHARS: usize = 1_200;

/// Characters of a goal.
const GOAL_CHARS: usize = 80;

pub(crate) fn is_completed(result: &SubtaskResult) -> bool {
    result.status == "completed"
}

/// What is being done, in a few words.
pub(crate) fn label(batch: &[Subtask]) -> String {
    match batch.len() {
        1 => "delegating 1 task".to_owned(),
        many => format!("delegating {many} tasks"),
    }
}

/// A line of counts, then each task with how it ended and what it found.
pub(crate) fn write(batch: &[Subtask], results: &[SubtaskResult]) -> String {
    let share = (RESULTS_CHARS / usize::max(results.len(), 1)).min(RESULT_CHARS);
    let result = |it| section(batch, it, share);
    let sections = results.iter().map(result);
    std::iter::once(counts(results)).chain(sections).collect::<Vec<_>>().join("\n\n")
}

/// How many ended in which way; the failed ones by their numbers.
fn counts(results: &[SubtaskResult]) -> String {
    let (completed, others): (Vec<_>, Vec<_>) = results.iter().partition(|it| is_completed(it));
    let tasks =
        if results.len() == 1 { "1 task".into() } else { format!("{} tasks", results.len()) };
    let mut line = format!("{tasks}: {} completed", completed.len());
    if !others.is_empty() {
        let names: Vec<_> =
            others.iter().map(|it| format!("{} {}", number(it), it.status)).collect();
        line.push_str(&format!(", {} not ({})", others.len(), names.join(", ")));
    }
    line + "."
}

/// Why a batch failed of which no task completed.
pub(crate) fn failure(results: &[SubtaskResult]) -> String {
    let share = REASONS_CHARS / usize::max(results.len(), 1);
    let reason = |it: &SubtaskResult| {
        let why = it.error.as_deref().map(|it| format!(": {}", head(it, share)));
        format!("{} {}{}", number(it), it.status, why.unwrap_or_default())
    };
    match results {
        [] => "no task completed".to_owned(),
        results => {
            let reasons: Vec<_> = results.iter().map(reason).collect();
            format!("no task completed: {}", reasons.join("; "))
        }
    }
}

/// Counted from 1, as people do.
fn number(result: &SubtaskResult) -> String {
    format!("task {}", u64::from(result.index) + 1)
}

fn section(batch: &[Subtask], result: &SubtaskResult, chars: usize) -> String {
    let mark = if is_completed(result) { '✓' } else { '✗' };
    let task = usize::try_from(result.index).ok().and_then(|it| batch.get(it));
    let agent = task.and_then(|it| it.agent.as_deref()).map(|it| format!(" {it}"));
    let goal = task.map(|it| head(&it.goal.replace(char::is_whitespace, " "), GOAL_CHARS));
    let mut text = format!(
        "{mark} {}{}: {} ({}, {:.1} s)",
        number(result),
        agent.unwrap_or_default(),
        goal.unwrap_or_default(),
        ended(result),
        result.seconds,
    );
    let parts = [&result.error, &result.summary].into_iter().flatten();
    let parts: Vec<_> = parts.map(|it| it.trim()).collect();
    if !parts.is_empty() {
        text.push_str(&format!("\n{}", head(&parts.join("\n"), chars)));
    }
    text
}

/// The status, and the reason when it says more.
fn ended(result: &SubtaskResult) -> String {
    let mut text = result.status.clone();
    if result.exit_reason != result.status {
        text.push_str(&format!(": {}", result.exit_reason));
    }
    if result.truncated {
        text.push_str(", stopped early");
    }
    text
}

fn head(text: &str, chars: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some((end, _)) => {
            let missing = text.chars().count() - chars;
            format!("{}… ({missing} more characters)", text.get(..end).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::result;

    fn batch(agents: &[&str]) -> Vec<Subtask> {
        let subtask = |agent: &&str| Subtask {
            goal: "Look\naround".to_owned(),
            agent: Some((*agent).to_owned()),
            ..Subtask::default()
        };
        agents.iter().map(subtask).collect()
    }

    #[test]
    fn counts_come_first_then_each_task() {
        let mut failed = result(1, "failed");
        (failed.error, failed.summary) = (Some("no file".to_owned()), None);
        let results = [result(0, "completed"), failed];
        let expect = "2 tasks: 1 completed, 1 not (task 2 failed).\n\n\
            ✓ task 1 survey: Look around (completed, 1.2 s)\nfound 0\n\n\
            ✗ task 2 todos: Look around (failed: error, 1.2 s)\nno file";
        assert_eq!(write(&batch(&["survey", "todos"]), &results), expect);
    }

    #[test]
    fn a_child_that_was_stopped_is_told_with_what_it_had() {
        let mut stopped = result(0, "timeout");
        (stopped.error, stopped.truncated) = (Some("out of time".to_owned()), true);
        stopped.exit_reason = "timeout".to_owned();
        let expect = "1 task: 0 completed, 1 not (task 1 timeout).\n\n\
            ✗ task 1 links: Look around (timeout, stopped early, 1.2 s)\nout of time\nfound 0";
        assert_eq!(write(&batch(&["links"]), &[stopped]), expect);
    }

    #[test]
    fn a_result_without_its_task_is_told_all_the_same() {
        let text = write(&[], &[result(u32::MAX, "completed")]);
        assert!(text.contains("✓ task 4294967296: "), "{text}");
        assert_eq!(write(&[], &[]), "0 tasks: 0 completed.");
    }

    #[test]
    fn long_results_share_the_room_of_a_summary() {
        let long = |index| SubtaskResult {
            error: Some("xx".to_owned()),
            summary: Some("é".repeat(50_000)),
            ..result(index, "completed")
        };
        for (count, share) in [(1, 4_000), (16, 1_250)] {
            let results: Vec<_> = (0..count).map(long).collect();
            let text = write(&batch(&["survey"]), &results);
            assert!(text.contains(&format!("é… ({} more characters)", 50_003 - share)), "{text}");
            assert!(text.chars().count() < 24_000);
        }
    }

    #[test]
    fn the_reason_of_a_failed_batch_has_those_of_its_tasks() {
        let failed =
            |index| SubtaskResult { error: Some("no key".to_owned()), ..result(index, "failed") };
        let expect = "no task completed: task 1 failed: no key; task 2 failed: no key";
        assert_eq!(failure(&[failed(0), failed(1)]), expect);
        let long = |index| SubtaskResult { error: Some("x".repeat(9_000)), ..failed(index) };
        let many: Vec<_> = (0..16).map(long).collect();
        assert!(failure(&many).chars().count() < 2_000);
    }

    #[test]
    fn the_label_counts_the_tasks() {
        assert_eq!(label(&batch(&["a"])), "delegating 1 task");
        assert_eq!(label(&batch(&["a", "b"])), "delegating 2 tasks");
    }
}
