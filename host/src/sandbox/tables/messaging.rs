// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.

//! The tools of interface `messaging` as typed imports.

use crate::{
    sandbox::{function::Entry, typed::TypedTool},
    tools::messaging as tools,
};

pub(super) static FUNCTIONS: &[Entry] = &[Entry::of::<tools::SendMessage>()];

impl TypedTool for tools::SendMessage {
    const INTERFACE: &'static str = "hermitage:subagent/messaging@0.1.0";
    const FUNCTION: &'static str = "send-message";
    type Params = (String, String);
    type Answer = ();

    fn arguments(params: Self::Params) -> Self {
        let (session_key, text) = params;
        Self { session_key, text }
    }

    fn answer(_: Self::Output) -> Self::Answer {}
}
