//! What `bindgen!` makes of `wit/`: the types of the contract in Rust.
//!
//! Only the types and the export `run` are used; its `add_to_linker` would
//! link whole interfaces instead of functions.

use crate::toolset::ToolId;

/// Behind one handle of `toolbox.tool`. Carries the tool's id, so that a call
/// through it is checked against the grant like any other.
#[expect(unreachable_pub, reason = "the generated bindings re-export it, inside a private module")]
pub struct GrantedTool {
    pub(super) tool: ToolId,
}

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "subagent",
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "hermitage:subagent/toolbox.tool": crate::sandbox::wit::GrantedTool },
    });
}

/// The export of world `tool-plugin`.
mod plugin {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "tool-plugin",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "hermitage:subagent/types": crate::sandbox::wit::contract::types,
            "hermitage:subagent/progress": crate::sandbox::wit::contract::progress,
        },
    });
}

pub(super) use plugin::{ToolPluginPre, hermitage::subagent::http};

pub(super) use bindings::{
    SubagentPre,
    hermitage::subagent::{
        self as contract,
        types::{Outcome, Report, Role, Task, ToolSpec},
    },
};
