//! What [`Host::list`](super::Host::list) shows of a unit.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    delegation::{LiveChild, Phase, RunningUnit},
    event::{ChildResult, Counts, Status, Tokens},
    id::{ChildId, DelegationId},
    session::Session,
    store::UnitRow,
    unit::UnitRecord,
};

/// One unit, running or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    pub status: Phase,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChildListing {
    /// Place of the task in the batch, from 0.
    pub task_index: usize,
    /// Id of the run.
    pub child_id: ChildId,
    /// The task's goal.
    pub goal: String,
    /// The component.
    pub agent: String,
    /// `waiting`, `running`, or how it ended. A child of another host that
    /// runs is `running`, whether or not it has its cell.
    pub status: Phase,
    /// The tool it is calling, or what it says it is doing. Only of children
    /// in this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// What it waits for: `model`, `tool NAME`, or `guest code` while its own
    /// code runs. Only of running children in this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// Calls of tools so far. Of a child of another host only once it ended,
    /// as all that follows.
    pub tool_calls: u64,
    /// Model calls so far.
    pub api_calls: u32,
    /// Tokens of those that were answered.
    #[serde(default)]
    pub tokens: Tokens,
    /// What those cost in US dollars, when every one had a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Wall clock in its cell, to its end or to now.
    #[serde(default)]
    pub elapsed_seconds: f64,
    /// Since it last gave a sign of life. Only of running children in this
    /// host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_seconds: Option<f64>,
    /// That is too long (`delegation.stall_seconds`).
    #[serde(default)]
    pub stalled: bool,
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
            (Some((status, _)), _) => Phase::Ended(status),
            (None, Some(live)) if live.waiting => Phase::Waiting,
            (None, _) => Phase::Running,
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
            counts: Counts::of(children.iter().filter_map(|it| it.status.ended())),
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
    // A unit that is over has no running child, whatever its row says.
    let without_result = match row.ended {
        Some(_) => Phase::Ended(Status::Unknown),
        None => live.map_or(Phase::Running, |it| it.phase),
    };
    let running = live.filter(|it| it.phase == Phase::Running);
    let known = Known::of(result, live);
    Some(ChildListing {
        task_index,
        child_id: task.child_id,
        goal: task.goal.clone(),
        agent: task.agent.clone(),
        status: result.map_or(without_result, |it| Phase::Ended(it.status)),
        activity: running.map(|it| it.activity.clone()),
        waits_for: running.map(|it| it.waits_for.to_string()),
        tool_calls: known.tool_calls,
        api_calls: known.api_calls,
        tokens: known.tokens,
        cost_usd: known.cost_usd,
        elapsed_seconds: known.elapsed_seconds,
        quiet_seconds: running.map(|it| it.quiet.as_secs_f64()),
        stalled: running.is_some_and(|it| it.stalled),
    })
}

/// What a child used, of its result or so far.
#[derive(Default)]
struct Known {
    tool_calls: u64,
    api_calls: u32,
    tokens: Tokens,
    cost_usd: Option<f64>,
    elapsed_seconds: f64,
}

impl Known {
    fn of(result: Option<&ChildResult>, live: Option<&LiveChild>) -> Self {
        match (result, live) {
            (Some(it), _) => Self {
                tool_calls: it.tool_calls,
                api_calls: it.api_calls,
                tokens: it.tokens,
                cost_usd: it.cost_usd,
                elapsed_seconds: it.duration_seconds,
            },
            (None, Some(it)) => Self {
                tool_calls: it.tool_calls,
                api_calls: it.model_calls,
                tokens: it.tokens,
                cost_usd: it.cost,
                elapsed_seconds: it.elapsed.as_secs_f64(),
            },
            (None, None) => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_published_schema_is_that_of_the_type() {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let schema = settings.into_generator().into_root_schema_for::<Listing>();
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/delegation.json");
        // Links of the documentation are names here.
        let text = format!("{:#}\n", schema.to_value()).replace("[`", "`").replace("`]", "`");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "hint: run the test again with UPDATE_SCHEMA=1");
    }

    #[test]
    fn a_listing_is_read_as_it_was_written() {
        let id = "deleg_0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
        let child = |status: &str| {
            json!({
                "task_index": 0, "child_id": "sa-0-0a0a0a0a", "goal": "g", "agent": "a",
                "status": status, "activity": "thinking", "waits_for": "model", "tool_calls": 2,
                "api_calls": 1, "tokens": {"input": 3, "output": 4}, "cost_usd": 0.5,
                "elapsed_seconds": 1.5, "quiet_seconds": 0.25, "stalled": true,
            })
        };
        let words = ["waiting", "running"].into_iter().chain(Status::ALL.map(Status::as_str));
        for status in words {
            let written = json!({
                "delegation_id": id, "parent": id, "session_key": "agent:main:telegram:dm:1",
                "goal": "g", "status": status, "workspace": "/w", "dispatched_at": 1.0,
                "completed_at": 2.0, "age_seconds": 1.0,
                "counts": {"completed": 0, "not_completed": 1}, "children": [child(status)],
            });
            let read: Listing = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), written);
            assert_eq!((read.status.as_str(), read.children[0].status), (status, read.status));
        }
        let of_another = json!({"status": "asleep"});
        assert!(serde_json::from_value::<Phase>(of_another["status"].clone()).is_err());
    }
}
