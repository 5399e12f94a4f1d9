//! `delegate_task` as a call: what a subagent may ask for, in its typed form
//! and as the JSON of a model, and what it gets back.
//!
//! Owns the reading of the JSON form. The rules of a request (how many tasks,
//! how deep, which grants) are `delegation`'s.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::{Map, Value};

use super::{
    call::ToolError,
    reading::{self, drop_empty, object, optional},
};
use crate::{
    completion::sanitize::is_blank,
    event::{Counts, ExitReason, Role, Status},
};

/// Hands work to subagents, each in a sandbox of its own with no more tools
/// than the caller has, waits for all of them, and returns what each of them
/// did. They know nothing but what they are told here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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

/// What one subagent is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct TaskRequest {
    /// The work: complete, since the subagent knows nothing else.
    pub goal: String,
    /// Background.
    #[serde(default, deserialize_with = "optional")]
    pub context: Option<String>,
    /// Toolsets or single tools.
    #[serde(default, deserialize_with = "optional")]
    pub toolsets: Option<Vec<String>>,
    /// Name of the agent.
    #[serde(default, deserialize_with = "optional")]
    pub agent: Option<String>,
    /// `orchestrator` when it may delegate, too.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "String", extend("enum" = ["leaf", "orchestrator"]))]
    pub role: Option<Role>,
    /// Name of the model.
    #[serde(default, deserialize_with = "optional")]
    pub model: Option<String>,
    /// JSON Schema that the summary must satisfy.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Map<String, Value>")]
    pub output_schema: Option<Value>,
    /// Model calls.
    #[serde(default, deserialize_with = "optional")]
    pub max_iterations: Option<u32>,
    /// Name of the group that this task is told of with, in an event of its
    /// own. An application's alone: a subagent gets all results as one answer.
    #[serde(default)]
    #[schemars(skip)]
    pub group: Option<String>,
}

/// What a model may say of a task.
const OF_A_MODEL: &[&str] =
    &["goal", "context", "toolsets", "agent", "role", "model", "output_schema", "max_iterations"];

impl DelegateTask {
    /// Reads what a model wrote. `tasks` may be a list or a list as text; an
    /// empty one counts as absent. A wrong task is named by its place, from 1.
    pub(crate) fn read(arguments: &str) -> Result<Self, ToolError> {
        let mut fields: Map<String, Value> = object(arguments)?;
        let tasks = fields
            .remove("tasks")
            .map(|it| read(it, fields_of_a_model))
            .transpose()?
            .unwrap_or_default();
        let rest: Self = reading::value(Value::Object(fields))?;
        Ok(Self { tasks, ..rest })
    }

    /// The same with optional texts that are empty left out.
    pub(crate) fn leave_out_empty(&mut self) {
        let Self { goal, context, agent, model, tasks, .. } = self;
        [goal, context, agent, model].into_iter().for_each(drop_empty);
        tasks.iter_mut().for_each(TaskRequest::drop_empty);
    }

    /// Size of the texts, in bytes.
    pub(crate) fn text_bytes(&self) -> u64 {
        let Self { goal, tasks, context, toolsets, agent, model, .. } = self;
        let single = [goal.as_ref(), context.as_ref(), agent.as_ref(), model.as_ref()];
        let own = texts(single, toolsets.as_deref());
        tasks.iter().map(TaskRequest::bytes).fold(own, u64::saturating_add)
    }

    /// The first goal.
    pub(crate) fn first_goal(&self) -> &str {
        self.tasks.first().map(|it| &it.goal).or(self.goal.as_ref()).map_or("", String::as_str)
    }
}

impl TaskRequest {
    fn drop_empty(&mut self) {
        let Self { context, agent, model, output_schema, .. } = self;
        [context, agent, model].into_iter().for_each(drop_empty);
        output_schema.take_if(|it| it.as_str() == Some(""));
    }

    fn bytes(&self) -> u64 {
        let Self { goal, context, toolsets, agent, model, output_schema, .. } = self;
        let single = [Some(goal), context.as_ref(), agent.as_ref(), model.as_ref()];
        let schema = match output_schema {
            Some(Value::String(text)) => text.len() as u64,
            _ => 0,
        };
        texts(single, toolsets.as_deref()).saturating_add(schema)
    }
}

fn texts(single: [Option<&String>; 4], list: Option<&[String]>) -> u64 {
    let all = single.into_iter().flatten().chain(list.unwrap_or_default());
    all.map(|it| it.len() as u64).sum()
}

/// Why a value is no list of tasks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TasksError {
    /// It is no list.
    #[error("no list of tasks: {0}")]
    NoList(String),
    /// A task has no goal, or a blank one. Counted from 0, and told from 1.
    #[error("Task {} is missing a `goal`", .0.saturating_add(1))]
    MissingGoal(usize),
    /// A task is no task. Counted from 0, and told from 1.
    #[error("Task {} is no task: {message}", .index.saturating_add(1))]
    NoTask {
        /// Place in the list.
        index: usize,
        /// What the reader expected.
        message: String,
    },
}

impl From<TasksError> for ToolError {
    fn from(it: TasksError) -> Self {
        Self::InvalidArguments(it.to_string())
    }
}

/// The tasks of an application's list, which may be given as text. `[]` and
/// `null` are an empty list, which counts as absent (SEMANTICS.md §2).
pub fn read_tasks(value: Value) -> Result<Vec<TaskRequest>, TasksError> {
    read(value, |_| Ok(()))
}

/// Whether the fields of a task are those that its writer may give.
type FieldCheck = fn(&Map<String, Value>) -> Result<(), ToolError>;

fn fields_of_a_model(fields: &Map<String, Value>) -> Result<(), ToolError> {
    let Some(unknown) = fields.keys().find(|it| !OF_A_MODEL.contains(&it.as_str())) else {
        return Ok(());
    };
    let error = serde_json::Error::unknown_field(unknown, OF_A_MODEL);
    Err(ToolError::InvalidArguments(error.to_string()))
}

/// Small models write the list as text.
fn read(value: Value, check: FieldCheck) -> Result<Vec<TaskRequest>, TasksError> {
    let value = match value {
        Value::String(text) if text.is_empty() => Value::Null,
        Value::String(text) => {
            serde_json::from_str(&text).map_err(|it| TasksError::NoList(it.to_string()))?
        }
        value => value,
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(entries) => {
            entries.into_iter().enumerate().map(|(index, it)| read_task(index, it, check)).collect()
        }
        _ => Err(TasksError::NoList("a list of objects is needed".to_owned())),
    }
}

fn read_task(index: usize, entry: Value, check: FieldCheck) -> Result<TaskRequest, TasksError> {
    let fields = match entry {
        Value::Object(fields) if !is_without_goal(&fields) => fields,
        _ => return Err(TasksError::MissingGoal(index)),
    };
    let read = check(&fields).and_then(|()| reading::value(Value::Object(fields)));
    read.map_err(|error| match error {
        ToolError::InvalidArguments(it) if it.contains("missing field `goal`") => {
            TasksError::MissingGoal(index)
        }
        ToolError::InvalidArguments(message) => TasksError::NoTask { index, message },
        other => TasksError::NoTask { index, message: other.to_string() },
    })
}

fn is_without_goal(fields: &Map<String, Value>) -> bool {
    match fields.get("goal") {
        Some(Value::String(goal)) => is_blank(goal),
        Some(Value::Null) => true,
        _ => false,
    }
}

/// What came of the tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Delegated {
    /// In the order of the tasks.
    pub results: Vec<SubtaskResult>,
    /// How many of them completed.
    pub counts: Counts,
    /// Wall clock of all of them, two decimals.
    pub total_duration_seconds: f64,
}

/// What came of one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
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

impl Delegated {
    /// Size of the texts, in bytes.
    pub(crate) fn text_bytes(&self) -> u64 {
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
        assert_eq!(DelegateTask::read(arguments).as_ref(), Ok(expect), "{arguments}");
    }

    fn check_error(arguments: &str, expect: &str) {
        let err = DelegateTask::read(arguments).unwrap_err();
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
            let err = DelegateTask::read(&arguments).unwrap_err().to_string();
            assert!(err.starts_with(&format!("invalid arguments: unknown field `{field}`")));
        }
    }

    #[test]
    fn a_model_may_give_every_field_of_a_task_but_its_group() {
        let task = |field: &str| serde_json::json!([{"goal": "a", field: null}]);
        let check = |field: &str| read(task(field), fields_of_a_model).is_ok();
        let read = |field: &str| read_tasks(task(field)).is_ok();
        let others = OF_A_MODEL.iter().filter(|it| **it != "goal");
        assert!(others.clone().all(|it| check(it) && read(it)));
        assert!(read("group") && !check("group"));
        let unknown = read_tasks(task("gaol")).unwrap_err().to_string();
        let all = [OF_A_MODEL, &["group"]].concat();
        let all: Vec<_> = all.iter().map(|it| format!("`{it}`")).collect();
        let all = all.join(", ");
        assert!(unknown.ends_with(&format!("expected one of {all}")), "{unknown}");
    }

    #[test]
    fn deeply_nested_text_is_an_error() {
        let deep = format!(r#"{{"tasks":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(DelegateTask::read(&deep).is_err());
    }
}
