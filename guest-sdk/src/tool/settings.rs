//! Settings that the person gave this plugin.
//!
//! The manifest asks for them by name. A secret is none: the host puts it
//! into the request that it is for.

pub use super::bindings::hermitage::subagent::settings::get;
