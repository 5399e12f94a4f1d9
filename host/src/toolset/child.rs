//! What the tools of one child are made of.

use std::sync::Arc;

use super::{
    call::{Meter, ToolError},
    kept::Kept,
    registry::Registry,
};

/// Nobody counts.
struct Free;

impl Meter for Free {
    fn pay(&self) -> Result<(), ToolError> {
        Ok(())
    }
}

/// The tools of one child. Which of them it may call, its grant says.
#[derive(Clone)]
pub struct ChildTools {
    /// All that the host has.
    pub registry: Arc<Registry>,
    /// Asked before every call.
    pub meter: Arc<dyn Meter>,
    /// What they keep for this child.
    pub kept: Kept,
}

impl ChildTools {
    /// Those of a registry, for nothing.
    pub fn of(registry: Arc<Registry>) -> Self {
        Self { registry, meter: Arc::new(Free), kept: Kept::default() }
    }
}
