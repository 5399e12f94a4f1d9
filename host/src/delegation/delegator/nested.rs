//! The tools of one child: every call is paid from the tree's budget, and
//! `delegate_task`, for an orchestrator that was granted it, starts a unit of
//! its own below the child.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::{Asker, Core, Delegator, resume::GoneOn};
use crate::{
    defence::Defence,
    delegation::{
        budget::{Budget, Kind},
        executor::Work,
        journals::Calling,
        limits::Resume,
        request::Request,
        running::{Dispatched, Running},
    },
    event::CompletionEvent,
    sandbox::Spent,
    telemetry::Span,
    tools::delegation::{DelegateTask, Delegated, Subagents, SubagentsOf, SubtaskResult},
    toolset::{Caller, ChildTools, HeldBy, Kept, Meter, ToolError},
    unit::UnitRecord,
};

/// The tools of one child.
pub(super) fn tools(
    core: &Arc<Core>,
    record: &UnitRecord,
    work: &Work,
    budget: &Budget,
    spent: Spent,
    calling: Option<Calling>,
) -> ChildTools {
    let kept = Kept::default();
    let grant = work.task.policy.grant();
    if grant.iter().any(|it| it.held_by() == HeldBy::Orchestrator) {
        let asker = Asker {
            session: record.session.clone(),
            parent: Some(record.id),
            depth: record.depth,
            policy: Some(Arc::clone(&work.task.policy)),
            budget: Some(budget.clone()),
            component: Some((work.agent.clone(), work.component.clone())),
            model: work.model.clone(),
            builds: !core.parts.limits.defences.has(Defence::AgentNames),
            span: Span::none(),
        };
        let (core, spent) = (Arc::clone(core), spent.clone());
        kept.put(SubagentsOf(Arc::new(Nested { core, asker, spent, calling })));
    }
    let meter = Arc::new(Till { budget: budget.clone(), spent });
    ChildTools { registry: Arc::clone(&core.parts.tools), meter, kept }
}

/// Pays for the calls of one child from the budget of its tree.
struct Till {
    budget: Budget,
    spent: Spent,
}

impl Meter for Till {
    fn pay(&self) -> Result<(), ToolError> {
        self.budget.spend(Kind::ToolCalls, 1).map_err(|spent| {
            self.spent.spend_out(spent.to_string());
            ToolError::Exhausted(spent.to_string())
        })
    }
}

/// Starts the subagents of one child.
struct Nested {
    core: Arc<Core>,
    asker: Asker,
    spent: Spent,
    calling: Option<Calling>,
}

impl Subagents for Nested {
    fn delegate(
        &self,
        caller: Caller,
        call: DelegateTask,
    ) -> BoxFuture<'static, Result<Delegated, ToolError>> {
        let delegator = Delegator::of(&self.core);
        let asker = Asker { span: caller.span.clone(), ..self.asker.clone() };
        let (spent, calling) = (self.spent.clone(), self.calling.clone());
        Box::pin(async move {
            let res = delegate(&delegator, &asker, &caller, call, calling).await;
            if let Err(ToolError::Exhausted(what)) = &res {
                spent.spend_out(what.clone());
            }
            res
        })
    }
}

/// One call of `delegate_task` by a child, which always waits: it needs the
/// results inside its own turn.
async fn delegate(
    delegator: &Delegator,
    asker: &Asker,
    caller: &Caller,
    call: DelegateTask,
    calling: Option<Calling>,
) -> Result<Delegated, ToolError> {
    let request = Request { background: false, ..Request::from(call) };
    // Nothing is kept of the children of a child of which nothing is.
    let resume = if calling.is_some() { request.resume } else { Some(Resume::Off) };
    let request = Request { resume, ..request };
    let before = calling.as_ref().and_then(|it| it.journal.take_unfinished());
    let prepared = match before {
        None => delegator.core().prepare(asker, request).await?,
        Some(unit) => match delegator.gone_on_with(asker, unit, request).await? {
            GoneOn::Ended(event) => return Ok(delegated(*event)),
            GoneOn::Prepared(prepared) => *prepared,
        },
    };
    let calling = calling.filter(|_| before.is_none());
    match delegator.dispatch_for(prepared, calling).await? {
        Dispatched::Background(_) => Err(ToolError::Failed("nobody waits for it".to_owned())),
        Dispatched::Foreground(mut running) => {
            let event = until_it_ends(delegator, asker, caller, &mut running).await?;
            Ok(delegated(event))
        }
    }
}

/// The children end with the child that waits for them, and before it: their
/// grace is half of its own, at every depth, that of a parent included.
async fn until_it_ends(
    delegator: &Delegator,
    asker: &Asker,
    caller: &Caller,
    running: &mut Running,
) -> Result<CompletionEvent, ToolError> {
    let broke_down = || ToolError::Failed("the host broke down".to_owned());
    tokio::select! {
        biased;
        event = running.wait() => return event.ok_or_else(broke_down),
        () = caller.cancelled.cancelled() => (),
    }
    let stop = running.stopper();
    stop.interrupt();
    let grace = grace_below(asker.depth, delegator.parts().limits.interrupt_grace);
    if tokio::time::timeout(grace, running.wait()).await.is_err() {
        stop.interrupt_at_once();
        running.wait().await;
    }
    // Nobody reads it: the child's own stop is its answer.
    Err(ToolError::Interrupted)
}

/// What the children of a child at this depth have of the grace.
fn grace_below(depth: u32, whole: Duration) -> Duration {
    whole / 2_u32.saturating_pow(depth.saturating_add(1))
}

fn delegated(event: CompletionEvent) -> Delegated {
    let result = |it: crate::event::ChildResult| SubtaskResult {
        index: u32::try_from(it.task_index).unwrap_or(u32::MAX),
        status: it.status,
        summary: it.summary,
        error: it.error,
        exit_reason: it.exit_reason,
        truncated: it.truncated,
        seconds: it.duration_seconds,
    };
    Delegated {
        counts: event.counts(),
        results: event.results.into_iter().map(result).collect(),
        total_duration_seconds: event.total_duration_seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_children_has_more_grace_than_they_have() {
        let whole = Duration::from_secs(4);
        let above = |depth: u32| depth.checked_sub(1).map_or(whole, |it| grace_below(it, whole));
        for depth in [0, 1, 2, 5] {
            assert_eq!(grace_below(depth, whole) * 2, above(depth), "{depth}");
        }
        assert_eq!(grace_below(u32::MAX, whole), Duration::from_nanos(0));
    }
}
