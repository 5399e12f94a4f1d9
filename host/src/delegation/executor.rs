//! The executor: runs the children of one delegation, some at a time, and
//! gathers their results into its completion event.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::{
    live::Live,
    request::TaskPlan,
    result::{Bounds, Identity, of_run, without_a_run},
};
use crate::{
    boundary::Policy,
    clock::Clock,
    completion::sanitize::clean_line,
    event::{
        ASYNC_DELEGATION, BoundaryRecord, ChildResult, CompletionEvent, ExitReason, Status,
        batch_status, label,
    },
    id::{ChildId, DelegationId, Random},
    sandbox::{Admitted, Binary, Ended, Interrupt, Job, LoadError, Sandbox, Task, Traces},
    session::Session,
    toolset::{Blocked, ToolHost},
};

/// Refusals that stand in an error; the boundary record has all of them.
const MAX_REFUSALS: usize = 10;

/// Characters of one line of a child's log in the host's own.
const MAX_LOG_CHARS: usize = 1_000;

/// The numbers of an executor.
#[derive(Clone, Debug)]
pub struct ExecutorConfig {
    /// Children of one delegation at a time.
    pub max_concurrent_children: usize,
    /// How long a child may go on after it was asked to stop.
    pub grace: Duration,
    /// CPU time of a child, for messages; the sandbox enforces it.
    pub cpu: Duration,
    /// Host calls of a child, for messages; the sandbox enforces them.
    pub host_calls: u64,
}

/// One task and the component that does it.
#[derive(Clone, Debug)]
pub struct Work {
    /// The task.
    pub task: TaskPlan,
    /// Name of the component, for people.
    pub agent: String,
    /// Its bytes.
    pub component: Binary,
}

/// A unit of work that is ready to run.
pub struct Delegation {
    /// Identity of the unit.
    pub id: DelegationId,
    /// Who asked: where the event goes back to. Never taken from a guest.
    pub session: Session,
    /// In the order of the request.
    pub works: Vec<Work>,
    /// The grant as it was asked for, for the event.
    pub toolsets: Option<Vec<String>>,
    /// The context that all tasks share, for the event.
    pub context: Option<String>,
    /// Depth of the children; 1 for those of a top-level caller.
    pub depth: u32,
    /// What no child may hold.
    pub blocked: Blocked,
    /// Refuse components whose imports would be stubbed.
    pub strict: bool,
    /// Wall clock of each child.
    pub timeout: Duration,
    /// Who does the work of the tools.
    pub tools: Arc<dyn ToolHost>,
    /// What the caller should know.
    pub notes: Vec<String>,
}

/// Runs delegations.
pub struct Executor {
    sandbox: Arc<Sandbox>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    config: ExecutorConfig,
}

impl Executor {
    /// Brings together what a run needs.
    pub fn new(
        sandbox: Arc<Sandbox>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        config: ExecutorConfig,
    ) -> Self {
        Self { sandbox, clock, random, config }
    }

    /// A new identity for a unit.
    pub fn new_id(&self) -> DelegationId {
        DelegationId::new(&*self.random)
    }

    /// Runs every child to its end. Returns exactly one event, whatever
    /// happens to them.
    pub async fn run(
        &self,
        delegation: Delegation,
        live: &Live,
        interrupt: &Interrupt,
    ) -> CompletionEvent {
        let (dispatched_at, start) = (self.clock.now(), Instant::now());
        let batch = Batch { executor: self, delegation: &delegation, live, interrupt };
        let children = delegation.works.iter().enumerate();
        // Collected first: a lazy stream of borrowing closures is not `Send`.
        let children: Vec<_> = children.map(|(idx, work)| batch.child(idx, work)).collect();
        let at_a_time = self.config.max_concurrent_children.max(1);
        let mut results: Vec<ChildResult> =
            stream::iter(children).buffer_unordered(at_a_time).collect().await;
        results.sort_by_key(|it| it.task_index);
        self.event(&delegation, results, dispatched_at, start.elapsed())
    }

    fn bounds(&self, delegation: &Delegation) -> Bounds {
        Bounds {
            timeout_seconds: delegation.timeout.as_secs_f64(),
            cpu_seconds: self.config.cpu.as_secs_f64(),
            host_calls: self.config.host_calls,
        }
    }

    fn event(
        &self,
        delegation: &Delegation,
        results: Vec<ChildResult>,
        dispatched_at: f64,
        duration: Duration,
    ) -> CompletionEvent {
        let goals: Vec<String> = delegation.works.iter().map(|it| it.task.goal.clone()).collect();
        let is_batch = goals.len() > 1;
        let status = match results.as_slice() {
            [only] => only.status,
            results => batch_status(results),
        };
        CompletionEvent {
            kind: ASYNC_DELEGATION,
            delegation_id: delegation.id,
            session_key: delegation.session.clone(),
            goal: label(&goals),
            context: delegation.context.clone(),
            toolsets: delegation.toolsets.clone(),
            role: crate::event::Role::Leaf,
            group: None,
            model: None,
            status,
            dispatched_at,
            completed_at: self.clock.now(),
            is_batch,
            goals,
            error: results.is_empty().then(|| "there was no task".to_owned()),
            total_duration_seconds: crate::unit::two_decimals(duration.as_secs_f64()),
            notes: delegation.notes.clone(),
            results,
        }
    }
}

/// A child that did not get as far as a cell.
struct Failure {
    status: Status,
    exit_reason: ExitReason,
    error: String,
    boundary: Option<Arc<BoundaryRecord>>,
}

impl Failure {
    fn new(status: Status, exit_reason: ExitReason, error: impl Into<String>) -> Self {
        Self { status, exit_reason, error: error.into(), boundary: None }
    }

    fn interrupted() -> Self {
        Self::new(Status::Interrupted, ExitReason::Interrupted, "interrupted before it started")
    }

    /// A panic of the host: it ends this child and no sibling.
    fn crashed() -> Self {
        Self::new(Status::Error, ExitReason::Error, "the host crashed while it ran this child")
    }

    fn load(err: &LoadError) -> Self {
        match err {
            LoadError::Crashed => Self::new(Status::Error, ExitReason::Error, err.to_string()),
            err => {
                let error = format!("the component was refused: {err}");
                Self::new(Status::Error, ExitReason::Refused, error)
            }
        }
    }

    fn refused(record: Arc<BoundaryRecord>) -> Self {
        let shown = record.refused.iter().take(MAX_REFUSALS);
        let mut why: Vec<String> =
            shown.map(|it| format!("`{}`: {}", it.import, it.reason)).collect();
        let rest = record.refused.len().saturating_sub(MAX_REFUSALS);
        if rest > 0 {
            why.push(format!("and {rest} more"));
        }
        let error = format!("the component was refused: {}", why.join("; "));
        Self { boundary: Some(record), ..Self::new(Status::Error, ExitReason::Refused, error) }
    }
}

/// One delegation while it runs.
struct Batch<'a> {
    executor: &'a Executor,
    delegation: &'a Delegation,
    live: &'a Live,
    interrupt: &'a Interrupt,
}

impl Batch<'_> {
    /// One child from its component to its result.
    async fn child(&self, task_index: usize, work: &Work) -> ChildResult {
        let child_id = ChildId::new(task_index, &*self.executor.random);
        let (goal, agent) = (work.task.goal.clone(), work.agent.clone());
        let identity = Identity { task_index, child_id, goal, agent };
        let run = AssertUnwindSafe(self.run(&identity, work)).catch_unwind();
        let result = match run.await.unwrap_or_else(|_| Err(Failure::crashed())) {
            Ok((ended, boundary)) => {
                log(&identity, &ended.traces);
                of_run(identity, ended, self.executor.bounds(self.delegation), boundary)
            }
            Err(Failure { status, exit_reason, error, boundary }) => {
                without_a_run(identity, status, exit_reason, error, boundary)
            }
        };
        self.live.ended(&result);
        result
    }

    async fn run(
        &self,
        identity: &Identity,
        work: &Work,
    ) -> Result<(Ended, Arc<BoundaryRecord>), Failure> {
        let sandbox = &self.executor.sandbox;
        let component = tokio::select! {
            biased;
            () = self.interrupt.asked() => return Err(Failure::interrupted()),
            loaded = sandbox.load(&work.component) => loaded.map_err(|it| Failure::load(&it))?,
        };
        let admitted = sandbox.admit(&component, &self.policy(work)).map_err(Failure::refused)?;
        let record = Arc::clone(admitted.record());
        let ended = sandbox.run(self.job(identity, work, admitted)).await;
        Ok((ended, record))
    }

    fn policy(&self, work: &Work) -> Policy {
        let blocked = self.delegation.blocked.clone();
        Policy { grant: work.task.grant.clone(), blocked, strict: self.delegation.strict }
    }

    fn job(&self, identity: &Identity, work: &Work, admitted: Arc<Admitted>) -> Job {
        Job {
            admitted,
            tools: Arc::clone(&self.delegation.tools),
            child: Arc::from(identity.child_id.to_string()),
            task: Task {
                goal: work.task.goal.clone(),
                context: work.task.context.clone(),
                depth: self.delegation.depth,
                max_iterations: work.task.max_iterations,
            },
            timeout: self.delegation.timeout,
            grace: self.executor.config.grace,
            observer: self.live.observer(identity.task_index),
            interrupt: self.interrupt.clone(),
        }
    }
}

/// Hands a child's own log to the host's, once it is off the guest's stack.
fn log(identity: &Identity, traces: &Traces) {
    // Cleaning a full log for nobody would cost more than most runs.
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let child = identity.child_id;
    for line in &traces.log {
        let text = clean_line(&line.text, MAX_LOG_CHARS);
        tracing::debug!(%child, level = ?line.level, "{text}");
    }
    if traces.log_dropped > 0 {
        tracing::debug!(%child, dropped = traces.log_dropped, "the log was full");
    }
}
