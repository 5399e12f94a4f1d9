//! What a server says of its tools, and what of that can be taken.

use std::{collections::BTreeMap, fmt};

use rmcp::model::Tool;
use serde_json::Value;

use crate::{
    completion::sanitize::clean_line,
    tools,
    toolset::{ToolSpec, native::NativeError},
};

/// Tools of one server: each stands in the context of every model that holds
/// it, and a list could go on without end.
pub const MAX_TOOLS: usize = 128;

/// Characters of a name of the server's own, where it is told.
const MAX_SHOWN_CHARS: usize = 64;

/// Longest name of a server's own that is called by it.
const MAX_CALLED_BYTES: usize = 128;

/// A tool that can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTool {
    /// By the server itself.
    pub called: String,
    /// By children, without the name of the toolset; in the form that is kept.
    pub spec: ToolSpec,
    /// Of what the server says of it, to the letter.
    pub digest: blake3::Hash,
}

/// What a server has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// In the order of their names.
    pub tools: Vec<ListedTool>,
    /// What can't be taken, by the server's own name, and why.
    pub left_out: Vec<(String, String)>,
}

/// Why a list can't be taken at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListError {
    /// It never ends, or nobody could read it.
    TooMany,
    /// A tool that is allowed is not there.
    Missing(Vec<String>),
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "it lists more than {MAX_TOOLS} tools"),
            Self::Missing(names) => write!(f, "it lists no {}", names.join(", ")),
        }
    }
}

/// Takes of a list what is allowed, under names that models can spell.
pub(super) fn taken(
    toolset: &str,
    tools: Vec<Tool>,
    allow: Option<&[String]>,
) -> Result<Listed, ListError> {
    if tools.len() > MAX_TOOLS {
        return Err(ListError::TooMany);
    }
    let missing = allow.unwrap_or_default().iter();
    let missing = missing.filter(|name| tools.iter().all(|it| it.name != **name));
    let missing: Vec<String> = missing.map(|it| format!("`{}`", shown(it))).collect();
    if !missing.is_empty() {
        return Err(ListError::Missing(missing));
    }
    let mut res = Listed::default();
    let is_allowed =
        |it: &Tool| allow.is_none_or(|allow| allow.iter().any(|name| it.name == *name));
    for tool in tools.into_iter().filter(is_allowed) {
        let called = tool.name.to_string();
        let found = one(toolset, tool);
        let is_twice =
            |it: &ListedTool| res.tools.iter().any(|other| other.spec.name == it.spec.name);
        match found {
            Ok(it) if is_twice(&it) => {
                let why = format!("another tool of it is `{toolset}/{}`, too", it.spec.name);
                res.left_out.push((shown(&called), why));
            }
            Ok(it) => res.tools.push(it),
            Err(why) => res.left_out.push((shown(&called), why)),
        }
    }
    res.tools.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
    res.left_out.sort();
    Ok(res)
}

fn one(toolset: &str, tool: Tool) -> Result<ListedTool, String> {
    let digest = digest(&tool);
    let called = tool.name.into_owned();
    if called.len() > MAX_CALLED_BYTES {
        return Err("its name is too long".to_owned());
    }
    let description = tool.description.map(|it| it.into_owned()).or(tool.title).unwrap_or_default();
    let parameters = Value::Object((*tool.input_schema).clone()).to_string();
    let spec = ToolSpec::new(spelled(&called), description, parameters);
    let checked = tools::bundled().check_plugin(toolset, vec![spec]).map_err(reason)?;
    let spec = checked.into_iter().next().ok_or("it says nothing")?;
    Ok(ListedTool { called, spec, digest })
}

/// A name as models and lists of tools spell it: `create-issue` and
/// `createIssue` are `create_issue`.
fn spelled(name: &str) -> String {
    let mut res = String::new();
    for c in name.chars() {
        match c {
            '-' | '.' | '/' | ' ' => res.push('_'),
            c if c.is_ascii_uppercase() => {
                if res.ends_with(|it: char| it.is_ascii_lowercase() || it.is_ascii_digit()) {
                    res.push('_');
                }
                res.push(c.to_ascii_lowercase());
            }
            c => res.push(c),
        }
    }
    res
}

fn reason(error: NativeError) -> String {
    match error {
        NativeError::HostsName(name) => {
            format!("`{name}` is the host's own, and a model would take it for that")
        }
        NativeError::PluginName(name) => format!("`{name}` is no name that models can spell"),
        NativeError::NoDescription(_) => "it does not say what it does".to_owned(),
        NativeError::Parameters { message, .. } => {
            format!("its arguments are no schema of an object: {message}")
        }
        error => error.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

/// Of name, words and schema, however the server orders the keys of it.
fn digest(tool: &Tool) -> blake3::Hash {
    let schema = ordered(&Value::Object((*tool.input_schema).clone()));
    let all = (&tool.name, &tool.title, &tool.description, schema);
    blake3::hash(serde_json::to_string(&all).unwrap_or_default().as_bytes())
}

/// Recursive: what was read as JSON has a bounded depth.
fn ordered(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, String> =
                fields.iter().map(|(key, it)| (key, ordered(it))).collect();
            format!("{{{}}}", joined(fields.iter().map(|(key, it)| format!("{key:?}:{it}"))))
        }
        Value::Array(items) => format!("[{}]", joined(items.iter().map(ordered))),
        value => value.to_string(),
    }
}

fn shown(name: &str) -> String {
    clean_line(name, MAX_SHOWN_CHARS)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}
