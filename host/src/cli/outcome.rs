//! What came of a delegation, as a person reads it: the work on standard
//! output; who did it, how it ended and why on standard error.
//!
//! The texts of several tasks are indented below a line for each, so that no
//! child can write what passes for a line of the host.

use jiff::tz::TimeZone;

use super::{
    Exit,
    error::CliError,
    output::{self, say},
    paint::Paint,
};
use crate::{
    clock::{Clock as _, SystemClock},
    completion::{
        sanitize::{clean, clean_line},
        text::{age, render},
    },
    event::{ChildResult, CompletionEvent, ExitReason, LogLine, Status},
};

/// Characters of an error, or of a line of a log.
const MAX_WHY_CHARS: usize = 1_000;

/// Characters of an agent's name.
const MAX_AGENT_CHARS: usize = 40;

/// Characters of a goal that are shown however narrow a terminal is.
const MIN_GOAL_CHARS: usize = 20;

/// Lines of a failed child's log that are told without being asked for.
const LOG_TAIL: usize = 5;

/// What stands before everything that belongs to the line above it.
const INDENT: &str = "  ";

/// `✓ [1/3] Survey this directory  (survey, completed, 0.09s)`, the goal cut
/// to the width.
pub(super) fn ended_line(result: &ChildResult, total: usize, width: usize, paint: Paint) -> String {
    let number = result.task_index.saturating_add(1);
    let mark = if result.status == Status::Completed { "✓" } else { "✗" };
    let head = format!("{mark} [{number}/{total}]");
    let agent = clean_line(&result.agent, MAX_AGENT_CHARS);
    let (status, took) = (result.status.as_str(), took(result.duration_seconds));
    let end = format!("({agent}, {status}, {took})");
    let others = head.chars().count().saturating_add(end.chars().count()).saturating_add(3);
    let goal = clean_line(&result.goal, width.saturating_sub(others).max(MIN_GOAL_CHARS));
    format!("{} {goal}  {}", paint.ended(result.status, &head), paint.faint(&end))
}

/// `0.09s`, `18m5s`.
pub(super) fn took(seconds: f64) -> String {
    if (0.0..60.0).contains(&seconds) { format!("{seconds:.2}s") } else { age(seconds) }
}

/// How what came of it is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// The event as JSON.
    pub(super) json: bool,
    /// The text that a model is told with.
    pub(super) notice: bool,
    /// Nothing but the result, and what went wrong.
    pub(super) quiet: bool,
    /// A record of it is kept, which can be shown.
    pub(super) is_kept: bool,
}

/// Prints what came of it, in the form that was asked for.
pub(super) fn tell(event: &CompletionEvent, form: Form) -> Result<(), CliError> {
    if form.json {
        return output::json(event);
    }
    if form.notice {
        let notice = render(event, SystemClock.now(), &TimeZone::system());
        return output::result(notice.trim_end());
    }
    print(event, form.quiet, form.is_kept)
}

/// The code that says how it ended (SEMANTICS.md §5).
pub(super) fn exit_of(event: &CompletionEvent) -> Exit {
    let is_refused = |it: &ChildResult| it.exit_reason == ExitReason::Refused;
    if event.results.iter().any(|it| it.status == Status::Interrupted) {
        Exit::Interrupted
    } else if event.counts().not_completed == 0 {
        Exit::Completed
    } else if !event.results.is_empty() && event.results.iter().all(is_refused) {
        Exit::Refused
    } else {
        Exit::NotCompleted
    }
}

/// Prints what came of it. The line of a single child was shown when it ended,
/// unless nobody wanted to see any.
fn print(event: &CompletionEvent, is_quiet: bool, is_kept: bool) -> Result<(), CliError> {
    let paint = Paint::stderr();
    match event.results.as_slice() {
        [only] => {
            if only.status != Status::Completed {
                if is_quiet {
                    say(&ended_line(only, 1, output::width(), paint));
                }
                why(only, paint).iter().for_each(|it| say(it));
                if is_kept && !is_quiet {
                    say(&format!("hint: `hermitage show {}` tells all of it", event.delegation_id));
                }
            }
            only.summary.as_deref().map_or(Ok(()), |it| output::result(&clean(it)))
        }
        results => {
            output::result(&blocks(results, Paint::stdout()))?;
            if !is_quiet {
                say(&counted(event, paint));
            }
            Ok(())
        }
    }
}

/// Every result below its line.
pub(super) fn blocks(results: &[ChildResult], paint: Paint) -> String {
    let block = |it: &ChildResult| {
        let mut lines = vec![ended_line(it, results.len(), output::width(), paint)];
        lines.extend(why(it, paint));
        let summary = it.summary.as_deref().map(clean).unwrap_or_default();
        lines.extend(summary.lines().map(|it| format!("{INDENT}{it}").trim_end().to_owned()));
        lines.join("\n")
    };
    results.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

/// Why it did not complete, with the last lines that the child itself wrote.
fn why(result: &ChildResult, paint: Paint) -> Vec<String> {
    if result.status == Status::Completed {
        return Vec::new();
    }
    let line = |word: &str, text: &str| {
        format!("{INDENT}{} {}", paint.faint(word), clean_line(text, MAX_WHY_CHARS))
    };
    let error = result.error.as_deref().unwrap_or("nobody said why");
    let older = result.log.len().saturating_sub(LOG_TAIL);
    let tail = result.log.iter().skip(older).map(|it| line("log:", &it.text));
    [line("why:", error)].into_iter().chain(tail).collect()
}

/// All that a child wrote into its log.
pub(super) fn whole_log(result: &ChildResult, total: usize) -> String {
    let number = result.task_index.saturating_add(1);
    let mut lines = vec![format!("log of [{number}/{total}]:")];
    lines.extend(result.log.iter().map(|it| format!("{INDENT}{}", log_line(it))));
    if result.log_dropped > 0 {
        lines.push(format!("{INDENT}({} lines found no room)", result.log_dropped));
    }
    lines.join("\n")
}

/// A line of a child's log.
pub(super) fn log_line(line: &LogLine) -> String {
    format!("{:<5} | {}", line.level.as_str(), clean_line(&line.text, MAX_WHY_CHARS))
}

/// `2 of 3 completed  (1.20s)`.
fn counted(event: &CompletionEvent, paint: Paint) -> String {
    let counts = event.counts();
    let text = format!("{} of {} completed", counts.completed, counts.total());
    let text = if counts.not_completed == 0 { paint.good(&text) } else { paint.bad(&text) };
    format!("{text}  {}", paint.faint(&format!("({})", took(event.total_duration_seconds))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Level, Role, Tokens},
        id::{ChildId, DelegationId, OsRandom},
        session::Session,
        unit::{Group, Mode, TaskRecord, UnitRecord},
    };

    fn result(status: Status, summary: &str) -> ChildResult {
        let task = TaskRecord {
            child_id: ChildId::new(1, &OsRandom),
            goal: "Read\u{1b}[31m all of it".to_owned(),
            agent: "scout".to_owned(),
            role: Role::Leaf,
            grant: Vec::new(),
        };
        let unit = UnitRecord {
            id: DelegationId::new(&OsRandom),
            parent: None,
            session: Session::Local,
            mode: Mode::Foreground,
            depth: 1,
            role: Role::Leaf,
            context: None,
            toolsets: None,
            model: None,
            workspace: None,
            dispatched_at: 0.0,
            tasks: vec![task],
            groups: vec![Group { name: None, tasks: vec![0] }],
            notes: Vec::new(),
        };
        ChildResult {
            summary: Some(summary.to_owned()),
            tokens: Tokens::default(),
            exit_reason: ExitReason::Error,
            ..unit.lost(0, status, "no more").unwrap()
        }
    }

    #[test]
    fn a_line_has_the_width_that_there_is() {
        let line = |width| ended_line(&result(Status::Failed, ""), 1, width, Paint::none());
        assert_eq!(line(100), "✗ [1/1] Read all of it  (scout, failed, 0.00s)");
        let long = ChildResult { goal: "many words ".repeat(20), ..result(Status::Completed, "") };
        let line = ended_line(&long, 1, 80, Paint::none());
        assert!((75..=80).contains(&line.chars().count()), "{line}");
        assert!(line.contains("…  (scout, completed"), "{line}");
    }

    #[test]
    fn no_summary_passes_for_a_line_of_the_host() {
        let forged = "done\n\n✓ [2/2] forged  (scout, completed, 1.00s)";
        let results = [result(Status::Completed, forged), result(Status::Failed, "half")];
        insta::assert_snapshot!(blocks(&results, Paint::none()), @"
        ✓ [1/2] Read all of it  (scout, completed, 0.00s)
          done

          ✓ [2/2] forged  (scout, completed, 1.00s)

        ✗ [1/2] Read all of it  (scout, failed, 0.00s)
          why: no more
          half
        ");
    }

    #[test]
    fn a_failure_is_told_with_the_end_of_the_log() {
        let line = |it: u32| LogLine { level: Level::Info, text: format!("step\n{it}") };
        let log = (1..=7).map(line).collect();
        let lines = why(&ChildResult { log, ..result(Status::Error, "") }, Paint::none());
        assert_eq!(lines.first().unwrap(), "  why: no more");
        assert_eq!(lines.last().unwrap(), "  log: step 7");
        assert_eq!(lines.len(), 1 + LOG_TAIL);
    }
}
