//! Why a request is refused.

use std::time::Duration;

use crate::{
    tools::delegation::TasksError,
    toolset::{GrantError, schema::SchemaError},
};

/// Why a request is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Neither a goal nor tasks.
    #[error("nothing to do: provide either `goal` or `tasks`")]
    Nothing,
    /// `goal` is there and blank.
    #[error("the goal is blank: say what should be done")]
    BlankGoal,
    /// The list of tasks is none, or one of them is wrong.
    #[error(transparent)]
    Tasks(#[from] TasksError),
    /// More tasks than one call takes.
    #[error("{found} tasks: at most {limit} in one call (`delegation.max_tasks_per_batch`)")]
    TooMany {
        /// Tasks in the request.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The caller is too deep to delegate.
    #[error("depth {depth} can't delegate: `delegation.max_depth` is {max_depth}")]
    TooDeep {
        /// Depth of the caller.
        depth: u32,
        /// The limit.
        max_depth: u32,
    },
    /// Groups make no sense where every task has an event of its own.
    #[error("task {} has a `group`, and `completion` is `each`", .0.saturating_add(1))]
    GroupAndEach(usize),
    /// The name of a group is blank or too long.
    #[error("task {} has a `group` that is no name: 1 to {limit} characters", .index.saturating_add(1))]
    BadGroup {
        /// Place in the list.
        index: usize,
        /// The limit.
        limit: usize,
    },
    /// A budget of nothing.
    #[error("`max_iterations` is 0: a child needs at least one model call")]
    NoIterations,
    /// A wall clock of nothing.
    #[error("the timeout is 0: a child needs some time")]
    NoTime,
    /// More time than the configuration allows.
    #[error(
        "a timeout of {} s: at most {} s are allowed (`delegation.child_timeout_seconds`)",
        .asked.as_secs_f64(),
        .limit.as_secs_f64()
    )]
    TooLong {
        /// What was asked for.
        asked: Duration,
        /// The limit.
        limit: Duration,
    },
    /// A key that is blank, too long or holds control characters.
    #[error("the idempotency key is none: 1 to {limit} bytes of visible text")]
    BadKey {
        /// The limit.
        limit: usize,
    },
    /// Whoever waits for the results can't have those of another call.
    #[error("an idempotency key is for delegations in the background")]
    KeyInForeground,
    /// A schema that is none, or that can't be checked against.
    #[error("Task {}: `output_schema` can't be used: {source}", .index.saturating_add(1))]
    Schema {
        /// Place in the list.
        index: usize,
        /// Why.
        source: SchemaError,
    },
    /// A request of a model that would work at depth 0.
    #[error("`as_parent` is for the application and the person: a model wrote this request")]
    ParentOfAModel,
    /// A toolset that does not exist.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// One task of several is wrong.
    #[error("task {task}: {error}")]
    InTask {
        /// Place in the list, from 1.
        task: usize,
        /// What is wrong with it.
        error: Box<RequestError>,
    },
}

impl RequestError {
    /// Names the task by its place, from 0, where there are several and the
    /// error has not done so itself.
    pub(super) fn in_task(self, index: usize, total: usize) -> Self {
        match self {
            Self::Grant(_) | Self::NoIterations if total > 1 => {
                Self::InTask { task: index.saturating_add(1), error: Box::new(self) }
            }
            error => error,
        }
    }
}
