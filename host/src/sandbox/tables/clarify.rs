// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.

//! The tools of interface `clarify` as typed imports.

use crate::{
    sandbox::{function::Entry, typed::TypedTool},
    tools::clarify as tools,
};

pub(super) static FUNCTIONS: &[Entry] = &[Entry::of::<tools::Clarify>()];

impl TypedTool for tools::Clarify {
    const INTERFACE: &'static str = "hermitage:subagent/clarify@0.1.0";
    const FUNCTION: &'static str = "clarify";
    type Params = (String, Vec<String>);
    type Answer = String;

    fn arguments(params: Self::Params) -> Self {
        let (question, choices) = params;
        Self { question, choices }
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output
    }
}
