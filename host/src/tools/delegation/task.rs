//! A task as whoever asks writes it: the one shape in the library, for the JSON
//! of a model, for lists of the application and for requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::{Map, Value};

use crate::{
    completion::sanitize::is_blank,
    event::Role,
    toolset::{
        ToolError,
        reading::{self, drop_empty, optional},
        tool::texts,
    },
};

/// What one subagent is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct TaskRequest {
    /// The work: complete, since the subagent knows nothing else.
    pub goal: String,
    /// Background.
    #[serde(default, deserialize_with = "optional", skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Toolsets or single tools.
    #[serde(default, deserialize_with = "optional", skip_serializing_if = "Option::is_none")]
    pub toolsets: Option<Vec<String>>,
    /// Name of the agent.
    #[serde(default, deserialize_with = "optional", skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// `orchestrator` when it may delegate, too.
    #[serde(default, deserialize_with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("enum" = ["leaf", "orchestrator"]))]
    pub role: Option<Role>,
    /// Name of the model.
    #[serde(default, deserialize_with = "optional", skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// JSON Schema that the summary must satisfy.
    #[serde(default, deserialize_with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    pub output_schema: Option<Value>,
    /// Model calls.
    #[serde(default, deserialize_with = "optional", skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// Name of the group that this task is told of with, in an event of its
    /// own. An application's alone: a subagent gets all results as one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub group: Option<String>,
}

/// What a model may say of a task.
const OF_A_MODEL: &[&str] =
    &["goal", "context", "toolsets", "agent", "role", "model", "output_schema", "max_iterations"];

impl TaskRequest {
    pub(crate) fn drop_empty(&mut self) {
        let Self { context, agent, model, output_schema, .. } = self;
        [context, agent, model].into_iter().for_each(drop_empty);
        output_schema.take_if(|it| it.as_str() == Some(""));
    }

    pub(super) fn bytes(&self) -> u64 {
        let Self { goal, context, toolsets, agent, model, output_schema, .. } = self;
        let single = [Some(goal), context.as_ref(), agent.as_ref(), model.as_ref()];
        let listed = toolsets.iter().flatten().map(Some);
        let schema = match output_schema {
            Some(Value::String(text)) => text.len() as u64,
            _ => 0,
        };
        texts(single.into_iter().chain(listed)).saturating_add(schema)
    }
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
    read(value, fields_of_an_application)
}

/// A person who writes an empty text for the toolsets means none of them; to
/// take that for "as usual" would grant the most.
fn fields_of_an_application(fields: &Map<String, Value>) -> Result<(), ToolError> {
    match fields.get("toolsets") {
        Some(Value::String(text)) => {
            let problem = format!("`toolsets`: invalid type: string {text:?}, expected a sequence");
            Err(ToolError::InvalidArguments(problem))
        }
        _ => Ok(()),
    }
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

/// The tasks of a model's list: small models write it as text.
pub(crate) fn read_tasks_of_a_model(value: Value) -> Result<Vec<TaskRequest>, TasksError> {
    read(value, fields_of_a_model)
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_empty_text_for_the_toolsets_of_a_list_is_refused() {
        let tasks = serde_json::json!([{"goal": "a", "toolsets": ""}]);
        let error = read_tasks(tasks).unwrap_err().to_string();
        let expect = "`toolsets`: invalid type: string \"\", expected a sequence";
        assert_eq!(error, format!("Task 1 is no task: {expect}"));
        let none = serde_json::json!([{"goal": "a", "toolsets": []}]);
        assert_eq!(read_tasks(none).unwrap()[0].toolsets, Some(Vec::new()));
    }
}
