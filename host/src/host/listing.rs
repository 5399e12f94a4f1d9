//! What [`Host::list`](super::Host::list) shows of a unit.

use std::collections::HashMap;

use serde::Serialize;

use crate::{
    delegation::{LiveChild, Phase, RunningUnit},
    event::{Counts, Status},
    id::DelegationId,
    session::Session,
    store::UnitRow,
    unit::UnitRecord,
};

/// One unit, running or ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listing {
    /// Its identity.
    pub delegation_id: DelegationId,
    /// The unit whose child asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<DelegationId>,
    /// Who asked.
    pub session_key: Session,
    /// The single goal, or the label of a batch.
    pub goal: String,
    /// `waiting`, `running`, or how it ended.
    pub status: &'static str,
    /// The directory that its children work in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Epoch seconds.
    pub dispatched_at: f64,
    /// Epoch seconds; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<f64>,
    /// Since it was dispatched, to its end or to now.
    pub age_seconds: f64,
    /// How many of its children completed, of those that have ended.
    pub counts: Counts,
    /// In the order of the tasks.
    pub children: Vec<ChildListing>,
}

/// One child.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChildListing {
    /// Place of the task in the batch, from 0.
    pub task_index: usize,
    /// The task's goal.
    pub goal: String,
    /// The component.
    pub agent: String,
    /// `waiting`, `running`, or how it ended. A child of another host that
    /// runs is `running`, whether or not it has its cell.
    pub status: &'static str,
    /// The tool it is calling, or what it says it is doing. Only of children
    /// in this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// Calls of tools so far.
    pub tool_calls: u64,
    /// Model calls so far, of a child that ended.
    pub api_calls: u32,
    /// Since it last gave a sign of life. Only of running children in this
    /// host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_seconds: Option<f64>,
}

impl Listing {
    /// What a store knows of units, and over it what runs in this process.
    pub(crate) fn all(rows: Vec<UnitRow>, running: Vec<RunningUnit>, now: f64) -> Vec<Self> {
        let mut running: HashMap<DelegationId, RunningUnit> =
            running.into_iter().map(|it| (it.record.id, it)).collect();
        rows.into_iter()
            .map(|row| {
                let live = running.remove(&row.record.id).filter(|_| row.ended.is_none());
                Self::new(&row, live.as_ref(), now)
            })
            .collect()
    }

    /// What a store knows of a unit.
    pub fn of_row(row: &UnitRow, now: f64) -> Self {
        Self::new(row, None, now)
    }

    fn new(row: &UnitRow, live: Option<&RunningUnit>, now: f64) -> Self {
        let record = &row.record;
        let completed_at = row.ended.map(|(_, at)| at);
        let status = match (row.ended, live) {
            (Some((status, _)), _) => status.as_str(),
            (None, Some(live)) if live.waiting => "waiting",
            (None, _) => "running",
        };
        let seen = live.map(|it| it.live.snapshot()).unwrap_or_default();
        let child = |index| child(record, row, seen.get(index), index);
        let children: Vec<_> = (0..record.tasks.len()).filter_map(child).collect();
        Self {
            delegation_id: record.id,
            parent: record.parent,
            session_key: record.session.clone(),
            goal: record.label(),
            status,
            workspace: record.workspace.clone(),
            dispatched_at: record.dispatched_at,
            completed_at,
            age_seconds: (completed_at.unwrap_or(now) - record.dispatched_at).max(0.0),
            counts: Counts::of(children.iter().filter_map(|it| Status::named(it.status))),
            children,
        }
    }
}

fn child(
    record: &UnitRecord,
    row: &UnitRow,
    live: Option<&LiveChild>,
    task_index: usize,
) -> Option<ChildListing> {
    let task = record.tasks.get(task_index)?;
    let result = row.results.iter().find(|it| it.task_index == task_index);
    let is_running = live.is_some_and(|it| it.phase == Phase::Running);
    let live_status = live.map_or("running", |it| match it.phase {
        Phase::Waiting => "waiting",
        Phase::Running => "running",
        Phase::Ended(status) => status.as_str(),
    });
    // A unit that is over has no running child, whatever its row says.
    let without_result = if row.ended.is_some() { Status::Unknown.as_str() } else { live_status };
    let live_calls = live.map_or(0, |it| it.tool_calls);
    Some(ChildListing {
        task_index,
        goal: task.goal.clone(),
        agent: task.agent.clone(),
        status: result.map_or(without_result, |it| it.status.as_str()),
        activity: live.filter(|_| is_running).map(|it| it.activity.clone()),
        tool_calls: result.map_or(live_calls, |it| it.tool_calls),
        api_calls: result.map_or(0, |it| it.api_calls),
        quiet_seconds: live.filter(|_| is_running).map(|it| it.quiet.as_secs_f64()),
    })
}
