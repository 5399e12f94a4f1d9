//! What a parent asks for: the arguments of the tools.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    delegation::{TaskRequest, WrittenBy},
    event::Role,
    id::DelegationId,
    serve::wire::{Dispatch, WhenFull},
    tools::delegation::read_tasks_of_a_model,
    toolset::{
        ToolError,
        reading::{drop_empty, optional, value},
    },
};

/// How long a call waits that names no time. Codex gives a tool 60 s.
const WAIT_SECONDS: u64 = 45;

/// Longest wait of one call.
const MAX_WAIT_SECONDS: u64 = 50;

/// `delegate_task`. Models of parents write it as those of children do, so it is
/// read as their own `delegate_task` is: a list as text, empty texts for what is
/// absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Delegate {
    /// The work of a single subagent: complete, since it knows nothing else.
    /// Either this or `tasks` is needed.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "String")]
    goal: Option<String>,
    /// Several tasks, which run side by side and are told of together; `goal`
    /// is not looked at then.
    #[serde(default)]
    tasks: Vec<TaskRequest>,
    /// Background for every task that has none of its own.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "String")]
    context: Option<String>,
    /// Toolsets (`file`, `terminal`, `web`, …) or single tools of every task
    /// that names none; those of the configuration when absent, none when empty.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Vec<String>")]
    toolsets: Option<Vec<String>>,
    /// Name of the agent for every task that names none.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "String")]
    agent: Option<String>,
    /// Role of every task that names none: an `orchestrator` may delegate, too;
    /// a `leaf`, the default, works alone.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "String", extend("enum" = ["leaf", "orchestrator"]))]
    role: Option<Role>,
    /// Name of the model for every task that names none.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "String")]
    model: Option<String>,
    /// JSON Schema that the summary of every task without one must satisfy.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Map<String, Value>")]
    output_schema: Option<Value>,
    /// Model calls of every task that names no number.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "u32", range(min = 1))]
    max_iterations: Option<u32>,
    /// Seconds that each subagent may take.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "u64", range(min = 1))]
    timeout_seconds: Option<u64>,
    /// Answer at once with a handle. The completion comes with the next result
    /// of any of these tools, or by `wait_delegation`.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "bool")]
    background: Option<bool>,
    /// Seconds that the call waits for the end, at most; then it answers with a
    /// handle, and the work goes on. 45 when absent.
    #[serde(default, alias = "wait_seconds", deserialize_with = "optional")]
    #[schemars(with = "u64", range(max = MAX_WAIT_SECONDS))]
    wait_s: Option<u64>,
    /// A text of your own that makes a repeated call the same one: the work is
    /// started once.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "String")]
    idempotency_key: Option<String>,
}

impl Delegate {
    pub(super) fn read(mut fields: Map<String, Value>) -> Result<Self, ToolError> {
        let tasks = fields.remove("tasks").map(read_tasks_of_a_model).transpose()?;
        let mut asked = Self { tasks: tasks.unwrap_or_default(), ..value(Value::Object(fields))? };
        let Self { goal, context, agent, model, idempotency_key, tasks, .. } = &mut asked;
        [goal, context, agent, model, idempotency_key].into_iter().for_each(drop_empty);
        tasks.iter_mut().for_each(TaskRequest::drop_empty);
        checked_wait(asked.wait_s)?;
        Ok(asked)
    }

    /// How long the call waits; not at all when a handle is asked for.
    pub(super) fn wait(&self) -> Duration {
        match self.background {
            Some(true) => Duration::ZERO,
            _ => Duration::from_secs(self.wait_s.unwrap_or(WAIT_SECONDS)),
        }
    }

    pub(super) fn idempotency_key(&self) -> Option<String> {
        self.idempotency_key.clone()
    }

    /// What the service is asked. A parent that asks for more than there is
    /// room for waits in line, as its children would have to.
    pub(super) fn into_dispatch(self, session: &str, workspace: Option<String>) -> Dispatch {
        Dispatch {
            session: Some(session.to_owned()),
            workspace,
            goal: self.goal,
            tasks: self.tasks,
            context: self.context,
            toolsets: self.toolsets,
            agent: self.agent,
            role: self.role,
            model: self.model,
            output_schema: self.output_schema,
            max_iterations: self.max_iterations,
            timeout_seconds: self.timeout_seconds,
            on_capacity: WhenFull::Queue,
            written_by: Some(WrittenBy::Model),
            ..Dispatch::default()
        }
    }
}

fn checked_wait(asked: Option<u64>) -> Result<Duration, ToolError> {
    match asked.unwrap_or(WAIT_SECONDS) {
        it @ 0..=MAX_WAIT_SECONDS => Ok(Duration::from_secs(it)),
        it => {
            let problem = format!("`wait_s`: {it} is above {MAX_WAIT_SECONDS}");
            Err(ToolError::InvalidArguments(problem))
        }
    }
}

/// `wait_delegation`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    /// Of these, the first to end; of all that run when absent.
    #[serde(default)]
    pub(super) delegation_ids: Vec<DelegationId>,
    /// Seconds to wait at most; 45 when absent.
    #[serde(default, alias = "wait_seconds")]
    #[schemars(with = "u64", range(max = MAX_WAIT_SECONDS))]
    wait_s: Option<u64>,
}

impl Wait {
    pub(super) fn wait(&self) -> Result<Duration, ToolError> {
        checked_wait(self.wait_s)
    }
}

/// `list_delegations`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// The newest so many of those that ended; 20 when absent.
    #[serde(default)]
    #[schemars(with = "usize", range(min = 1, max = 100))]
    limit: Option<usize>,
}

impl List {
    pub(super) fn limit(&self) -> Result<usize, ToolError> {
        match self.limit.unwrap_or(20) {
            it @ 1..=100 => Ok(it),
            it => Err(ToolError::InvalidArguments(format!("`limit`: {it} is not in 1 to 100"))),
        }
    }
}

/// `get_delegation`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Get {
    /// Which.
    pub(super) delegation_id: DelegationId,
}

/// `stop_delegation`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StopIt {
    /// Which.
    pub(super) delegation_id: DelegationId,
    /// One subagent alone, by the place of its task from 0; all when absent.
    #[serde(default)]
    #[schemars(with = "usize")]
    pub(super) task_index: Option<usize>,
    /// Why. It stands in the results.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) reason: Option<String>,
}

/// `steer_delegation`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SteerIt {
    /// Which.
    pub(super) delegation_id: DelegationId,
    /// Which subagent, by the place of its task from 0.
    #[serde(default)]
    pub(super) task_index: usize,
    /// What to tell it.
    pub(super) text: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(value: Value) -> Result<Delegate, String> {
        let Value::Object(fields) = value else { panic!("no object") };
        Delegate::read(fields).map_err(|it| it.to_string())
    }

    #[test]
    fn a_request_is_read_as_that_of_a_child() {
        let asked = asked(json!({
            "tasks": r#"[{"goal": "a"}, {"goal": "b", "toolsets": []}]"#,
            "agent": "",
            "wait_s": 5,
            "timeout_seconds": 60,
            "background": null,
        }))
        .unwrap();
        assert_eq!(asked.wait(), Duration::from_secs(5));
        let dispatch = asked.into_dispatch("s", None);
        let goals: Vec<&str> = dispatch.tasks.iter().map(|it| it.goal.as_str()).collect();
        assert_eq!((goals, dispatch.agent), (vec!["a", "b"], None));
        assert_eq!(dispatch.timeout_seconds, Some(60));
        assert_eq!(dispatch.written_by, Some(WrittenBy::Model), "no path is taken from it");
    }

    #[test]
    fn one_in_the_background_waits_for_nothing() {
        let asked = asked(json!({"goal": "a", "background": true, "wait_s": 5})).unwrap();
        assert_eq!(asked.wait(), Duration::ZERO);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, part) in [
            (json!({"goal": "a", "wait_s": 51}), "`wait_s`: 51 is above 50"),
            (json!({"goal": "a", "wait_s": "soon"}), "wait_s"),
            (json!({"goal": "a", "background": 1}), "background"),
            (json!({"goal": "a", "paths": []}), "paths"),
            (json!({"goal": 1}), "goal"),
            (json!({"tasks": [{}]}), "Task 1 is missing a `goal`"),
        ] {
            let problem = asked(value).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
    }
}
