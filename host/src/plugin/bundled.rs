//! The components that travel inside of the program, so that one that is
//! copied, installed or moved has them, and needs no tool chain: agents here,
//! and the plugins with their tools in [`tools`].
//!
//! They are built from `plugins/` and checked in below `host/agents` and
//! `host/tools`: a build of the host needs no compiler for WebAssembly, and
//! `cargo package` takes them along. A test compares them with their sources
//! (`tests/plugins.rs`).

pub mod tools;

use crate::sandbox::Binary;

/// The agent of tasks that name none, where a person or a program asks.
pub const DEFAULT_AGENT: &str = "react";

/// By name, in the order of the names.
const ALL: [(&str, &[u8]); 6] = [
    ("links", include_bytes!("../../agents/links.wasm")),
    ("orchestrator", include_bytes!("../../agents/orchestrator.wasm")),
    ("react", include_bytes!("../../agents/react.wasm")),
    ("steps", include_bytes!("../../agents/steps.wasm")),
    ("survey", include_bytes!("../../agents/survey.wasm")),
    ("todos", include_bytes!("../../agents/todos.wasm")),
];

/// The names of all agents.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|it| it.0)
}

/// The agent of that name.
pub fn find(name: &str) -> Option<Binary> {
    ALL.iter().find(|it| it.0 == name).map(|it| Binary::new(it.1))
}
