use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::*;
use crate::{event::FailureNotice, published};

/// What can stand in the queue of a delegation.
#[derive(schemars::JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "for its schema")]
enum Event {
    Completion(CompletionEvent),
    Failure(FailureNotice),
}

fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Event>().to_value()
}

/// The schema with which a field that it does not know is an error.
fn strict(schema: &Value) -> Value {
    let mut res = schema.clone();
    if let Value::Object(map) = &mut res {
        if map.contains_key("properties") {
            map.insert("additionalProperties".to_owned(), false.into());
        }
        map.values_mut().for_each(|it| *it = strict(it));
    } else if let Value::Array(list) = &mut res {
        list.iter_mut().for_each(|it| *it = strict(it));
    }
    res
}

fn result(task_index: usize, status: &str) -> Value {
    json!({
        "task_index": task_index, "child_id": "sa-0-0b0b0b0b", "goal": "g", "agent": "a",
        "status": status, "summary": "s", "error": "why", "exit_reason": "error",
        "truncated": false, "api_calls": 1, "tokens": {"input": 1, "output": 2},
        "duration_seconds": 0.5, "cost_usd": 0.25, "model": "m", "schema_valid": false,
        "schema_errors": ["$: is no object"],
        "tool_trace": [
            {"tool": "read_file", "ok": true, "args_bytes": 1, "result_bytes": 2, "ms": 3}
        ],
        "tool_calls": 1,
        "boundary": {
            "component": "c", "policy": "p", "granted": ["read_file"], "linked": ["l"],
            "stubbed": [{"import": "i", "reason": "r"}], "refused": []
        },
    })
}

fn single() -> Value {
    json!({
        "type": "async_delegation", "delegation_id": "deleg_0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
        "group": "one", "session_key": "agent:main:telegram:dm:1", "goal": "g", "context": "c",
        "toolsets": ["file"], "role": "leaf", "model": null, "status": "failed",
        "dispatched_at": 1.5, "completed_at": 2.5, "is_batch": false,
        "counts": {"completed": 0, "not_completed": 1},
        "summary": "s", "api_calls": 1, "duration_seconds": 0.5, "exit_reason": "error",
        "error": "why", "goals": ["g"], "results": [result(0, "failed")],
        "total_duration_seconds": 1.0, "notes": ["n"],
    })
}

fn batch() -> Value {
    json!({
        "type": "async_delegation", "delegation_id": "deleg_0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
        "session_key": "", "goal": "2 parallel subagents: g; h", "context": null,
        "toolsets": null, "role": "orchestrator", "model": "m", "status": "unknown",
        "dispatched_at": 1.5, "completed_at": 2.5, "is_batch": true,
        "counts": {"completed": 1, "not_completed": 1}, "error": "the host is gone",
        "goals": ["g", "h"], "results": [result(0, "completed")],
        "total_duration_seconds": 1.0,
    })
}

fn notice() -> Value {
    json!({
        "type": "async_delegation_failure",
        "delegation_id": "deleg_0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", "session_key": "",
        "goal": "2 parallel subagents: g; h", "dispatched_at": 1.5, "failed_at": 2.5,
        "count": 2, "remaining": 1, "result": result(1, "error"),
    })
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    published::check("event.json", &schema());
}

#[test]
fn what_is_written_is_read_and_satisfies_the_schema() {
    let validator = jsonschema::validator_for(&strict(&schema())).unwrap();
    let written = |it: &Value| -> Value {
        match it["type"].as_str().unwrap() {
            ASYNC_DELEGATION => {
                let event: CompletionEvent = serde_json::from_value(it.clone()).unwrap();
                let written = serde_json::to_value(&event).unwrap();
                assert_eq!(
                    serde_json::from_value::<CompletionEvent>(written.clone()).unwrap(),
                    event
                );
                written
            }
            _ => {
                let notice: FailureNotice = serde_json::from_value(it.clone()).unwrap();
                serde_json::to_value(&notice).unwrap()
            }
        }
    };
    for event in [single(), batch(), notice()] {
        let written = written(&event);
        assert_eq!(written, event);
        let errors: Vec<String> =
            validator.iter_errors(&written).map(|it| it.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn another_type_of_event_is_not_taken_for_a_completion() {
    let err = serde_json::from_value::<CompletionEvent>(notice()).unwrap_err();
    assert_eq!(err.to_string(), "`type` is not `async_delegation`");
    let err = serde_json::from_value::<FailureNotice>(single()).unwrap_err();
    assert_eq!(err.to_string(), "`type` is not `async_delegation_failure`");
}
