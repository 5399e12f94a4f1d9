//! Units, results and events as a store keeps them. Numbers are their names.

use std::time::Duration;

use hermitage::{
    event::{ASYNC_DELEGATION, ChildResult, ExitReason, Role, Status, Tokens},
    id::{ChildId, DelegationId, Random},
    session::Session,
    store::Finish,
    unit::{Group, Mode, TaskRecord, UnitRecord},
};

/// As random as a number.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub u32);

impl Random for Number {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        for (byte, from) in bytes.iter_mut().zip(self.0.to_le_bytes()) {
            *byte = from;
        }
    }
}

pub fn id(n: u32) -> DelegationId {
    DelegationId::new(&Number(n))
}

/// With so many tasks, each a group of its own.
pub fn unit(n: u32, tasks: usize, session: Session) -> UnitRecord {
    let task = |idx: usize| TaskRecord {
        child_id: ChildId::new(idx, &Number(n)),
        goal: format!("goal {idx} of {n}"),
        agent: "worker".to_owned(),
        role: Role::Leaf,
        grant: vec!["file.read".to_owned()],
    };
    let group =
        |idx: usize| Group { name: (tasks > 1).then(|| format!("group {idx}")), tasks: vec![idx] };
    UnitRecord {
        id: id(n),
        parent: None,
        session,
        mode: Mode::Background,
        depth: 1,
        role: Role::Leaf,
        context: None,
        toolsets: Some(vec!["file".to_owned()]),
        model: None,
        workspace: None,
        dispatched_at: 1_000.5,
        tasks: (0..tasks).map(task).collect(),
        groups: (0..tasks).map(group).collect(),
        notes: Vec::new(),
    }
}

/// Of half a kilobyte, completed.
pub fn result(task_index: usize) -> ChildResult {
    ChildResult {
        task_index,
        child_id: ChildId::new(task_index, &Number(7)),
        goal: format!("goal {task_index}"),
        agent: "worker".to_owned(),
        status: Status::Completed,
        summary: Some("It is done. ".repeat(40)),
        error: None,
        exit_reason: ExitReason::Completed,
        truncated: false,
        full_summary: None,
        api_calls: 3,
        tokens: Tokens { input: 300, output: 700 },
        duration_seconds: 1.25,
        cost_usd: None,
        model: None,
        schema_valid: None,
        schema_errors: Vec::new(),
        tool_trace: Vec::new(),
        tool_calls: 1,
        boundary: None,
        log: Vec::new(),
        log_dropped: 0,
    }
}

/// The end of a group of a unit, at that time.
pub fn finish(unit: &UnitRecord, group: usize, at: f64) -> Finish {
    let tasks = &unit.groups[group];
    let results = tasks.tasks.iter().map(|it| result(*it)).collect();
    let event = unit.completion(tasks, results, at, Duration::from_secs(1));
    Finish { id: unit.id, group, event: event.into(), acked: false }
}

/// The identity of the event of a group, one of several.
pub fn end_of(n: u32, group: usize) -> String {
    format!("{ASYNC_DELEGATION}:{}/{group}", id(n))
}
