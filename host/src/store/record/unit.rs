//! Units.

use serde::{Deserialize, Serialize};

use super::{convert_all, find, parse, role, session};
use crate::{
    store::codec::{CodecError, MOST, Record},
    unit::{Group, Mode, TaskRecord, UnitRecord},
};

#[derive(Serialize, Deserialize)]
pub(super) struct UnitV1 {
    id: String,
    parent: Option<String>,
    session: String,
    mode: String,
    depth: u32,
    role: String,
    context: Option<String>,
    toolsets: Option<Vec<String>>,
    model: Option<String>,
    dispatched_at: f64,
    tasks: Vec<TaskV1>,
    groups: Vec<GroupV1>,
    notes: Vec<String>,
}

impl Record for UnitV1 {
    const SCHEMA: u16 = 0x0101;
    const NAME: &'static str = "unit";
    /// Its goals stand several times in its event, which must fit, too: what
    /// can't be reported is not taken.
    const MOST: usize = MOST / 4;
}

/// With the workspace.
#[derive(Serialize, Deserialize)]
pub(super) struct UnitV2 {
    base: UnitV1,
    workspace: Option<String>,
}

impl Record for UnitV2 {
    const SCHEMA: u16 = 0x0102;
    const NAME: &'static str = UnitV1::NAME;
    const MOST: usize = UnitV1::MOST;
}

impl From<&UnitRecord> for UnitV2 {
    fn from(unit: &UnitRecord) -> Self {
        Self { base: UnitV1::from(unit), workspace: unit.workspace.clone() }
    }
}

impl TryFrom<UnitV2> for UnitRecord {
    type Error = CodecError;

    fn try_from(unit: UnitV2) -> Result<Self, CodecError> {
        Ok(Self { workspace: unit.workspace, ..unit.base.try_into()? })
    }
}

#[derive(Serialize, Deserialize)]
struct TaskV1 {
    child_id: String,
    goal: String,
    agent: String,
    role: String,
    grant: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct GroupV1 {
    name: Option<String>,
    tasks: Vec<usize>,
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Background => "background",
        Mode::Foreground => "foreground",
    }
}

impl From<&UnitRecord> for UnitV1 {
    fn from(unit: &UnitRecord) -> Self {
        Self {
            id: unit.id.to_string(),
            parent: unit.parent.map(|it| it.to_string()),
            session: unit.session.to_string(),
            mode: word(unit.mode).to_owned(),
            depth: unit.depth,
            role: unit.role.as_str().to_owned(),
            context: unit.context.clone(),
            toolsets: unit.toolsets.clone(),
            model: unit.model.clone(),
            dispatched_at: unit.dispatched_at,
            tasks: unit.tasks.iter().map(TaskV1::from).collect(),
            groups: unit.groups.iter().map(GroupV1::from).collect(),
            notes: unit.notes.clone(),
        }
    }
}

impl TryFrom<UnitV1> for UnitRecord {
    type Error = CodecError;

    fn try_from(unit: UnitV1) -> Result<Self, CodecError> {
        Ok(Self {
            id: parse("delegation", &unit.id)?,
            parent: unit.parent.map(|it| parse("delegation", &it)).transpose()?,
            session: session(&unit.session)?,
            mode: find("mode", &[Mode::Background, Mode::Foreground], word, &unit.mode)?,
            depth: unit.depth,
            role: role(&unit.role)?,
            context: unit.context,
            toolsets: unit.toolsets,
            model: unit.model,
            workspace: None,
            dispatched_at: unit.dispatched_at,
            tasks: convert_all(unit.tasks)?,
            groups: unit.groups.into_iter().map(Group::from).collect(),
            notes: unit.notes,
        })
    }
}

impl From<&TaskRecord> for TaskV1 {
    fn from(task: &TaskRecord) -> Self {
        Self {
            child_id: task.child_id.to_string(),
            goal: task.goal.clone(),
            agent: task.agent.clone(),
            role: task.role.as_str().to_owned(),
            grant: task.grant.clone(),
        }
    }
}

impl TryFrom<TaskV1> for TaskRecord {
    type Error = CodecError;

    fn try_from(task: TaskV1) -> Result<Self, CodecError> {
        Ok(Self {
            child_id: parse("child", &task.child_id)?,
            goal: task.goal,
            agent: task.agent,
            role: role(&task.role)?,
            grant: task.grant,
        })
    }
}

impl From<&Group> for GroupV1 {
    fn from(group: &Group) -> Self {
        Self { name: group.name.clone(), tasks: group.tasks.clone() }
    }
}

impl From<GroupV1> for Group {
    fn from(group: GroupV1) -> Self {
        Self { name: group.name, tasks: group.tasks }
    }
}
