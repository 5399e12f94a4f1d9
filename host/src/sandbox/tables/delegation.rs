// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.

//! The tools of interface `delegation` as typed imports.

use crate::{
    sandbox::{
        convert, function::Entry, typed::TypedTool, wit::contract::delegation as wit,
    },
    tools::delegation as tools,
};

pub(super) static FUNCTIONS: &[Entry] = &[Entry::of::<tools::DelegateTask>()];

impl TypedTool for tools::DelegateTask {
    const INTERFACE: &'static str = "hermitage:subagent/delegation@0.1.0";
    const FUNCTION: &'static str = "delegate-task";
    type Params = (Vec<wit::Subtask>,);
    type Answer = Vec<wit::SubtaskResult>;

    fn arguments(params: Self::Params) -> Self {
        convert::delegate_task(params)
    }

    fn answer(output: Self::Output) -> Self::Answer {
        convert::delegate_task_answer(output)
    }
}
