//! Tools that the embedding application brings along.
//!
//! An application implements [`NativeTool`], or makes one from a closure with
//! [`tool`], and registers it in [`NativeTools`]. A native tool has its own
//! name, and a toolset of that name; a component reaches it through the
//! toolbox alone, since no WIT interface knows it. The grant decides over it
//! as over every other tool.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use serde_json::{Map, Value};

use super::{
    call::{Caller, ToolError, ToolFuture, ToolOutput},
    catalogue::{Tool, Toolset},
};
use crate::completion::sanitize::clean_line;

/// Longest name, as model providers take it.
const MAX_NAME_BYTES: usize = 64;

/// Longest description: every task that is granted the tool carries it.
const MAX_DESCRIPTION_CHARS: usize = 1_000;

/// Longest schema, for the same reason.
const MAX_PARAMETERS_BYTES: usize = 16 << 10;

/// Longest result: it is copied into the memory of a component.
const MAX_RESULT_BYTES: usize = 1 << 20;

/// What a native tool says of itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NativeSpec {
    /// In snake case, at most 64 bytes, and of no other tool or toolset.
    pub name: String,
    /// For a model: what it does, when to use it. Kept as one line of at most
    /// 1,000 characters.
    pub description: String,
    /// JSON Schema of the arguments, as JSON text; of `"type": "object"`.
    pub parameters: String,
}

impl NativeSpec {
    /// With these fields, which are checked when the tool is registered.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: impl Into<String>,
    ) -> Self {
        let (name, description) = (name.into(), description.into());
        Self { name, description, parameters: parameters.into() }
    }
}

/// Result of a native tool: JSON or plain text, handed on to the component as
/// it is.
pub type NativeFuture = Pin<Box<dyn Future<Output = Result<String, ToolError>> + Send>>;

/// A tool that the application does itself.
pub trait NativeTool: Send + Sync {
    /// What it says of itself; asked for once, when it is registered.
    fn spec(&self) -> NativeSpec;

    /// Does one call. `arguments` is a JSON object as the component wrote it,
    /// not checked against the schema. The future runs on the host's runtime
    /// and should end when `caller.cancelled` is set.
    fn call(&self, caller: Caller, arguments: String) -> NativeFuture;
}

/// A native tool from a closure.
///
/// ```
/// use hermitage::toolset::native::{NativeSpec, NativeTools, tool};
///
/// let title = r#"{"type":"object","properties":{"title":{"type":"string"}}}"#;
/// let spec = NativeSpec::new("ticket", "Opens a ticket.", title);
/// let mut tools = NativeTools::default();
/// tools.register(tool(spec, |_caller, arguments| async move {
///     Ok(format!("opened {arguments}"))
/// }))?;
/// # Ok::<(), hermitage::toolset::native::NativeError>(())
/// ```
pub fn tool<F, Fut>(spec: NativeSpec, call: F) -> Arc<dyn NativeTool>
where
    F: Fn(Caller, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, ToolError>> + Send + 'static,
{
    Arc::new(Closure { spec, call })
}

struct Closure<F> {
    spec: NativeSpec,
    call: F,
}

impl<F, Fut> NativeTool for Closure<F>
where
    F: Fn(Caller, String) -> Fut + Send + Sync,
    Fut: Future<Output = Result<String, ToolError>> + Send + 'static,
{
    fn spec(&self) -> NativeSpec {
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
    /// The name of a tool or toolset of the contract.
    #[error("`{0}` is a tool or toolset of the host\nhint: put the application's name before it")]
    Taken(String),
    /// Registered already.
    #[error("`{0}` is registered twice\nhint: give each native tool a name of its own")]
    Twice(String),
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

/// A native tool's identity: its checked description, interned.
///
/// Interning makes [`Tool`] a small copy. What is interned stays for the life
/// of the process, which is bounded by what the application registers; the
/// same description is kept once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Native(&'static NativeSpec);

impl Native {
    /// The checked description.
    pub fn spec(self) -> &'static NativeSpec {
        self.0
    }

    fn intern(spec: NativeSpec) -> Self {
        static INTERNED: LazyLock<Mutex<BTreeSet<&'static NativeSpec>>> =
            LazyLock::new(Mutex::default);
        // A panic while the lock is held leaves nothing half done.
        let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = interned.get(&spec) {
            return Self(found);
        }
        let spec: &'static NativeSpec = Box::leak(Box::new(spec));
        interned.insert(spec);
        Self(spec)
    }
}

/// The native tools of one application, by the [`Tool`] that stands for each.
#[derive(Clone, Default)]
pub struct NativeTools(BTreeMap<Tool, Arc<dyn NativeTool>>);

impl NativeTools {
    /// Checks what the tool says of itself, and takes it.
    pub fn register(&mut self, tool: Arc<dyn NativeTool>) -> Result<Tool, NativeError> {
        let spec = checked(tool.spec())?;
        if self.0.keys().any(|it| it.name() == spec.name) {
            return Err(NativeError::Twice(spec.name));
        }
        let id = Tool::Native(Native::intern(spec));
        self.0.insert(id, tool);
        Ok(id)
    }

    /// All of them, in the order of their names.
    pub fn tools(&self) -> Vec<Tool> {
        self.0.keys().copied().collect()
    }

    /// Does one call. A tool that is not registered here fails.
    pub fn call(&self, caller: Caller, tool: Tool, arguments: String) -> ToolFuture {
        let Some(native) = self.0.get(&tool) else {
            return Box::pin(async move { Err(ToolError::Failed(format!("no tool `{tool}`"))) });
        };
        let work = native.call(caller, arguments);
        Box::pin(async move { bounded(work.await?) })
    }
}

fn bounded(text: String) -> Result<ToolOutput, ToolError> {
    let bytes = text.len();
    if bytes > MAX_RESULT_BYTES {
        let text = format!("{bytes} bytes of result: at most {MAX_RESULT_BYTES} are handed on");
        return Err(ToolError::Failed(text));
    }
    Ok(ToolOutput::Text(text))
}

fn checked(spec: NativeSpec) -> Result<NativeSpec, NativeError> {
    let NativeSpec { name, description, parameters } = spec;
    if !is_name(&name) {
        return Err(NativeError::Name(clean_line(&name, MAX_NAME_BYTES)));
    }
    if Tool::named(&name).is_some() || Toolset::named(&name).is_some() {
        return Err(NativeError::Taken(name));
    }
    let description = clean_line(&description, MAX_DESCRIPTION_CHARS);
    if description.is_empty() {
        return Err(NativeError::NoDescription(name));
    }
    match schema(&parameters) {
        Ok(parameters) => Ok(NativeSpec { name, description, parameters }),
        Err(message) => Err(NativeError::Parameters { name, message }),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::toolset::{Grant, grant::expand, spec::specs};

    const OBJECT: &str = r#"{ "type": "object" }"#;

    fn spec(name: &str, description: &str, parameters: &str) -> NativeSpec {
        let [name, description, parameters] = [name, description, parameters].map(str::to_owned);
        NativeSpec { name, description, parameters }
    }

    fn echo(spec: NativeSpec) -> Arc<dyn NativeTool> {
        tool(spec, |_, arguments| async move { Ok(arguments) })
    }

    fn check_error(spec: NativeSpec, expect: &str) {
        let mut tools = NativeTools::default();
        tools.register(echo(self::spec("first", "Is there.", OBJECT))).unwrap();
        let err = tools.register(echo(spec)).unwrap_err().to_string();
        let (message, hint) = err.split_once("\nhint: ").unwrap();
        assert_eq!(message, expect);
        assert_ne!(hint, "");
    }

    #[test]
    fn what_is_registered_is_checked() {
        let long = "x".repeat(65);
        for name in ["", "Ticket", "open-ticket", "_x", "1x", "tïcket", "a b", "a\n", &long] {
            let shown = clean_line(name, 64);
            check_error(spec(name, "d", OBJECT), &format!("`{shown}` is no name for a tool"));
        }
        for name in ["read_file", "file", "file_read", "delegation", "delegate_task"] {
            let expect = format!("`{name}` is a tool or toolset of the host");
            check_error(spec(name, "d", OBJECT), &expect);
        }
        check_error(spec("first", "d", OBJECT), "`first` is registered twice");
        check_error(spec("x", " \u{200b}\n", OBJECT), "`x` has no description");
        for parameters in ["", "{", "[]", "7", "null"] {
            let mut tools = NativeTools::default();
            let res = tools.register(echo(spec("x", "d", parameters)));
            assert!(matches!(res, Err(NativeError::Parameters { .. })), "{parameters}");
        }
        for parameters in ["{}", r#"{"type":"array"}"#, r#"{"type":["object"]}"#] {
            check_error(
                spec("x", "d", parameters),
                "the parameters of `x` are no schema of an object: its `type` is not `object`",
            );
        }
    }

    #[test]
    fn a_native_tool_is_granted_by_name_and_described() {
        let mut tools = NativeTools::default();
        let description = format!("Opens\na \u{1b}[31mticket. {}", "x".repeat(2_000));
        let ticket = tools.register(echo(spec("ticket", &description, OBJECT))).unwrap();
        assert_eq!((ticket.name(), ticket.toolset()), ("ticket", "ticket"));
        let natives = tools.tools();
        let grant = expand(&["ticket", "read_file"], &natives).unwrap();
        assert_eq!(grant.names(), ["read_file", "ticket"]);
        assert!(!grant.is_within(&Grant::of_parent()));
        assert!(grant.is_within(&Grant::of_parent().plus(natives)));
        let spec = specs(&grant).pop().unwrap();
        assert_eq!((spec.tool, spec.parameters.as_str()), (ticket, r#"{"type":"object"}"#));
        assert!(spec.description.starts_with("Opens a ticket. xxx"), "{}", spec.description);
        assert_eq!(spec.description.chars().count(), MAX_DESCRIPTION_CHARS);
        let err = expand(&["tickets"], &tools.tools()).unwrap_err().to_string();
        assert_eq!(
            err,
            "unknown toolset or tool `tickets`: known are `file`, `file_read`, `terminal`, `web`, `ticket`"
        );
    }

    #[test]
    fn the_same_description_is_the_same_tool_in_every_registry() {
        let register = |description: &str, parameters: &str| {
            let spec = spec("twin", description, parameters);
            NativeTools::default().register(echo(spec)).unwrap()
        };
        let (one, other) = (register("d", OBJECT), register(" d ", r#"{"type":"object"}"#));
        assert_eq!(one, other);
        let (Tool::Native(one), Tool::Native(other)) = (one, other) else { panic!("not native") };
        assert!(std::ptr::eq(one.spec(), other.spec()));
        assert_ne!(register("another", OBJECT), Tool::Native(one));
    }

    #[tokio::test]
    async fn a_call_ends_in_the_tool_and_is_bounded() {
        let caller = || Caller::of("sa", Session::Local);
        let mut tools = NativeTools::default();
        let echo = tools.register(echo(spec("echo", "d", OBJECT))).unwrap();
        let call = |arguments: String| tools.call(caller(), echo, arguments);
        assert_eq!(call("{}".to_owned()).await, Ok(ToolOutput::Text("{}".to_owned())));
        let long = call("x".repeat(MAX_RESULT_BYTES + 1)).await;
        assert!(matches!(long, Err(ToolError::Failed(_))), "{long:?}");
        let other = NativeTools::default().call(caller(), echo, String::new()).await;
        assert_eq!(other, Err(ToolError::Failed("no tool `echo`".to_owned())));
    }
}
