//! What a server says, whatever it is.

use std::borrow::Cow;

use arbitrary::{Result, Unstructured};
use rmcp::model::{CallToolResponse, CallToolResult, Tool};
use serde_json::{Value, json};

use super::{
    listed::{MAX_TOOLS, taken},
    result::text,
};
use crate::{completion::sanitize::clean, noise, redact::Redactor, toolset::ToolError};

/// What the server was given, and must not be told on.
const SECRET: &str = "sk-0123456789abcdef";

const WORDS: &[&str] = &[
    "content",
    "type",
    "text",
    "image",
    "audio",
    "resource",
    "resource_link",
    "data",
    "mimeType",
    "uri",
    "blob",
    "name",
    "structuredContent",
    "isError",
    "inputSchema",
    "description",
    "title",
    "object",
    "properties",
    "required",
    "$ref",
    "#",
    "string",
    "createIssue",
    "create-issue",
    "create_issue",
    "a.b",
    "read_file",
    "delegate_task",
    SECRET,
    "sk-01234",
    "56789abcdef",
    "\u{1b}[31m",
    "\u{202e}",
    "\\u0073k",
];

/// A result is clean, bounded and without the secret, and of a list of tools
/// what is taken has names of its own that models can spell.
pub(crate) fn server(u: &mut Unstructured<'_>) -> Result<()> {
    let blocks = noise::list(u, 4, block)?;
    let mut result = json!({"content": blocks, "isError": u.arbitrary::<bool>()?});
    if u.ratio(1, 4)?
        && let Some(fields) = result.as_object_mut()
    {
        fields.insert("structuredContent".to_owned(), noise::json(u, WORDS)?);
    }
    is_told(if u.ratio(1, 8)? { noise::json(u, WORDS)? } else { result });
    let tools: Vec<Tool> = noise::list(u, 5, tool)?
        .into_iter()
        .filter_map(|it| serde_json::from_value(it).ok())
        .collect();
    let names: Vec<String> = tools.iter().map(|it| it.name.to_string()).collect();
    let allow = if u.arbitrary()? {
        Some(noise::list(u, 3, |u| noise::one_of(u, WORDS).map(str::to_owned))?)
    } else {
        None
    };
    let Ok(listed) = taken("acme", tools, allow.as_deref()) else { return Ok(()) };
    assert!(listed.tools.len() + listed.left_out.len() <= names.len().min(MAX_TOOLS));
    for (idx, tool) in listed.tools.iter().enumerate() {
        assert!(names.contains(&tool.called), "{tool:?}");
        assert!(allow.as_ref().is_none_or(|it| it.contains(&tool.called)), "{tool:?}");
        let name = &tool.spec.name;
        let is_spelt = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
        assert!(!name.is_empty() && name.chars().all(is_spelt), "{name}");
        assert!(listed.tools.iter().skip(idx + 1).all(|it| it.spec.name != *name), "{name} twice");
        assert!(matches!(clean(&tool.spec.description), Cow::Borrowed(_)), "{tool:?}");
    }
    assert!(listed.left_out.iter().all(|it| matches!(clean(&it.0), Cow::Borrowed(_))));
    Ok(())
}

fn is_told(result: Value) {
    let Ok(result) = serde_json::from_value::<CallToolResult>(result) else { return };
    let mut redactor = Redactor::default();
    redactor.add(SECRET);
    let told = match text(CallToolResponse::Complete(result), &redactor) {
        Ok(it) | Err(ToolError::Failed(it)) => it,
        Err(other) => unreachable!("{other:?}"),
    };
    assert!(matches!(clean(&told), Cow::Borrowed(_)), "{told:?} is not clean");
    assert!(!told.contains(SECRET), "{told}");
}

fn block(u: &mut Unstructured<'_>) -> Result<Value> {
    let said = noise::text(u, WORDS)?;
    let kind = noise::one_of(u, &["text", "image", "audio", "resource_link", "resource", "other"])?;
    Ok(match u.int_in_range(0..=5)? {
        0 => noise::json(u, WORDS)?,
        1 => json!({"type": "resource", "resource": {"uri": said, "text": said}}),
        2 => {
            json!({"type": kind, "text": said, "data": said, "mimeType": said, "uri": said, "name": said})
        }
        _ => json!({"type": "text", "text": said}),
    })
}

fn tool(u: &mut Unstructured<'_>) -> Result<Value> {
    let name =
        if u.arbitrary()? { noise::one_of(u, WORDS)?.to_owned() } else { noise::text(u, WORDS)? };
    let schema = match u.int_in_range(0..=3)? {
        0 => noise::json(u, WORDS)?,
        1 => {
            json!({"type": "object", "properties": {noise::one_of(u, WORDS)?: noise::json(u, WORDS)?}})
        }
        _ => json!({"type": "object"}),
    };
    Ok(json!({"name": name, "description": noise::maybe(u, WORDS)?, "inputSchema": schema}))
}
