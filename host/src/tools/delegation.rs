//! The toolset `delegation`: subagents of a subagent. Blocked for every child
//! but an orchestrator.
//!
//! What a call asks for is declared here, and how it is read; who starts
//! subagents is known to the caller ([`Subagents`]).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{OpenError, Opened, Opening, Toolset};
use crate::toolset::{Caller, HeldBy, Output, Tool, ToolError, registry::Declaration};

pub use crate::toolset::delegate::{DelegateTask, Delegated, SubtaskResult, TaskRequest};

/// Whoever starts the subagents of one caller. Kept for it by whoever made it.
pub trait Subagents: Send + Sync {
    /// Runs the tasks, and waits for all of them: the caller needs the results
    /// inside its own turn.
    fn delegate(
        &self,
        caller: Caller,
        call: DelegateTask,
    ) -> BoxFuture<'static, Result<Delegated, ToolError>>;
}

/// Where [`Subagents`] are kept for a caller.
#[derive(Clone)]
pub struct SubagentsOf(pub Arc<dyn Subagents>);

impl Tool for DelegateTask {
    const NAME: &'static str = "delegate_task";
    const HELD_BY: HeldBy = HeldBy::Orchestrator;
    type Host = ();
    type Output = Delegated;

    fn from_json(arguments: &str) -> Result<Self, ToolError> {
        Self::read(arguments)
    }

    fn drop_empty(&mut self) {
        self.leave_out_empty();
    }

    fn bytes(&self) -> u64 {
        self.text_bytes()
    }

    fn subject(&self) -> &str {
        self.first_goal()
    }

    async fn call(self, (): &(), caller: &Caller) -> Result<Delegated, ToolError> {
        let Some(subagents) = caller.kept.get::<SubagentsOf>() else {
            return Err(ToolError::Failed("nobody starts subagents for this caller".to_owned()));
        };
        subagents.0.delegate(caller.clone(), self).await
    }
}

impl Output for Delegated {
    fn bytes(&self) -> u64 {
        self.text_bytes()
    }
}

/// Subagents.
pub(super) struct Delegation;

impl Toolset for Delegation {
    const NAME: &'static str = "delegation";
    type Host = ();
    const TOOLS: &'static [Declaration<()>] = &[Declaration::of::<DelegateTask>()];

    async fn open(_: &Opening<'_>) -> Result<Opened<()>, OpenError> {
        Ok(Opened::Whole(()))
    }
}
