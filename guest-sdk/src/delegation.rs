//! Subagents of a subagent. Toolset `delegation`, for orchestrators.

pub use crate::bindings::hermitage::subagent::delegation::{Subtask, SubtaskResult, delegate_task};
