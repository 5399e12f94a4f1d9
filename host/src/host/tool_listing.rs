//! What [`Host::tools`](super::Host::tools) shows of a tool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::toolset::{Registry, ToolId, registry::Toolset};

/// A tool of this host. `schema/tool.json` describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolListing {
    /// By which it is granted and called.
    pub name: String,
    /// The smallest toolset with it.
    pub toolset: String,
    /// Who brings it.
    pub origin: String,
    /// As a model reads it.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
    /// Why this host has it not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
}

/// Every tool once, below the smallest toolset that has it.
pub(super) fn all(registry: &Registry) -> Vec<ToolListing> {
    let of_set = |set: &Toolset| {
        let own = set.tools.iter().filter(|it| it.toolset() == set.name);
        own.map(|it| one(registry, set, *it)).collect::<Vec<_>>()
    };
    registry.toolsets().iter().flat_map(of_set).collect()
}

fn one(registry: &Registry, set: &Toolset, tool: ToolId) -> ToolListing {
    let spec = tool.spec();
    ToolListing {
        name: spec.name.clone(),
        toolset: set.name.clone(),
        origin: set.origin.to_string(),
        description: spec.description.clone(),
        parameters: serde_json::from_str(&spec.parameters).unwrap_or_default(),
        withheld: registry.withheld().reason(tool).map(str::to_owned),
    }
}
