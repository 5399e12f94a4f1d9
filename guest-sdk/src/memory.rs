//! Notes that outlive the run. Toolset `memory`, blocked for every child.

pub use crate::bindings::hermitage::subagent::memory::{MemoryChange, memory};
