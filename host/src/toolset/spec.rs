//! What a model reads of a tool: its description and the schema of its
//! arguments. Both are taken from the argument type in [`super::call`], or
//! from what a native tool says of itself.

use std::sync::LazyLock;

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use super::{
    call::{
        Clarify, ExecuteCode, Memory, Patch, ReadFile, SearchFiles, SendMessage, Terminal,
        WebExtract, WebSearch, WriteFile,
    },
    catalogue::Tool,
    delegate::DelegateTask,
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

/// The described tools of a grant, in the order of the catalogue, native ones
/// last.
pub fn specs(grant: &Grant) -> Vec<ToolSpec> {
    grant.iter().filter_map(spec).collect()
}

/// One tool, described; `None` for one that this host does not have.
pub fn spec(tool: Tool) -> Option<ToolSpec> {
    if let Tool::Native(native) = tool {
        let it = native.spec();
        let (description, parameters) = (it.description.clone(), it.parameters.clone());
        return Some(ToolSpec { tool, description, parameters });
    }
    SPECS.iter().find(|it| it.tool == tool).cloned()
}

static SPECS: LazyLock<Vec<ToolSpec>> = LazyLock::new(|| {
    vec![
        of_type::<ReadFile>(Tool::ReadFile),
        of_type::<WriteFile>(Tool::WriteFile),
        of_type::<Patch>(Tool::Patch),
        of_type::<SearchFiles>(Tool::SearchFiles),
        of_type::<Terminal>(Tool::Terminal),
        of_type::<WebSearch>(Tool::WebSearch),
        of_type::<WebExtract>(Tool::WebExtract),
        of_type::<DelegateTask>(Tool::DelegateTask),
        of_type::<Clarify>(Tool::Clarify),
        of_type::<Memory>(Tool::Memory),
        of_type::<SendMessage>(Tool::SendMessage),
        of_type::<ExecuteCode>(Tool::ExecuteCode),
    ]
});

fn of_type<T: JsonSchema>(tool: Tool) -> ToolSpec {
    let mut schema = schema_for!(T);
    let description = match schema.remove("description") {
        Some(Value::String(text)) => text.replace('\n', " "),
        _ => String::new(),
    };
    for key in ["$schema", "title"] {
        schema.remove(key);
    }
    each_property(schema.get_mut("properties"));
    ToolSpec { tool, description, parameters: schema.to_value().to_string() }
}

fn each_property(properties: Option<&mut Value>) {
    let properties = properties.and_then(Value::as_object_mut);
    properties.into_iter().flatten().for_each(|(_, property)| plain(property));
}

/// Writes an argument the way small models understand it: an optional one with
/// one type, and absent from `required`; the entries of a list in its place.
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
    if let Some(entries) = property.get_mut("items") {
        plain(entries);
    }
    each_property(property.get_mut("properties"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_described() {
        for tool in Tool::ALL {
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

    #[test]
    fn the_schema_of_a_delegation_stands_alone() {
        let spec = spec(Tool::DelegateTask).unwrap();
        insta::assert_snapshot!(spec.parameters, @r#"{"additionalProperties":false,"properties":{"agent":{"description":"Name of the agent for every task that names none; the caller's own when absent.","type":"string"},"context":{"description":"Background for every task that has none of its own.","type":"string"},"goal":{"description":"The work, for a single subagent: complete, since it knows nothing else. Either this or `tasks` is needed.","type":"string"},"max_iterations":{"description":"Model calls of every task that names no number.","minimum":0,"type":"integer"},"model":{"description":"Name of the model for every task that names none; the default one when absent.","type":"string"},"output_schema":{"additionalProperties":true,"description":"JSON Schema that the summary of every task without one must satisfy.","type":"object"},"role":{"description":"Role of every task that names none. An `orchestrator` may delegate, too; a `leaf`, the default, works alone.","enum":["leaf","orchestrator"],"type":"string"},"tasks":{"description":"Several tasks, which run side by side; `goal` is not looked at then.","items":{"additionalProperties":false,"description":"What one subagent is to do.","properties":{"agent":{"description":"Name of the agent.","type":"string"},"context":{"description":"Background.","type":"string"},"goal":{"description":"The work: complete, since the subagent knows nothing else.","type":"string"},"max_iterations":{"description":"Model calls.","minimum":0,"type":"integer"},"model":{"description":"Name of the model.","type":"string"},"output_schema":{"additionalProperties":true,"description":"JSON Schema that the summary must satisfy.","type":"object"},"role":{"description":"`orchestrator` when it may delegate, too.","enum":["leaf","orchestrator"],"type":"string"},"toolsets":{"description":"Toolsets or single tools.","items":{"type":"string"},"type":"array"}},"required":["goal"],"type":"object"},"type":"array"},"toolsets":{"description":"Toolsets or single tools of every task that names none; those of the caller when absent, none when empty.","items":{"type":"string"},"type":"array"}},"type":"object"}"#);
    }
}
