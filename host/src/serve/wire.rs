//! What is sent over HTTP besides the crate's own types: requests, and what
//! answers them. `/openapi.json` describes it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    delegation::{Completion, OnCapacity, Request, Resume, TaskRequest, WrittenBy},
    event::{ChildResult, LogLine, Role},
    host::{Listing, ToolListing},
    id::{ChildId, DelegationId},
    plugin::bundled::DEFAULT_AGENT,
    session::Session,
    store::ClaimToken,
    unit::UnitRecord,
};

/// A delegation that is asked for. `tasks` wins over `goal`; the other fields
/// are defaults of tasks that have none of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// Who asks: with a token a name of your own choice (up to 128 letters of
    /// ASCII, digits, `-`, `_` and `.`; `default` when absent), on the socket a
    /// whole session key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The directory that the tools see. With a token, the service's own alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The work of a single task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// A batch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskRequest>,
    /// Background.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Toolsets or single tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toolsets: Option<Vec<String>>,
    /// Name of the agent, `react` when absent; on the socket also a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// `orchestrator` when it may delegate, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Name of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// JSON Schema that the summary must satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Model calls of each child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// Seconds that each child may take, at most what the service allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// In how many events a batch is told.
    #[serde(default)]
    pub completion: Completion,
    /// What to do when every slot is taken.
    #[serde(default)]
    pub on_capacity: WhenFull,
    /// Tell at once of a child that fails while its siblings run.
    #[serde(default)]
    pub failure_notices: bool,
    /// Refuse components that import what they are not granted.
    #[serde(default)]
    pub strict: bool,
    /// Whether the children go on after their host was killed, where it is not
    /// as the service is configured (`delegation.resume`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// Whose words these are: those of a model name no paths. With a token they
    /// always are; on the socket an application's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_by: Option<WrittenBy>,
}

/// What is done when every slot for delegations is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It is refused.
    #[default]
    Reject,
    /// It waits for a slot, in order, as long as there is room to wait.
    Queue,
}

impl Dispatch {
    /// What the host is asked.
    pub(super) fn into_request(self, written_by: WrittenBy) -> Request {
        Request {
            goal: self.goal,
            tasks: self.tasks,
            context: self.context,
            toolsets: self.toolsets,
            agent: self.agent.or_else(|| Some(DEFAULT_AGENT.to_owned())),
            role: self.role,
            model: self.model,
            output_schema: self.output_schema,
            max_iterations: self.max_iterations,
            timeout: self.timeout_seconds.map(Duration::from_secs),
            background: true,
            on_capacity: match self.on_capacity {
                WhenFull::Reject => OnCapacity::Reject,
                WhenFull::Queue => OnCapacity::Queue,
            },
            completion: self.completion,
            failure_notices: self.failure_notices,
            strict: self.strict,
            resume: self.resume,
            written_by,
            ..Request::default()
        }
    }
}

/// A delegation that was recorded, and runs or waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dispatched {
    /// Its identity.
    pub delegation_id: DelegationId,
    /// Where its events go.
    pub session_key: Session,
    /// In the order of the tasks.
    pub children: Vec<DispatchedChild>,
    /// What the host decided on its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One child of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DispatchedChild {
    /// Place of the task in the batch, from 0.
    pub task_index: usize,
    /// Its identity.
    pub child_id: ChildId,
    /// What it is to do.
    pub goal: String,
    /// The component.
    pub agent: String,
}

impl Dispatched {
    pub(super) fn of(record: &UnitRecord) -> Self {
        let child = |(task_index, task): (usize, &crate::unit::TaskRecord)| DispatchedChild {
            task_index,
            child_id: task.child_id,
            goal: task.goal.clone(),
            agent: task.agent.clone(),
        };
        Self {
            delegation_id: record.id,
            session_key: record.session.clone(),
            children: record.tasks.iter().enumerate().map(child).collect(),
            notes: record.notes.clone(),
        }
    }
}

/// Those that run, and the newest that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Delegations {
    /// Newest first.
    pub delegations: Vec<Listing>,
}

/// One delegation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Delegation {
    /// As in the list.
    pub delegation: Listing,
    /// Of the children that have ended, in the order of the tasks.
    pub results: Vec<ChildResult>,
    /// What a model is told of it: one text for each event.
    pub texts: Vec<String>,
}

/// What a child wrote into its log so far, behind the lines that were asked to
/// be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Log {
    /// In their order. Untrusted text.
    pub lines: Vec<LogLine>,
    /// Lines that found no room, of a child that ended.
    pub dropped: u64,
    /// It has ended: no more will come.
    pub ended: bool,
}

/// A stop that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Of this child alone, by the place of its task from 0; of all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_index: Option<usize>,
    /// Why. It stands in the results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Something to tell a child while it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steer {
    /// Which child, by the place of its task from 0.
    #[serde(default)]
    pub task_index: usize,
    /// What its model reads with its next call, if it makes another one.
    pub text: String,
}

/// The tools of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tools {
    /// Each once, below the smallest toolset that has it.
    pub tools: Vec<ToolListing>,
}

/// What a new child is asked that goes on where one has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// Which child, by the place of its task from 0.
    #[serde(default)]
    pub task_index: usize,
    /// What is to be done now.
    pub text: String,
    /// Another agent, or the path of one that was given by path, which is not
    /// recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// That something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// What.
    pub status: Word,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It was asked to stop; it has its grace.
    Stopping,
    /// The child's model reads the text with its next call; if there is none,
    /// the child's log says that it came too late.
    Queued,
    /// The event is over.
    Acknowledged,
    /// The event is where it was, for the next who asks.
    Released,
    /// The attempt failed; the event is offered again after a pause.
    Failed,
    /// It was the last attempt: the event is kept for a person.
    Dead,
    /// The lease began anew.
    Prolonged,
}

/// A service that gives its place to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retiring {
    /// Delegations that go on in it until they end.
    pub running: usize,
}

/// What tells one claim of an event from the next, whichever service made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct ClaimId(String);

impl From<ClaimToken> for ClaimId {
    fn from(it: ClaimToken) -> Self {
        Self(it.0.to_string())
    }
}

impl ClaimId {
    /// `None` when no claim has such an id.
    pub(super) fn token(&self) -> Option<ClaimToken> {
        self.0.parse().ok().map(ClaimToken)
    }
}

/// Events that a consumer took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claims {
    /// In the order of the queue.
    pub events: Vec<Claim>,
}

/// One of them: to be acknowledged when it was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// Its place in the queue.
    pub id: u64,
    /// What it is: `async_delegation`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// This claim of it, for whoever settles it.
    pub claim: ClaimId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Until the claim ends, unless it is prolonged.
    pub lease_seconds: f64,
    /// The event.
    pub event: Value,
    /// What a model is told of it.
    pub text: String,
}

/// Which claim is meant: one by another consumer is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// The claim, so that one whose lease ended does not settle the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimId>,
    /// Why it failed, of a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What every refused call answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// Why.
    pub error: Why,
}

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    /// A word for programs.
    pub code: String,
    /// What is wrong, and where.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
