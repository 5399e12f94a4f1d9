//! What a delegation answers its caller, in the words of SEMANTICS.md §5 and
//! §6.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

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
    pub(crate) fn dispatched(record: &UnitRecord) -> Self {
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

/// What a call of `delegate_task` gives back as JSON, written and read.
/// `schema/answer.json` describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Reply {
    /// It runs in the background, and its event comes later.
    Dispatched {
        /// Always `dispatched`.
        status: Dispatched,
        /// Always `background`.
        mode: Background,
        /// The unit.
        delegation_id: DelegationId,
        /// Tasks of it.
        count: usize,
        /// Goals in the order of the tasks.
        goals: Vec<String>,
        /// What the host decided on its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Nothing was started.
    Rejected {
        /// Always `rejected`.
        status: Rejected,
        /// Why.
        error: String,
    },
    /// The combined result of a unit in the foreground.
    Finished {
        /// In the order of the tasks.
        results: Vec<ChildResult>,
        /// How many of the tasks completed.
        counts: Counts,
        /// Wall clock from dispatch to end, two decimals.
        total_duration_seconds: f64,
        /// What the host decided on its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

/// Enums of one word each, by which one reply is told from another.
macro_rules! words {
    ($($name:ident = $word:literal;)*) => {$(
        #[doc = concat!("The word `", $word, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum $name {
            #[doc = "It."]
            #[serde(rename = $word)]
            It,
        }
    )*};
}

words! {
    Dispatched = "dispatched";
    Background = "background";
    Rejected = "rejected";
}

impl From<&Answer> for Reply {
    fn from(it: &Answer) -> Self {
        match it {
            Answer::Dispatched { delegation_id, goals, notes } => Self::Dispatched {
                status: Dispatched::It,
                mode: Background::It,
                delegation_id: *delegation_id,
                count: goals.len(),
                goals: goals.clone(),
                note: note(notes),
            },
            Answer::Finished(event) => Self::Finished {
                results: event.results.clone(),
                counts: event.counts(),
                total_duration_seconds: event.total_duration_seconds,
                note: note(&event.notes),
            },
        }
    }
}

impl From<Rejection> for Reply {
    fn from(it: Rejection) -> Self {
        Self::Rejected { status: Rejected::It, error: it.to_string() }
    }
}

/// What the host decided on its own, in one text.
fn note(notes: &[String]) -> Option<String> {
    (!notes.is_empty()).then(|| notes.join("; "))
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Reply::from(self).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::json;

    use super::*;
    use crate::published;

    #[test]
    fn the_published_schema_is_that_of_the_type() {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let schema = settings.into_generator().into_root_schema_for::<Reply>();
        published::check("answer.json", &schema.to_value());
    }

    #[test]
    fn a_reply_is_read_as_it_was_written() {
        let check = |written: serde_json::Value| {
            let reply: Reply = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(&reply).unwrap(), written);
        };
        let id = "deleg_0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
        check(json!({
            "status": "dispatched", "mode": "background", "delegation_id": id, "count": 1,
            "goals": ["g"], "note": "n",
        }));
        check(json!({"status": "rejected", "error": "capacity reached"}));
        check(json!({
            "results": [], "counts": {"completed": 0, "not_completed": 0},
            "total_duration_seconds": 0.5,
        }));
        let other = json!({"status": "accepted", "error": "none"});
        assert!(serde_json::from_value::<Reply>(other).is_err());
    }
}
