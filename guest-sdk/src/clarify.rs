//! Questions to the person. Toolset `clarify`, blocked for every child.

pub use crate::bindings::hermitage::subagent::clarify::clarify;
