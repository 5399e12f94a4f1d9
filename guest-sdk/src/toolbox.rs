//! The granted tools as objects, for agents that decide at run time.
//!
//! ```no_run
//! use hermitage_guest::toolbox;
//!
//! # fn f() -> Result<(), hermitage_guest::ToolError> {
//! for tool in toolbox::granted() {
//!     if tool.spec().name == "read_file" {
//!         let json = tool.call(r#"{"path": "README.md"}"#)?;
//! #       drop(json);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

pub use crate::bindings::hermitage::subagent::toolbox::{Tool, granted};
