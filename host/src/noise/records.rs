//! Units, results and events that nobody would write.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};

use super::{list, maybe, one_of, seconds, text};
use crate::{
    event::{
        BoundaryLine, BoundaryRecord, ChildResult, CompletionEvent, ExitReason, FailureNotice,
        Level, LogLine, PluginDigest, Role, Status, Tokens, ToolTrace,
    },
    id::{ChildId, DelegationId, Random},
    session::Session,
    unit::{Group, Mode, TaskRecord, UnitRecord},
};

/// Every byte of an id the same.
struct Fixed(u8);

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

/// What an id is made of.
fn fixed(u: &mut Unstructured<'_>) -> Result<Fixed> {
    Ok(Fixed(u.arbitrary()?))
}

/// Seconds since the epoch, more often than not of this century.
fn time(u: &mut Unstructured<'_>) -> Result<f64> {
    seconds(u, 0..=4_000_000_000)
}

/// What came of a task.
pub(crate) fn result(u: &mut Unstructured<'_>, words: &[&str]) -> Result<ChildResult> {
    let task_index = if u.arbitrary()? { u.int_in_range(0..=9)? } else { u.arbitrary()? };
    Ok(ChildResult {
        task_index,
        child_id: ChildId::new(task_index, &fixed(u)?),
        goal: text(u, words)?,
        agent: text(u, words)?,
        status: one_of(u, &Status::ALL)?,
        summary: maybe(u, words)?,
        error: maybe(u, words)?,
        exit_reason: one_of(u, &ExitReason::ALL)?,
        truncated: u.arbitrary()?,
        full_summary: None,
        api_calls: u.arbitrary()?,
        tokens: Tokens { input: u.arbitrary()?, output: u.arbitrary()? },
        duration_seconds: seconds(u, 0..=1_000_000)?,
        cost_usd: if u.arbitrary()? { Some(seconds(u, 0..=9)?) } else { None },
        model: maybe(u, words)?,
        schema_valid: u.arbitrary()?,
        schema_errors: list(u, 2, |u| text(u, words))?,
        tool_trace: list(u, 3, |u| trace(u, words))?,
        tool_calls: u.arbitrary()?,
        boundary: if u.ratio(1, 4)? { Some(Arc::new(boundary(u, words)?)) } else { None },
        log: list(u, 2, |u| Ok(LogLine { level: one_of(u, &Level::ALL)?, text: text(u, words)? }))?,
        log_dropped: u.arbitrary()?,
    })
}

fn trace(u: &mut Unstructured<'_>, words: &[&str]) -> Result<ToolTrace> {
    Ok(ToolTrace {
        tool: text(u, words)?.into(),
        ok: u.arbitrary()?,
        args_bytes: u.arbitrary()?,
        result_bytes: u.arbitrary()?,
        ms: u.arbitrary()?,
    })
}

fn boundary(u: &mut Unstructured<'_>, words: &[&str]) -> Result<BoundaryRecord> {
    let lines = |u: &mut Unstructured<'_>| {
        list(u, 2, |u| Ok(BoundaryLine { import: text(u, words)?, reason: text(u, words)? }))
    };
    Ok(BoundaryRecord {
        component: text(u, words)?,
        policy: text(u, words)?,
        granted: list(u, 2, |u| Ok(text(u, words)?.into()))?,
        linked: list(u, 2, |u| text(u, words))?,
        stubbed: lines(u)?,
        refused: lines(u)?,
        plugins: list(u, 1, |u| {
            let plugin = one_of(u, &["csv", "jq"])?.to_owned();
            Ok(PluginDigest { plugin, component: "c0ffee".to_owned() })
        })?,
    })
}

fn session(u: &mut Unstructured<'_>) -> Result<Session> {
    let chat = Session::chat("main", "matrix", "group", "!room:server.org", None);
    Ok(chat.ok().filter(|_| u.arbitrary().unwrap_or_default()).unwrap_or_default())
}

/// A unit, with each task in a group of its own.
pub(crate) fn unit(u: &mut Unstructured<'_>, words: &[&str]) -> Result<UnitRecord> {
    let mut tasks = list(u, 3, |u| task(u, words))?;
    tasks.push(task(u, words)?);
    let named =
        |(idx, it): (usize, &TaskRecord)| Group { name: Some(it.goal.clone()), tasks: vec![idx] };
    Ok(UnitRecord {
        id: DelegationId::new(&fixed(u)?),
        parent: if u.arbitrary()? { Some(DelegationId::new(&fixed(u)?)) } else { None },
        session: session(u)?,
        mode: one_of(u, &[Mode::Background, Mode::Foreground])?,
        depth: u.arbitrary()?,
        role: one_of(u, &Role::ALL)?,
        context: maybe(u, words)?,
        toolsets: if u.arbitrary()? { Some(list(u, 3, |u| text(u, words))?) } else { None },
        model: maybe(u, words)?,
        workspace: maybe(u, words)?,
        dispatched_at: time(u)?,
        groups: tasks.iter().enumerate().map(named).collect(),
        tasks,
        notes: list(u, 2, |u| text(u, words))?,
    })
}

fn task(u: &mut Unstructured<'_>, words: &[&str]) -> Result<TaskRecord> {
    Ok(TaskRecord {
        child_id: ChildId::new(u.int_in_range(0..=9)?, &fixed(u)?),
        goal: text(u, words)?,
        agent: text(u, words)?,
        role: one_of(u, &Role::ALL)?,
        grant: list(u, 2, |u| text(u, words))?,
    })
}

/// How a delegation ended.
pub(crate) fn completion(u: &mut Unstructured<'_>, words: &[&str]) -> Result<CompletionEvent> {
    let unit = unit(u, words)?;
    let results = list(u, 3, |u| result(u, words))?;
    let all = Group { name: maybe(u, words)?, tasks: (0..unit.tasks.len()).collect() };
    let event = unit.completion(&all, results, time(u)?, std::time::Duration::ZERO);
    let error = if u.arbitrary()? { maybe(u, words)? } else { event.error };
    let total_duration_seconds = seconds(u, 0..=1_000_000)?;
    let (status, is_batch) = (one_of(u, &Status::ALL)?, u.arbitrary()?);
    Ok(CompletionEvent { error, status, is_batch, total_duration_seconds, ..event })
}

/// The early notice of a child that failed.
pub(crate) fn failure(u: &mut Unstructured<'_>, words: &[&str]) -> Result<FailureNotice> {
    let notice = unit(u, words)?.failure(result(u, words)?, u.arbitrary()?, time(u)?);
    Ok(FailureNotice { goal: text(u, words)?, count: u.arbitrary()?, ..notice })
}
