//! The arguments of every tool, whatever a model writes.

use std::fmt::Debug;

use arbitrary::{Result, Unstructured};
use serde_json::{Value, json};

use super::{
    clarify::Clarify,
    code_execution::ExecuteCode,
    delegation::DelegateTask,
    file::{Patch, ReadFile, SearchFiles, WriteFile},
    memory::Memory,
    messaging::SendMessage,
    terminal::Terminal,
    web::{WebExtract, WebSearch},
};
use crate::{
    noise,
    toolset::{Tool, ToolError},
};

/// The names of all arguments, and values that mean something to one.
const WORDS: &[&str] = &[
    "path",
    "offset",
    "limit",
    "content",
    "search",
    "replace",
    "all",
    "diff",
    "name",
    "cursor",
    "command",
    "directory",
    "timeout",
    "query",
    "url",
    "goal",
    "tasks",
    "context",
    "toolsets",
    "agent",
    "role",
    "model",
    "output_schema",
    "max_iterations",
    "question",
    "choices",
    "action",
    "text",
    "old_text",
    "session_key",
    "language",
    "source",
    "leaf",
    "orchestrator",
    "read",
    "add",
    "python",
    "1",
    "-1",
    "true",
    "null",
    "",
];

/// They are read or named, the same with blanks around and from a text; and
/// the size that counts is that of their texts.
pub(crate) fn arguments(u: &mut Unstructured<'_>) -> Result<()> {
    let object = match u.int_in_range(0..=5)? {
        0 => noise::json(u, WORDS)?,
        _ => object(u)?,
    };
    let text = if u.ratio(1, 8)? {
        noise::text(u, &["{", "}", "\"", ":", ",", "[", "path"])?
    } else {
        object.to_string()
    };
    for check in [
        check::<ReadFile>,
        check::<WriteFile>,
        check::<Patch>,
        check::<SearchFiles>,
        check::<Terminal>,
        check::<WebSearch>,
        check::<WebExtract>,
        check::<DelegateTask>,
        check::<Clarify>,
        check::<Memory>,
        check::<SendMessage>,
        check::<ExecuteCode>,
    ] {
        check(&text);
    }
    Ok(())
}

fn object(u: &mut Unstructured<'_>) -> Result<Value> {
    let field = |u: &mut Unstructured<'_>| Ok((noise::one_of(u, WORDS)?.to_owned(), value(u)?));
    Ok(Value::Object(noise::list(u, 6, field)?.into_iter().collect()))
}

fn value(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u.int_in_range(0..=6)? {
        0 | 1 => noise::one_of(u, WORDS)?.into(),
        2 => u.int_in_range(-1..=9)?.into(),
        3 => u.arbitrary::<bool>()?.into(),
        4 => json!(noise::list(u, 3, |u| noise::one_of(u, WORDS))?),
        5 => {
            json!([{"goal": noise::one_of(u, WORDS)?, noise::one_of(u, WORDS)?: noise::json(u, WORDS)?}])
        }
        _ => noise::json(u, WORDS)?,
    })
}

fn check<T: Tool + Debug + PartialEq>(text: &str) {
    let read = T::from_json(text);
    let again = T::from_json(&format!(" \n{text}\t "));
    match (&read, &again) {
        (Ok(read), Ok(again)) => assert_eq!(read, again, "{text}"),
        (Err(ToolError::InvalidArguments(why)), Err(_)) => {
            assert!(!why.is_empty() && why.len() <= text.len() * 8 + 1_000, "{text}: {why}");
        }
        other => unreachable!("{text}: {other:?}"),
    }
    let Ok(mut call) = read else { return };
    assert!(call.bytes() <= text.len() as u64 + 64, "{} bytes of {text}", call.bytes());
    call.drop_empty();
    let _ = call.subject();
}
