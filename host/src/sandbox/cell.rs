//! The data of one store: what a child's host calls may touch, and
//! [`Cell::admit`], and [`Cell::admit_tool`], where every call is checked again.

use std::{sync::Arc, time::Instant};

use futures_util::FutureExt as _;
use tokio_util::task::TaskTracker;
use wasmtime::component::ResourceTable;

use super::{
    blocking::Blocking,
    convert,
    given::Given,
    limits::StoreLimits,
    record::Record,
    stop::Halt,
    wasi::{InertWasi, http::WasiHttp},
    wit::contract,
};
use crate::{
    boundary::Policy,
    defence::{Defence, Defences},
    event::ToolTrace,
    provider::ChatResponse,
    tools::web::{OutgoingAnswer, OutgoingRequest},
    toolset::{
        Caller, Grant, Meter, ModelError, ModelHost, Output, Registry, Tool, ToolError, ToolId,
    },
};

/// Host calls that still get an answer, `exhausted`, after the budget is
/// spent. A child has them to return what it has; then it is ended.
const OVERTIME_CALLS: u64 = 64;

/// Why a request is not sent, though the import is there.
const NO_HTTP: &str = "this call was given no requests";

/// The error that ends a child whose overtime is spent.
#[derive(Debug, thiserror::Error)]
#[error("host calls spent")]
pub(super) struct CallsSpent;

/// What a cell is made of.
pub(super) struct CellParts {
    pub(super) limits: StoreLimits,
    pub(super) max_handles: usize,
    pub(super) max_argument_bytes: usize,
    pub(super) host_calls: u64,
    pub(super) policy: Arc<Policy>,
    pub(super) defences: Defences,
    pub(super) halt: Arc<Halt>,
    pub(super) record: Arc<Record>,
    pub(super) tools: ToolPort,
    pub(super) given: Given,
}

/// The data of one store.
pub(super) struct Cell {
    pub(super) table: ResourceTable,
    pub(super) limits: StoreLimits,
    pub(super) record: Arc<Record>,
    pub(super) wasi: InertWasi,
    pub(super) wasi_http: WasiHttp,
    /// Of a plugin.
    pub(super) given: Given,
    policy: Arc<Policy>,
    defences: Defences,
    halt: Arc<Halt>,
    tools: ToolPort,
    max_argument_bytes: usize,
    max_host_calls: u64,
    host_calls: u64,
}

impl Cell {
    pub(super) fn new(parts: CellParts) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(parts.max_handles);
        Self {
            table,
            limits: parts.limits,
            record: parts.record,
            wasi: InertWasi::default(),
            wasi_http: WasiHttp::default(),
            given: parts.given,
            policy: parts.policy,
            defences: parts.defences,
            halt: parts.halt,
            tools: parts.tools,
            max_argument_bytes: parts.max_argument_bytes,
            max_host_calls: parts.host_calls,
            host_calls: 0,
        }
    }

    /// Counts a host call. `Ok(Some(_))` is what it must answer instead of
    /// doing its work; an error ends the child.
    pub(super) fn admit(&mut self) -> Result<Option<ToolError>, CallsSpent> {
        self.host_calls = self.host_calls.saturating_add(1);
        if self.is_overspent() {
            return Err(CallsSpent);
        }
        if self.is_spent() {
            let text = format!("all {} host calls are spent", self.max_host_calls);
            return Ok(Some(ToolError::Exhausted(text)));
        }
        Ok(self.halt.error())
    }

    /// Counts a call of the inert WASI set, which has no way to be refused;
    /// the next tick of the clock ends a child that makes too many.
    pub(super) fn count_wasi_call(&mut self) {
        self.host_calls = self.host_calls.saturating_add(1);
    }

    /// Whether the child has used up its overtime, too.
    pub(super) fn is_overspent(&self) -> bool {
        self.host_calls > self.max_host_calls.saturating_add(OVERTIME_CALLS)
    }

    /// Whether the child has used up its host calls.
    pub(super) fn is_spent(&self) -> bool {
        self.host_calls > self.max_host_calls
    }

    /// For work that blocks.
    pub(super) fn blocking(&self) -> Blocking {
        Blocking::new(&self.tools.runtime, &self.tools.tracker, &self.halt)
    }

    /// The tools of the grant.
    pub(super) fn grant(&self) -> &Grant {
        self.policy.grant()
    }

    /// Checks a tool against the grant, handles included: the import alone does
    /// not say which tool a handle stands for.
    fn admit_tool(&self, tool: ToolId, bytes: u64) -> Result<(), ToolError> {
        if !self.grant().contains(tool) && self.defences.has(Defence::CheckedGrant) {
            return Err(ToolError::Denied(format!("`{tool}` is not in the grant")));
        }
        if bytes > self.max_argument_bytes as u64 {
            let max = self.max_argument_bytes;
            let text = format!("{bytes} bytes of arguments: at most {max} are taken");
            return Err(ToolError::InvalidArguments(text));
        }
        Ok(())
    }

    /// Does one call of a granted tool.
    pub(super) async fn call<T: Tool>(&mut self, call: T) -> Result<T::Output, ToolError> {
        let (tool, bytes) = (self.tools.registry.id::<T>()?, call.bytes());
        self.admit_tool(tool, bytes)?;
        self.limits.coped();
        self.record.tool_started(tool.name(), call.subject());
        let work = self.tools.work(call);
        self.traced(tool, bytes, work).await
    }

    /// The same with arguments and result as JSON. Parsing happens away from
    /// the guest's stack.
    pub(super) async fn call_json(
        &mut self,
        tool: ToolId,
        arguments: String,
    ) -> Result<String, ToolError> {
        let bytes = arguments.len() as u64;
        self.admit_tool(tool, bytes)?;
        self.limits.coped();
        self.record.tool_started(tool.name(), "");
        let work = self.tools.work_json(tool, arguments);
        self.traced(tool, bytes, work).await
    }

    /// One chat with the model that was chosen for the child. It stands in no
    /// trace of tools: whoever answers counts it.
    pub(super) async fn chat(
        &mut self,
        request: contract::model::ChatRequest,
    ) -> Result<ChatResponse, ModelError> {
        self.limits.coped();
        self.record.model_started();
        let done = self.tools.spawn(self.tools.chat(request));
        let res = self.halt.unless_stopped(done).await;
        self.record.model_ended();
        res
    }

    /// One request of a plugin, within what it was given.
    pub(super) async fn fetch(
        &mut self,
        request: OutgoingRequest,
    ) -> Result<OutgoingAnswer, ToolError> {
        self.limits.coped();
        let (http, caller) = (self.given.http.clone(), self.tools.caller.clone());
        let done = self.tools.spawn(async move {
            let http = http.ok_or_else(|| ToolError::Denied(NO_HTTP.to_owned()))?;
            http.send(request, &caller).await
        });
        self.halt.unless_stopped(done).await
    }

    /// The way to the host's runtime, for what a library of WASI starts.
    pub(super) fn port(&self) -> ToolPort {
        self.tools.clone()
    }

    /// All that runs on the guest's stack: hand over, wait.
    async fn traced<T: Output>(
        &mut self,
        tool: ToolId,
        args_bytes: u64,
        work: impl Future<Output = Result<T, ToolError>> + Send + 'static,
    ) -> Result<T, ToolError> {
        let start = Instant::now();
        let done = self.tools.spawn(work);
        let res = self.halt.unless_stopped(done).await;
        self.record.tool_ended(ToolTrace {
            tool: tool.name().into(),
            ok: res.is_ok(),
            args_bytes,
            result_bytes: res.as_ref().map_or(0, T::bytes),
            ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        res
    }
}

/// The way from a guest's stack to the host's own runtime, where tools work.
/// The tracker knows of every call until it has really ended.
#[derive(Clone)]
pub(super) struct ToolPort {
    pub(super) registry: Arc<Registry>,
    pub(super) meter: Arc<dyn Meter>,
    /// `None`: no plan links a chat.
    pub(super) model: Option<Arc<dyn ModelHost>>,
    pub(super) caller: Caller,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) tracker: TaskTracker,
}

impl ToolPort {
    fn work<T: Tool>(
        &self,
        mut call: T,
    ) -> impl Future<Output = Result<T::Output, ToolError>> + Send + 'static {
        let (registry, meter) = (Arc::clone(&self.registry), Arc::clone(&self.meter));
        let caller = self.caller.clone();
        async move {
            meter.pay()?;
            call.drop_empty();
            registry.work::<T>()?.call(caller, call).await
        }
    }

    fn work_json(
        &self,
        tool: ToolId,
        arguments: String,
    ) -> impl Future<Output = Result<String, ToolError>> + Send + 'static {
        let (registry, meter) = (Arc::clone(&self.registry), Arc::clone(&self.meter));
        let caller = self.caller.clone();
        async move {
            meter.pay()?;
            registry.call_json(caller, tool, arguments).await
        }
    }

    fn chat(
        &self,
        request: contract::model::ChatRequest,
    ) -> impl Future<Output = Result<ChatResponse, ModelError>> + Send + 'static {
        let (model, caller) = (self.model.clone(), self.caller.clone());
        async move {
            let denied = || ToolError::Denied("this run has no model".to_owned());
            let model = model.ok_or_else(denied)?;
            model.chat(caller, convert::chat_request(request)).await
        }
    }

    /// Does work on the host's runtime.
    pub(super) fn spawn<T: Send + 'static, E: From<ToolError> + Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send + 'static {
        let task = self.tracker.spawn_on(work, &self.runtime);
        task.map(|joined| {
            joined.unwrap_or_else(|err| {
                tracing::error!(%err, "a tool did not return");
                Err(ToolError::Failed("the tool crashed in the host".to_owned()).into())
            })
        })
    }
}
