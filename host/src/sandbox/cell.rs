//! The data of one store: what a child's host calls may touch, and
//! [`Cell::admit`], and [`Cell::admit_tool`], where every call is checked again.

use std::{sync::Arc, time::Instant};

use serde::{Serialize, de::DeserializeOwned};
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::WasiHttpCtxView;

use super::{
    blocking::Blocking,
    convert,
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
    journal::{Asked, Departure, Journal, Next, Told, Wait},
    provider::ChatResponse,
    tools::web::{OutgoingAnswer, OutgoingRequest},
    toolset::{Effect, Grant, ModelError, Output, Tool, ToolError, ToolId},
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
    pub(super) journal: Option<Arc<Journal>>,
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
            journal: parts.journal,
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
    pub(super) async fn call<T: Tool>(&mut self, call: T) -> Called<T::Output> {
        let (tool, bytes) = match self.tools.registry.id::<T>() {
            Ok(tool) => (tool, call.bytes()),
            Err(err) => return Ok(Err(err)),
        };
        if let Err(err) = self.admit_tool(tool, bytes) {
            return Ok(Err(err));
        }
        self.limits.coped();
        self.record.tool_started(tool.name(), call.subject());
        let answer = Form { write: as_json::<T::Output>, read: of_json };
        let asked = self.asked(|| Asked::new(tool.name(), call.subject(), &call));
        let work = self.tools.work(call);
        self.recorded(asked, tool, bytes, answer, work).await
    }

    /// The same with arguments and result as JSON. Parsing happens away from
    /// the guest's stack.
    pub(super) async fn call_json(&mut self, tool: ToolId, arguments: String) -> Called<String> {
        let bytes = arguments.len() as u64;
        if let Err(err) = self.admit_tool(tool, bytes) {
            return Ok(Err(err));
        }
        self.limits.coped();
        self.record.tool_started(tool.name(), "");
        let answer = Form { write: |it: &String| Ok(it.clone()), read: Ok };
        let asked = self.asked(|| Asked::new(tool.name(), &arguments, &arguments));
        let work = self.tools.work_json(tool, arguments);
        self.recorded(asked, tool, bytes, answer, work).await
    }

    /// One chat with the model that was chosen for the child. It stands in no
    /// trace of tools: whoever answers counts it.
    pub(super) async fn chat(
        &mut self,
        request: contract::model::ChatRequest,
    ) -> Result<Result<ChatResponse, ModelError>, Departure> {
        self.limits.coped();
        let request = convert::chat_request(request);
        let asked = self.asked(|| Asked::new(CHAT, "", &request));
        let model = self.tools.model.clone();
        if let Some((journal, asked)) = &asked
            && let Next::Told(Told { answer, heard, .. }) = journal.next(asked)?
        {
            let answer = again(asked, answer, of_json)?;
            if let Some(model) = model {
                model.answered(&request, &answer, heard);
            }
            return Ok(answer);
        }
        self.record.model_started();
        let done = self.tools.spawn(self.tools.chat(request));
        let res = self.halt.before_stop(done).await;
        self.record.model_ended();
        let Some(res) = res else {
            self.refused().await;
            return Ok(Err(self.halt.refusal().into()));
        };
        if let Some((journal, asked)) = asked {
            let heard = model.map(|it| it.heard()).unwrap_or_default();
            let answer = res.as_ref().map_err(Clone::clone).and_then(|it| Ok(as_json(it)?));
            let told = Told { answer, trace: None, heard };
            journal.answered(&asked, &told, Wait::UntilDurable).await;
        }
        Ok(res)
    }

    /// A host call was perhaps answered otherwise than by itself.
    pub(super) async fn refused(&mut self) {
        if let Some(journal) = &self.journal
            && self.halt.error().is_some()
        {
            journal.stopped().await;
        }
    }

    fn asked(&self, asked: impl FnOnce() -> Asked) -> Option<(Arc<Journal>, Asked)> {
        self.journal.as_ref().map(|it| (Arc::clone(it), asked()))
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

    /// A call, or what it was answered before.
    async fn recorded<T: Output>(
        &mut self,
        asked: Option<(Arc<Journal>, Asked)>,
        tool: ToolId,
        args_bytes: u64,
        form: Form<T>,
        work: impl Future<Output = Result<T, ToolError>> + Send + 'static,
    ) -> Called<T> {
        let call = Call { tool: tool.name(), args_bytes, start: Instant::now() };
        let Some((journal, asked)) = asked else {
            return Ok(self.traced(call, work).await.unwrap_or_else(|| Err(self.halt.refusal())));
        };
        let next = match journal.next(&asked)? {
            Next::Told(told) => return self.told(call, &asked, told, form),
            next => next,
        };
        let effect = tool.effect();
        let begun = match (next, effect) {
            (Next::Unfinished(_), Effect::Once) => Err(Journal::not_known()),
            (Next::Live, Effect::Once | Effect::GoesOn) => journal.begin(&asked).await,
            _ => Ok(()),
        };
        let res = match begun {
            Ok(()) => self.traced(call, work).await,
            Err(err) => Some(self.ended(call, Err(err))),
        };
        let Some(res) = res else {
            self.refused().await;
            return Ok(Err(self.halt.refusal()));
        };
        let answer = res.as_ref().map_err(|it| it.clone().into());
        let answer = answer.and_then(|it| Ok((form.write)(it)?));
        let told = Told { answer, trace: Some(call.trace(&res)), heard: Vec::new() };
        let wait = if effect == Effect::None { Wait::ForOthers } else { Wait::UntilDurable };
        journal.answered(&asked, &told, wait).await;
        Ok(res)
    }

    /// Nothing is done, and nothing is paid: that was before.
    fn told<T: Output>(&self, call: Call, asked: &Asked, told: Told, form: Form<T>) -> Called<T> {
        let res = again(asked, told.answer, form.read)?.map_err(|err| match err {
            ModelError::Tool(it) => it,
            ModelError::TooLong(it) => ToolError::Failed(it),
        });
        self.record.tool_ended(told.trace.unwrap_or_else(|| call.trace(&res)));
        Ok(res)
    }

    /// All that runs on the guest's stack: hand over, wait. `None` when the child
    /// was stopped meanwhile.
    async fn traced<T: Output>(
        &mut self,
        call: Call,
        work: impl Future<Output = Result<T, ToolError>> + Send + 'static,
    ) -> Option<Result<T, ToolError>> {
        let res = self.halt.before_stop(self.tools.spawn(work)).await;
        if res.is_none() {
            let _: Result<T, _> = self.ended(call, Err(self.halt.refusal()));
        }
        res.map(|it| self.ended(call, it))
    }

    fn ended<T: Output>(&self, call: Call, res: Result<T, ToolError>) -> Result<T, ToolError> {
        self.record.tool_ended(call.trace(&res));
        res
    }
}

/// What a call came to; or that it is none that the journal has.
type Called<T> = Result<Result<T, ToolError>, Departure>;

/// What a chat is called in a journal.
const CHAT: &str = "chat";

/// How answers of a call stand in a journal.
struct Form<T> {
    write: fn(&T) -> Result<String, ToolError>,
    read: fn(String) -> serde_json::Result<T>,
}

fn as_json<T: Serialize>(answer: &T) -> Result<String, ToolError> {
    serde_json::to_string(answer).map_err(|it| ToolError::Failed(it.to_string()))
}

fn of_json<T: DeserializeOwned>(text: String) -> serde_json::Result<T> {
    serde_json::from_str(&text)
}

/// What was answered before, in the types of whoever asks again.
fn again<T>(
    asked: &Asked,
    answer: Result<String, ModelError>,
    read: fn(String) -> serde_json::Result<T>,
) -> Result<Result<T, ModelError>, Departure> {
    let unread = |it: serde_json::Error| {
        let (asked, why) = (asked.clone(), it.to_string());
        Departure::Unread { asked, why }
    };
    Ok(match answer {
        Ok(text) => Ok(read(text).map_err(unread)?),
        Err(err) => Err(err),
    })
}

/// A call that is under way.
#[derive(Clone, Copy)]
struct Call {
    tool: &'static str,
    args_bytes: u64,
    start: Instant,
}

impl Call {
    fn trace<T: Output>(self, res: &Result<T, ToolError>) -> ToolTrace {
        ToolTrace {
            tool: self.tool.into(),
            ok: res.is_ok(),
            args_bytes: self.args_bytes,
            result_bytes: res.as_ref().map_or(0, T::bytes),
            ms: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}
