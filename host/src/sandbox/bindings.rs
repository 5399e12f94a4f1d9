//! The contract in Rust: types from `wit/`, and every function that a
//! component may import, one by one.
//!
//! Only the types and the export `run` of what `bindgen!` makes are used;
//! its `add_to_linker` would link whole interfaces. Each [`Function`] can be
//! stubbed, those that are [`Linkable`] can be linked, and [`CATALOGUE`]
//! lists them all.

use std::sync::Arc;

use wasmtime::component::{
    ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower, Resource,
};

use super::{
    cell::Cell,
    convert::{self, subtask},
    link,
    toolbox::GrantedTool,
};
use crate::toolset::{Tool, ToolCall, ToolError, ToolOutput, call, delegate, spec::spec};

/// What `bindgen!` makes of `wit/`.
mod wit {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "subagent",
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "hermitage:subagent/toolbox.tool": crate::sandbox::toolbox::GrantedTool },
    });
}

pub(super) use wit::{
    SubagentPre,
    hermitage::subagent::types::{Outcome, Report, Role, Task, ToolSpec as WitToolSpec},
};

pub(super) use wit::hermitage::subagent as contract;

/// A function of the contract.
pub(super) trait Function: 'static {
    /// Interface with its version.
    const INTERFACE: &'static str;
    /// Name of the function in it.
    const NAME: &'static str;
    type Params: ComponentNamedList + Lift + Send + Sync + 'static;
    type Results: ComponentNamedList + Lower + Send + Sync + 'static;

    /// The results that say why it was not done. `None` for the few functions
    /// that have no way to say so; these are done all the same.
    fn refusal(error: ToolError) -> Option<Self::Results>;
}

/// A function that this host implements.
pub(super) trait Linkable: Function {
    fn call(
        cell: &mut Cell,
        params: Self::Params,
    ) -> impl Future<Output = wasmtime::Result<Self::Results>> + Send;
}

/// How one function gets into a linker.
pub(super) struct Entry {
    pub(super) interface: &'static str,
    pub(super) name: &'static str,
    pub(super) link: LinkFunction,
    /// `None`: can't be denied, and never is.
    pub(super) stub: StubFunction,
}

type LinkFunction = fn(&mut LinkerInstance<'_, Cell>) -> wasmtime::Result<()>;
type StubFunction = fn(&mut LinkerInstance<'_, Cell>, Arc<str>) -> wasmtime::Result<()>;

const fn linkable<T: Linkable>() -> Entry {
    let (link, stub) = (link::link::<T> as LinkFunction, link::stub::<T> as StubFunction);
    Entry { interface: T::INTERFACE, name: T::NAME, link, stub }
}

/// Every function of the contract.
pub(super) static CATALOGUE: &[Entry] = &[
    linkable::<ProgressReport>(),
    linkable::<ProgressLog>(),
    linkable::<ProgressCheckpoint>(),
    linkable::<ToolboxGranted>(),
    linkable::<ToolboxSpec>(),
    linkable::<ToolboxCall>(),
    linkable::<ModelChat>(),
    linkable::<ReadFile>(),
    linkable::<WriteFile>(),
    linkable::<Patch>(),
    linkable::<SearchFiles>(),
    linkable::<Terminal>(),
    linkable::<WebSearch>(),
    linkable::<WebExtract>(),
    linkable::<DelegateTask>(),
    linkable::<Clarify>(),
    linkable::<Memory>(),
    linkable::<SendMessage>(),
    linkable::<ExecuteCode>(),
];

/// Declares functions: their place in the contract and their types.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $interface:literal $function:literal
        ($($param:ty),*) -> $results:ty, $refusal:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Function for $name {
            const INTERFACE: &'static str = concat!("hermitage:subagent/", $interface, "@0.1.0");
            const NAME: &'static str = $function;
            type Params = ($($param,)*);
            type Results = $results;

            fn refusal(error: ToolError) -> Option<Self::Results> {
                let refusal: fn(ToolError) -> Option<$results> = $refusal;
                refusal(error)
            }
        }
    )*};
}

/// The result of nearly every tool.
type Answer<T> = (Result<T, contract::types::ToolError>,);

fn refuse<T>(error: ToolError) -> Option<Answer<T>> {
    Some((Err(error.into()),))
}

functions! {
    ProgressReport = "progress" "report" (String) -> (), |_| Some(());
    ProgressLog = "progress" "log" (contract::progress::Level, String) -> (), |_| Some(());
    ProgressCheckpoint = "progress" "checkpoint" (String) -> (), |_| None;
    ToolboxGranted = "toolbox" "granted" () -> (Vec<Resource<GrantedTool>>,),
        |_| Some((Vec::new(),));
    ToolboxSpec = "toolbox" "[method]tool.spec" (Resource<GrantedTool>) -> (WitToolSpec,), |_| None;
    ToolboxCall = "toolbox" "[method]tool.call" (Resource<GrantedTool>, String) -> Answer<String>,
        refuse;
    ModelChat = "model" "chat" (contract::model::ChatRequest)
        -> (Result<contract::model::ChatResponse, contract::model::ModelError>,),
        |it| Some((Err(it.into()),));
    ReadFile = "file" "read-file" (String, Option<u32>, Option<u32>)
        -> Answer<contract::file::FileSlice>, refuse;
    WriteFile = "file" "write-file" (String, String) -> Answer<contract::file::Written>, refuse;
    Patch = "file" "patch" (String, contract::file::Edit) -> Answer<contract::file::Patched>,
        refuse;
    SearchFiles = "file" "search-files" (contract::file::SearchQuery)
        -> Answer<contract::file::SearchPage>, refuse;
    Terminal = "terminal" "terminal" (contract::terminal::Command)
        -> Answer<contract::terminal::CommandResult>, refuse;
    WebSearch = "web" "web-search" (String, Option<u32>) -> Answer<Vec<contract::web::WebHit>>,
        refuse;
    WebExtract = "web" "web-extract" (String) -> Answer<contract::web::WebPage>, refuse;
    DelegateTask = "delegation" "delegate-task" (Vec<contract::delegation::Subtask>)
        -> Answer<Vec<contract::delegation::SubtaskResult>>, refuse;
    Clarify = "clarify" "clarify" (String, Vec<String>) -> Answer<String>, refuse;
    Memory = "memory" "memory" (contract::memory::MemoryChange) -> Answer<Vec<String>>, refuse;
    SendMessage = "messaging" "send-message" (String, String) -> Answer<()>, refuse;
    ExecuteCode = "code-execution" "execute-code" (String, String)
        -> Answer<contract::terminal::CommandResult>, refuse;
}

impl Linkable for ProgressReport {
    async fn call(cell: &mut Cell, (text,): Self::Params) -> wasmtime::Result<()> {
        cell.record.activity(&text);
        Ok(())
    }
}

impl Linkable for ProgressLog {
    async fn call(cell: &mut Cell, (level, text): Self::Params) -> wasmtime::Result<()> {
        cell.record.log(level.into(), text);
        Ok(())
    }
}

impl Linkable for ProgressCheckpoint {
    async fn call(cell: &mut Cell, (summary,): Self::Params) -> wasmtime::Result<()> {
        cell.record.checkpoint(summary);
        Ok(())
    }
}

impl Linkable for ToolboxGranted {
    async fn call(cell: &mut Cell, (): Self::Params) -> wasmtime::Result<Self::Results> {
        let tools: Vec<Tool> = cell.grant().iter().collect();
        let handles = tools.into_iter().map(|tool| cell.table.push(GrantedTool { tool }));
        Ok((handles.collect::<Result<_, _>>()?,))
    }
}

impl Linkable for ToolboxSpec {
    async fn call(cell: &mut Cell, (handle,): Self::Params) -> wasmtime::Result<Self::Results> {
        let tool = cell.table.get(&handle)?.tool;
        // A handle is only made for a tool of the grant.
        let spec = spec(tool).ok_or_else(|| wasmtime::format_err!("`{tool}` has no spec"))?;
        Ok((spec.into(),))
    }
}

impl Linkable for ToolboxCall {
    async fn call(
        cell: &mut Cell,
        (handle, arguments): Self::Params,
    ) -> wasmtime::Result<Self::Results> {
        let tool = cell.table.get(&handle)?.tool;
        Ok((cell.call_json(tool, arguments).await.map_err(Into::into),))
    }
}

impl Linkable for ModelChat {
    async fn call(cell: &mut Cell, (request,): Self::Params) -> wasmtime::Result<Self::Results> {
        let response = cell.chat(request).await.map(convert::chat_response);
        Ok((response.map_err(Into::into),))
    }
}

/// A tool with a typed import: its parameters become a [`ToolCall`], the
/// output becomes its WIT record.
trait TypedTool: Function<Results = Answer<Self::Output>> {
    type Output: ComponentType + Lower + Send + Sync + 'static;

    /// The error is for what this version can't do.
    fn request(params: Self::Params) -> Result<ToolCall, ToolError>;

    /// `None` when the host answered another call than the one that was made.
    fn answer(output: ToolOutput) -> Option<Self::Output>;
}

impl<T: TypedTool> Linkable for T {
    async fn call(cell: &mut Cell, params: T::Params) -> wasmtime::Result<T::Results> {
        let res = match T::request(params) {
            Ok(call) => cell.call(call).await.and_then(|it| T::answer(it).ok_or_else(mixed_up)),
            Err(err) => Err(err),
        };
        Ok((res.map_err(Into::into),))
    }
}

fn mixed_up() -> ToolError {
    ToolError::Failed("the host mixed up two tools".to_owned())
}

impl TypedTool for ReadFile {
    type Output = contract::file::FileSlice;

    fn request((path, offset, limit): Self::Params) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::ReadFile(call::ReadFile { path, offset, limit }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::FileSlice(it) => Some(it.into()),
            _ => None,
        }
    }
}

impl TypedTool for WriteFile {
    type Output = contract::file::Written;

    fn request((path, content): Self::Params) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::WriteFile(call::WriteFile { path, content }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::Written(call::Written { bytes, created }) => {
                Some(contract::file::Written { bytes, created })
            }
            _ => None,
        }
    }
}

impl TypedTool for Patch {
    type Output = contract::file::Patched;

    fn request((path, edit): Self::Params) -> Result<ToolCall, ToolError> {
        let none = call::Patch { path, search: None, replace: None, all: false, diff: None };
        Ok(ToolCall::Patch(match edit {
            contract::file::Edit::Replace(it) => call::Patch {
                search: Some(it.search),
                replace: Some(it.replace),
                all: it.all,
                ..none
            },
            contract::file::Edit::Diff(diff) => call::Patch { diff: Some(diff), ..none },
        }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::Patched(call::Patched { changes, bytes }) => {
                Some(contract::file::Patched { changes, bytes })
            }
            _ => None,
        }
    }
}

impl TypedTool for SearchFiles {
    type Output = contract::file::SearchPage;

    fn request((query,): Self::Params) -> Result<ToolCall, ToolError> {
        let contract::file::SearchQuery { path, name, content, cursor, limit } = query;
        Ok(ToolCall::SearchFiles(call::SearchFiles { path, name, content, cursor, limit }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::SearchPage(it) => Some(it.into()),
            _ => None,
        }
    }
}

impl TypedTool for DelegateTask {
    type Output = Vec<contract::delegation::SubtaskResult>;

    fn request((tasks,): Self::Params) -> Result<ToolCall, ToolError> {
        let tasks = tasks.into_iter().map(subtask).collect();
        let none = delegate::DelegateTask::default();
        Ok(ToolCall::DelegateTask(delegate::DelegateTask { tasks, ..none }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::Delegated(it) => Some(it.results.into_iter().map(Into::into).collect()),
            _ => None,
        }
    }
}

impl TypedTool for Terminal {
    type Output = contract::terminal::CommandResult;

    fn request((command,): Self::Params) -> Result<ToolCall, ToolError> {
        let contract::terminal::Command { command, directory, timeout } = command;
        Ok(ToolCall::Terminal(call::Terminal { command, directory, timeout }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::CommandResult(it) => Some(it.into()),
            _ => None,
        }
    }
}

impl TypedTool for WebSearch {
    type Output = Vec<contract::web::WebHit>;

    fn request((query, limit): Self::Params) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::WebSearch(call::WebSearch { query, limit }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::WebHits(it) => Some(it.into_iter().map(Into::into).collect()),
            _ => None,
        }
    }
}

impl TypedTool for WebExtract {
    type Output = contract::web::WebPage;

    fn request((url,): Self::Params) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::WebExtract(call::WebExtract { url }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::WebPage(it) => Some(it.into()),
            _ => None,
        }
    }
}

impl TypedTool for Clarify {
    type Output = String;

    fn request((question, choices): Self::Params) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::Clarify(call::Clarify { question, choices }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::Text(it) => Some(it),
            _ => None,
        }
    }
}

impl TypedTool for Memory {
    type Output = Vec<String>;

    fn request((change,): Self::Params) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::Memory(convert::memory(change)))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::Notes(it) => Some(it),
            _ => None,
        }
    }
}

impl TypedTool for SendMessage {
    type Output = ();

    fn request((session_key, text): Self::Params) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::SendMessage(call::SendMessage { session_key, text }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        matches!(output, ToolOutput::Sent { .. }).then_some(())
    }
}

impl TypedTool for ExecuteCode {
    type Output = contract::terminal::CommandResult;

    fn request((language, source): Self::Params) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::ExecuteCode(call::ExecuteCode { language, source }))
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::CommandResult(it) => Some(it.into()),
            _ => None,
        }
    }
}
