//! What can be known of a request before anything of it starts: whether it
//! can be taken at all, whether its components are any, and what each child
//! would get.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{
    delegator::{Delegator, Prepared},
    error::DelegateError,
    executor::{Work, with_plugins},
    request::Request,
};
use crate::{
    boundary::{Contract, Purpose},
    event::{BoundaryLine, BoundaryRecord, Role},
    sandbox::LoadError,
    session::Session,
    toolset::{Grant, ToolId},
};

/// Why the component of a task can't be run. Nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum NotLoaded {
    /// The sandbox does not take it.
    #[error(transparent)]
    Refused(#[from] LoadError),
    /// Compiling it took all the time that the child has.
    #[error("it is not compiled within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
}

impl Delegator {
    /// Whether a request can be taken, as far as that can be told while
    /// nothing is read or built: everything about its tasks, that there are
    /// their agents, and their models.
    pub fn check(&self, session: &Session, request: &Request) -> Result<(), DelegateError> {
        let core = self.core();
        let asker = core.top(session, request);
        let resolved = request.clone().resolve(&core.rules(&asker))?;
        core.check(&asker, &resolved.tasks)
    }

    /// Compiles the component of every task, in their order, so that one which
    /// is none is known before any child starts. The time that it takes counts
    /// as time of the child. The error has the place of the task.
    pub async fn load(&self, prepared: &mut Prepared) -> Result<(), (usize, NotLoaded)> {
        let core = self.core();
        let limit = prepared.timeout.unwrap_or(core.parts.limits.child_timeout);
        for (index, work) in prepared.works_mut().iter_mut().enumerate() {
            let start = Instant::now();
            let loaded = timeout(limit, core.parts.sandbox.load(&work.component)).await;
            let loaded = loaded.map_err(|_| NotLoaded::TimedOut(limit));
            loaded.and_then(|it| Ok(it?)).map_err(|it| (index, it))?;
            work.time_used = start.elapsed();
        }
        Ok(())
    }

    /// What the boundary decides about the component of each task, in their
    /// order: the plan that its child would run by.
    pub async fn plans(
        &self,
        prepared: &Prepared,
    ) -> Result<Vec<Arc<BoundaryRecord>>, (usize, LoadError)> {
        let core = self.core();
        let mut res = Vec::new();
        for (index, work) in prepared.works().iter().enumerate() {
            let loaded = core.parts.sandbox.load(&work.component).await;
            let loaded = loaded.map_err(|it| (index, it))?;
            let policy = &work.task.policy;
            let record = match core.parts.sandbox.admit(&loaded, policy) {
                Ok(admitted) => Arc::clone(admitted.record()),
                Err(record) => record,
            };
            res.push(with_plugins(&record, &core.parts.tools, policy.grant()));
        }
        Ok(res)
    }

    /// The tools that a component imports and was not granted, of those that a
    /// child of this host can have.
    pub fn withheld_by_grant(&self, work: &Work, plan: &BoundaryRecord) -> Grant {
        let core = self.core();
        let can_be_granted = |it: &ToolId| {
            let blocked = core.house.blocked();
            core.held.contains(*it) && !blocked.withholds(*it, Role::Orchestrator)
        };
        let denied = plan.stubbed.iter().chain(&plan.refused).filter_map(tool);
        denied.filter(can_be_granted).filter(|it| !work.task.policy.grant().contains(*it)).collect()
    }
}

/// The tool that an import stands for.
fn tool(line: &BoundaryLine) -> Option<ToolId> {
    let (interface, function) = line.import.rsplit_once('#')?;
    match Contract::purpose(interface, function)? {
        Purpose::Tool(tool) => Some(tool),
        Purpose::Always | Purpose::Model => None,
    }
}
