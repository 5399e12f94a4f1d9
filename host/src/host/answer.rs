//! What a delegation answers its caller, in the words of semantics.md §5 and
//! §6.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    delegation::Rejection,
    event::{ChildResult, CompletionEvent, Counts},
    id::DelegationId,
    unit::UnitRecord,
};

/// The answer to a call that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It runs in the background.
    Dispatched {
        /// The unit.
        delegation_id: DelegationId,
        /// Goals in the order of the tasks.
        goals: Vec<String>,
        /// What the host decided on its own.
        notes: Vec<String>,
    },
    /// It ran in the foreground.
    Finished(Box<CompletionEvent>),
}

impl Answer {
    pub(super) fn dispatched(record: &UnitRecord) -> Self {
        let (delegation_id, goals) = (record.id, record.goals());
        Self::Dispatched { delegation_id, goals, notes: record.notes.clone() }
    }

    /// The unit.
    pub fn delegation_id(&self) -> DelegationId {
        match self {
            Answer::Dispatched { delegation_id, .. } => *delegation_id,
            Answer::Finished(event) => event.delegation_id,
        }
    }

    /// The event of a unit that ran in the foreground.
    pub fn finished(self) -> Option<CompletionEvent> {
        match self {
            Answer::Dispatched { .. } => None,
            Answer::Finished(event) => Some(*event),
        }
    }
}

/// The combined result of a unit in the foreground.
#[derive(Serialize)]
struct Combined<'a> {
    results: &'a [ChildResult],
    counts: Counts,
    total_duration_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// What the host decided on its own, in one text.
fn note(notes: &[String]) -> Option<String> {
    (!notes.is_empty()).then(|| notes.join("; "))
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Answer::Dispatched { delegation_id, goals, notes } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("status", "dispatched")?;
                map.serialize_entry("mode", "background")?;
                map.serialize_entry("delegation_id", delegation_id)?;
                map.serialize_entry("count", &goals.len())?;
                map.serialize_entry("goals", goals)?;
                if let Some(note) = note(notes) {
                    map.serialize_entry("note", &note)?;
                }
                map.end()
            }
            Answer::Finished(event) => Combined {
                results: &event.results,
                counts: event.counts(),
                total_duration_seconds: event.total_duration_seconds,
                note: note(&event.notes),
            }
            .serialize(serializer),
        }
    }
}

/// A rejection as the tool `delegate_task` gives it.
pub(super) fn rejected(rejection: Rejection) -> serde_json::Value {
    serde_json::json!({ "status": "rejected", "error": rejection.to_string() })
}
