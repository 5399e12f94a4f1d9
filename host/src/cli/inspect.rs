//! `hermitage inspect`: what a component asks for, and what it would get.
//! Compiles it, and runs nothing of it.

use std::{path::Path, sync::Arc};

use serde::Serialize;

use super::{
    Exit,
    args::{Global, Inspect, names},
    error::CliError,
    output,
    setup::{Setup, block_on},
};
use crate::{
    boundary::Policy,
    completion::sanitize::clean_line,
    defence::Defences,
    delegation::STRANGERS_TOOLSET,
    event::{BoundaryLine, BoundaryRecord},
    plugin,
    toolset::{Grant, grant},
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
    /// Whether it runs, in words.
    verdict: &'static str,
}

pub(super) fn inspect(global: &Global, args: &Inspect) -> Result<Exit, CliError> {
    // As `run` would in this directory.
    let setup = Setup::new(global, Some(Path::new(".")))?;
    let policy = policy(&setup, args)?;
    let found = setup.find(&args.component)?;
    let sandbox = setup.sandbox()?;
    let loaded = block_on(sandbox.load(&found.component))?;
    let loaded = loaded.map_err(|err| CliError::refused(&args.component, err))?;
    let boundary = match sandbox.admit(&loaded, &policy) {
        Ok(admitted) => Arc::clone(admitted.record()),
        Err(record) => record,
    };
    let loosely = Policy { strict: false, ..policy };
    let is_strictness = args.strict && sandbox.admit(&loaded, &loosely).is_ok();
    let toolbox = "any granted tool";
    let bytes = found.component.bytes().len();
    let strict = args.strict;
    let verdict = verdict(&boundary, is_strictness);
    let report = Report { name: &found.name, bytes, strict, boundary: &boundary, toolbox, verdict };
    if args.json {
        output::json(&report)?;
    } else {
        output::result(&text(&report))?;
    }
    Ok(if boundary.refused.is_empty() { Exit::Completed } else { Exit::Refused })
}

fn policy(setup: &Setup, args: &Inspect) -> Result<Policy, CliError> {
    let wanted = match &args.toolsets {
        Some(list) => names(list),
        None if plugin::is_path(&args.component) => vec![STRANGERS_TOOLSET.to_owned()],
        None => setup.config.delegation.default_toolsets.clone(),
    };
    let blocked = setup.blocked();
    let wanted = grant::expand(&wanted, &[])?;
    let role = args.role.into();
    let grant = grant::grant(Some(&wanted), &Grant::of_parent(), &blocked, role);
    Ok(Policy {
        grant,
        blocked,
        role,
        withheld: Arc::default(),
        model: setup.config.default_model.is_some(),
        strict: args.strict,
        defences: Defences::ALL,
    })
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
        "does not run: it is a component, but no agent"
    } else {
        "does not run: it imports what no child can have"
    }
}
