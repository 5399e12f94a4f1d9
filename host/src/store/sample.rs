//! What the tests of the store keep in it.

use std::{sync::Arc, time::Duration};

use crate::{
    event::{
        ASYNC_DELEGATION_FAILURE, BoundaryLine, BoundaryRecord, ChildResult, ExitReason, Level,
        LogLine, Role, Status, Tokens, ToolTrace,
    },
    id::{ChildId, DelegationId, HostId, Random},
    session::Session,
    store::{ClaimFilter, EventBody, Finish, NewEvent},
    unit::{Group, Mode, TaskRecord, UnitRecord},
};

/// Every byte the same.
pub(super) struct Fixed(pub(super) u8);

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

pub(super) fn host(n: u8) -> HostId {
    HostId::new(&Fixed(n))
}

pub(super) fn delegation(n: u8) -> DelegationId {
    DelegationId::new(&Fixed(n))
}

pub(super) fn chat() -> Session {
    "agent:main:telegram:dm:12345:678".parse().unwrap()
}

pub(super) fn all_of(session: Session) -> ClaimFilter {
    ClaimFilter::of(session)
}

fn task(idx: usize) -> TaskRecord {
    TaskRecord {
        child_id: ChildId::new(idx, &Fixed(7)),
        goal: format!("Goal {idx}"),
        agent: "worker".to_owned(),
        role: Role::Leaf,
        grant: vec!["file.read".to_owned()],
    }
}

/// A unit of a chat with these groups of tasks.
pub(super) fn unit(n: u8, groups: &[&[usize]]) -> UnitRecord {
    let n_tasks = groups.iter().map(|it| it.len()).sum();
    let group = |tasks: &&[usize]| Group {
        name: (groups.len() > 1).then(|| format!("of {}", tasks.len())),
        tasks: tasks.to_vec(),
    };
    UnitRecord {
        id: delegation(n),
        parent: None,
        session: chat(),
        mode: Mode::Background,
        depth: 1,
        role: Role::Orchestrator,
        context: Some("Ünïcode context".to_owned()),
        toolsets: Some(vec!["file".to_owned()]),
        model: None,
        workspace: Some("/home/me/project".to_owned()),
        dispatched_at: 1_000.5,
        tasks: (0..n_tasks).map(task).collect(),
        groups: groups.iter().map(group).collect(),
        notes: vec!["a note".to_owned()],
    }
}

pub(super) fn local(n: u8, groups: &[&[usize]]) -> UnitRecord {
    UnitRecord { session: Session::Local, ..unit(n, groups) }
}

pub(super) fn result(task_index: usize, status: Status) -> ChildResult {
    let line = BoundaryLine { import: "a:b/c#d".to_owned(), reason: "not granted".to_owned() };
    ChildResult {
        task_index,
        child_id: ChildId::new(task_index, &Fixed(7)),
        goal: format!("Goal {task_index}"),
        agent: "worker".to_owned(),
        status,
        summary: Some(format!("Summary {task_index}")),
        error: (status != Status::Completed).then(|| "why".to_owned()),
        exit_reason: ExitReason::Completed,
        truncated: false,
        full_summary: None,
        api_calls: 3,
        tokens: Tokens { input: 300, output: 70_000 },
        duration_seconds: 1.25,
        cost_usd: Some(0.125),
        model: Some("small".to_owned()),
        schema_valid: Some(false),
        schema_errors: vec!["$.n: 7 is not of type \"string\"".to_owned()],
        tool_trace: vec![ToolTrace {
            tool: "file.read".into(),
            ok: true,
            args_bytes: 10,
            result_bytes: 5_000_000_000,
            ms: 2,
        }],
        tool_calls: 1,
        boundary: Some(Arc::new(BoundaryRecord {
            component: "c0ffee".to_owned(),
            policy: "bead".to_owned(),
            granted: vec!["file.read".into()],
            linked: vec!["a:b/c#e".to_owned()],
            stubbed: vec![line.clone()],
            refused: vec![line],
            plugins: Vec::new(),
        })),
        log: vec![LogLine { level: Level::Warn, text: "grün".to_owned() }],
        log_dropped: 300,
    }
}

/// The end of a group, with the same status for every task.
pub(super) fn finish(unit: &UnitRecord, group: usize, status: Status, at: f64) -> Finish {
    let tasks = &unit.groups[group];
    let results = tasks.tasks.iter().map(|it| result(*it, status)).collect();
    let event = unit.completion(tasks, results, at, Duration::from_millis(1_500));
    Finish { id: unit.id, group, event: event.into(), acked: false }
}

pub(super) fn other(kind: &str, dedup: &str, session: Session) -> NewEvent {
    NewEvent {
        kind: kind.to_owned(),
        dedup: dedup.to_owned(),
        session,
        body: EventBody::Other(r#"{"line":1}"#.to_owned()),
        created_at: 5.0,
    }
}

pub(super) fn failure(unit: &UnitRecord, task: usize) -> NewEvent {
    let notice = unit.failure(result(task, Status::Failed), 1, 9.0);
    NewEvent {
        kind: ASYNC_DELEGATION_FAILURE.to_owned(),
        dedup: format!("{}/{task}", unit.id),
        session: unit.session.clone(),
        body: EventBody::Failure(Box::new(notice)),
        created_at: 9.0,
    }
}
