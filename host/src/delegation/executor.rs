//! The executor: runs the children of one delegation, some at a time, and
//! hands over each result as it comes.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, StreamExt as _, future::join, stream::FuturesUnordered};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::{
    answer::{self, Validity},
    budget::Budget,
    chat::{ChatMeter, ChildModel},
    hand::{ChildHand, Stop},
    journals::Calling,
    live::Live,
    request::TaskPlan,
    result::{Told, failure, of_run},
};
use crate::{
    completion::sanitize::clean_line,
    event::{BoundaryRecord, ChildResult, PluginDigest, Status},
    id::ChildId,
    journal::Journal,
    provider::Model,
    sandbox::{
        Admitted, Binary, Elsewhere, Ended, Job, Loaded, Rejected, Sandbox, Spent, Task, Traces,
    },
    telemetry::{self, Span},
    toolset::{ChildTools, Grant, ModelHost, Registry},
    unit::{End, TaskRecord, UnitRecord},
};

/// Characters of one line of a child's log in the host's own.
const MAX_LOG_CHARS: usize = 1_000;

/// Why a child is not gone on with that was asked to stop.
const STOPPED_BEFORE: &str = "its host was killed before it had ended";

/// One task and the component that does it.
#[derive(Clone, Debug)]
pub struct Work {
    /// Identity of the run.
    pub child_id: ChildId,
    /// The task.
    pub task: TaskPlan,
    /// Name of the component, for people.
    pub agent: String,
    /// Its bytes.
    pub component: Binary,
    /// The model it may chat with.
    pub model: Option<Arc<Model>>,
    /// What was used of the child's time before its unit was dispatched.
    pub time_used: Duration,
}

/// What one try may use, and is told.
struct Try {
    /// For compiling, and by the try before.
    time_used: Duration,
    /// By the try before.
    cpu_used: Duration,
    rejected: Option<Rejected>,
}

/// One child on its way to a cell.
struct Child<'a> {
    task_index: usize,
    work: &'a Work,
    admitted: Arc<Admitted>,
    meter: Arc<ChatMeter>,
    hand: &'a ChildHand,
    span: Span,
    journal: Option<Arc<Journal>>,
}

/// Gives the tools of the child of one task, whose calls that budget pays.
pub(super) type ToolsOf =
    dyn Fn(&Work, &Budget, Spent, Option<Calling>) -> ChildTools + Send + Sync;

/// Where children run.
#[derive(Clone)]
pub(super) struct Cells {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) elsewhere: Option<Arc<dyn Elsewhere>>,
}

impl Cells {
    async fn run(&self, job: Job, component: &Binary) -> Ended {
        match &self.elsewhere {
            None => self.sandbox.run(job).await,
            Some(elsewhere) => elsewhere.run(job, component).await,
        }
    }
}

/// A unit that is ready to run.
pub(super) struct Batch {
    pub(super) cells: Cells,
    pub(super) registry: Arc<Registry>,
    pub(super) record: Arc<UnitRecord>,
    pub(super) works: Vec<Work>,
    pub(super) tools: Box<ToolsOf>,
    pub(super) live: Arc<Live>,
    pub(super) stop: Stop,
    pub(super) budget: Budget,
    pub(super) bounds: Bounds,
    pub(super) span: Span,
    /// Of each child; none where nothing is kept.
    pub(super) journals: Vec<Option<Arc<Journal>>>,
    /// Tasks that have their result.
    pub(super) done: Vec<usize>,
}

/// How long each child of a batch may go on, and how many at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Children at a time.
    pub(super) max_concurrent_children: usize,
    /// Wall clock of a child.
    pub(super) timeout: Duration,
    /// How long a child may go on after it was asked to stop.
    pub(super) grace: Duration,
    /// One that is stalled is asked to stop.
    pub(super) stop_stalled: bool,
}

impl Batch {
    /// Runs every child to its end. Each gives exactly one result, whatever
    /// happens to it, and none touches a sibling. (In boxes: a channel has room
    /// for 32 of what it carries from the start.)
    pub(super) async fn run(&self, results: mpsc::Sender<Box<ChildResult>>) {
        let places = Semaphore::new(self.bounds.max_concurrent_children.max(1));
        let children = self.works.iter().zip(&self.record.tasks).zip(self.stop.children());
        // All at once, and fair: one that is stopped before it has a place
        // ends without one.
        let mut ended: FuturesUnordered<_> = children
            .enumerate()
            .filter(|(idx, _)| !self.done.contains(idx))
            .map(|(idx, ((work, task), hand))| self.child(&places, idx, work, task, hand))
            .collect();
        while let Some(result) = ended.next().await {
            // Whoever gave up on the batch gave up on its results.
            let _ = results.send(Box::new(result)).await;
        }
    }

    /// One child from its component to its result.
    async fn child(
        &self,
        places: &Semaphore,
        task_index: usize,
        work: &Work,
        task: &TaskRecord,
        hand: &ChildHand,
    ) -> ChildResult {
        let run = async {
            match place(places, hand).await {
                Ok(_place) => self.run_child(task_index, work, hand).await,
                Err(end) => *end,
            }
        };
        let end = tokio::select! {
            biased;
            end = AssertUnwindSafe(run).catch_unwind() => end,
            never = self.follow(task_index, hand) => match never {},
        };
        let mut end = end.unwrap_or_else(|_| failure::crashed());
        end.left.log.extend(hand.end());
        let result = task.result(task_index, end);
        self.live.ended(task_index, result.status);
        result
    }

    /// Tells what a child does while it runs, and stops one that stalls where
    /// that is wanted.
    async fn follow(&self, task_index: usize, hand: &ChildHand) -> Infallible {
        let on_stall = |why: &str| {
            tracing::warn!(delegation = %self.record.id, task_index, "{why}");
            if self.bounds.stop_stalled {
                hand.ask(Some(why));
            }
        };
        self.live.follow(task_index, on_stall).await
    }

    /// One child that has a place, with what telemetry sees of it.
    async fn run_child(&self, task_index: usize, work: &Work, hand: &ChildHand) -> End {
        let (id, model) = (work.child_id, work.model.as_ref().map(|it| it.id.as_str()));
        let span = self.span.start(telemetry::Work::Child { id, agent: &work.agent, model });
        let end = self.run_seen(task_index, work, hand, span.clone()).await;
        span.used(end.left.tokens.input, end.left.tokens.output);
        span.end((end.status != Status::Completed).then(|| end.status.as_str()));
        end
    }

    async fn run_seen(&self, task_index: usize, work: &Work, hand: &ChildHand, span: Span) -> End {
        let journal = self.journals.get(task_index).cloned().flatten();
        if journal.as_ref().is_some_and(|it| it.was_stopped()) {
            return failure::interrupted(Some(STOPPED_BEFORE));
        }
        let time_used = journal.as_ref().map_or(work.time_used, |it| it.time_used());
        let now = Instant::now();
        let start = now.checked_sub(time_used).unwrap_or(now);
        let admitted = match self.admitted(work, hand).await {
            Ok(admitted) => admitted,
            Err(end) => return *end,
        };
        let boundary = with_plugins(admitted.record(), &self.registry, admitted.grant());
        let meter = self.live.meter(task_index);
        let child = Child { task_index, work, admitted, meter, hand, span, journal };
        let (mut ended, validity) = self.run_tries(&child, start).await;
        if let Some(journal) = &child.journal {
            journal.ended().await;
            ended.duration = ended.duration.saturating_add(journal.time_used());
        }
        log(work.child_id, &ended.traces);
        let (chats, max_iterations) = (child.meter.totals(), work.task.max_iterations);
        of_run(ended, hand.reason(), Told { boundary, chats, max_iterations, validity })
    }

    /// What may run, or how a child ends that never does.
    async fn admitted(&self, work: &Work, hand: &ChildHand) -> Result<Arc<Admitted>, Box<End>> {
        let component = self.component(work, hand).await?;
        let admitted = self.cells.sandbox.admit(&component, &work.task.policy);
        admitted.map_err(|record| Box::new(failure::refused(record)))
    }

    /// The component, compiled within the time of the child.
    async fn component(&self, work: &Work, hand: &ChildHand) -> Result<Arc<Loaded>, Box<End>> {
        let timeout = self.bounds.timeout.saturating_sub(work.time_used);
        let timeout = timeout.min(self.budget.remaining_time(Instant::now()));
        // Loaded as it is most of the time, nothing has to be waited for.
        tokio::select! {
            biased;
            loaded = self.loaded(work), if !hand.interrupt.is_asked() => loaded,
            () = hand.interrupt.asked() => Err(Box::new(failure::interrupted(hand.reason()))),
            () = tokio::time::sleep(timeout) => Err(Box::new(failure::not_compiled_in(timeout))),
        }
    }

    /// Its tools are made ready meanwhile, so that no call waits for that.
    async fn loaded(&self, work: &Work) -> Result<Arc<Loaded>, Box<End>> {
        let ready = self.registry.prepare(work.task.policy.grant());
        let (loaded, ()) = join(self.cells.sandbox.load(&work.component), ready).await;
        loaded.map_err(|it| Box::new(failure::not_loaded(&it)))
    }

    /// One try, and a second in a fresh cell for an answer that misses the
    /// schema of its task. Both share the child's time, of the clock
    /// and of the processor, and its model calls.
    async fn run_tries(&self, child: &Child<'_>, start: Instant) -> (Ended, Validity) {
        let schema = child.work.task.output_schema.as_ref();
        let first = Try { time_used: start.elapsed(), cpu_used: Duration::ZERO, rejected: None };
        let compiling = first.time_used;
        let first = self.run_within_budget(child, first).await;
        let validity = answer::validity(schema, &first).await;
        let Validity::Invalid(errors) = &validity else {
            return (first, validity);
        };
        let time_used = compiling.saturating_add(first.duration);
        let rejected = answer::rejected(&first, errors);
        if time_used >= self.bounds.timeout || rejected.is_none() || child.hand.interrupt.is_asked()
        {
            return (first, validity);
        }
        let second = Try { time_used, cpu_used: first.cpu, rejected };
        let second = self.run_within_budget(child, second).await;
        let validity = answer::validity(schema, &second).await;
        (answer::joined(first, second), validity)
    }

    /// The tree's wall clock stands beside the child's own, which begins with
    /// its cell: whichever ends first stops it, and the result says which.
    async fn run_within_budget(&self, child: &Child<'_>, this_try: Try) -> Ended {
        let spent = Spent::default();
        let job = self.job(child, this_try, spent.clone());
        let run = self.cells.run(job, &child.work.component);
        let left = self.budget.remaining_time(Instant::now());
        let mut run = std::pin::pin!(run);
        tokio::select! {
            biased;
            ended = &mut run => return ended,
            () = tokio::time::sleep(left) => {}
        }
        if let Err(err) = self.budget.check_time(Instant::now() + left) {
            spent.spend_out(err.to_string());
        }
        run.await
    }

    fn job(&self, child: &Child<'_>, this_try: Try, spent: Spent) -> Job {
        let Try { time_used, cpu_used, rejected } = this_try;
        let Child { task_index, work, admitted, meter, hand, span, journal } = child;
        let calling = journal.clone().map(|journal| Calling {
            child: (self.record.id, *task_index),
            journal,
            budget: self.budget.clone(),
        });
        let model = work.model.as_ref().map(|model| {
            Arc::new(ChildModel {
                model: Arc::clone(model),
                max_iterations: work.task.max_iterations,
                meter: Arc::clone(meter),
                inbox: Arc::clone(&hand.inbox),
                budget: self.budget.clone(),
                spent: spent.clone(),
            }) as Arc<dyn ModelHost>
        });
        Job {
            admitted: Arc::clone(admitted),
            tools: (self.tools)(work, &self.budget, spent.clone(), calling),
            model,
            session: self.record.session.clone(),
            child: Arc::from(work.child_id.to_string()),
            task: Task {
                asked: Arc::clone(&work.task.asked),
                depth: self.record.depth,
                max_iterations: work.task.max_iterations,
                output_schema: work.task.output_schema.clone(),
                rejected,
            },
            timeout: self.bounds.timeout,
            time_used,
            cpu_used,
            grace: self.bounds.grace,
            observer: self.live.observer(*task_index),
            interrupt: hand.interrupt.clone(),
            spent,
            span: span.clone(),
            journal: journal.clone(),
            far: None,
        }
    }
}

/// One of the places of the batch, or the end of a child that was stopped
/// before it had one.
async fn place<'a>(
    places: &'a Semaphore,
    hand: &ChildHand,
) -> Result<Option<SemaphorePermit<'a>>, Box<End>> {
    tokio::select! {
        biased;
        // Nobody closes it.
        place = places.acquire(), if !hand.interrupt.is_asked() => Ok(place.ok()),
        () = hand.interrupt.asked() => Err(Box::new(failure::interrupted(hand.reason()))),
    }
}

/// The record of a child that holds tools of plugins names their code, too.
pub(super) fn with_plugins(
    record: &Arc<BoundaryRecord>,
    registry: &Registry,
    grant: &Grant,
) -> Arc<BoundaryRecord> {
    let plugins = registry.digests(grant);
    if plugins.is_empty() {
        return Arc::clone(record);
    }
    let digest =
        |(plugin, component): (&str, String)| PluginDigest { plugin: plugin.to_owned(), component };
    let plugins = plugins.into_iter().map(digest).collect();
    Arc::new(BoundaryRecord { plugins, ..BoundaryRecord::clone(record) })
}

/// Hands a child's own log to the host's, once it is off the guest's stack.
fn log(child: ChildId, traces: &Traces) {
    // Cleaning a full log for nobody would cost more than most runs.
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    for line in &traces.log {
        let text = clean_line(&line.text, MAX_LOG_CHARS);
        tracing::debug!(%child, level = ?line.level, "{text}");
    }
    if traces.log_dropped > 0 {
        tracing::debug!(%child, dropped = traces.log_dropped, "the log was full");
    }
}
