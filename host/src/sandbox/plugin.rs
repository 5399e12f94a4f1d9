//! Tool plugins: a component that others call, admitted once and visited in a
//! fresh cell for every call.
//!
//! A visit stands under the limits of a child, and nothing is left of it: what
//! one call did, the next can't see. It ends when its caller is ended.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokio::{runtime::Handle, sync::OwnedSemaphorePermit, time::sleep};
use wasmtime::{
    Engine, Store,
    component::{Func, Instance, InstancePre, Val},
};

use super::{
    Outcome, SandboxConfig,
    cell::Cell,
    compile::Loaded,
    convert,
    given::Given,
    instance::{self, Bounds, Place, Watch},
    lanes::Running,
    link::link_plugin,
    port::ToolPort,
    record::{LogLine, Nobody},
    stop::Interrupt,
    value::{self, Docs, PlainTool},
    wit::ToolPluginPre,
};
use crate::{
    boundary::{Asks, Policy, plan_plugin},
    completion::sanitize::clean_line,
    event::{BoundaryLine, BoundaryRecord, Role},
    toolset::{Caller, ChildTools, Grant, Registry, ToolError, ToolSpec},
};

/// Characters of a message of wasmtime's, which may quote names of the file.
const MAX_MESSAGE_CHARS: usize = 500;

/// How long what a visit started on the host may go on behind it.
const GRACE: Duration = Duration::from_secs(1);

/// Why a component that could run is no plugin.
const NO_TOOLS: &str = "it exports no function that could be a tool";

/// A plugin whose imports were decided, and linked as they were decided.
pub struct AdmittedPlugin {
    way: Way,
    record: Arc<BoundaryRecord>,
}

/// How its tools are called.
enum Way {
    /// By the contract: world `tool-plugin`.
    World(ToolPluginPre<Cell>),
    /// One by one: each is a function of the component.
    Functions(InstancePre<Cell>, Vec<PlainTool>),
}

/// One call of a tool.
pub struct PluginCall {
    /// Whose tool it is.
    pub plugin: Arc<AdmittedPlugin>,
    /// As the plugin itself names it.
    pub tool: String,
    /// A JSON object.
    pub arguments: String,
    /// What it has for this call.
    pub given: Given,
    /// Who calls.
    pub caller: Caller,
}

/// What came of a call.
#[derive(Debug)]
pub struct Called {
    /// The answer of the tool, JSON or a text as it stands, or why there is
    /// none. Untrusted text.
    pub answer: Result<String, ToolError>,
    /// What it wrote into its log. Untrusted text.
    pub log: Vec<LogLine>,
}

impl AdmittedPlugin {
    /// What was decided.
    pub fn record(&self) -> &Arc<BoundaryRecord> {
        &self.record
    }
}

/// Plans and links. No code of the guest runs here. The error is the record
/// with its refusals.
pub(super) fn admit(
    engine: &Engine,
    component: &Loaded,
    asks: &Asks,
    config: &SandboxConfig,
) -> Result<AdmittedPlugin, Arc<BoundaryRecord>> {
    let plan = plan_plugin(component.imports(), asks, config.defences);
    let mut record = plan.record(component.digest(), &Grant::default());
    let refuse = |record: &mut BoundaryRecord, reason: String| {
        record.refused.push(BoundaryLine { import: BoundaryLine::WHOLE.to_owned(), reason });
    };
    if !record.refused.is_empty() {
        return Err(Arc::new(record));
    }
    let linked = link_plugin(engine, &component.component, &plan);
    match linked.map_err(|it| said(&it)).and_then(|it| way(engine, component, it)) {
        Ok(way) => Ok(AdmittedPlugin { way, record: Arc::new(record) }),
        Err(reason) => {
            refuse(&mut record, reason);
            Err(Arc::new(record))
        }
    }
}

fn way(engine: &Engine, component: &Loaded, pre: InstancePre<Cell>) -> Result<Way, String> {
    if component.exports_tools() {
        let world = ToolPluginPre::new(pre);
        return world
            .map(Way::World)
            .map_err(|it| format!("it is not of the world `tool-plugin`: {}", said(&it)));
    }
    let tools = value::tools(engine, &component.component).map_err(|it| it.to_string())?;
    if tools.is_empty() {
        return Err(NO_TOOLS.to_owned());
    }
    Ok(Way::Functions(pre, tools))
}

fn said(err: &wasmtime::Error) -> String {
    clean_line(&err.root_cause().to_string(), MAX_MESSAGE_CHARS)
}

/// What a plugin says of its tools: of one of plain functions its types say
/// it, and its docs where it has some; nothing of it runs then.
pub(super) async fn describe(
    place: &Place<'_>,
    permit: OwnedSemaphorePermit,
    plugin: &AdmittedPlugin,
    docs: &Docs,
) -> Result<Vec<ToolSpec>, ToolError> {
    match &plugin.way {
        Way::Functions(_, tools) => Ok(tools.iter().map(|it| it.spec(docs)).collect()),
        Way::World(pre) => {
            let caller = Caller::of("describe", crate::session::Session::Local);
            let visit = Visit { place, caller, given: Given::default() };
            visit.run(permit, Describe(pre.clone())).await.0
        }
    }
}

/// Calls a tool.
pub(super) async fn call(
    place: &Place<'_>,
    permit: OwnedSemaphorePermit,
    call: PluginCall,
) -> Called {
    let PluginCall { plugin, tool, arguments, given, caller } = call;
    let visit = Visit { place, caller, given };
    let (answer, log) = match &plugin.way {
        Way::World(pre) => visit.run(permit, CallJson { pre: pre.clone(), tool, arguments }).await,
        Way::Functions(pre, tools) => {
            let Some(plain) = tools.iter().find(|it| it.name == tool) else {
                let answer = Err(ToolError::Failed(format!("the plugin has no tool `{tool}`")));
                return Called { answer, log: Vec::new() };
            };
            let arguments = match plain.arguments(&arguments) {
                Ok(arguments) => arguments,
                Err(err) => return Called { answer: Err(err), log: Vec::new() },
            };
            let function = CallPlain { pre: pre.clone(), tool: plain.clone(), arguments };
            let (results, log) = visit.run(permit, function).await;
            (results.and_then(|it| plain.answer(&it)), log)
        }
    };
    Called { answer, log }
}

/// What is done in a fresh cell. Instantiation runs guest code, so it stands
/// under the same limits as the call.
trait Guest: Send + 'static {
    type Output: Send + 'static;

    fn run(
        self,
        store: &mut Store<Cell>,
    ) -> impl Future<Output = wasmtime::Result<Result<Self::Output, ToolError>>> + Send;
}

struct Describe(ToolPluginPre<Cell>);

impl Guest for Describe {
    type Output = Vec<ToolSpec>;

    async fn run(
        self,
        store: &mut Store<Cell>,
    ) -> wasmtime::Result<Result<Vec<ToolSpec>, ToolError>> {
        let instance = self.0.instantiate_async(&mut *store).await?;
        let tools = instance.hermitage_subagent_tools();
        let specs = tools.call_describe(store).await?;
        Ok(Ok(specs.into_iter().map(convert::tool_spec).collect()))
    }
}

struct CallJson {
    pre: ToolPluginPre<Cell>,
    tool: String,
    arguments: String,
}

impl Guest for CallJson {
    type Output = String;

    async fn run(self, store: &mut Store<Cell>) -> wasmtime::Result<Result<String, ToolError>> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let tools = instance.hermitage_subagent_tools();
        let answer = tools.call_call(store, &self.tool, &self.arguments).await?;
        Ok(answer.map_err(Into::into))
    }
}

struct CallPlain {
    pre: InstancePre<Cell>,
    tool: PlainTool,
    arguments: Vec<Val>,
}

impl Guest for CallPlain {
    type Output = Vec<Val>;

    async fn run(self, store: &mut Store<Cell>) -> wasmtime::Result<Result<Vec<Val>, ToolError>> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let function = find(&instance, &mut *store, &self.tool)?;
        let mut results = self.tool.results();
        function.call_async(&mut *store, &self.arguments, &mut results).await?;
        Ok(Ok(results))
    }
}

/// The function of a tool in an instance.
fn find(instance: &Instance, store: &mut Store<Cell>, tool: &PlainTool) -> wasmtime::Result<Func> {
    let place = tool.interface.as_deref().map(|it| {
        let place = instance.get_export_index(&mut *store, None, it);
        place.ok_or_else(|| wasmtime::format_err!("the interface `{it}` is gone"))
    });
    let place = place.transpose()?;
    let function = instance.get_export_index(&mut *store, place.as_ref(), &tool.function);
    let function = function.and_then(|it| instance.get_func(store, it));
    function.ok_or_else(|| wasmtime::format_err!("the function `{}` is gone", tool.function))
}

/// One visit: a cell, and who is told what comes of it.
struct Visit<'a> {
    place: &'a Place<'a>,
    caller: Caller,
    given: Given,
}

/// A plugin holds no tool: what it has is in `given`.
static NO_TOOLS_AT_ALL: LazyLock<(Arc<Policy>, ChildTools)> = LazyLock::new(|| {
    let policy = Policy::of(&Grant::default(), Role::Leaf);
    (policy, ChildTools::of(Arc::new(Registry::default())))
});

impl Visit<'_> {
    async fn run<G: Guest>(
        self,
        permit: OwnedSemaphorePermit,
        guest: G,
    ) -> (Result<G::Output, ToolError>, Vec<LogLine>) {
        let watch = Watch::new(self.place.config, Arc::new(Nobody));
        let store = self.store(&watch);
        let bounds = Bounds::of(self.place.config);
        let work = in_store(guest, store, bounds);
        let work = self.place.lanes.run(Arc::clone(&watch.meter), async move {
            let ended = work.await;
            // The cell is free when the store is gone, and not before.
            drop(permit);
            ended
        });
        let ended = self.until_it_ends(work).await;
        watch.until_tools_end(&self.caller.child, GRACE, &Interrupt::new()).await;
        (ended, watch.record.take().log)
    }

    fn store(&self, watch: &Watch) -> Store<Cell> {
        let (policy, ChildTools { registry, meter, .. }) = NO_TOOLS_AT_ALL.clone();
        let caller = Caller { cancelled: watch.halt.token().clone(), ..self.caller.clone() };
        let tools = ToolPort {
            registry,
            meter,
            model: None,
            far: None,
            caller,
            runtime: Handle::current(),
            tracker: watch.tracker.clone(),
        };
        let given = self.given.clone();
        instance::new_store(self.place, watch, policy, tools, (given, None), Duration::ZERO)
    }

    /// Ends at the next tick of the clock when its caller is gone or its time
    /// is over.
    async fn until_it_ends<T: Send + 'static>(
        &self,
        mut work: Running<Result<T, ToolError>>,
    ) -> Result<T, ToolError> {
        let limit = self.place.config.call_timeout;
        let gone = tokio::select! {
            biased;
            ended = &mut work => return joined(ended),
            () = self.caller.cancelled.cancelled() => ToolError::Interrupted,
            () = sleep(limit) => ToolError::Failed(format!(
                "no answer within {} s (`sandbox.call_seconds`)", limit.as_secs()
            )),
        };
        work.abort();
        // Waiting for it is what makes sure that the store is gone.
        let _ = work.await;
        Err(gone)
    }
}

fn joined<T>(ended: Result<Result<T, ToolError>, tokio::task::JoinError>) -> Result<T, ToolError> {
    ended.unwrap_or_else(|err| {
        tracing::error!(%err, "the cell of a plugin panicked");
        Err(ToolError::Failed("the host crashed while it ran the plugin".to_owned()))
    })
}

async fn in_store<G: Guest>(
    guest: G,
    mut store: Store<Cell>,
    bounds: Bounds,
) -> Result<G::Output, ToolError> {
    match guest.run(&mut store).await {
        Ok(answer) => answer,
        Err(err) => Err(failure(instance::broken(&err, store.data(), bounds))),
    }
}

/// The words for a visit that wasmtime ended.
fn failure(outcome: Outcome) -> ToolError {
    ToolError::Failed(match outcome {
        Outcome::Trapped(why) => format!("the plugin broke off: {why}"),
        Outcome::Limit(limit) => format!("the plugin broke off: {limit}"),
        Outcome::CpuSpent(time) => format!(
            "the plugin broke off: its {} s of processor time are spent (`sandbox.cpu_seconds`)",
            time.as_secs()
        ),
        Outcome::CallsSpent(calls) => format!(
            "the plugin broke off: its {calls} calls into the host are spent \
             (`sandbox.host_calls`)"
        ),
        Outcome::Gave(why) => format!("the plugin ended itself: {why}"),
        Outcome::HostFault(why) => why,
        Outcome::Returned { .. } | Outcome::Stopped | Outcome::Departed(_) => {
            "the plugin was stopped".to_owned()
        }
    })
}
