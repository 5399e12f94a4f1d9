//! The tools as typed imports: each turns its parameters into a call, and the
//! output of the call into its WIT record.

use wasmtime::component::{ComponentType, Lower};

use super::{
    cell::Cell,
    convert::{self, subtask},
    function::{Answer, Entry, Function, Linkable},
    wit::contract,
};
use crate::toolset::{ToolCall, ToolError, ToolOutput, call, delegate};

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
