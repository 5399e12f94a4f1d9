// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.

//! The tools of interface `code-execution` as typed imports.

use crate::{
    sandbox::{function::Entry, typed::TypedTool, wit::contract::code_execution as wit},
    tools::code_execution as tools,
};

pub(super) static FUNCTIONS: &[Entry] = &[Entry::of::<tools::ExecuteCode>()];

impl TypedTool for tools::ExecuteCode {
    const INTERFACE: &'static str = "hermitage:subagent/code-execution@0.1.0";
    const FUNCTION: &'static str = "execute-code";
    type Params = (String, String);
    type Answer = wit::CommandResult;

    fn arguments(params: Self::Params) -> Self {
        let (language, source) = params;
        Self { language, source }
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output.into()
    }
}
