//! The floor under the figures of `bench`: the same component on the same
//! engine and pool, with nothing of a host around it. No limits, no record, no
//! watch; its calls are answered where they are made.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::Semaphore, task::JoinSet};
use tokio_util::task::TaskTracker;
use wasmtime::{
    Engine, Store, bail,
    component::{Component, Linker},
    format_err,
};

use super::{
    Binary, Given, Loaded, Nobody, Sandbox, SandboxError,
    admit::admit,
    instance::{Watch, new_store},
    port::ToolPort,
    wit::{Role, SubagentPre, Task, contract::model},
};
use crate::{
    boundary::Policy,
    session::Session,
    toolset::{Caller, ChildTools, Registry, ToolId},
};

/// Never reached: nothing stops a bare run.
const NO_DEADLINE: u64 = u64::MAX / 2;

const PROGRESS: &str = "hermitage:subagent/progress@0.1.0";
const MODEL: &str = "hermitage:subagent/model@0.1.0";

/// A component, linked by wasmtime alone.
#[derive(Clone)]
pub(crate) struct Floor {
    sandbox: Arc<Sandbox>,
    component: Arc<Loaded>,
    pre: SubagentPre<()>,
    gate: Arc<Gate>,
}

/// Where chats wait.
struct Gate {
    waiting: AtomicUsize,
    answers: Semaphore,
}

impl Floor {
    /// Of a component that calls `progress` and `chat`, and nothing else.
    pub(crate) fn new(
        sandbox: &Arc<Sandbox>,
        component: Arc<Loaded>,
    ) -> Result<Self, SandboxError> {
        let gate = Arc::new(Gate { waiting: AtomicUsize::new(0), answers: Semaphore::new(0) });
        let pre = linked(&sandbox.engine, &component.component, &gate);
        let pre = pre.map_err(SandboxError::Engine)?;
        Ok(Self { sandbox: Arc::clone(sandbox), component, pre, gate })
    }

    /// Runs it on a thread of the guests, one cell after the other, for as long
    /// as `more` says. Returns how many ran.
    pub(crate) async fn run(
        &self,
        mut more: impl FnMut() -> bool + Send + 'static,
    ) -> Result<u64, SandboxError> {
        let floor = self.clone();
        self.of_guests(async move {
            let mut count: u64 = 0;
            while more() {
                let report = floor.once(NO_DEADLINE, None).await?;
                report.map_err(wasmtime::Error::msg)?;
                count = count.saturating_add(1);
            }
            Ok(count)
        })
        .await
    }

    /// How long it spins until the next tick of the clock ends it.
    pub(crate) async fn until_the_tick(&self) -> Result<Duration, SandboxError> {
        let floor = self.clone();
        self.of_guests(async move {
            let begun = Instant::now();
            match floor.once(1, Some("spin")).await {
                Ok(_) => bail!("it did not spin"),
                Err(_) => Ok(begun.elapsed()),
            }
        })
        .await
    }

    /// Has so many wait in a chat.
    pub(crate) fn wait(&self, count: usize) -> Waiting {
        let mut cells = JoinSet::new();
        for _ in 0..count {
            let floor = self.clone();
            let chat = async move { floor.once(NO_DEADLINE, Some("chat")).await.map(drop) };
            cells.spawn_on(chat, self.sandbox.lanes.handles().quick());
        }
        Waiting { gate: Arc::clone(&self.gate), cells }
    }

    /// Links it, as it is linked here.
    pub(crate) fn link(&self) -> Result<(), SandboxError> {
        let linked = linked(&self.sandbox.engine, &self.component.component, &self.gate);
        linked.map(drop).map_err(SandboxError::Engine)
    }

    /// Not the floor but what stands on it: admits the component as if nobody
    /// had done so before.
    pub(crate) fn admit(&self, policy: &Arc<Policy>) -> Result<(), SandboxError> {
        let admitted = admit(&self.sandbox.engine, &self.component, policy);
        admitted.map(drop).map_err(|_| SandboxError::Engine(format_err!("it is refused")))
    }

    /// The same: checks calls of the tools of a policy, as each call of a guest
    /// is.
    pub(crate) fn check(&self, policy: &Arc<Policy>, count: u32) -> Result<(), SandboxError> {
        let watch = Watch::new(&self.sandbox.config, Arc::new(Nobody));
        let (policy, tools) = (Arc::clone(policy), port());
        let grant = Arc::clone(policy.grant_shared());
        let place = self.sandbox.place();
        let mut store =
            new_store(&place, &watch, policy, tools, (Given::default(), None), Duration::ZERO);
        let cell = store.data_mut();
        let tools: Vec<ToolId> = grant.iter().collect();
        for (_, tool) in (0..count).zip(tools.iter().copied().cycle()) {
            let refusal = cell.admit().map_err(|err| SandboxError::Engine(err.into()))?;
            if refusal.is_some() || black_box(cell.admit_tool(tool, 100)).is_err() {
                return Err(SandboxError::Engine(format_err!("a call is refused")));
            }
        }
        Ok(())
    }

    async fn once(
        &self,
        ticks: u64,
        context: Option<&str>,
    ) -> wasmtime::Result<Result<(), String>> {
        let mut store = Store::new(&self.sandbox.engine, ());
        store.set_epoch_deadline(ticks);
        let instance = self.pre.instantiate_async(&mut store).await?;
        let report = instance.call_run(&mut store, &task(context)).await?;
        Ok(report.map(drop))
    }

    async fn of_guests<T: Send + 'static>(
        &self,
        work: impl Future<Output = wasmtime::Result<T>> + Send + 'static,
    ) -> Result<T, SandboxError> {
        let ended = self.sandbox.lanes.handles().quick().spawn(work).await;
        ended.unwrap_or_else(|err| Err(format_err!("{err}"))).map_err(SandboxError::Engine)
    }
}

/// Cells that wait, or are on their way.
pub(crate) struct Waiting {
    gate: Arc<Gate>,
    cells: JoinSet<wasmtime::Result<()>>,
}

impl Waiting {
    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.gate.waiting.load(Ordering::Relaxed)
    }

    /// Answers all of them, and waits until they have ended.
    pub(crate) async fn end(mut self) -> Result<(), SandboxError> {
        self.gate.answers.add_permits(self.cells.len());
        while let Some(ended) = self.cells.join_next().await {
            ended.unwrap_or_else(|err| Err(format_err!("{err}"))).map_err(SandboxError::Engine)?;
        }
        Ok(())
    }
}

/// Machine code as the cache keeps it, without a cache.
pub(crate) struct Code {
    engine: Engine,
    bytes: Vec<u8>,
}

impl Code {
    /// Made in this process, without a bound; and how long that took.
    pub(crate) fn compile(
        sandbox: &Sandbox,
        component: &Binary,
    ) -> Result<(Self, Duration), SandboxError> {
        let (engine, begun) = (sandbox.engine.clone(), Instant::now());
        let component = Component::new(&engine, component.bytes()).map_err(SandboxError::Engine)?;
        let took = begun.elapsed();
        let bytes = component.serialize().map_err(SandboxError::Engine)?;
        Ok((Self { engine, bytes }, took))
    }

    /// Makes it something that can be run.
    pub(crate) fn read(&self) -> Result<(), SandboxError> {
        #[expect(unsafe_code, reason = "wasmtime can't check machine code; it was made here")]
        // SAFETY: the bytes are what this engine gave, and nobody else has them.
        let component = unsafe { Component::deserialize(&self.engine, &self.bytes) };
        component.map(drop).map_err(SandboxError::Engine)
    }
}

fn linked(
    engine: &Engine,
    component: &Component,
    gate: &Arc<Gate>,
) -> wasmtime::Result<SubagentPre<()>> {
    let (mut linker, gate) = (Linker::new(engine), Arc::clone(gate));
    let mut progress = linker.instance(PROGRESS)?;
    progress.func_wrap("report", |_, (_,): (String,)| Ok(()))?;
    progress.func_wrap("checkpoint", |_, (_,): (String,)| Ok(()))?;
    linker.instance(MODEL)?.func_wrap_async("chat", move |_, (_,): (model::ChatRequest,)| {
        let gate = Arc::clone(&gate);
        Box::new(async move {
            gate.waiting.fetch_add(1, Ordering::Relaxed);
            gate.answers.acquire().await?.forget();
            type Answer = Result<model::ChatResponse, model::ModelError>;
            Ok((Answer::Err(model::ModelError::Interrupted),))
        })
    })?;
    linker.define_unknown_imports_as_traps(component)?;
    SubagentPre::new(linker.instantiate_pre(component)?)
}

/// The same that a child is asked to do.
fn task(context: Option<&str>) -> Task {
    Task {
        goal: "Do next to nothing".to_owned(),
        context: context.map(str::to_owned),
        tools: Vec::new(),
        role: Role::Leaf,
        depth: 1,
        max_iterations: 25,
        output_schema: None,
        rejected: None,
    }
}

/// To tools that are never called.
fn port() -> ToolPort {
    let ChildTools { registry, meter, .. } = ChildTools::of(Arc::new(Registry::of_declared(&[])));
    ToolPort {
        registry,
        meter,
        model: None,
        far: None,
        caller: Caller::of("bench", Session::Local),
        runtime: Handle::current(),
        tracker: TaskTracker::new(),
    }
}
