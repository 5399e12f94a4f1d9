//! The calls of one child: checked against its grant, made where its tools
//! work, traced, and recorded. They know nothing of WebAssembly, so those of a
//! child whose cell is on another host are made here, too.

use std::{sync::Arc, time::Instant};

use serde::de::DeserializeOwned;

use super::{
    far::{FarAnswer, FarCall, FarForm, as_json},
    port::ToolPort,
    record::Record,
    stop::Halt,
};
use crate::{
    boundary::Policy,
    defence::{Defence, Defences},
    event::ToolTrace,
    journal::{Asked, Departure, Journal, Next, Told, Wait},
    provider::{ChatRequest, ChatResponse},
    toolset::{Effect, Grant, ModelError, Output, Tool, ToolError, ToolId, Written},
};

/// All that a call of a child needs.
pub(super) struct Calls {
    pub(super) policy: Arc<Policy>,
    pub(super) defences: Defences,
    pub(super) halt: Arc<Halt>,
    pub(super) record: Arc<Record>,
    pub(super) tools: ToolPort,
    pub(super) journal: Option<Arc<Journal>>,
    pub(super) max_argument_bytes: usize,
}

impl Calls {
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
    pub(super) async fn call<T: Tool>(&self, call: T) -> Called<T::Output> {
        let (tool, bytes) = match self.tools.registry.id::<T>() {
            Ok(tool) => (tool, call.bytes()),
            Err(err) => return Ok(Err(err)),
        };
        if let Err(err) = self.admit_tool(tool, bytes) {
            return Ok(Err(err));
        }
        self.record.tool_started(tool.name(), call.subject());
        let answer = Form { write: as_json::<T::Output>, read: of_json };
        let asked = self.asked(|| Asked::new(tool.name(), call.subject(), &call));
        let work = self.tools.work(call);
        self.recorded(asked, tool, bytes, answer, work).await
    }

    /// The same with arguments and result as JSON. Parsing happens away from
    /// the guest's stack.
    pub(super) async fn call_json(&self, tool: ToolId, arguments: String) -> Called<String> {
        let bytes = arguments.len() as u64;
        if let Err(err) = self.admit_tool(tool, bytes) {
            return Ok(Err(err));
        }
        self.record.tool_started(tool.name(), "");
        let answer = Form { write: |it: &String| Ok(it.clone()), read: Ok };
        let asked = self.asked(|| Asked::new(tool.name(), &arguments, &arguments));
        let work = self.tools.work_json(tool, arguments);
        self.recorded(asked, tool, bytes, answer, work).await
    }

    /// One chat with the model that was chosen for the child. It stands in no
    /// trace of tools: whoever answers counts it.
    pub(super) async fn chat(
        &self,
        request: ChatRequest,
    ) -> Result<Result<ChatResponse, ModelError>, Departure> {
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
    pub(super) async fn refused(&self) {
        if let Some(journal) = &self.journal
            && self.halt.error().is_some()
        {
            journal.stopped().await;
        }
    }

    /// What is recorded of a call. Nothing where another host does that.
    fn asked(&self, asked: impl FnOnce() -> Asked) -> Option<(Arc<Journal>, Asked)> {
        let journal = self.journal.as_ref().filter(|it| !it.is_relayed());
        journal.map(|it| (Arc::clone(it), asked()))
    }

    /// Does one call of a child whose cell is on another host. `Err` is that it
    /// is none that the journal has.
    pub(super) async fn call_far(&self, call: FarCall) -> Result<FarAnswer, Departure> {
        let FarCall { form, tool, subject, arguments, bytes } = call;
        if form == FarForm::Chat {
            let request = match serde_json::from_str(&arguments) {
                Ok(request) => request,
                Err(err) => return Ok(Err(unreadable(&err).into())),
            };
            let answer = self.chat(request).await?;
            return Ok(answer.and_then(|it| Ok(as_json(&it)?)));
        }
        let Some(id) = self.tools.registry.get(&tool) else {
            return Ok(Err(ToolError::Denied(format!("`{tool}` is not in the grant")).into()));
        };
        if form == FarForm::Json {
            return Ok(self.call_json(id, arguments).await?.map_err(Into::into));
        }
        // What is escaped in JSON takes six times the bytes at most.
        let bytes = bytes.max(arguments.len() as u64 / 6);
        if let Err(err) = self.admit_tool(id, bytes) {
            return Ok(Err(err.into()));
        }
        self.record.tool_started(id.name(), &subject);
        let form = Form {
            write: |it: &Written| Ok(it.text.clone()),
            read: |text| Ok(Written { bytes: text.len() as u64, text }),
        };
        let asked = self.asked(|| Asked::of_json(id.name(), &subject, &arguments));
        let work = self.tools.work_written(id, arguments);
        let res = self.recorded(asked, id, bytes, form, work).await?;
        Ok(res.map(|it| it.text).map_err(Into::into))
    }

    /// A call, or what it was answered before.
    async fn recorded<T: Output>(
        &self,
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
        let res = again(asked, told.answer, form.read)?.map_err(ToolError::from);
        self.record.tool_ended(told.trace.unwrap_or_else(|| call.trace(&res)));
        Ok(res)
    }

    /// All that runs on the guest's stack: hand over, wait. `None` when the child
    /// was stopped meanwhile.
    async fn traced<T: Output>(
        &self,
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
pub(super) type Called<T> = Result<Result<T, ToolError>, Departure>;

/// What a chat is called in a journal.
const CHAT: &str = "chat";

/// How answers of a call stand in a journal.
struct Form<T> {
    write: fn(&T) -> Result<String, ToolError>,
    read: fn(String) -> serde_json::Result<T>,
}

fn unreadable(err: &serde_json::Error) -> ToolError {
    ToolError::InvalidArguments(err.to_string())
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
