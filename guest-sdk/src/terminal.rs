//! Commands in a sandbox of their own. Toolset `terminal`.

pub use crate::bindings::hermitage::subagent::terminal::{Command, CommandResult, terminal};
