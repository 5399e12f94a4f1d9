//! Messages to other sessions. Toolset `messaging`, blocked for every child.

pub use crate::bindings::hermitage::subagent::messaging::send_message;
