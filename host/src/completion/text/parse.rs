//! Reads a notice back from its text.
//!
//! Strict: what the fields would not be laid out as is refused, so a text
//! that holds a second notice, or one that was changed, gives no notice.

use std::borrow::Cow;

use crate::{
    completion::sanitize::clean,
    event::{ExitReason, Status},
};

use super::{
    INDENT,
    escape::unescape,
    layout::{
        API_CALLS, BATCH, CONTEXT, DISPATCHED, DURATION, EXIT_REASON, FAILED, FAILED_INTRO, FROM,
        GAP, GOAL, GROUP, INTRO, MESSAGE_INTRO, MODEL, NO_OUTPUT, NOTE, OTHER, PARTIAL, REMAINING,
        RESULT, ROLE, SINGLE, STATUS, TASKS, TOOLSETS, TOTAL_DURATION, TRUNCATED, compose,
        exit_reason_named,
    },
    message::{MESSAGE, Message},
    notice::{Body, ChildFailed, Ended, Notice, Outcome, TaskNotice},
};

/// Why a text is no notice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// It holds characters that a notice never does.
    #[error("the text holds control or invisible characters")]
    Unclean,
    /// The first line is none of the markers.
    #[error("the text does not start with a completion marker")]
    NoMarker,
    /// A line that has to be there is not, or does not read.
    #[error("line {line} is not `{expected}…`")]
    Line {
        /// Counted from 1.
        line: usize,
        /// How it starts.
        expected: &'static str,
    },
    /// Every part reads, but their text is another one.
    #[error("the text is not the one that its own fields are rendered as")]
    NotCanonical,
}

/// The notice that `text` was rendered from.
pub fn parse(text: &str) -> Result<Notice, ParseError> {
    if let Cow::Owned(_) = clean(text) {
        return Err(ParseError::Unclean);
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let mut cursor = Cursor { rest: &lines, line: 0 };
    let (marker, id) = cursor.marker()?;
    let (dispatched, notice) = match marker {
        FAILED => cursor.failed(id)?,
        OTHER => ("", cursor.message(id)?),
        marker => cursor.ended(id, marker == BATCH)?,
    };
    if compose(&notice, dispatched) == text { Ok(notice) } else { Err(ParseError::NotCanonical) }
}

struct Cursor<'a> {
    rest: &'a [&'a str],
    /// Number of the line taken last.
    line: usize,
}

impl<'a> Cursor<'a> {
    fn ended(&mut self, id: &str, is_batch: bool) -> Result<(&'a str, Notice), ParseError> {
        let count = self.count(is_batch)?;
        self.need("")?;
        let dispatched = self.need(DISPATCHED)?;
        let goal = self.need(GOAL)?;
        let goal = self.with_more_lines(goal);
        let group = self.field(GROUP);
        let context = self.field(CONTEXT);
        let toolsets = self.field(TOOLSETS).unwrap_or_default();
        let (role, model) = self.role()?;
        let status = self.status(if is_batch { TOTAL_DURATION } else { DURATION })?;
        let mut notes = Vec::new();
        while let Some(note) = self.field(NOTE) {
            notes.push(note);
        }
        let body = if is_batch { self.batch(count, &status)? } else { self.single(&status)? };
        let notice = Ended {
            delegation_id: id.to_owned(),
            goal,
            group,
            context,
            toolsets: toolsets.split(", ").filter(|it| !it.is_empty()).map(String::from).collect(),
            role: role.to_owned(),
            model: model.map(String::from),
            status: status.status,
            api_calls: status.api_calls,
            duration_seconds: status.seconds,
            notes,
            body,
        };
        Ok((dispatched, Notice::Ended(notice)))
    }

    fn failed(&mut self, id: &str) -> Result<(&'a str, Notice), ParseError> {
        self.need(FAILED_INTRO)?;
        self.need("")?;
        let dispatched = self.need(DISPATCHED)?;
        let goal = self.need(GOAL)?;
        let goal = self.with_more_lines(goal);
        let (remaining, count) = self.remaining()?;
        self.need("")?;
        let task = self.task()?;
        let delegation_id = id.to_owned();
        let notice = ChildFailed { delegation_id, goal, count, remaining, task };
        Ok((dispatched, Notice::ChildFailed(notice)))
    }

    /// Of the events of other producers, messages alone read back.
    fn message(&mut self, kind: &str) -> Result<Notice, ParseError> {
        if kind != MESSAGE {
            return Err(ParseError::NoMarker);
        }
        self.need(MESSAGE_INTRO)?;
        self.need("")?;
        let from = self.need(FROM)?.to_owned();
        self.need("")?;
        Ok(Notice::Message(Message { from, text: unescape(&self.rest.join("\n")) }))
    }

    fn remaining(&mut self) -> Result<(usize, usize), ParseError> {
        let line = self.need(REMAINING)?;
        let read = |(left, all): (&str, &str)| Some((left.parse().ok()?, all.parse().ok()?));
        line.split_once(" of ").and_then(read).ok_or(self.error(REMAINING))
    }

    /// Which marker it is, and the id in it.
    fn marker(&mut self) -> Result<(&'static str, &'a str), ParseError> {
        let mut found = [SINGLE, BATCH, FAILED, OTHER].into_iter();
        let found = found.find_map(|it| self.take(it).map(|rest| (it, rest)));
        let (marker, rest) = found.ok_or(ParseError::NoMarker)?;
        let id = rest.strip_suffix(']').ok_or(ParseError::NoMarker)?;
        Ok((marker, id))
    }

    /// Number of tasks in the intro; the rest of it is compared at the end.
    fn count(&mut self, is_batch: bool) -> Result<usize, ParseError> {
        let intro = self.need(INTRO)?;
        if !is_batch {
            return Ok(1);
        }
        let count = intro.split_once(' ').and_then(|(count, _)| count.parse().ok());
        count.ok_or(self.error(INTRO))
    }

    fn role(&mut self) -> Result<(&'a str, Option<&'a str>), ParseError> {
        let line = self.need(ROLE)?;
        Ok(match line.split_once(GAP) {
            Some((role, model)) => (role, model.strip_prefix(MODEL)),
            None => (line, None),
        })
    }

    fn status(&mut self, duration: &str) -> Result<StatusLine, ParseError> {
        let line = self.need(STATUS)?;
        let mut parts = line.split(GAP);
        let mut read = || {
            let status = Status::named(parts.next()?)?;
            // The tasks that follow say the same.
            if duration == TOTAL_DURATION {
                parts.next()?.strip_prefix(TASKS)?;
            }
            let api_calls = parts.next()?.strip_prefix(API_CALLS)?.parse().ok()?;
            let seconds = read_seconds(parts.next()?.strip_prefix(duration)?)?;
            let remarks = parts.next().map_or("", |it| it.trim_matches(['(', ')']));
            let (exit_reason, truncated) = read_remarks(remarks.split(", "));
            Some(StatusLine { status, api_calls, seconds, exit_reason, truncated })
        };
        read().ok_or(self.error(STATUS))
    }

    fn single(&mut self, status: &StatusLine) -> Result<Body, ParseError> {
        self.need(RESULT)?;
        let (summary, error) = read_outcome(status.status, self.rest);
        let StatusLine { exit_reason, truncated, .. } = *status;
        Ok(Body::Single(Outcome { exit_reason, truncated, summary, error }))
    }

    fn batch(&mut self, count: usize, status: &StatusLine) -> Result<Body, ParseError> {
        let (_, error) = read_outcome(status.status, self.until_task());
        let mut tasks = Vec::new();
        while !self.rest.is_empty() {
            tasks.push(self.task()?);
        }
        Ok(Body::Batch { count, error, tasks })
    }

    fn task(&mut self) -> Result<TaskNotice, ParseError> {
        let line = self.need("--- ")?;
        let mut task = read_task(line).ok_or(self.error("--- ✓ TASK "))?;
        let (summary, error) = read_outcome(task.status, self.until_task());
        task.outcome.summary = summary;
        task.outcome.error = error;
        Ok(task)
    }

    /// A header field of any number of lines, if the next one starts it.
    fn field(&mut self, label: &str) -> Option<String> {
        let first = self.take(label)?;
        Some(self.with_more_lines(first))
    }

    fn with_more_lines(&mut self, first: &str) -> String {
        let mut lines = vec![first];
        while let Some(line) = self.take(INDENT) {
            lines.push(line);
        }
        unescape(&lines.join("\n"))
    }

    /// The lines before the next task, without blank ones at their ends.
    fn until_task(&mut self) -> &'a [&'a str] {
        let is_task = |it: &&str| it.starts_with("--- ✓ TASK ") || it.starts_with("--- ✗ TASK ");
        let n_lines = self.rest.iter().position(is_task).unwrap_or(self.rest.len());
        let (mut lines, rest) = self.rest.split_at_checked(n_lines).unwrap_or((self.rest, &[]));
        self.rest = rest;
        self.line += n_lines;
        while let ["", inner @ ..] | [inner @ .., ""] = lines {
            lines = inner;
        }
        lines
    }

    fn need(&mut self, start: &'static str) -> Result<&'a str, ParseError> {
        self.take(start).ok_or(ParseError::Line { line: self.line + 1, expected: start })
    }

    /// The next line behind `start`, if it has that start.
    fn take(&mut self, start: &str) -> Option<&'a str> {
        let (line, rest) = self.rest.split_first()?;
        let line = line.strip_prefix(start)?;
        self.rest = rest;
        self.line += 1;
        Some(line)
    }

    fn error(&self, expected: &'static str) -> ParseError {
        ParseError::Line { line: self.line, expected }
    }
}

struct StatusLine {
    status: Status,
    api_calls: u64,
    seconds: f64,
    exit_reason: Option<ExitReason>,
    truncated: bool,
}

/// Summary and error of a body.
fn read_outcome(status: Status, lines: &[&str]) -> (Option<String>, Option<String>) {
    let text = |lines: &[&str]| match lines {
        [] => None,
        lines => Some(unescape(&lines.join("\n"))),
    };
    match (status, lines) {
        (Status::Completed, [NO_OUTPUT]) | (_, []) => (None, None),
        (Status::Completed, lines) => (text(lines), None),
        (_, [_sentence, lines @ ..]) => {
            let mut halves = lines.splitn(2, |it| *it == PARTIAL);
            let error = halves.next().and_then(text);
            (halves.next().and_then(text), error)
        }
    }
}

/// A task from its line, without the text that follows.
fn read_task(line: &str) -> Option<TaskNotice> {
    let (_, line) = line.split_once(" TASK ")?;
    let (number, line) = line.split_once('/')?;
    let (_count, line) = line.split_once(": ")?;
    let (goal, line) = line.strip_suffix(") ---")?.split_once("  (status=")?;
    let (line, model) = match line.split_once(", model=") {
        Some((line, model)) => (line, Some(model.to_owned())),
        None => (line, None),
    };
    let mut parts = line.split(", ");
    let status = Status::named(parts.next()?)?;
    let api_calls = parts.next()?.strip_prefix("api_calls=")?.parse().ok()?;
    let duration_seconds = read_seconds(parts.next()?)?;
    let (exit_reason, truncated) = read_remarks(parts);
    let outcome = Outcome { exit_reason, truncated, ..Outcome::default() };
    let (number, goal) = (number.parse().ok()?, goal.to_owned());
    Some(TaskNotice { number, goal, status, api_calls, duration_seconds, model, outcome })
}

fn read_seconds(text: &str) -> Option<f64> {
    text.strip_suffix('s')?.parse().ok()
}

fn read_remarks<'a>(remarks: impl Iterator<Item = &'a str>) -> (Option<ExitReason>, bool) {
    let (mut exit_reason, mut truncated) = (None, false);
    for remark in remarks {
        truncated |= remark == TRUNCATED;
        exit_reason = exit_reason.or(remark.strip_prefix(EXIT_REASON).and_then(exit_reason_named));
    }
    (exit_reason, truncated)
}
