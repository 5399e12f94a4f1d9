//! How a child ended, in every way that it can.

use std::time::Duration;

use super::*;
use crate::{
    event::{BoundaryLine, ChildResult, Role},
    id::{ChildId, Random},
    unit::TaskRecord,
};

const WHAT: &str = "all 100 tool calls are spent";

fn report(failed: Option<&str>, summary: &str) -> Report {
    Report { failed: failed.map(str::to_owned), summary: summary.to_owned(), truncated: false }
}

fn returned(failed: Option<&str>, summary: &str) -> Outcome {
    Outcome::Returned { report: report(failed, summary), calls_spent: None }
}

/// An end as text.
fn told(end: End) -> String {
    let End { status, exit_reason, summary, error, truncated, .. } = end;
    let [status, exit_reason] = [status.as_str(), exit_reason.as_str()];
    let (summary, error) = (summary.unwrap_or_default(), error.unwrap_or_default());
    format!("{status} {exit_reason} {truncated} | {summary} | {error}")
}

/// The end of a child that has a checkpoint.
#[track_caller]
fn check(outcome: Outcome, stop: Option<StopReason>, expect: &str) {
    let checkpoint = Some("half".to_owned());
    let mut traces = Traces { checkpoint, ..Traces::default() };
    assert_eq!(told(end(outcome, stop.as_ref(), Some("too slow"), &mut traces)), expect);
}

#[test]
fn whoever_gives_up_because_its_model_calls_are_spent_was_ended_by_them() {
    let check = |outcome, is_over, expect: (Status, ExitReason, bool)| {
        let mut res = end(outcome, None, None, &mut Traces::default());
        res.count_iterations(&ChatTotals { calls: 2, is_over, ..ChatTotals::default() }, 2);
        assert_eq!((res.status, res.exit_reason, res.truncated), expect);
    };
    use ExitReason::{Completed, Error, MaxIterations, Trap};
    let gave = || Outcome::Gave("exhausted".to_owned());
    check(gave(), true, (Status::Failed, MaxIterations, false));
    check(gave(), false, (Status::Failed, Error, false));
    check(returned(Some("no"), ""), true, (Status::Failed, MaxIterations, false));
    check(returned(Some("no"), ""), false, (Status::Failed, Error, false));
    check(returned(None, "did it"), true, (Status::Completed, MaxIterations, true));
    check(returned(None, "did it"), false, (Status::Completed, Completed, false));
    check(Outcome::Trapped("x".to_owned()), true, (Status::Error, Trap, false));
}

#[test]
fn a_failure_is_told_with_its_reason_and_the_work_apart() {
    let check = |outcome, expect: &str| check(outcome, None, expect);
    check(returned(Some("no key"), "read 3"), "failed error false | read 3 | no key");
    check(returned(Some("no key"), ""), "failed error true | half | no key");
    check(returned(Some("no\n\u{1b}[31mkey"), "x"), "failed error false | x | no key");
    let silent = "it failed, and does not say why";
    check(returned(Some("\u{200b} "), "x"), &format!("failed error false | x | {silent}"));
    check(returned(None, " "), "failed error true | half | finished without a summary");
    check(returned(None, "did it"), "completed completed false | did it | ");
    let gave = Outcome::Gave("no key".to_owned());
    check(gave, "failed error true | half | the agent gave up: no key");
    let silent = Outcome::Gave(String::new());
    check(silent, "failed error true | half | the agent gave up: it does not say why");
}

#[test]
fn whoever_was_stopped_is_told_with_what_it_says() {
    let interrupted = |outcome, expect: &str| check(outcome, Some(StopReason::Interrupted), expect);
    interrupted(
        returned(None, "did it"),
        "interrupted interrupted true | did it | interrupted: too slow",
    );
    interrupted(
        returned(Some("no key"), ""),
        "interrupted interrupted true | half | interrupted: too slow; the agent says: no key",
    );
    interrupted(
        Outcome::Trapped("x".to_owned()),
        "interrupted interrupted true | half | interrupted: too slow; trapped: x",
    );
    interrupted(Outcome::Stopped, "interrupted interrupted true | half | interrupted: too slow");
    check(
        returned(Some("no key"), "read 3"),
        Some(StopReason::TimedOut(Duration::from_secs(2))),
        "timeout timeout true | read 3 | not finished within 2 s; the agent says: no key",
    );
}

#[test]
fn a_spent_budget_completes_what_was_returned_and_fails_the_rest() {
    let check =
        |outcome, expect: &str| check(outcome, Some(StopReason::Spent(WHAT.into())), expect);
    check(returned(None, "did it"), "completed budget true | did it | ");
    check(returned(Some("no"), "read 3"), &format!("failed budget true | read 3 | {WHAT}; no"));
    check(
        returned(None, " \n"),
        &format!("failed budget true | half | {WHAT}; finished without a summary"),
    );
    check(Outcome::Stopped, &format!("failed budget true | half | {WHAT}"));
    check(
        Outcome::Gave("exhausted".to_owned()),
        &format!("failed budget true | half | {WHAT}; the agent gave up: exhausted"),
    );
}

#[test]
fn what_the_provider_said_is_told_even_when_the_agent_leaves_it_out() {
    let said = "openai: HTTP 401 Unauthorized: no such key";
    let check = |outcome, failure: Option<&str>, expect: Option<&str>| {
        let mut res = end(outcome, None, None, &mut Traces::default());
        let failure = failure.map(str::to_owned);
        res.blame(&ChatTotals { failure, ..ChatTotals::default() });
        assert_eq!(res.error.as_deref(), expect);
    };
    let both = format!("sorry; the model failed: {said}");
    check(returned(Some("sorry"), ""), Some(said), Some(&both));
    let told = format!("The model failed: {said}");
    check(returned(Some(&told), ""), Some(said), Some(&told));
    check(returned(Some("sorry"), ""), None, Some("sorry"));
    // It found another way.
    check(returned(None, "did it"), Some(said), None);
    let trap = format!("trapped: x; the model failed: {said}");
    check(Outcome::Trapped("x".to_owned()), Some(said), Some(&trap));
}

fn outcomes() -> Vec<Outcome> {
    let texts = ["", " \u{200b}\n", "x", "HTTP 401"];
    let mut all = vec![
        Outcome::Stopped,
        Outcome::CallsSpent(3),
        Outcome::CpuSpent(Duration::from_secs(1)),
        Outcome::Limit(crate::sandbox::Limit::Stack),
        Outcome::HostFault("fault".to_owned()),
        Outcome::Trapped("unreachable".to_owned()),
    ];
    for text in texts {
        all.push(Outcome::Gave(text.to_owned()));
        for failed in texts.into_iter().map(Some).chain([None]) {
            for (truncated, calls_spent) in [(false, None), (true, None), (false, Some(3))] {
                let report = Report { truncated, ..report(failed, text) };
                all.push(Outcome::Returned { report, calls_spent });
            }
        }
    }
    all
}

fn stops() -> Vec<Option<StopReason>> {
    let timed_out = StopReason::TimedOut(Duration::from_secs(2));
    vec![None, Some(StopReason::Interrupted), Some(timed_out), Some(StopReason::Spent(WHAT.into()))]
}

fn chats() -> Vec<ChatTotals> {
    let mut all = Vec::new();
    for failure in [None, Some("HTTP 401".to_owned())] {
        for (calls, is_over) in [(0, false), (2, false), (2, true)] {
            let failure = failure.clone();
            all.push(ChatTotals { calls, is_over, failure, ..ChatTotals::default() });
        }
    }
    all
}

fn validities() -> [Validity; 3] {
    [Validity::Unchecked, Validity::Valid, Validity::Invalid(vec!["$: no".to_owned()])]
}

/// The sentences of SEMANTICS.md §4 about one result.
fn assert_holds(it: &ChildResult, how: &str) {
    use ExitReason as Exit;
    let (status, exit) = (it.status, it.exit_reason);
    let allowed: &[Exit] = match status {
        Status::Completed => &[Exit::Completed, Exit::MaxIterations, Exit::Budget],
        Status::Failed => &[Exit::Error, Exit::MaxIterations, Exit::Budget],
        Status::Error => &[Exit::Trap, Exit::Refused, Exit::Error],
        Status::Timeout => &[Exit::Timeout],
        Status::Interrupted => &[Exit::Interrupted],
        Status::Unknown => &[Exit::Error],
    };
    assert!(allowed.contains(&exit), "{status:?} and {exit:?}: {how}");
    let is_said = |text: &Option<String>| text.as_ref().is_some_and(|it| !is_blank(it));
    assert_eq!(is_said(&it.error), status != Status::Completed, "{:?}: {how}", it.error);
    assert!(it.error.is_none() || is_said(&it.error), "{how}");
    assert!(it.summary.is_none() || is_said(&it.summary), "{how}");
    assert!(status != Status::Completed || is_said(&it.summary), "{how}");
    let is_part = matches!(exit, Exit::MaxIterations | Exit::Budget);
    assert!(!(status == Status::Completed && is_part) || it.truncated, "{how}");
}

#[test]
fn every_way_to_end_says_why_and_keeps_the_work_apart() {
    let checkpoints = [None, Some(" "), Some("half")];
    let mut n_ends = 0;
    for outcome in outcomes() {
        for stopped in stops() {
            for (chats, validity) in chats()
                .into_iter()
                .flat_map(|it| validities().map(|validity| (it.clone(), validity)))
            {
                for checkpoint in checkpoints {
                    let how =
                        format!("{outcome:?} {stopped:?} {chats:?} {validity:?} {checkpoint:?}");
                    let checkpoint = checkpoint.map(str::to_owned);
                    let (outcome, stopped) = (outcome.clone(), stopped.clone());
                    let told = Told {
                        boundary: Arc::new(boundary()),
                        chats: chats.clone(),
                        max_iterations: 2,
                        validity: validity.clone(),
                    };
                    let ended = Ended {
                        outcome,
                        stopped,
                        traces: Traces { checkpoint, ..Traces::default() },
                        cpu: Duration::ZERO,
                        duration: Duration::ZERO,
                    };
                    assert_holds(&task().result(0, of_run(ended, None, told)), &how);
                    n_ends += 1;
                }
            }
        }
    }
    assert!(n_ends > 10_000, "{n_ends}");
}

struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn task() -> TaskRecord {
    let [goal, agent] = ["count", "scout"].map(str::to_owned);
    let (child_id, role, grant) = (ChildId::new(0, &Zeros), Role::Leaf, Vec::new());
    TaskRecord { child_id, goal, agent, role, grant }
}

fn boundary() -> BoundaryRecord {
    BoundaryRecord {
        component: String::new(),
        policy: String::new(),
        granted: Vec::new(),
        linked: Vec::new(),
        stubbed: Vec::new(),
        refused: vec![BoundaryLine { import: "a#b".to_owned(), reason: "no".to_owned() }],
        plugins: Vec::new(),
    }
}

#[test]
fn a_child_that_did_not_run_says_why() {
    let failures = [
        failure::interrupted(None),
        failure::interrupted(Some("shutdown")),
        failure::crashed(),
        failure::not_compiled_in(Duration::from_secs(3)),
        failure::refused(Arc::new(boundary())),
    ];
    for failure in failures {
        assert_holds(&task().result(0, failure), "without a run");
    }
}
