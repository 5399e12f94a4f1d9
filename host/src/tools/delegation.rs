//! The toolset `delegation`: subagents of a subagent. Blocked for every child
//! but an orchestrator.

mod delegate_task;
mod task;

use super::{OpenError, Opened, Opening, Toolset};
use crate::toolset::registry::Declaration;

pub use delegate_task::{DelegateTask, Delegated, Subagents, SubagentsOf, SubtaskResult};
#[cfg(feature = "serve")]
pub(crate) use task::read_tasks_of_a_model;
pub use task::{TaskRequest, TasksError, read_tasks};

/// Opened for nobody: who starts subagents, each caller knows.
pub(super) struct Delegation;

impl Toolset for Delegation {
    const NAME: &'static str = "delegation";
    type Host = ();
    const TOOLS: &'static [Declaration<()>] = &[Declaration::of::<DelegateTask>()];

    async fn open(_: &Opening<'_>) -> Result<Opened<()>, OpenError> {
        Ok(Opened::Whole(()))
    }
}
