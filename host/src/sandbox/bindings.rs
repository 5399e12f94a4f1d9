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

use super::{cell::Cell, link, record::Level, toolbox::GrantedTool};
use crate::toolset::{
    Grant, Tool, ToolCall, ToolError, ToolOutput,
    call::{self, EntryKind, FileSlice, SearchHit, SearchPage},
    spec::{ToolSpec, specs},
};

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

use wit::hermitage::subagent as contract;

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
    /// `None`: this version has nothing to link.
    pub(super) link: Option<LinkFunction>,
    /// `None`: can't be denied, and never is.
    pub(super) stub: StubFunction,
}

type LinkFunction = fn(&mut LinkerInstance<'_, Cell>) -> wasmtime::Result<()>;
type StubFunction = fn(&mut LinkerInstance<'_, Cell>, Arc<str>) -> wasmtime::Result<()>;

const fn stubbed<T: Function>() -> Entry {
    Entry { interface: T::INTERFACE, name: T::NAME, link: None, stub: link::stub::<T> }
}

const fn linkable<T: Linkable>() -> Entry {
    Entry { link: Some(link::link::<T>), ..stubbed::<T>() }
}

/// Every function of the contract.
pub(super) static CATALOGUE: &[Entry] = &[
    linkable::<ProgressReport>(),
    linkable::<ProgressLog>(),
    linkable::<ProgressCheckpoint>(),
    linkable::<ToolboxGranted>(),
    linkable::<ToolboxSpec>(),
    linkable::<ToolboxCall>(),
    stubbed::<ModelChat>(),
    linkable::<ReadFile>(),
    linkable::<WriteFile>(),
    linkable::<Patch>(),
    linkable::<SearchFiles>(),
    stubbed::<Terminal>(),
    stubbed::<WebSearch>(),
    stubbed::<WebExtract>(),
    stubbed::<DelegateTask>(),
    stubbed::<Clarify>(),
    stubbed::<Memory>(),
    stubbed::<SendMessage>(),
    stubbed::<ExecuteCode>(),
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
        let spec = specs(&Grant::from_iter([tool])).pop();
        let spec = spec.ok_or_else(|| wasmtime::format_err!("`{tool}` has no spec"))?;
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

/// A tool with a typed import: its parameters become a [`ToolCall`], the
/// output becomes its WIT record.
trait TypedTool: Function<Results = Answer<Self::Output>> {
    type Output: ComponentType + Lower + Send + Sync + 'static;

    fn request(params: Self::Params) -> ToolCall;

    /// `None` when the host answered another call than the one that was made.
    fn answer(output: ToolOutput) -> Option<Self::Output>;
}

impl<T: TypedTool> Linkable for T {
    async fn call(cell: &mut Cell, params: T::Params) -> wasmtime::Result<T::Results> {
        let res = cell.call(T::request(params)).await.and_then(|it| {
            let mixed_up = || ToolError::Failed("the host mixed up two tools".to_owned());
            T::answer(it).ok_or_else(mixed_up)
        });
        Ok((res.map_err(Into::into),))
    }
}

impl TypedTool for ReadFile {
    type Output = contract::file::FileSlice;

    fn request((path, offset, limit): Self::Params) -> ToolCall {
        ToolCall::ReadFile(call::ReadFile { path, offset, limit })
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

    fn request((path, content): Self::Params) -> ToolCall {
        ToolCall::WriteFile(call::WriteFile { path, content })
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

    fn request((path, edit): Self::Params) -> ToolCall {
        let none = call::Patch { path, search: None, replace: None, all: false, diff: None };
        ToolCall::Patch(match edit {
            contract::file::Edit::Replace(it) => call::Patch {
                search: Some(it.search),
                replace: Some(it.replace),
                all: it.all,
                ..none
            },
            contract::file::Edit::Diff(diff) => call::Patch { diff: Some(diff), ..none },
        })
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

    fn request((query,): Self::Params) -> ToolCall {
        let contract::file::SearchQuery { path, name, content, cursor, limit } = query;
        ToolCall::SearchFiles(call::SearchFiles { path, name, content, cursor, limit })
    }

    fn answer(output: ToolOutput) -> Option<Self::Output> {
        match output {
            ToolOutput::SearchPage(it) => Some(it.into()),
            _ => None,
        }
    }
}

impl From<FileSlice> for contract::file::FileSlice {
    fn from(it: FileSlice) -> Self {
        let FileSlice { text, first_line, lines, total_lines, total_bytes, truncated, binary } = it;
        Self { text, first_line, lines, total_lines, total_bytes, truncated, binary }
    }
}

impl From<SearchPage> for contract::file::SearchPage {
    fn from(it: SearchPage) -> Self {
        Self { hits: it.hits.into_iter().map(Into::into).collect(), next: it.next }
    }
}

impl From<SearchHit> for contract::file::SearchHit {
    fn from(it: SearchHit) -> Self {
        let SearchHit { path, kind, bytes, line, text } = it;
        Self { path, kind: kind.into(), bytes, line, text }
    }
}

impl From<EntryKind> for contract::file::EntryKind {
    fn from(it: EntryKind) -> Self {
        match it {
            EntryKind::File => Self::File,
            EntryKind::Directory => Self::Directory,
            EntryKind::Symlink => Self::Symlink,
            EntryKind::Other => Self::Other,
        }
    }
}

impl From<contract::progress::Level> for Level {
    fn from(it: contract::progress::Level) -> Self {
        match it {
            contract::progress::Level::Debug => Self::Debug,
            contract::progress::Level::Info => Self::Info,
            contract::progress::Level::Warn => Self::Warn,
            contract::progress::Level::Error => Self::Error,
        }
    }
}

impl From<ToolSpec> for WitToolSpec {
    fn from(it: ToolSpec) -> Self {
        let name = it.tool.name().to_owned();
        Self { name, description: it.description, parameters: it.parameters }
    }
}

impl From<ToolError> for contract::types::ToolError {
    fn from(it: ToolError) -> Self {
        match it {
            ToolError::Denied(text) => Self::Denied(text),
            ToolError::InvalidArguments(text) => Self::InvalidArguments(text),
            ToolError::Failed(text) => Self::Failed(text),
            ToolError::Interrupted => Self::Interrupted,
            ToolError::TimedOut => Self::TimedOut,
            ToolError::Exhausted(text) => Self::Exhausted(text),
        }
    }
}

impl From<ToolError> for contract::model::ModelError {
    fn from(it: ToolError) -> Self {
        match it {
            ToolError::Denied(text) => Self::Denied(text),
            ToolError::InvalidArguments(text) => Self::InvalidRequest(text),
            ToolError::Failed(text) => Self::Failed(text),
            ToolError::Interrupted => Self::Interrupted,
            ToolError::TimedOut => Self::TimedOut,
            ToolError::Exhausted(text) => Self::Exhausted(text),
        }
    }
}
