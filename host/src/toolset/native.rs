//! Tools that the embedding application brings along.
//!
//! An application implements [`NativeTool`], or makes one from a closure with
//! [`tool`], and adds it to the [registry](super::Registry). A native tool has its own
//! name, and a toolset of that name; a component reaches it through the
//! toolbox alone, since no WIT interface knows it. The grant decides over it
//! as over every other tool.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::{
    call::{Caller, ToolError},
    id::Effect,
    spec::ToolSpec,
    taken::Taken,
    words,
};
use crate::completion::{sanitize::clean_line, text::escaped};

/// Longest name, as model providers take it.
const MAX_NAME_BYTES: usize = 64;

/// Longest description: every task that is granted the tool carries it.
pub(crate) const MAX_DESCRIPTION_CHARS: usize = 1_000;

/// Longest schema, for the same reason.
const MAX_PARAMETERS_BYTES: usize = 16 << 10;

/// Result of a native tool: JSON or plain text, handed on to the component as
/// it is.
pub type NativeFuture = BoxFuture<'static, Result<String, ToolError>>;

/// Making a tool ready.
pub type PrepareFuture = BoxFuture<'static, ()>;

/// A tool that the application does itself.
pub trait NativeTool: Send + Sync {
    /// What it says of itself; asked for once, when a host takes it.
    fn spec(&self) -> ToolSpec;

    /// What a call may have done of which nobody saw the end: whether it can be
    /// made again for a child whose host was killed meanwhile.
    fn effect(&self) -> Effect {
        Effect::Once
    }

    /// Does one call. `arguments` is a JSON object as the component wrote it,
    /// not checked against the schema. The future runs on the host's runtime
    /// and should end when `caller.cancelled` is set.
    fn call(&self, caller: Caller, arguments: String) -> NativeFuture;

    /// Makes it ready, before a child that holds it starts: what takes long the
    /// first time does not use up the time of a call. An error is told to the
    /// child by its first call.
    fn prepare(&self) -> PrepareFuture {
        Box::pin(std::future::ready(()))
    }

    /// Digest of the code that does its work, for the boundary record of who
    /// holds it, where that is not the program's own.
    fn digest(&self) -> Option<String> {
        None
    }
}

/// A native tool from a closure.
///
/// ```
/// use hermitage::{ToolSpec, tool, toolset::Registry};
///
/// let title = r#"{"type":"object","properties":{"title":{"type":"string"}}}"#;
/// let spec = ToolSpec::new("ticket", "Opens a ticket.", title);
/// let mut tools = Registry::default();
/// tools.add(tool(spec, |_caller, arguments| async move {
///     Ok(format!("opened {arguments}"))
/// }))?;
/// # Ok::<(), hermitage::toolset::native::NativeError>(())
/// ```
pub fn tool<F, Fut>(spec: ToolSpec, call: F) -> Arc<dyn NativeTool>
where
    F: Fn(Caller, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, ToolError>> + Send + 'static,
{
    Arc::new(Closure { spec, call })
}

struct Closure<F> {
    spec: ToolSpec,
    call: F,
}

impl<F, Fut> NativeTool for Closure<F>
where
    F: Fn(Caller, String) -> Fut + Send + Sync,
    Fut: Future<Output = Result<String, ToolError>> + Send + 'static,
{
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn call(&self, caller: Caller, arguments: String) -> NativeFuture {
        Box::pin((self.call)(caller, arguments))
    }
}

/// Why a native tool can't be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NativeError {
    /// Not in snake case, or too long.
    #[error(
        "`{0}` is no name for a tool\n\
         hint: a lower-case letter, then letters, digits and `_`, at most {MAX_NAME_BYTES} bytes"
    )]
    Name(String),
    /// The name is somebody else's.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// A plugin, or a tool of one, that can't be called so.
    #[error(
        "`{0}` is no name for a plugin or a tool of one\n\
         hint: a lower-case letter, then letters, digits and single `_`, at most \
         {MAX_PLUGIN_BYTES} bytes for a plugin and {MAX_PLUGIN_TOOL_BYTES} for a tool; `all`, `none`, `default`, `hermitage`, \
         `toolbox` and `model` mean something else"
    )]
    PluginName(String),
    /// A tool of a plugin with a name of the host's.
    #[error(
        "`{0}` is a tool or toolset of the host: no plugin can have a tool of that name\n\
         hint: a model would take it for the host's own; its author has to give it another name"
    )]
    HostsName(String),
    /// A plugin without tools.
    #[error("the plugin `{0}` has no tools")]
    NoTools(String),
    /// A plugin says one name twice.
    #[error("the plugin `{plugin}` has two tools `{tool}`")]
    Twice {
        /// Of the plugin.
        plugin: String,
        /// Of both.
        tool: String,
    },
    /// Nothing for a model to read.
    #[error("`{0}` has no description\nhint: say in a sentence what it does and when to use it")]
    NoDescription(String),
    /// The schema is none.
    #[error(
        "the parameters of `{name}` are no schema of an object: {message}\n\
         hint: a JSON Schema like `{{\"type\":\"object\",\"properties\":{{}}}}`"
    )]
    Parameters {
        /// Of the tool.
        name: String,
        /// What is wrong.
        message: String,
    },
}

/// The name under which a plugin's tool stands in grants: `plugin/tool`, or the
/// plugin's own where both are the same.
pub fn full_name(plugin: &str, tool: &str) -> String {
    if plugin == tool { plugin.to_owned() } else { format!("{plugin}/{tool}") }
}

/// What a plugin's tool says of itself, in the form that is kept. A stranger
/// wrote it and models read it: no line of it looks like one of the host's own,
/// and none of its schema has characters that a person can't see.
pub(crate) fn checked_of_plugin(spec: ToolSpec) -> Result<ToolSpec, NativeError> {
    if !is_plugin_tool_name(&spec.name) {
        return Err(NativeError::PluginName(clean_line(&spec.name, MAX_NAME_BYTES)));
    }
    let ToolSpec { name, description, parameters } = checked(spec)?;
    let mut schema = serde_json::from_str(&parameters).unwrap_or_default();
    if !words::clean_schema(&mut schema) {
        let message = "a name or a value in it has characters that nobody sees".to_owned();
        return Err(NativeError::Parameters { name, message });
    }
    Ok(ToolSpec { name, description: escaped(&description), parameters: schema.to_string() })
}

/// What a tool says of itself, in the form that is kept.
pub(crate) fn checked(spec: ToolSpec) -> Result<ToolSpec, NativeError> {
    let ToolSpec { name, description, parameters } = spec;
    if !is_name(&name) {
        return Err(NativeError::Name(clean_line(&name, MAX_NAME_BYTES)));
    }
    let description = clean_line(&description, MAX_DESCRIPTION_CHARS);
    if description.is_empty() {
        return Err(NativeError::NoDescription(name));
    }
    match schema(&parameters) {
        Ok(parameters) => Ok(ToolSpec { name, description, parameters }),
        Err(message) => Err(NativeError::Parameters { name, message }),
    }
}

/// What the parts of a name are told apart by to a model: no name has it.
const SEPARATOR: &str = "__";

/// Names that mean something else where a list of tools is written.
const RESERVED: [&str; 6] = ["all", "none", "default", "hermitage", "toolbox", "model"];

/// Longest name of a plugin, and of a tool of one: together, with what stands
/// between them, they are as long as a model provider takes.
pub const MAX_PLUGIN_BYTES: usize = 24;

/// See [`MAX_PLUGIN_BYTES`].
pub const MAX_PLUGIN_TOOL_BYTES: usize = MAX_NAME_BYTES - MAX_PLUGIN_BYTES - SEPARATOR.len();

/// Whether a plugin can be called so, as far as the text tells.
pub fn is_plugin_name(name: &str) -> bool {
    is_part(name) && name.len() <= MAX_PLUGIN_BYTES && !RESERVED.contains(&name)
}

/// The same for a tool of one.
pub fn is_plugin_tool_name(name: &str) -> bool {
    is_part(name) && name.len() <= MAX_PLUGIN_TOOL_BYTES && !RESERVED.contains(&name)
}

/// Of a name in parts: with single `_` only, and none at the end, so that two
/// of them with a separator between can be told apart.
pub fn is_part(name: &str) -> bool {
    is_name(name) && !name.contains(SEPARATOR) && !name.ends_with('_')
}

fn is_name(name: &str) -> bool {
    let is_part = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|it: char| it.is_ascii_lowercase())
        && name.chars().all(is_part)
}

/// The schema in one spelling, so that the same one is interned once.
fn schema(text: &str) -> Result<String, String> {
    if text.len() > MAX_PARAMETERS_BYTES {
        return Err(format!("more than {MAX_PARAMETERS_BYTES} bytes"));
    }
    let schema: Map<String, Value> = serde_json::from_str(text).map_err(|it| it.to_string())?;
    match schema.get("type") {
        Some(Value::String(it)) if it == "object" => Ok(Value::Object(schema).to_string()),
        _ => Err("its `type` is not `object`".to_owned()),
    }
}
