//! Subagents of a subagent. Toolset `delegation`, for orchestrators.
//!
//! ```no_run
//! use hermitage_guest::delegation::{Subtask, delegate_task};
//!
//! # fn f() -> Result<(), hermitage_guest::ToolError> {
//! let tasks = ["count the files", "count the lines"].map(|goal| Subtask {
//!     goal: goal.to_owned(),
//!     ..Subtask::default()
//! });
//! for result in delegate_task(&tasks)? {
//!     let summary = result.summary.unwrap_or_default();
//! #   drop(summary);
//! }
//! # Ok(())
//! # }
//! ```

pub use crate::bindings::hermitage::subagent::delegation::{Subtask, SubtaskResult, delegate_task};
