//! The sandbox: components, cells and their limits. The only user of
//! wasmtime.
//!
//! [`Sandbox::load`] turns bytes into a component whose imports are known,
//! [`Sandbox::admit`] decides and links them, [`Sandbox::run`] runs one task
//! in a fresh cell that holds exactly what was linked. A cell is one store: it shares nothing with another, and ends
//! by being dropped.
//!
//! **Invariant:** no code of a guest runs before its plan was made and linked
//! without a refusal, and none runs outside the limits of its cell.

mod admit;
mod blocking;
mod bounds;
mod cache;
mod calls;
mod cell;
mod compile;
mod compiler;
mod convert;
mod engine;
mod far;
mod flight;
#[cfg(feature = "bench")]
mod floor;
mod function;
mod given;
mod http;
mod instance;
mod lanes;
mod limits;
mod link;
mod load_error;
mod model;
mod permits;
mod plugin;
mod port;
mod progress;
mod read;
mod recent;
mod record;
#[cfg(test)]
mod reference;
mod remote;
mod room;
mod settings;
mod stop;
#[rustfmt::skip]
mod tables;
#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;
mod toolbox;
mod typed;
mod value;
mod wasi;
mod wit;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;

use self::{
    cache::Cache, compile::Loader, compiler::Compiler, flight::Flight, instance::Place,
    lanes::Lanes, permits::Permits, recent::Recent,
};
use crate::{
    boundary::{Asks, Policy},
    event::BoundaryRecord,
    helper::HelperError,
    id::Random,
    journal::{Departure, Journal},
    session::Session,
    telemetry::Span,
    tools::delegation::TaskRequest,
    toolset::{ChildTools, ModelHost, Schema, ToolError, ToolSpec},
};

pub use self::{
    admit::Admitted,
    bounds::BoundsError,
    compile::Loaded,
    far::{Far, FarAnswer, FarCall, FarForm},
    given::Given,
    limits::Limit,
    load_error::{Cost, LoadError},
    plugin::{AdmittedPlugin, Called, PluginCall},
    record::{Level, LogLine, Nobody, Observer, Traces},
    remote::{News, RemoteCalls},
    settings::SandboxConfig,
    stop::{Interrupt, Spent, StopReason},
};
#[cfg(feature = "bench")]
pub(crate) use self::{
    engine::TICK,
    floor::{Code, Floor},
};

/// Components that are kept in memory, refused ones too, so that a compile
/// bomb costs once; and admitted ones. A miss of the second costs some ten
/// microseconds.
const KEPT: usize = 64;

/// Why a sandbox can't be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The engine refused its configuration, or there is no address space.
    #[error("the WebAssembly engine can't start: {0:#}")]
    Engine(wasmtime::Error),
    /// Not every depth could have a cell of its own.
    #[error("{max_live_cells} cells for {max_depth} depths: each needs one of its own")]
    Cells {
        /// Cells there are.
        max_live_cells: u32,
        /// Depths there are.
        max_depth: u32,
    },
    /// The kernel does not let one process have as many.
    #[error(
        "`sandbox.max_live_cells` and `sandbox.plugin_cells` are {cells} together: this kernel \
         lets one process have {maps} mappings of memory, which is enough for {fit}\n\
         hint: lower them, or raise `vm.max_map_count`"
    )]
    Room {
        /// Cells there are to be.
        cells: u32,
        /// Cells there could be.
        fit: u32,
        /// The kernel's limit.
        maps: u32,
    },
    /// There is nothing to compile components with.
    #[error(transparent)]
    Helper(#[from] HelperError),
    /// A thread could not be started.
    #[error("a thread can't be started: {0}")]
    Thread(std::io::Error),
}

/// Does the work of a helper that compiles, until its end. Gives the code to
/// exit with.
pub(crate) fn compile_as_helper() -> i32 {
    compiler::serve()
}

/// The bytes of a component and their digest, which is taken once.
#[derive(Clone, PartialEq, Eq)]
pub struct Binary {
    bytes: Arc<[u8]>,
    digest: blake3::Hash,
}

impl Binary {
    /// Takes the digest. The bytes are not looked at in any other way.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let digest = blake3::hash(&bytes);
        Self { bytes, digest }
    }

    /// The component as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, to be held on to.
    pub(crate) fn shared_bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }

    /// BLAKE3 of them.
    pub fn digest(&self) -> &blake3::Hash {
        &self.digest
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({} bytes, {})", self.bytes.len(), self.digest)
    }
}

/// What a child is asked to do. What it may do besides, [`Job::admitted`]
/// says.
#[derive(Clone, Debug)]
pub struct Task {
    /// The work, and what the parent hands over.
    pub asked: Arc<TaskRequest>,
    /// 1 for a child of the top-level caller.
    pub depth: u32,
    /// Model calls it may make.
    pub max_iterations: u32,
    /// What its summary must satisfy.
    pub output_schema: Option<Schema>,
    /// On the second try, the answer of the first.
    pub rejected: Option<Rejected>,
}

/// An answer that missed its schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rejected {
    /// The summary.
    pub answer: String,
    /// Lines of the form `$path: message`.
    pub errors: Vec<String>,
}

/// One run: a task, and all that the child may use.
pub struct Job {
    /// The component and the tools of the child.
    pub admitted: Arc<Admitted>,
    /// Who does the tools' work.
    pub tools: ChildTools,
    /// Who answers its chats. Whether it may chat, the policy of
    /// [`Self::admitted`] decided.
    pub model: Option<Arc<dyn ModelHost>>,
    /// Who asked for it, for its tools.
    pub session: Session,
    /// Id of the child, for the log.
    pub child: Arc<str>,
    /// The work.
    pub task: Task,
    /// Wall clock of the child. Waiting for its tools counts, waiting for a
    /// cell does not.
    pub timeout: Duration,
    /// The part of it that was used before: its component was compiled, or it
    /// had an earlier try at the same work.
    pub time_used: Duration,
    /// CPU time that it has used before: of an earlier try at the same work.
    pub cpu_used: Duration,
    /// How long the child may go on after it was asked to stop.
    pub grace: Duration,
    /// Told what the child is doing.
    pub observer: Arc<dyn Observer>,
    /// Stops it.
    pub interrupt: Interrupt,
    /// Stops it, too, when a budget is spent that it shares with others.
    pub spent: Spent,
    /// What telemetry sees of it.
    pub span: Span,
    /// What it was told before, and where that is kept which it is told now.
    pub journal: Option<Arc<Journal>>,
    /// Who makes all of its calls, when it runs here for another host.
    pub far: Option<Arc<dyn Far>>,
}

/// What a child returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Why it failed, by its own judgement; `None` when it completed.
    /// Untrusted text.
    pub failed: Option<String>,
    /// What it did. Untrusted text.
    pub summary: String,
    /// By its own word, the summary covers a part.
    pub truncated: bool,
}

impl Report {
    /// Bytes of its texts.
    fn len(&self) -> usize {
        let why = self.failed.as_ref().map_or(0, String::len);
        self.summary.len().saturating_add(why)
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It returned a report.
    Returned {
        /// What it returned.
        report: Report,
        /// Its host calls, so many, were spent by then.
        calls_spent: Option<u64>,
    },
    /// It returned an error, or exited.
    Gave(String),
    /// The guest did something that WebAssembly does not allow.
    Trapped(String),
    /// It ran into a limit.
    Limit(Limit),
    /// Its CPU time, so much, is spent.
    CpuSpent(Duration),
    /// Its host calls, so many, are spent, and so are those it had to say so.
    CallsSpent(u64),
    /// It was asked to stop, and ended when its grace was over or before it
    /// had a cell. [`Ended::stopped`] says why.
    Stopped,
    /// It did not do what its journal says, or was not to go on behind it.
    Departed(Departure),
    /// The host failed; the text is for the operator.
    HostFault(String),
}

/// All that is left of a run.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was asked to stop, if it was; it may have returned all the
    /// same.
    pub stopped: Option<StopReason>,
    /// Its log, checkpoint and calls.
    pub traces: Traces,
    /// CPU time.
    pub cpu: Duration,
    /// Wall clock, waiting for a cell not counted.
    pub duration: Duration,
}

/// Whoever has children run on other hosts.
pub trait Elsewhere: Send + Sync {
    /// Runs a job of that component to its end. Dropping the future gives up on
    /// the child.
    fn run<'a>(&'a self, job: Job, component: &'a Binary) -> BoxFuture<'a, Ended>;

    /// Nothing is run any more.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// A cell that is kept for somebody.
pub struct Reserved(OwnedSemaphorePermit);

/// What is in use now. All zero when no child is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Cells that run.
    pub cells: usize,
    /// Instances of components in the pool.
    pub component_instances: u64,
    /// Core instances in the pool.
    pub core_instances: u64,
    /// Linear memories in the pool.
    pub memories: usize,
    /// Tables in the pool.
    pub tables: usize,
}

/// Compiles components and runs them in cells.
pub struct Sandbox {
    engine: Engine,
    config: SandboxConfig,
    loader: Arc<Loader>,
    loaded: Recent<blake3::Hash, Flight>,
    admitted: Recent<(blake3::Hash, blake3::Hash), Admitted>,
    cells: Permits,
    plugin_cells: Arc<Semaphore>,
    lanes: Lanes,
}

impl Sandbox {
    /// Starts the engine and the guests' threads. A cache that can't be
    /// opened is left out with a warning: it only saves time.
    ///
    /// Children can have `max_depth` depths, at most as many as there are
    /// cells: each has cells of its own, so that a caller that waits for its
    /// children can't starve them.
    pub fn new(
        config: SandboxConfig,
        max_depth: u32,
        random: Arc<dyn Random>,
    ) -> Result<Self, SandboxError> {
        let max_live_cells = config.max_live_cells;
        let cells = Permits::new(max_live_cells, max_depth)
            .ok_or(SandboxError::Cells { max_live_cells, max_depth })?;
        let plugin_cells = usize::try_from(config.plugin_cells).unwrap_or(usize::MAX);
        let engine = engine::engine(&config)?;
        let cache = config.cache_dir.as_deref().and_then(|dir| {
            let opened = Cache::open(dir, &engine, config.cache_bytes, config.defences, &*random);
            opened.inspect_err(|err| tracing::warn!(%err, "no cache of compiled components")).ok()
        });
        let budget = compiler::Budget {
            cpu_seconds: config.compile_seconds,
            memory_bytes: config.compile_bytes,
        };
        let compiler = Compiler::new(config.helper.as_deref(), budget)?;
        Ok(Self {
            loader: Arc::new(Loader::new(engine.clone(), cache, random, compiler)),
            loaded: Recent::new(KEPT),
            admitted: Recent::new(KEPT),
            cells,
            plugin_cells: Arc::new(Semaphore::new(plugin_cells)),
            lanes: Lanes::start(config.guest_threads)?,
            engine,
            config,
        })
    }

    /// Makes a component of its bytes. Compiles it the first time, in a
    /// process of its own; takes it from memory or disk after that. Whoever
    /// asks for the same meanwhile waits for the same compiler, and dropping
    /// the last of these futures ends it.
    pub async fn load(&self, binary: &Binary) -> Result<Arc<Loaded>, LoadError> {
        let (bytes, limit) = (binary.bytes.len(), self.config.component_bytes);
        if bytes > limit {
            return Err(LoadError::TooLarge { bytes, limit });
        }
        let flight = self.loaded.get_or_insert(binary.digest, Flight::default);
        flight.outcome(|| Arc::clone(&self.loader).load(binary.clone())).await
    }

    /// Decides every import of a component, and links what was decided. Runs
    /// nothing of it. The error is the record with all refusals.
    pub fn admit(
        &self,
        component: &Loaded,
        policy: &Arc<Policy>,
    ) -> Result<Arc<Admitted>, Arc<BoundaryRecord>> {
        let key = (*component.digest(), policy.digest());
        if let Some(found) = self.admitted.get(&key) {
            return Ok(found);
        }
        let admitted = admit::admit(&self.engine, component, policy)?;
        Ok(self.admitted.get_or_insert(key, || admitted))
    }

    /// Runs a job in a cell of its own, waiting for one to be free. When it
    /// returns, the cell is free again and nothing of the child is running.
    /// Dropping the future stops the child at the next tick, with nothing
    /// left of it but what its tools had done.
    pub async fn run(&self, job: Job) -> Ended {
        // To wait for a stop costs more than to look, and most have a cell at
        // once.
        let is_wanted = !job.interrupt.is_asked() && job.spent.what().is_none();
        let permit = tokio::select! {
            biased;
            permit = self.cells.acquire(job.task.depth), if is_wanted => Ok(permit),
            () = job.interrupt.asked() => Err(StopReason::Interrupted),
            what = job.spent.out() => Err(StopReason::Spent(what)),
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(reason) => return Ended::before_it_ran(Outcome::Stopped, Some(reason)),
        };
        let Some(permit) = permit else {
            let fault = "no cell is left for a parent: raise `sandbox.max_live_cells` above \
                         `delegation.max_depth`"
                .to_owned();
            return Ended::before_it_ran(Outcome::HostFault(fault), None);
        };
        instance::run(&self.place(), permit, job).await
    }

    /// Waits for a cell of that depth to be free. `None` when there are none for
    /// it at all.
    pub async fn reserve(&self, depth: u32) -> Option<Reserved> {
        self.cells.acquire(depth).await.map(Reserved)
    }

    /// Runs a job in a cell that was kept for it.
    pub async fn run_in(&self, reserved: Reserved, job: Job) -> Ended {
        instance::run(&self.place(), reserved.0, job).await
    }

    /// Cells that there are.
    pub fn max_cells(&self) -> u32 {
        self.config.max_live_cells
    }

    /// Bytes of a component that is loaded.
    pub fn max_component_bytes(&self) -> usize {
        self.config.component_bytes
    }

    fn place(&self) -> Place<'_> {
        Place { engine: &self.engine, config: &self.config, lanes: self.lanes.handles() }
    }

    /// Decides every import of a plugin, and links what was decided. Runs
    /// nothing of it. The error is the record with all refusals.
    pub fn admit_plugin(
        &self,
        component: &Loaded,
        asks: &Asks,
    ) -> Result<AdmittedPlugin, Arc<BoundaryRecord>> {
        plugin::admit(&self.engine, component, asks, &self.config)
    }

    /// The tools of a plugin, as it describes them itself, or as its types and
    /// the comments in its bytes do. The first runs its code, with nothing
    /// given to it. Untrusted text.
    ///
    /// # Errors
    ///
    /// It broke off, or gave no answer.
    pub async fn describe(
        &self,
        plugin: &AdmittedPlugin,
        binary: &Binary,
    ) -> Result<Vec<ToolSpec>, ToolError> {
        let docs = self.loader.docs(binary).await;
        let docs = docs.map_err(|it| ToolError::Failed(it.to_string()))?;
        let permit = self.plugin_cell().await?;
        plugin::describe(&self.place(), permit, plugin, &docs).await
    }

    /// Calls a tool of a plugin in a cell of its own, waiting for one to be
    /// free. When it returns, nothing of the call is running. It ends when its
    /// caller does.
    pub async fn call(&self, call: PluginCall) -> Called {
        let permit = tokio::select! {
            biased;
            () = call.caller.cancelled.cancelled() => Err(ToolError::Interrupted),
            permit = self.plugin_cell() => permit,
        };
        match permit {
            Ok(permit) => plugin::call(&self.place(), permit, call).await,
            Err(err) => Called { answer: Err(err), log: Vec::new() },
        }
    }

    async fn plugin_cell(&self) -> Result<OwnedSemaphorePermit, ToolError> {
        let permit = Arc::clone(&self.plugin_cells).acquire_owned().await;
        // Never closed.
        permit.map_err(|_| ToolError::Failed("the host is shutting down".to_owned()))
    }

    /// What is in use now.
    pub fn usage(&self) -> Usage {
        let pool = self.engine.pooling_allocator_metrics();
        let pool = pool.as_ref();
        Usage {
            cells: self.cells.in_use(),
            component_instances: pool.map_or(0, |it| it.component_instances()),
            core_instances: pool.map_or(0, |it| it.core_instances()),
            memories: pool.map_or(0, |it| it.memories()),
            tables: pool.map_or(0, |it| it.tables()),
        }
    }
}

impl Ended {
    /// Of a job that never got a cell.
    pub(crate) fn before_it_ran(outcome: Outcome, stopped: Option<StopReason>) -> Self {
        let traces = Traces::default();
        Self { outcome, stopped, traces, cpu: Duration::ZERO, duration: Duration::ZERO }
    }
}
