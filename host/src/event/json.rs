//! The JSON of events, written and read. `schema/event.json` describes it.

use schemars::Schema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::json;

use super::{
    ASYNC_DELEGATION, ASYNC_DELEGATION_FAILURE, ChildResult, CompletionEvent, Counts, ExitReason,
    Role, Status,
};
use crate::{id::DelegationId, session::Session};

/// One of ours, whatever it was read from. A name for it, since serde takes a
/// `&'static str` for one that lives in what is read.
pub(super) type Word = &'static str;

/// The JSON of an event. That of a single task has its result on top, too,
/// where readers of one look for it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    delegation_id: DelegationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    session_key: &'a Session,
    goal: &'a str,
    context: Option<&'a str>,
    toolsets: Option<&'a [String]>,
    role: Role,
    model: Option<&'a str>,
    status: Status,
    dispatched_at: f64,
    completed_at: f64,
    is_batch: bool,
    counts: Counts,
    #[serde(flatten)]
    single: Option<Single<'a>>,
    error: Option<&'a str>,
    goals: &'a [String],
    results: &'a [ChildResult],
    total_duration_seconds: f64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    #[serde(skip_serializing_if = "<[f64]>::is_empty")]
    resumed: &'a [f64],
}

/// What stands on top of the event of a single task.
#[derive(Serialize)]
struct Single<'a> {
    summary: Option<&'a str>,
    api_calls: u32,
    duration_seconds: f64,
    exit_reason: ExitReason,
}

impl Serialize for CompletionEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let only = self.results.first().filter(|_| !self.is_batch);
        let single = only.map(|it| Single {
            summary: it.summary.as_deref(),
            api_calls: it.api_calls,
            duration_seconds: it.duration_seconds,
            exit_reason: it.exit_reason,
        });
        let of_only = only.and_then(|it| it.error.as_deref());
        let shown = Shown {
            kind: self.kind,
            delegation_id: self.delegation_id,
            group: self.group.as_deref(),
            session_key: &self.session_key,
            goal: &self.goal,
            context: self.context.as_deref(),
            toolsets: self.toolsets.as_deref(),
            role: self.role,
            model: self.model.as_deref(),
            status: self.status,
            dispatched_at: self.dispatched_at,
            completed_at: self.completed_at,
            is_batch: self.is_batch,
            counts: self.counts(),
            single,
            error: self.error.as_deref().or(of_only),
            goals: &self.goals,
            results: &self.results,
            total_duration_seconds: self.total_duration_seconds,
            notes: &self.notes,
            resumed: &self.resumed,
        };
        shown.serialize(serializer)
    }
}

/// The same, read. What follows from the results is not looked at, and a field
/// of a later version is passed over.
#[derive(Deserialize)]
struct Read {
    #[serde(rename = "type", deserialize_with = "completion")]
    kind: Word,
    delegation_id: DelegationId,
    group: Option<String>,
    session_key: Session,
    goal: String,
    context: Option<String>,
    toolsets: Option<Vec<String>>,
    role: Role,
    model: Option<String>,
    status: Status,
    dispatched_at: f64,
    completed_at: f64,
    is_batch: bool,
    error: Option<String>,
    goals: Vec<String>,
    results: Vec<ChildResult>,
    total_duration_seconds: f64,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    resumed: Vec<f64>,
}

impl<'de> Deserialize<'de> for CompletionEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let it = Read::deserialize(deserializer)?;
        let only = it.results.first().filter(|_| !it.is_batch);
        let of_only = only.and_then(|it| it.error.clone());
        Ok(Self {
            kind: it.kind,
            delegation_id: it.delegation_id,
            group: it.group,
            session_key: it.session_key,
            goal: it.goal,
            context: it.context,
            toolsets: it.toolsets,
            role: it.role,
            model: it.model,
            status: it.status,
            dispatched_at: it.dispatched_at,
            completed_at: it.completed_at,
            is_batch: it.is_batch,
            error: it.error.filter(|it| Some(it) != of_only.as_ref()),
            goals: it.goals,
            results: it.results,
            total_duration_seconds: it.total_duration_seconds,
            notes: it.notes,
            resumed: it.resumed,
        })
    }
}

fn completion<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    of_kind(ASYNC_DELEGATION, deserializer)
}

pub(super) fn failure<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<&'static str, D::Error> {
    of_kind(ASYNC_DELEGATION_FAILURE, deserializer)
}

fn of_kind<'de, D: Deserializer<'de>>(
    kind: &'static str,
    deserializer: D,
) -> Result<&'static str, D::Error> {
    let found = String::deserialize(deserializer)?;
    let is_it = found == kind;
    is_it.then_some(kind).ok_or_else(|| D::Error::custom(format!("`type` is not `{kind}`")))
}

/// Adds to the schema of an event what is written for readers' convenience.
pub(super) fn with_what_follows(schema: &mut Schema) {
    let Some(properties) = schema.get_mut("properties").and_then(|it| it.as_object_mut()) else {
        return;
    };
    let number = |what: &str, of: &str| json!({"type": of, "description": what});
    let counts = json!({
        "description": "How many of the tasks completed, and how many did not.",
        "type": "object",
        "properties": {"completed": {"type": "integer"}, "not_completed": {"type": "integer"}},
        "required": ["completed", "not_completed"],
    });
    let of_single = "That of the result, for a single task.";
    let added = [
        ("counts", counts),
        ("summary", json!({"type": ["string", "null"], "description": of_single})),
        ("api_calls", number(of_single, "integer")),
        ("duration_seconds", number(of_single, "number")),
        ("exit_reason", json!({"$ref": "#/$defs/ExitReason", "description": of_single})),
    ];
    properties.extend(added.map(|(name, schema)| (name.to_owned(), schema)));
}

#[cfg(test)]
mod tests;
