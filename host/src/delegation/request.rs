//! The request: what a caller may ask for, and every rule it must satisfy
//! (SEMANTICS.md §2 and §3). Pure. One wrong task fails the whole call:
//! nothing is spawned, nothing silently cut.

mod draft;
mod error;
mod group;

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::{error::RequestError, group::Completion};
pub use crate::tools::delegation::TaskRequest;

use self::{draft::Draft, group::groups};
use super::{admission::OnCapacity, budget::Narrow, limits::Resume};
use crate::{
    boundary::{HouseRules, Policy},
    completion::sanitize::is_blank,
    event::Role,
    plugin::is_path,
    telemetry::TraceParent,
    tools::delegation::{DelegateTask, TasksError, read_tasks},
    toolset::{Grant, Registry, Schema},
    unit::Group,
};

/// The toolset of a component that was given by path, where nobody asks for
/// more: it is a stranger's (SEMANTICS.md §3).
pub const STRANGERS_TOOLSET: &str = "file_read";

/// Longest idempotency key: it is an index column of the store.
const MAX_KEY_BYTES: usize = 255;

/// Who wrote a request, and so what it may name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WrittenBy {
    /// A language model, or a child: it names agents that are installed or
    /// built, and models that were set up. It gives no path, nothing is built
    /// because it says so, and it can't work as a parent.
    #[default]
    Model,
    /// The application or the person: it may give paths of components and of
    /// sources, which are built with the user's rights, name any model of a
    /// provider (`PROVIDER/MODEL`), and have a component work as a parent.
    Application,
}

/// What a caller asks for. `tasks` wins over `goal`; the other fields are
/// defaults for every task that has none of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The single form.
    pub goal: Option<String>,
    /// The batch form.
    pub tasks: Vec<TaskRequest>,
    /// Background that the caller hands over.
    pub context: Option<String>,
    /// Toolsets or single tools; `None` takes the caller's defaults, an empty
    /// list takes none.
    pub toolsets: Option<Vec<String>>,
    /// Name or path of the component.
    pub agent: Option<String>,
    /// What each child may do besides its task.
    pub role: Option<Role>,
    /// Name of the model; the default one when absent.
    pub model: Option<String>,
    /// JSON Schema that each summary must satisfy.
    pub output_schema: Option<Value>,
    /// Model calls of each child.
    pub max_iterations: Option<u32>,
    /// Wall clock of each child, where it is less than the configuration
    /// allows (`delegation.child_timeout_seconds`).
    pub timeout: Option<Duration>,
    /// Return a handle at once instead of waiting.
    pub background: bool,
    /// What to do when every background slot is taken.
    pub on_capacity: OnCapacity,
    /// In how many events a batch in the background is told.
    pub completion: Completion,
    /// Tell at once of a child that fails while its siblings run.
    pub failure_notices: bool,
    /// Refuse components that import what they are not granted, instead of
    /// answering `denied`.
    pub strict: bool,
    /// The component works as a parent: at depth 0, with the parent's own
    /// tools. Only the application, or the person, can say so.
    pub as_parent: bool,
    /// What tells a repetition of this request from a new one, made up by its
    /// caller: the same request with the same key gives the handle of the
    /// first, also after the host was killed, for a day. Only in the
    /// background.
    pub idempotency_key: Option<String>,
    /// Whose word it is; a model's, unless somebody says otherwise.
    pub written_by: WrittenBy,
    /// What the whole tree below this call may use, where it is less than
    /// the configuration allows.
    pub budget: Narrow,
    /// Whether the children go on after their host was killed, where it is not
    /// as the configuration says (`delegation.resume`).
    pub resume: Option<Resume>,
    /// Where the caller is in which trace, for telemetry: the delegation is
    /// below that.
    pub traceparent: Option<TraceParent>,
}

/// What requests are checked against.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Tasks of one call.
    pub max_tasks_per_batch: usize,
    /// Depth at which nobody delegates any more.
    pub max_depth: u32,
    /// Model calls of a child that asks for no number.
    pub max_iterations: u32,
    /// Wall clock of a child.
    pub child_timeout: Duration,
    /// Depth of the caller; 0 at the top.
    pub depth: u32,
    /// What the caller holds.
    pub parent: Grant,
    /// What holds for every child.
    pub house: Arc<HouseRules>,
    /// There is a model for a task that names none.
    pub has_model: bool,
    /// Every component that imports what it is not granted is refused,
    /// whatever the request says.
    pub strict: bool,
    /// Toolsets of a call that asks for none; the caller's own grant when
    /// absent, as it is for the children of children.
    pub default_toolsets: Option<Vec<String>>,
    /// Every tool that there is.
    pub tools: Arc<Registry>,
    /// Policies of other tasks. One of them is shared where it says the same.
    pub made: Arc<[Arc<Policy>]>,
}

impl Rules {
    /// Depth of the children of this caller.
    pub fn child_depth(&self) -> u32 {
        self.depth.saturating_add(1)
    }
}

/// A task with everything decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskPlan {
    /// As it was asked for, with the defaults of its request.
    pub asked: Arc<TaskRequest>,
    /// What the child holds, frozen.
    pub policy: Arc<Policy>,
    /// What the summary must satisfy.
    pub output_schema: Option<Schema>,
    /// Model calls.
    pub max_iterations: u32,
}

/// A request with everything decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// In the order of the request. Never empty.
    pub tasks: Vec<TaskPlan>,
    /// Every task is in exactly one. Never empty.
    pub groups: Vec<Group>,
    /// What the caller should know: tools that were asked for and are
    /// blocked, a role that the depth does not allow.
    pub notes: Vec<String>,
}

impl TaskRequest {
    /// Reads a list of tasks from JSON text. `[]` is an empty list, which
    /// counts as absent.
    pub fn list_from_json(text: &str) -> Result<Vec<Self>, RequestError> {
        let no_list = |it: serde_json::Error| TasksError::NoList(it.to_string());
        Ok(read_tasks(serde_json::from_str(text).map_err(no_list)?)?)
    }
}

impl From<DelegateTask> for Request {
    fn from(it: DelegateTask) -> Self {
        Self {
            goal: it.goal,
            tasks: it.tasks,
            context: it.context,
            toolsets: it.toolsets,
            agent: it.agent,
            role: it.role,
            model: it.model,
            output_schema: it.output_schema,
            max_iterations: it.max_iterations,
            background: it.background.unwrap_or(false),
            ..Self::default()
        }
    }
}

impl Request {
    /// Asks for [`STRANGERS_TOOLSET`] where a component is given by path and
    /// nobody asks for more.
    pub(super) fn with_less_for_strangers(mut self) -> Self {
        if self.toolsets.is_some() {
            return self;
        }
        let of = |agent: Option<&String>| {
            agent.is_some_and(|it| is_path(it)).then(|| vec![STRANGERS_TOOLSET.to_owned()])
        };
        for task in self.tasks.iter_mut().filter(|it| it.toolsets.is_none()) {
            task.toolsets = of(task.agent.as_ref().or(self.agent.as_ref()));
        }
        // The single form has no other place for them.
        if self.tasks.is_empty() {
            self.toolsets = of(self.agent.as_ref());
        }
        self
    }

    /// Checks everything and decides every grant.
    pub fn resolve(mut self, rules: &Rules) -> Result<Resolved, RequestError> {
        if self.as_parent && self.written_by == WrittenBy::Model {
            return Err(RequestError::ParentOfAModel);
        }
        if rules.depth >= rules.max_depth && !self.as_parent {
            let (depth, max_depth) = (rules.depth, rules.max_depth);
            return Err(RequestError::TooDeep { depth, max_depth });
        }
        self.check_timeout(rules.child_timeout)?;
        self.check_key()?;
        let tasks = self.take_tasks()?;
        let (found, limit) = (tasks.len(), rules.max_tasks_per_batch);
        if found > limit {
            return Err(RequestError::TooMany { found, limit });
        }
        let groups = groups(self.completion, tasks.iter().map(|it| it.group.as_deref()))?;
        let mut draft = Draft::new(&self, groups, rules);
        for (index, task) in tasks.into_iter().enumerate() {
            draft.add(task).map_err(|it| it.in_task(index, found))?;
        }
        Ok(draft.resolved())
    }

    fn check_timeout(&self, limit: Duration) -> Result<(), RequestError> {
        match self.timeout {
            Some(asked) if asked.is_zero() => Err(RequestError::NoTime),
            Some(asked) if limit < asked => Err(RequestError::TooLong { asked, limit }),
            _ => Ok(()),
        }
    }

    fn check_key(&self) -> Result<(), RequestError> {
        let Some(key) = &self.idempotency_key else { return Ok(()) };
        let is_visible = |it: char| !it.is_control();
        if is_blank(key) || MAX_KEY_BYTES < key.len() || !key.chars().all(is_visible) {
            return Err(RequestError::BadKey { limit: MAX_KEY_BYTES });
        }
        if self.background { Ok(()) } else { Err(RequestError::KeyInForeground) }
    }

    /// The tasks, with the request's defaults filled in.
    fn take_tasks(&mut self) -> Result<Vec<TaskRequest>, RequestError> {
        let mut tasks = std::mem::take(&mut self.tasks);
        if tasks.is_empty() {
            match self.goal.take() {
                Some(goal) if is_blank(&goal) => return Err(RequestError::BlankGoal),
                Some(goal) => tasks.push(TaskRequest { goal, ..TaskRequest::default() }),
                None => return Err(RequestError::Nothing),
            }
        }
        for (index, task) in tasks.iter_mut().enumerate() {
            if is_blank(&task.goal) {
                return Err(TasksError::MissingGoal(index).into());
            }
            task.context = task.context.take().or_else(|| self.context.clone());
            task.context = task.context.take().filter(|it| !is_blank(it));
            task.toolsets = task.toolsets.take().or_else(|| self.toolsets.clone());
            task.agent = task.agent.take().or_else(|| self.agent.clone());
            task.role = task.role.or(self.role);
            task.model = task.model.take().or_else(|| self.model.clone());
            task.output_schema = task.output_schema.take().or_else(|| self.output_schema.clone());
            task.max_iterations = task.max_iterations.or(self.max_iterations);
        }
        Ok(tasks)
    }
}

#[cfg(test)]
mod tests;
