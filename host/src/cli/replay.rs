//! `hermitage replay`: a child that ran, run again from what it was told.

use std::{env, path::Path};

use serde::Serialize;

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    id::ChildNamed,
    output::{self, say},
    paint::Paint,
    reach,
    screen::Screen,
    setup::{Setup, block_on},
};
use crate::{
    completion::sanitize::{clean, clean_line},
    delegation::{DelegateError, Replay, Replayed},
    event::{ChildResult, ExitReason, Status},
    journal::{Departure, Entry, Event},
    plain_file,
    sandbox::Binary,
    toolset::ModelError,
};

/// Lines of an answer that are shown to a person.
const MAX_ANSWER_LINES: usize = 6;

/// Characters of one of them, where the output is no terminal.
const MAX_LINE_CHARS: usize = 400;

pub(super) fn replay(global: &Global, args: &args::Replay) -> Result<Exit, CliError> {
    let named = ChildNamed::parse(&args.child)?;
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    let max_bytes = u64::try_from(setup.config.sandbox.component_bytes).unwrap_or(u64::MAX);
    let component = args.with.as_deref().map(|it| component(it, max_bytes)).transpose()?;
    let replayed = block_on(async {
        let store = setup.store().await?;
        let id = named.delegation.find(&store, ended).await?;
        let unit = reach::unit(&store, id).await?.record;
        let task = named.one_of(unit.tasks.len())?;
        drop(store);
        let here = || env::current_dir().map_err(CliError::host);
        let workspace =
            unit.workspace.map(Into::into).filter(|it: &std::path::PathBuf| it.is_dir());
        let workspace = workspace.map_or_else(here, Ok)?;
        let host = setup.host(&workspace, false, &Screen::new()).await?;
        let replay = Replay { until: args.until, component };
        let replayed = host.replay(id, task, replay).await;
        host.shutdown().await;
        replayed.map_err(refused)
    })??;
    if args.json {
        output::json(&Shown::new(&replayed))?;
    } else {
        print(&replayed, args.with.is_some())?;
    }
    Ok(exit(&replayed))
}

fn refused(err: DelegateError) -> CliError {
    let hint = err.hint();
    let error = CliError::host(anyhow::Error::new(err));
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn component(path: &Path, max_bytes: u64) -> Result<Binary, CliError> {
    let read = plain_file::open(path).and_then(|it| plain_file::bytes(it, max_bytes));
    let failed = |it: std::io::Error| {
        CliError::usage(anyhow::anyhow!("`{}` can't be read: {it}", path.display()))
    };
    Ok(Binary::new(read.map_err(failed)?))
}

/// Whether it did what it had done, as far as it was to be run.
fn exit(replayed: &Replayed) -> Exit {
    match replayed.departure {
        Some(Departure::Until { .. }) => Exit::Completed,
        Some(Departure::Over(_)) if replayed.stopped => Exit::Completed,
        Some(_) => Exit::NotCompleted,
        None if replayed.is_same() => Exit::Completed,
        None if replayed.result.exit_reason == ExitReason::Refused => Exit::Refused,
        None => Exit::NotCompleted,
    }
}

fn print(replayed: &Replayed, is_another: bool) -> Result<(), CliError> {
    let paint = Paint::stdout();
    let mut lines = Vec::new();
    for (number, entry) in (1..).zip(&replayed.calls) {
        lines.extend(call(number, entry, paint));
    }
    let result = &replayed.result;
    let left = |it: &Departure| {
        matches!(it, Departure::Differs { .. } | Departure::EndsEarly(_) | Departure::Unread { .. })
    };
    match &replayed.departure {
        Some(Departure::Over(_)) if replayed.stopped => say("note: it was asked to stop here"),
        Some(departure) => say(&clean_line(&format!("note: {departure}"), MAX_LINE_CHARS)),
        None => {
            lines.push(paint.ended(result.status, &format!("= {}", result.status.as_str())));
            let summary = result.summary.as_deref().or(result.error.as_deref()).unwrap_or_default();
            lines.extend(clean(summary).lines().map(|it| format!("  {it}")));
        }
    }
    if !lines.is_empty() {
        output::result(&lines.join("\n"))?;
    }
    if replayed.departure.as_ref().is_some_and(left) && !is_another {
        say("hint: a component that does not do the same when it is told the same can't be run \
             again");
    }
    if replayed.departure.is_none() {
        say(match (replayed.is_same(), &replayed.recorded) {
            (true, _) => "note: it reports what it reported then",
            (false, Some(_)) => "note: it reports something else than it did then",
            (false, None) => "note: it had not reported anything then",
        });
    }
    Ok(())
}

/// A call, and what it was answered below it.
fn call(number: usize, entry: &Entry, paint: Paint) -> Vec<String> {
    let (name, subject) = entry.asked().map_or(("", ""), |it| (&it.call, &it.subject));
    let status = if entry.answer.is_ok() { Status::Completed } else { Status::Failed };
    let at = format!("{:.3}s", seconds(entry.at_ms));
    let head = format!("{number} {name} {}", clean_line(subject, MAX_LINE_CHARS));
    let mut lines = vec![format!("{}  {}", paint.ended(status, head.trim_end()), paint.faint(&at))];
    let answer = answer(&entry.answer);
    let all = clean(&answer).into_owned();
    lines.extend(
        all.lines()
            .take(MAX_ANSWER_LINES)
            .map(|it| format!("  {}", clean_line(it, output::width().clamp(20, MAX_LINE_CHARS)))),
    );
    let rest = all.lines().count().saturating_sub(MAX_ANSWER_LINES);
    if rest > 0 {
        lines.push(paint.faint(&format!("  … {rest} more lines: `--json` has all of it")));
    }
    lines
}

fn answer(answer: &Result<String, ModelError>) -> String {
    match answer {
        Ok(text) => text.clone(),
        Err(err) => err.to_string(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

/// A child that was run again, as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    calls: Vec<ShownCall<'a>>,
    /// Where it left what was recorded.
    departure: Option<String>,
    /// None for a run that did not get as far.
    result: Option<&'a ChildResult>,
    /// Whether it reports what it reported then.
    same: bool,
}

#[derive(Serialize)]
struct ShownCall<'a> {
    /// From 1.
    number: usize,
    call: &'a str,
    subject: &'a str,
    /// How long the child had run when it was answered.
    at_seconds: f64,
    ok: bool,
    /// JSON, or a text as it stands; why not, where it failed.
    answer: serde_json::Value,
}

impl<'a> Shown<'a> {
    fn new(replayed: &'a Replayed) -> Self {
        let calls = (1..).zip(&replayed.calls).map(|(number, it)| ShownCall::new(number, it));
        Self {
            calls: calls.collect(),
            departure: replayed.departure.as_ref().map(ToString::to_string),
            result: replayed.departure.is_none().then_some(&replayed.result),
            same: replayed.is_same(),
        }
    }
}

impl<'a> ShownCall<'a> {
    fn new(number: usize, entry: &'a Entry) -> Self {
        let (call, subject) = entry.asked().map_or(("", ""), |it| (&it.call, &it.subject));
        let text = answer(&entry.answer);
        let answer = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
        debug_assert!(matches!(entry.event, Event::Answered { .. }));
        let at_seconds = seconds(entry.at_ms);
        Self { number, call, subject, at_seconds, ok: entry.answer.is_ok(), answer }
    }
}
