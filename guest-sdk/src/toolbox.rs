//! The granted tools as objects, for agents that decide at run time.
//!
//! ```no_run
//! use hermitage_guest::toolbox::Toolbox;
//!
//! # fn f() -> Result<(), hermitage_guest::ToolError> {
//! let toolbox = Toolbox::granted();
//! if toolbox.has("read_file") {
//!     let json = toolbox.call("read_file", r#"{"path": "README.md"}"#)?;
//! #   drop(json);
//! }
//! # Ok(())
//! # }
//! ```

use crate::{ToolError, ToolSpec};

pub use crate::bindings::hermitage::subagent::toolbox::{Tool, granted};

/// The granted tools, by name.
#[derive(Debug)]
pub struct Toolbox {
    specs: Vec<ToolSpec>,
    /// In the order of `specs`.
    tools: Vec<Tool>,
}

impl Toolbox {
    /// Asks the host for every tool of the grant.
    pub fn granted() -> Self {
        let tools = granted();
        let specs = tools.iter().map(Tool::spec).collect();
        Self { specs, tools }
    }

    /// What a model reads of the tools: goes into
    /// [`ChatRequest::tools`](crate::model::ChatRequest::tools) as it is.
    pub fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    /// Whether a tool of this name was granted.
    pub fn has(&self, name: &str) -> bool {
        self.specs.iter().any(|it| it.name == name)
    }

    /// Calls a tool with a JSON object and returns its JSON. A name that was
    /// not granted is [`ToolError::InvalidArguments`], with those that were.
    pub fn call(&self, name: &str, arguments: &str) -> Result<String, ToolError> {
        match self.specs.iter().zip(&self.tools).find(|(spec, _)| spec.name == name) {
            Some((_, tool)) => tool.call(arguments),
            None => Err(ToolError::InvalidArguments(unknown(name, &self.specs))),
        }
    }
}

/// What to tell whoever asked for a tool that is none of `granted`.
pub fn unknown(name: &str, granted: &[ToolSpec]) -> String {
    if granted.is_empty() {
        return format!("there is no tool `{name}`: none was granted");
    }
    let names: Vec<_> = granted.iter().map(|it| format!("`{}`", it.name)).collect();
    format!("there is no tool `{name}`: granted are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_tool_is_told_with_the_granted_ones() {
        let spec = |name: &str| {
            let (description, parameters) = (String::new(), "{}".to_owned());
            ToolSpec { name: name.to_owned(), description, parameters }
        };
        assert_eq!(unknown("x", &[]), "there is no tool `x`: none was granted");
        assert_eq!(
            unknown("x", &[spec("now"), spec("read_file")]),
            "there is no tool `x`: granted are `now`, `read_file`"
        );
    }
}
