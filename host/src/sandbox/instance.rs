//! One run of one component: a fresh store, all limits on, and a word for how
//! it ended.
//!
//! The guest runs on the guests' own runtime and is watched from the host's.
//! Instantiation runs guest code, so it stands under the same limits as the
//! call. Whatever happens, the store is gone and every tool call that the
//! child started has ended when [`run`] returns.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::OwnedSemaphorePermit,
    time::{sleep, sleep_until},
};
use tokio_util::task::TaskTracker;
use wasmtime::{
    Engine, PoolConcurrencyLimitError, Store, Trap, UpdateDeadline, component::ResourceTableError,
};

use super::{
    Ended, Job, Outcome, SandboxConfig,
    calls::Calls,
    cell::{CallsSpent, Cell, CellParts},
    function::HostPanic,
    given::Given,
    lanes::{LaneHandles, Running},
    limits::{CpuMeter, Limit, StoreLimits},
    port::ToolPort,
    record::{Observer, Record},
    stop::{Halt, Interrupt, StopReason},
    wit::{self, SubagentPre},
};
use crate::{
    boundary::Policy,
    journal::{Departure, Journal},
    toolset::{Caller, ChildTools},
};

/// How long a tool may go on after its child was ended, when the child's grace
/// is longer. It is told to stop at once; what does not listen is left behind,
/// loudly, because a stop that can hang is worse.
const TOOL_STOP_LIMIT: Duration = Duration::from_secs(5);

/// What a tool has in any case: to end its processes takes a moment.
const TOOL_STOP_LEAST: Duration = Duration::from_millis(500);

/// What a run needs besides its job.
pub(super) struct Place<'a> {
    pub(super) engine: &'a Engine,
    pub(super) config: &'a SandboxConfig,
    pub(super) lanes: &'a LaneHandles,
}

/// Runs a job to its end.
pub(super) async fn run(place: &Place<'_>, permit: OwnedSemaphorePermit, job: Job) -> Ended {
    let start = Instant::now();
    let watch = Watch::new(place.config, Arc::clone(&job.observer));
    let store = store_of_a_child(place, &watch, &job);
    watch.record.started();
    let meter = Arc::clone(&watch.meter);
    let pre = job.admitted.pre.clone();
    let guest = guest(pre, store, task(&job), Bounds::of(place.config));
    let guest = place.lanes.run(meter, async move {
        let outcome = guest.await;
        // The cell is free when the store is gone, and not before.
        drop(permit);
        outcome
    });
    let outcome = watch.until_it_ends(guest, &job).await;
    watch.until_tools_end(&job.child, job.grace, &job.interrupt).await;
    Ended {
        outcome,
        stopped: watch.halt.reason().cloned(),
        traces: watch.record.take(),
        cpu: watch.meter.used(),
        duration: start.elapsed(),
    }
}

/// The host's side of a running guest.
pub(super) struct Watch {
    pub(super) halt: Arc<Halt>,
    pub(super) record: Arc<Record>,
    pub(super) meter: Arc<CpuMeter>,
    pub(super) tracker: TaskTracker,
    /// When the child was asked to stop.
    stopped: OnceLock<Instant>,
}

impl Watch {
    pub(super) fn new(config: &SandboxConfig, observer: Arc<dyn Observer>) -> Self {
        Self {
            halt: Halt::new(),
            record: Record::new(config.log_bytes, config.result_bytes, observer),
            meter: CpuMeter::new(),
            tracker: TaskTracker::new(),
            stopped: OnceLock::new(),
        }
    }

    /// Soft stop at the timeout or when asked to, hard stop after the grace.
    async fn until_it_ends(&self, mut guest: Running<Outcome>, job: &Job) -> Outcome {
        let reason = tokio::select! {
            biased;
            ended = &mut guest => {
                // It may have been told by a tool, and have returned before
                // this task was woken.
                if let Some(what) = job.spent.what() {
                    self.halt.stop(StopReason::Spent(what));
                }
                return joined(ended);
            }
            () = job.interrupt.asked() => StopReason::Interrupted,
            what = job.spent.out() => StopReason::Spent(what),
            () = sleep(job.timeout.saturating_sub(job.time_used)) => StopReason::TimedOut(job.timeout),
        };
        self.halt.stop(reason);
        let _ = self.stopped.set(Instant::now());
        tokio::select! {
            biased;
            ended = &mut guest => return joined(ended),
            () = job.interrupt.ended() => (),
            () = sleep(job.grace) => (),
        }
        // Takes effect at the next tick of the clock; waiting for it is what
        // makes sure that the store is gone.
        guest.abort();
        match guest.await {
            Err(err) if err.is_cancelled() => Outcome::Stopped,
            ended => joined(ended),
        }
    }

    pub(super) async fn until_tools_end(&self, child: &str, grace: Duration, stop: &Interrupt) {
        self.halt.release();
        self.tracker.close();
        // A child that was asked to stop has used up a part of its grace, or
        // all of it: a tool that does not listen does not add to that.
        let limit = grace.min(TOOL_STOP_LIMIT);
        let since = self.stopped.get().copied().unwrap_or_else(Instant::now);
        let give_up = (since + limit).max(Instant::now() + TOOL_STOP_LEAST);
        let gave_up = tokio::select! {
            biased;
            () = self.tracker.wait() => false,
            () = stop.ended() => true,
            () = sleep_until(give_up.into()) => true,
        };
        if gave_up {
            tracing::error!(%child, "a tool goes on after its child has ended");
        }
    }
}

impl Drop for Watch {
    /// Whoever gave up on the run gives up on its tools.
    fn drop(&mut self) {
        self.halt.release();
    }
}

pub(super) fn joined(ended: Result<Outcome, tokio::task::JoinError>) -> Outcome {
    ended.unwrap_or_else(|err| {
        tracing::error!(%err, "a cell panicked");
        Outcome::HostFault("the host crashed while it ran this child".to_owned())
    })
}

fn task(job: &Job) -> wit::Task {
    let task = &job.task;
    wit::Task {
        goal: task.asked.goal.clone(),
        context: task.asked.context.clone(),
        tools: job.admitted.grant().iter().map(|it| it.spec().into()).collect(),
        role: job.admitted.policy().role().into(),
        depth: task.depth,
        max_iterations: task.max_iterations,
        output_schema: task.output_schema.as_ref().map(|it| it.text().to_owned()),
        rejected: task.rejected.clone().map(Into::into),
    }
}

fn store_of_a_child(place: &Place<'_>, watch: &Watch, job: &Job) -> Store<Cell> {
    let (policy, given) = (Arc::clone(job.admitted.policy()), Given::default());
    let port = port(watch, job);
    new_store(place, watch, policy, port, (given, job.journal.clone()), job.cpu_used)
}

/// The way to the tools of a child.
pub(super) fn port(watch: &Watch, job: &Job) -> ToolPort {
    let ChildTools { registry, meter, kept } = job.tools.clone();
    let (child, session) = (Arc::clone(&job.child), job.session.clone());
    let grant = Arc::clone(job.admitted.policy().grant_shared());
    let (cancelled, span) = (watch.halt.token().clone(), job.span.clone());
    let caller = Caller { child, session, cancelled, kept, grant, span };
    ToolPort {
        registry,
        meter,
        model: job.model.clone(),
        caller,
        far: job.far.clone(),
        runtime: Handle::current(),
        tracker: watch.tracker.clone(),
    }
}

/// What the calls of one child are made with.
pub(super) fn calls(
    config: &SandboxConfig,
    watch: &Watch,
    policy: Arc<Policy>,
    tools: ToolPort,
    journal: Option<Arc<Journal>>,
) -> Calls {
    Calls {
        policy,
        defences: config.defences,
        halt: Arc::clone(&watch.halt),
        record: Arc::clone(&watch.record),
        tools,
        journal,
        max_argument_bytes: config.argument_bytes,
    }
}

/// A store with every limit on.
pub(super) fn new_store(
    place: &Place<'_>,
    watch: &Watch,
    policy: Arc<Policy>,
    tools: ToolPort,
    (given, journal): (Given, Option<Arc<Journal>>),
    cpu_used: Duration,
) -> Store<Cell> {
    let config = place.config;
    let cell = Cell::new(CellParts {
        limits: StoreLimits::new(config.memory_bytes, config.table_elements),
        max_handles: config.handles,
        host_calls: config.host_calls,
        calls: calls(config, watch, policy, tools, journal),
        given,
    });
    let mut store = Store::new(place.engine, cell);
    store.limiter(|cell| &mut cell.limits);
    store.set_hostcall_fuel(config.host_call_bytes);
    store.set_max_component_handles(config.handles);
    store.set_epoch_deadline(1);
    let meter = Arc::clone(&watch.meter);
    let budget = config.cpu.saturating_sub(cpu_used);
    store.epoch_deadline_callback(move |store| {
        if meter.used() >= budget || store.data().is_overspent() {
            return Ok(UpdateDeadline::Interrupt);
        }
        meter.note_yield();
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

/// What the words about an end take from the configuration.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    cpu: Duration,
    host_calls: u64,
    result_bytes: usize,
}

impl Bounds {
    pub(super) fn of(config: &SandboxConfig) -> Self {
        let SandboxConfig { cpu, host_calls, result_bytes, .. } = *config;
        Self { cpu, host_calls, result_bytes }
    }
}

/// The guest's own future. Ends with the store dropped.
async fn guest(
    pre: SubagentPre<Cell>,
    mut store: Store<Cell>,
    task: wit::Task,
    bounds: Bounds,
) -> Outcome {
    let res = async {
        let instance = pre.instantiate_async(&mut store).await?;
        instance.call_run(&mut store, &task).await
    };
    match res.await {
        Ok(Ok(report)) => {
            if let Some(journal) = &store.data().journal
                && let Err(departure) = journal.end()
            {
                return Outcome::Departed(departure);
            }
            let report = super::Report::from(report);
            if report.len() > bounds.result_bytes {
                return Outcome::Limit(Limit::Result);
            }
            let calls_spent = store.data().is_spent().then_some(bounds.host_calls);
            Outcome::Returned { report, calls_spent }
        }
        Ok(Err(text)) => Outcome::Gave(text),
        Err(err) => broken(&err, store.data(), bounds),
    }
}

/// Finds the word for a run that wasmtime ended.
pub(super) fn broken(err: &wasmtime::Error, cell: &Cell, bounds: Bounds) -> Outcome {
    let calls_spent = Outcome::CallsSpent(bounds.host_calls);
    if err.is::<CallsSpent>() {
        return calls_spent;
    }
    if let Some(departure) = err.downcast_ref::<Departure>() {
        return Outcome::Departed(departure.clone());
    }
    if let Some(panic) = err.downcast_ref::<HostPanic>() {
        return Outcome::HostFault(panic.to_string());
    }
    if let Some(full) = err.downcast_ref::<PoolConcurrencyLimitError>() {
        return Outcome::HostFault(full.to_string());
    }
    if let Some(exit) = err.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return Outcome::Gave(exit.to_string());
    }
    if err.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return if cell.is_overspent() { calls_spent } else { Outcome::CpuSpent(bounds.cpu) };
    }
    match limit(err, cell) {
        Some(limit) => Outcome::Limit(limit),
        None => Outcome::Trapped(err.root_cause().to_string()),
    }
}

/// The limit behind an error. A guest whose memory could not grow traps on
/// its own a moment later, so the limiter's word comes before the trap's.
fn limit(err: &wasmtime::Error, cell: &Cell) -> Option<Limit> {
    if err.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Some(Limit::Stack);
    }
    // Its other errors are the guest's own: a handle that it does not have, or
    // one that it drops while others depend on it.
    if matches!(err.downcast_ref(), Some(ResourceTableError::Full)) {
        return Some(Limit::Handles);
    }
    // These two come without a type of their own; tests notice when the
    // wording changes.
    let text = err.root_cause().to_string();
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return Some(Limit::HostCallBytes);
    }
    if text.contains("store handle limit exceeded") {
        return Some(Limit::Handles);
    }
    cell.limits.hit()
}

impl From<wit::Report> for super::Report {
    fn from(it: wit::Report) -> Self {
        let failed = match it.outcome {
            wit::Outcome::Completed => None,
            wit::Outcome::Failed(why) => Some(why),
        };
        Self { failed, summary: it.summary, truncated: it.truncated }
    }
}
