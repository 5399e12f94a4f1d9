//! The data of one store: what a child's host calls may touch, and
//! [`Cell::admit`], and [`Cell::admit_tool`], where every call is checked again.

use std::{sync::Arc, time::Instant};

use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::WasiHttpCtxView;

use super::{
    blocking::Blocking,
    given::Given,
    limits::StoreLimits,
    port::ToolPort,
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
    toolset::{Grant, ModelError, Output, Tool, ToolError, ToolId},
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
    pub(super) fn admit_tool(&self, tool: ToolId, bytes: u64) -> Result<(), ToolError> {
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

    /// `wasi:http`, within the same.
    pub(super) fn web(&mut self) -> WasiHttpCtxView<'_> {
        let outgoing = self.given.http.as_ref();
        self.wasi_http.view(&mut self.table, outgoing, &self.tools, &self.record)
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
