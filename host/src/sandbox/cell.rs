//! The data of one store: what a child's host calls may touch, and
//! [`Cell::admit`], where every call is counted. Its calls of tools and of its
//! model are made in [`Calls`].

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::WasiHttpCtxView;

use super::{
    blocking::Blocking,
    calls::{Called, Calls},
    convert,
    given::Given,
    limits::StoreLimits,
    record::Record,
    wasi::{InertWasi, http::WasiHttp},
    wit::contract,
};
use crate::{
    journal::{Departure, Journal},
    provider::ChatResponse,
    tools::web::{OutgoingAnswer, OutgoingRequest},
    toolset::{Grant, ModelError, Tool, ToolError, ToolId},
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
    pub(super) host_calls: u64,
    pub(super) calls: Calls,
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
    /// Of a child.
    pub(super) journal: Option<Arc<Journal>>,
    calls: Calls,
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
            record: Arc::clone(&parts.calls.record),
            wasi: InertWasi::default(),
            wasi_http: WasiHttp::default(),
            given: parts.given,
            journal: parts.calls.journal.clone(),
            calls: parts.calls,
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
        Ok(self.calls.halt.error())
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
        Blocking::new(&self.calls.tools.runtime, &self.calls.tools.tracker, &self.calls.halt)
    }

    /// The tools of the grant.
    pub(super) fn grant(&self) -> &Grant {
        self.calls.grant()
    }

    /// A host call was perhaps answered otherwise than by itself.
    pub(super) async fn refused(&mut self) {
        self.calls.refused().await;
    }

    #[cfg(feature = "bench")]
    pub(super) fn admit_tool(&self, tool: ToolId, bytes: u64) -> Result<(), ToolError> {
        self.calls.admit_tool(tool, bytes)
    }

    /// Does one call of a granted tool.
    pub(super) async fn call<T: Tool>(&mut self, call: T) -> Called<T::Output> {
        self.limits.coped();
        self.calls.call(call).await
    }

    /// The same with arguments and result as JSON.
    pub(super) async fn call_json(&mut self, tool: ToolId, arguments: String) -> Called<String> {
        self.limits.coped();
        self.calls.call_json(tool, arguments).await
    }

    /// One chat with the model that was chosen for the child.
    pub(super) async fn chat(
        &mut self,
        request: contract::model::ChatRequest,
    ) -> Result<Result<ChatResponse, ModelError>, Departure> {
        self.limits.coped();
        self.calls.chat(convert::chat_request(request)).await
    }

    /// One request of a plugin, within what it was given.
    pub(super) async fn fetch(
        &mut self,
        request: OutgoingRequest,
    ) -> Result<OutgoingAnswer, ToolError> {
        self.limits.coped();
        let (http, caller) = (self.given.http.clone(), self.calls.tools.caller.clone());
        let done = self.calls.tools.spawn(async move {
            let http = http.ok_or_else(|| ToolError::Denied(NO_HTTP.to_owned()))?;
            http.send(request, &caller).await
        });
        self.calls.halt.unless_stopped(done).await
    }

    /// `wasi:http`, within the same.
    pub(super) fn web(&mut self) -> WasiHttpCtxView<'_> {
        let outgoing = self.given.http.as_ref();
        self.wasi_http.view(&mut self.table, outgoing, &self.calls.tools, &self.record)
    }
}
