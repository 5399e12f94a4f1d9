//! What a model reads of a tool: its description and the schema of its
//! arguments.

/// A tool, described.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolSpec {
    /// In snake case; of a tool of the application at most 64 bytes, and of no
    /// other tool or toolset.
    pub name: String,
    /// For a model: what it does, when to use it. Of a tool of the application
    /// kept as one line of at most 1,000 characters.
    pub description: String,
    /// JSON Schema of the arguments, as JSON text; of `"type": "object"`.
    pub parameters: String,
}

impl ToolSpec {
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
