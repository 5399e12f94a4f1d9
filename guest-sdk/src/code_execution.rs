//! Scripts. Toolset `code_execution`, blocked for every child.

pub use crate::bindings::hermitage::subagent::code_execution::execute_code;
pub use crate::bindings::hermitage::subagent::terminal::CommandResult;
