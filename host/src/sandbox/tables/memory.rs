// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.

//! The tools of interface `memory` as typed imports.

use crate::{
    sandbox::{convert, function::Entry, typed::TypedTool, wit::contract::memory as wit},
    tools::memory as tools,
};

pub(super) static FUNCTIONS: &[Entry] = &[Entry::of::<tools::Memory>()];

impl TypedTool for tools::Memory {
    const INTERFACE: &'static str = "hermitage:subagent/memory@0.1.0";
    const FUNCTION: &'static str = "memory";
    type Params = (wit::MemoryChange,);
    type Answer = Vec<String>;

    fn arguments(params: Self::Params) -> Self {
        convert::memory(params)
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output
    }
}
