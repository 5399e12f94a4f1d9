// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.

//! The tools of interface `terminal` as typed imports.

use crate::{
    sandbox::{function::Entry, typed::TypedTool, wit::contract::terminal as wit},
    tools::terminal as tools,
};

pub(super) static FUNCTIONS: &[Entry] = &[Entry::of::<tools::Terminal>()];

impl TypedTool for tools::Terminal {
    const INTERFACE: &'static str = "hermitage:subagent/terminal@0.1.0";
    const FUNCTION: &'static str = "terminal";
    type Params = (wit::Command,);
    type Answer = wit::CommandResult;

    fn arguments(params: Self::Params) -> Self {
        let (wit::Command { command, directory, timeout },) = params;
        Self {
            command,
            directory,
            timeout,
        }
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output.into()
    }
}

impl From<tools::CommandResult> for wit::CommandResult {
    fn from(it: tools::CommandResult) -> Self {
        let tools::CommandResult { exit_code, output, truncated } = it;
        Self {
            exit_code,
            output,
            truncated,
        }
    }
}
