//! The tools as typed imports: each turns its parameters into a call, and the
//! output of the call into its WIT record.

use wasmtime::component::{ComponentType, Lower};

use super::{
    cell::Cell,
    convert::{self, subtask},
    function::{Answer, Entry, Function, Linkable},
    wit::contract,
};
use crate::{
    tools::{clarify, code_execution, delegation, file, memory, messaging, terminal, web},
    toolset::{Tool, ToolError},
};

pub(super) static FUNCTIONS: &[Entry] = &[
    Entry::of::<ReadFile>(),
    Entry::of::<WriteFile>(),
    Entry::of::<Patch>(),
    Entry::of::<SearchFiles>(),
    Entry::of::<Terminal>(),
    Entry::of::<WebSearch>(),
    Entry::of::<WebExtract>(),
    Entry::of::<DelegateTask>(),
    Entry::of::<Clarify>(),
    Entry::of::<Memory>(),
    Entry::of::<SendMessage>(),
    Entry::of::<ExecuteCode>(),
];

/// Declares functions: their place in the contract and their types.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $interface:literal $function:literal
        ($($param:ty),*) -> $results:ty, $refusal:expr;)*) => {$(
        $(#[$doc])*
        struct $name;

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

fn refuse<T>(error: ToolError) -> Option<Answer<T>> {
    Some((Err(error.into()),))
}

functions! {
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

/// The typed import of a tool: its parameters become the arguments, and its
/// output becomes a WIT record.
trait TypedTool: Function<Results = Answer<Self::Answer>> {
    type Tool: Tool;
    type Answer: ComponentType + Lower + Send + Sync + 'static;

    fn call(params: Self::Params) -> Self::Tool;

    fn answer(output: <Self::Tool as Tool>::Output) -> Self::Answer;
}

impl<T: TypedTool> Linkable for T {
    async fn call(cell: &mut Cell, params: T::Params) -> wasmtime::Result<T::Results> {
        let done = cell.call(<T as TypedTool>::call(params)).await;
        Ok((done.map(T::answer).map_err(Into::into),))
    }
}

impl TypedTool for ReadFile {
    type Tool = file::ReadFile;
    type Answer = contract::file::FileSlice;

    fn call((path, offset, limit): Self::Params) -> file::ReadFile {
        file::ReadFile { path, offset, limit }
    }

    fn answer(output: file::FileSlice) -> Self::Answer {
        output.into()
    }
}

impl TypedTool for WriteFile {
    type Tool = file::WriteFile;
    type Answer = contract::file::Written;

    fn call((path, content): Self::Params) -> file::WriteFile {
        file::WriteFile { path, content }
    }

    fn answer(file::Written { bytes, created }: file::Written) -> Self::Answer {
        contract::file::Written { bytes, created }
    }
}

impl TypedTool for Patch {
    type Tool = file::Patch;
    type Answer = contract::file::Patched;

    fn call((path, edit): Self::Params) -> file::Patch {
        let none = file::Patch { path, search: None, replace: None, all: false, diff: None };
        match edit {
            contract::file::Edit::Replace(it) => file::Patch {
                search: Some(it.search),
                replace: Some(it.replace),
                all: it.all,
                ..none
            },
            contract::file::Edit::Diff(diff) => file::Patch { diff: Some(diff), ..none },
        }
    }

    fn answer(file::Patched { changes, bytes }: file::Patched) -> Self::Answer {
        contract::file::Patched { changes, bytes }
    }
}

impl TypedTool for SearchFiles {
    type Tool = file::SearchFiles;
    type Answer = contract::file::SearchPage;

    fn call((query,): Self::Params) -> file::SearchFiles {
        let contract::file::SearchQuery { path, name, content, cursor, limit } = query;
        file::SearchFiles { path, name, content, cursor, limit }
    }

    fn answer(output: file::SearchPage) -> Self::Answer {
        output.into()
    }
}

impl TypedTool for DelegateTask {
    type Tool = delegation::DelegateTask;
    type Answer = Vec<contract::delegation::SubtaskResult>;

    fn call((tasks,): Self::Params) -> delegation::DelegateTask {
        let tasks = tasks.into_iter().map(subtask).collect();
        delegation::DelegateTask { tasks, ..delegation::DelegateTask::default() }
    }

    fn answer(output: delegation::Delegated) -> Self::Answer {
        output.results.into_iter().map(Into::into).collect()
    }
}

impl TypedTool for Terminal {
    type Tool = terminal::Terminal;
    type Answer = contract::terminal::CommandResult;

    fn call((command,): Self::Params) -> terminal::Terminal {
        let contract::terminal::Command { command, directory, timeout } = command;
        terminal::Terminal { command, directory, timeout }
    }

    fn answer(output: terminal::CommandResult) -> Self::Answer {
        output.into()
    }
}

impl TypedTool for WebSearch {
    type Tool = web::WebSearch;
    type Answer = Vec<contract::web::WebHit>;

    fn call((query, limit): Self::Params) -> web::WebSearch {
        web::WebSearch { query, limit }
    }

    fn answer(output: Vec<web::WebHit>) -> Self::Answer {
        output.into_iter().map(Into::into).collect()
    }
}

impl TypedTool for WebExtract {
    type Tool = web::WebExtract;
    type Answer = contract::web::WebPage;

    fn call((url,): Self::Params) -> web::WebExtract {
        web::WebExtract { url }
    }

    fn answer(output: web::WebPage) -> Self::Answer {
        output.into()
    }
}

impl TypedTool for Clarify {
    type Tool = clarify::Clarify;
    type Answer = String;

    fn call((question, choices): Self::Params) -> clarify::Clarify {
        clarify::Clarify { question, choices }
    }

    fn answer(output: String) -> Self::Answer {
        output
    }
}

impl TypedTool for Memory {
    type Tool = memory::Memory;
    type Answer = Vec<String>;

    fn call((change,): Self::Params) -> memory::Memory {
        convert::memory(change)
    }

    fn answer(output: Vec<String>) -> Self::Answer {
        output
    }
}

impl TypedTool for SendMessage {
    type Tool = messaging::SendMessage;
    type Answer = ();

    fn call((session_key, text): Self::Params) -> messaging::SendMessage {
        messaging::SendMessage { session_key, text }
    }

    fn answer(_: messaging::Sent) -> Self::Answer {}
}

impl TypedTool for ExecuteCode {
    type Tool = code_execution::ExecuteCode;
    type Answer = contract::terminal::CommandResult;

    fn call((language, source): Self::Params) -> code_execution::ExecuteCode {
        code_execution::ExecuteCode { language, source }
    }

    fn answer(output: terminal::CommandResult) -> Self::Answer {
        output.into()
    }
}
