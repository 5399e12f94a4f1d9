//! `hermitage inspect`: what a component asks for, and what it would get.
//! Compiles it, and runs nothing of it.

use std::sync::Arc;

use serde::Serialize;

use super::{
    Exit,
    args::{Global, Inspect, names},
    can::can,
    error::CliError,
    output,
    screen::Screen,
    setup::{Setup, block_on},
};
use crate::{
    completion::sanitize::clean_line,
    delegation::{Request, WrittenBy},
    event::{BoundaryLine, BoundaryRecord},
    host::Host,
    session::Session,
};

/// Characters of one line: names come from the component.
const MAX_LINE_CHARS: usize = 1_000;

#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    bytes: usize,
    strict: bool,
    #[serde(flatten)]
    boundary: &'a BoundaryRecord,
    /// Through the toolbox, which is always linked.
    toolbox: &'static str,
    /// What it can do with this grant, in words.
    can: &'a [&'static str],
    /// Whether it runs, in words.
    verdict: &'static str,
}

pub(super) fn inspect(global: &Global, args: &Inspect) -> Result<Exit, CliError> {
    let mut setup = Setup::new(global, Some(&args.workspace))?;
    // Nothing works there.
    setup.config.workspace.allow_home = true;
    let (seen, is_strictness) = block_on(async {
        let host = setup.host(&args.workspace, true, &Screen::new()).await?;
        let seen = look(&host, args, args.strict).await?;
        let is_refused = !seen.boundary.refused.is_empty();
        let is_strictness = args.strict
            && is_refused
            && look(&host, args, false).await?.boundary.refused.is_empty();
        Ok::<_, CliError>((seen, is_strictness))
    })??;
    let Seen { name, bytes, boundary } = seen;
    let can = can(&boundary.linked);
    let report = Report {
        name: &name,
        bytes,
        strict: args.strict,
        boundary: &boundary,
        toolbox: "any granted tool",
        can: &can,
        verdict: verdict(&boundary, is_strictness),
    };
    if args.json {
        output::json(&report)?;
    } else {
        output::result(&text(&report))?;
    }
    Ok(if boundary.refused.is_empty() { Exit::Completed } else { Exit::Refused })
}

/// A component, and the plan that `run` would have it run by.
struct Seen {
    name: String,
    bytes: usize,
    boundary: Arc<BoundaryRecord>,
}

/// Prepares a request as `run` does, and asks for its plan instead of running
/// it.
async fn look(host: &Host, args: &Inspect, strict: bool) -> Result<Seen, CliError> {
    let request = Request {
        goal: Some("be inspected".to_owned()),
        agent: Some(args.component.clone()),
        toolsets: args.toolsets.as_deref().map(names),
        role: Some(args.role.into()),
        written_by: WrittenBy::Application,
        strict,
        ..Request::default()
    };
    let prepared = host.prepare(&Session::Local, request).await?;
    let plans = host.delegator().plans(&prepared).await;
    let plans = plans.map_err(|(_, err)| CliError::refused(&args.component, err))?;
    let (work, boundary) = prepared
        .works()
        .iter()
        .zip(plans)
        .next()
        .ok_or_else(|| CliError::host(anyhow::anyhow!("there is no task to plan")))?;
    Ok(Seen { name: work.agent.clone(), bytes: work.component.bytes().len(), boundary })
}

/// A word and what it is about on each line, with the verdict at the end.
fn text(report: &Report<'_>) -> String {
    let boundary = report.boundary;
    let granted = boundary.granted.join(", ");
    let mut lines = vec![
        ("component", format!("{} ({} bytes)", report.name, report.bytes)),
        ("digest", boundary.component.clone()),
        ("grant", if granted.is_empty() { "no tools".to_owned() } else { granted }),
        ("toolbox", report.toolbox.to_owned()),
    ];
    lines.extend(report.can.iter().map(|it| ("can", (*it).to_owned())));
    lines.extend(boundary.linked.iter().map(|it| ("linked", it.clone())));
    lines.extend(boundary.stubbed.iter().map(|it| ("stubbed", with_reason(it))));
    lines.extend(boundary.refused.iter().map(|it| ("refused", with_reason(it))));
    lines.push(("verdict", report.verdict.to_owned()));
    let lines =
        lines.iter().map(|(word, it)| format!("{word:<9}  {}", clean_line(it, MAX_LINE_CHARS)));
    lines.collect::<Vec<_>>().join("\n")
}

fn with_reason(line: &BoundaryLine) -> String {
    format!("{}: {}", line.import, line.reason)
}

/// `is_strictness`: without `--strict` it would run.
fn verdict(boundary: &BoundaryRecord, is_strictness: bool) -> &'static str {
    let mut refused = boundary.refused.iter().peekable();
    if refused.peek().is_none() {
        "runs: everything it imports is linked or answers `denied`"
    } else if is_strictness {
        "does not run: it imports what is not granted (`--strict`)"
    } else if refused.all(|it| it.import == BoundaryLine::WHOLE) {
        "does not run: it is a component, but no agent; `hermitage plugin show` tells what a tool plugin can do"
    } else {
        "does not run: it imports what no child can have"
    }
}
