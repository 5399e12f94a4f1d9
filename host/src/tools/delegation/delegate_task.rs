//! `delegate_task`: what a subagent may ask for, and what it gets back.
//!
//! The rules of a request (how many tasks, how deep, which grants) are those of
//! whoever starts subagents.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::task::{TaskRequest, read_tasks_of_a_model};
use crate::{
    event::{Counts, ExitReason, Role, Status},
    toolset::{
        Caller, Effect, HeldBy, Output, Tool, ToolError,
        reading::{self, drop_empty, object, optional},
        tool::texts,
    },
};

/// Hands work to subagents, each in a sandbox of its own with no more tools
/// than the caller has, waits for all of them, and returns what each of them
/// did. They know nothing but what they are told here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegateTask {
    /// The work, for a single subagent: complete, since it knows nothing else.
    /// Either this or `tasks` is needed.
    #[serde(default, deserialize_with = "optional")]
    pub goal: Option<String>,
    /// Several tasks, which run side by side; `goal` is not looked at then.
    #[serde(default)]
    pub tasks: Vec<TaskRequest>,
    /// Background for every task that has none of its own.
    #[serde(default, deserialize_with = "optional")]
    pub context: Option<String>,
    /// Toolsets or single tools of every task that names none; those of the
    /// caller when absent, none when empty.
    #[serde(default, deserialize_with = "optional")]
    pub toolsets: Option<Vec<String>>,
    /// Name of the agent for every task that names none; the caller's own when
    /// absent.
    #[serde(default, deserialize_with = "optional")]
    pub agent: Option<String>,
    /// Role of every task that names none. An `orchestrator` may delegate,
    /// too; a `leaf`, the default, works alone.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "String", extend("enum" = ["leaf", "orchestrator"]))]
    pub role: Option<Role>,
    /// Name of the model for every task that names none; the default one when
    /// absent.
    #[serde(default, deserialize_with = "optional")]
    pub model: Option<String>,
    /// JSON Schema that the summary of every task without one must satisfy.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Map<String, Value>")]
    pub output_schema: Option<Value>,
    /// Model calls of every task that names no number.
    #[serde(default, deserialize_with = "optional")]
    pub max_iterations: Option<u32>,
    /// Has no effect: a subagent always waits for its own.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(skip)]
    pub background: Option<bool>,
}

/// What came of the tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delegated {
    /// In the order of the tasks.
    pub results: Vec<SubtaskResult>,
    /// How many of them completed.
    pub counts: Counts,
    /// Wall clock of all of them, two decimals.
    pub total_duration_seconds: f64,
}

/// What came of one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubtaskResult {
    /// Place of the task, from 0.
    #[serde(rename = "task_index")]
    pub index: u32,
    /// How it ended.
    pub status: Status,
    /// What it returned. Untrusted text.
    pub summary: Option<String>,
    /// Why it did not complete.
    pub error: Option<String>,
    /// What ended it.
    pub exit_reason: ExitReason,
    /// The summary covers a part of the work, or was cut.
    pub truncated: bool,
    /// Wall clock, two decimals.
    #[serde(rename = "duration_seconds")]
    pub seconds: f64,
}

/// Whoever starts the subagents of one caller. Kept for it by whoever made it.
pub trait Subagents: Send + Sync {
    /// Runs the tasks, and waits for all of them: the caller needs the results
    /// inside its own turn.
    fn delegate(
        &self,
        caller: Caller,
        call: DelegateTask,
    ) -> BoxFuture<'static, Result<Delegated, ToolError>>;
}

/// Where [`Subagents`] are kept for a caller.
#[derive(Clone)]
pub struct SubagentsOf(pub Arc<dyn Subagents>);

impl Tool for DelegateTask {
    const NAME: &'static str = "delegate_task";
    const EFFECT: Effect = Effect::GoesOn;
    const HELD_BY: HeldBy = HeldBy::Orchestrator;
    type Host = ();
    type Output = Delegated;

    /// `tasks` may be a list or a list as text; an empty one counts as absent. A
    /// wrong task is named by its place, from 1.
    fn from_json(arguments: &str) -> Result<Self, ToolError> {
        let mut fields: Map<String, Value> = object(arguments)?;
        let tasks = fields.remove("tasks").map(read_tasks_of_a_model);
        let tasks = tasks.transpose()?.unwrap_or_default();
        let rest: Self = reading::value(Value::Object(fields))?;
        Ok(Self { tasks, ..rest })
    }

    fn drop_empty(&mut self) {
        let Self { goal, context, agent, model, tasks, .. } = self;
        [goal, context, agent, model].into_iter().for_each(drop_empty);
        tasks.iter_mut().for_each(TaskRequest::drop_empty);
    }

    fn bytes(&self) -> u64 {
        let Self { goal, tasks, context, toolsets, agent, model, .. } = self;
        let single = [goal.as_ref(), context.as_ref(), agent.as_ref(), model.as_ref()];
        let listed = toolsets.iter().flatten().map(Some);
        let own = texts(single.into_iter().chain(listed));
        tasks.iter().map(TaskRequest::bytes).fold(own, u64::saturating_add)
    }

    /// The first goal.
    fn subject(&self) -> &str {
        self.tasks.first().map(|it| &it.goal).or(self.goal.as_ref()).map_or("", String::as_str)
    }

    async fn call(self, (): &(), caller: &Caller) -> Result<Delegated, ToolError> {
        let Some(subagents) = caller.kept.get::<SubagentsOf>() else {
            return Err(ToolError::Failed("nobody starts subagents for this caller".to_owned()));
        };
        subagents.0.delegate(caller.clone(), self).await
    }
}

impl Output for Delegated {
    fn bytes(&self) -> u64 {
        let texts = self.results.iter().flat_map(|it| [&it.summary, &it.error]);
        texts.flatten().map(|it| it.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(goal: &str) -> TaskRequest {
        TaskRequest { goal: goal.to_owned(), ..TaskRequest::default() }
    }

    fn check(arguments: &str, expect: &DelegateTask) {
        assert_eq!(DelegateTask::from_json(arguments).as_ref(), Ok(expect), "{arguments}");
    }

    fn check_error(arguments: &str, expect: &str) {
        let err = DelegateTask::from_json(arguments).unwrap_err();
        assert_eq!(err, ToolError::InvalidArguments(expect.to_owned()), "{arguments}");
    }

    #[test]
    fn the_forms_that_models_write_are_read() {
        let none = DelegateTask::default();
        for nothing in ["{}", r#"{"tasks":[]}"#, r#"{"tasks":"[]"}"#, r#"{"tasks":null}"#] {
            check(nothing, &none);
        }
        check(
            r#"{"goal":"g","context":"c","toolsets":[],"agent":"a","role":"orchestrator",
                "max_iterations":3,"background":true}"#,
            &DelegateTask {
                goal: Some("g".to_owned()),
                context: Some("c".to_owned()),
                toolsets: Some(vec![]),
                agent: Some("a".to_owned()),
                role: Some(Role::Orchestrator),
                max_iterations: Some(3),
                background: Some(true),
                ..DelegateTask::default()
            },
        );
        let two = vec![task("a"), TaskRequest { role: Some(Role::Leaf), ..task("b") }];
        let two = DelegateTask { tasks: two, ..none };
        check(r#"{"tasks":[{"goal":"a"},{"goal":"b","role":"leaf"}]}"#, &two);
        check(r#"{"tasks":"[{\"goal\":\"a\"},{\"goal\":\"b\",\"role\":\"leaf\"}]"}"#, &two);
    }

    #[test]
    fn a_wrong_task_is_named_by_its_place() {
        for second in ["{}", "7", "\"g\"", "null", "[]", r#"{"goal":" \t"}"#] {
            let tasks = format!(r#"{{"tasks":[{{"goal":"a"}},{second}]}}"#);
            check_error(&tasks, "Task 2 is missing a `goal`");
        }
        check_error(
            r#"{"tasks":[{"goal":7}]}"#,
            "Task 1 is no task: `goal`: invalid type: integer `7`, expected a string",
        );
        check_error(
            r#"{"tasks":[{"gaol":"a"}]}"#,
            "Task 1 is no task: unknown field `gaol`, expected one of `goal`, `context`, \
             `toolsets`, `agent`, `role`, `model`, `output_schema`, `max_iterations`",
        );
        check_error(
            r#"{"tasks":[{"goal":"a","role":"boss"}]}"#,
            "Task 1 is no task: `role`: unknown variant `boss`, expected `leaf` or `orchestrator`",
        );
        check_error(
            r#"{"tasks":[{"goal":"a","depth":0}]}"#,
            "Task 1 is no task: unknown field `depth`, expected one of `goal`, `context`, \
             `toolsets`, `agent`, `role`, `model`, `output_schema`, `max_iterations`",
        );
        check_error(r#"{"tasks":7}"#, "no list of tasks: a list of objects is needed");
        check_error(
            r#"{"tasks":"[{"}"#,
            "no list of tasks: EOF while parsing an object at line 1 column 2",
        );
    }

    #[test]
    fn what_only_a_host_may_say_is_an_unknown_field() {
        for field in ["session_key", "depth", "as_parent"] {
            let arguments = format!(r#"{{"goal":"g","{field}":"x"}}"#);
            let err = DelegateTask::from_json(&arguments).unwrap_err().to_string();
            assert!(err.starts_with(&format!("invalid arguments: unknown field `{field}`")));
        }
    }

    #[test]
    fn deeply_nested_text_is_an_error() {
        let deep = format!(r#"{{"tasks":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(DelegateTask::from_json(&deep).is_err());
    }
}
