//! What a model reads of a tool: its description and the schema of its
//! arguments, both taken from the argument type in [`super::call`].

use std::sync::LazyLock;

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use super::{
    call::{Patch, ReadFile, SearchFiles, WriteFile},
    catalogue::Tool,
    grant::Grant,
};

/// A tool, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSpec {
    /// The tool.
    pub tool: Tool,
    /// For a model: what it does.
    pub description: String,
    /// JSON Schema of the arguments, as JSON text.
    pub parameters: String,
}

/// The described tools of a grant, in the order of the catalogue.
pub fn specs(grant: &Grant) -> Vec<ToolSpec> {
    SPECS.iter().filter(|it| grant.contains(it.tool)).cloned().collect()
}

static SPECS: LazyLock<Vec<ToolSpec>> = LazyLock::new(|| {
    vec![
        spec::<ReadFile>(Tool::ReadFile),
        spec::<WriteFile>(Tool::WriteFile),
        spec::<Patch>(Tool::Patch),
        spec::<SearchFiles>(Tool::SearchFiles),
    ]
});

fn spec<T: JsonSchema>(tool: Tool) -> ToolSpec {
    let mut schema = schema_for!(T);
    let description = match schema.remove("description") {
        Some(Value::String(text)) => text.replace('\n', " "),
        _ => String::new(),
    };
    for key in ["$schema", "title"] {
        schema.remove(key);
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flatten().for_each(|(_, property)| plain(property));
    ToolSpec { tool, description, parameters: schema.to_value().to_string() }
}

/// Writes an optional argument the way small models understand it: with one
/// type, and absent from `required`.
fn plain(property: &mut Value) {
    let Some(property) = property.as_object_mut() else {
        return;
    };
    property.remove("default");
    property.remove("format");
    if let Some(Value::String(text)) = property.get_mut("description") {
        *text = text.replace('\n', " ");
    }
    if let Some(Value::Array(types)) = property.get("type")
        && let Some(first) = types.first().cloned()
    {
        property.insert("type".to_owned(), first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolset::catalogue::Availability;

    #[test]
    fn every_offered_tool_is_described() {
        for tool in Tool::ALL.into_iter().filter(|it| it.availability() == Availability::Offered) {
            let specs = specs(&[tool].into_iter().collect());
            assert_eq!(specs.len(), 1, "`{tool}` has no spec");
            assert_ne!(specs[0].description, "");
        }
    }

    #[test]
    fn a_schema_tells_a_model_what_each_argument_is() {
        let specs = specs(&[Tool::ReadFile].into_iter().collect());
        insta::assert_snapshot!(specs[0].description, @"Reads a text file of the workspace, or some lines of it.");
        insta::assert_snapshot!(specs[0].parameters, @r#"{"additionalProperties":false,"properties":{"limit":{"description":"How many lines to read; 0 reads no text and gives the counts alone.","minimum":0,"type":"integer"},"offset":{"description":"First line to read, counted from 1; the start when absent.","minimum":0,"type":"integer"},"path":{"description":"Path relative to the workspace.","type":"string"}},"required":["path"],"type":"object"}"#);
    }
}
