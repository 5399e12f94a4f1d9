use hermitage_guest::Outcome;

use super::*;

pub(crate) fn result(index: u32, status: &str) -> SubtaskResult {
    SubtaskResult {
        index,
        status: status.to_owned(),
        summary: Some(format!("found {index}")),
        error: None,
        exit_reason: if status == "completed" { "completed" } else { "error" }.to_owned(),
        truncated: false,
        seconds: 1.24,
    }
}

#[track_caller]
fn check(statuses: &[&str], expect: Outcome) {
    let results: Vec<_> = (0..).zip(statuses).map(|(at, it)| result(at, it)).collect();
    let report = report(&results, "s".to_owned());
    assert_eq!((report.outcome, report.summary.as_str()), (expect, "s"), "{statuses:?}");
}

#[test]
fn one_child_that_completed_is_a_success() {
    check(&["completed", "failed"], Outcome::Completed);
    let why = "no task completed: task 1 failed; task 2 timeout";
    check(&["failed", "timeout"], Outcome::Failed(why.to_owned()));
    check(&[], Outcome::Failed("no task completed".to_owned()));
}

#[test]
fn a_part_of_a_child_is_a_part_of_the_whole() {
    let part = SubtaskResult { truncated: true, ..result(1, "completed") };
    assert!(report(&[result(0, "completed"), part], "s".to_owned()).truncated);
    assert!(!report(&[result(0, "completed")], "s".to_owned()).truncated);
}

#[test]
fn a_refusal_says_what_would_grant_the_tool() {
    let text = refusal(ToolError::Denied("`delegate_task` is blocked".to_owned()));
    assert_eq!(
        text,
        "nothing was delegated: `delegate_task` is blocked; this agent needs the tool \
         `delegate_task`, and has it when it runs in the role `orchestrator`, at a depth below \
         `delegation.max_depth`"
    );
    assert_eq!(
        refusal(ToolError::InvalidArguments("no agent `x`".to_owned())),
        "nothing was delegated: invalid arguments: no agent `x`"
    );
}
