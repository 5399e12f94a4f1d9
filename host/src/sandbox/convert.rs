//! Values of the contract from the host's own, and back.

use super::{
    Rejected,
    record::Level,
    wit::{self, Role, contract},
};
use crate::{
    event, provider,
    tools::{
        delegation::{self, SubtaskResult},
        file::{EntryKind, FileSlice, SearchHit, SearchPage, Skipped},
        memory::{Memory, MemoryAction},
        terminal::CommandResult,
        web::{WebHit, WebPage},
    },
    toolset::{ModelError, ToolError, ToolSpec},
};

/// A schema stays text here, on the guest's stack: it is read and checked
/// where the whole request is.
pub(super) fn subtask(it: contract::delegation::Subtask) -> delegation::TaskRequest {
    let contract::delegation::Subtask {
        goal,
        context,
        toolsets,
        agent,
        role,
        model,
        output_schema,
        max_iterations,
    } = it;
    delegation::TaskRequest {
        goal,
        context,
        toolsets,
        agent,
        role: role.map(Into::into),
        model,
        output_schema: output_schema.map(serde_json::Value::String),
        max_iterations,
        // A subagent gets all results as one answer.
        group: None,
    }
}

pub(super) fn memory(change: contract::memory::MemoryChange) -> Memory {
    use MemoryAction as Action;
    use contract::memory::MemoryChange as Change;
    let (action, text, old_text) = match change {
        Change::Add(text) => (Action::Add, Some(text), None),
        Change::Replace((old, new)) => (Action::Replace, Some(new), Some(old)),
        Change::Remove(old) => (Action::Remove, None, Some(old)),
        Change::Read => (Action::Read, None, None),
    };
    Memory { action, text, old_text }
}

/// Runs off the guest's stack: a conversation can be long.
pub(super) fn chat_request(it: contract::model::ChatRequest) -> provider::ChatRequest {
    let contract::model::ChatRequest { messages, tools, max_tokens, temperature, response_schema } =
        it;
    let spec = |it: wit::ToolSpec| provider::ToolSpec {
        name: it.name,
        description: it.description,
        parameters: it.parameters,
    };
    provider::ChatRequest {
        messages: messages.into_iter().map(message).collect(),
        tools: tools.into_iter().map(spec).collect(),
        max_tokens,
        temperature,
        response_schema,
    }
}

fn message(it: contract::model::Message) -> provider::Message {
    use contract::model::Author;
    let call = |it: contract::model::ToolCall| provider::ToolCall {
        id: it.id,
        name: it.name,
        arguments: it.arguments,
    };
    provider::Message {
        author: match it.author {
            Author::System => provider::Author::System,
            Author::User => provider::Author::User,
            Author::Assistant => provider::Author::Assistant,
            Author::Tool => provider::Author::Tool,
        },
        text: it.text,
        tool_calls: it.tool_calls.into_iter().map(call).collect(),
        answers: it.answers,
        original: None,
    }
}

pub(super) fn chat_response(it: provider::ChatResponse) -> contract::model::ChatResponse {
    use contract::model::Finish;
    let call = |it: provider::ToolCall| contract::model::ToolCall {
        id: it.id,
        name: it.name,
        arguments: it.arguments,
    };
    contract::model::ChatResponse {
        text: it.text,
        tool_calls: it.tool_calls.into_iter().map(call).collect(),
        finish: match it.finish {
            provider::Finish::Stop => Finish::Stop,
            provider::Finish::ToolCalls => Finish::ToolCalls,
            provider::Finish::Length => Finish::Length,
            provider::Finish::Filtered => Finish::Filtered,
        },
        usage: contract::model::Usage {
            input_tokens: it.usage.input_tokens,
            output_tokens: it.usage.output_tokens,
        },
        model: it.model,
    }
}

impl From<Rejected> for contract::types::RejectedAnswer {
    fn from(it: Rejected) -> Self {
        let Rejected { answer, errors } = it;
        Self { answer, errors }
    }
}

impl From<ModelError> for contract::model::ModelError {
    fn from(it: ModelError) -> Self {
        match it {
            ModelError::TooLong(text) => Self::TooLong(text),
            ModelError::Tool(it) => it.into(),
        }
    }
}

impl From<CommandResult> for contract::terminal::CommandResult {
    fn from(it: CommandResult) -> Self {
        let CommandResult { exit_code, output, truncated } = it;
        Self { exit_code, output, truncated }
    }
}

impl From<WebHit> for contract::web::WebHit {
    fn from(it: WebHit) -> Self {
        let WebHit { title, url, snippet } = it;
        Self { title, url, snippet }
    }
}

impl From<WebPage> for contract::web::WebPage {
    fn from(it: WebPage) -> Self {
        let WebPage { url, title, text, truncated } = it;
        Self { url, title, text, truncated }
    }
}

impl From<SubtaskResult> for contract::delegation::SubtaskResult {
    fn from(it: SubtaskResult) -> Self {
        let SubtaskResult { index, status, summary, error, exit_reason, truncated, seconds } = it;
        let [status, exit_reason] = [status.as_str(), exit_reason.as_str()].map(str::to_owned);
        Self { index, status, summary, error, exit_reason, truncated, seconds }
    }
}

impl From<event::Role> for Role {
    fn from(it: event::Role) -> Self {
        match it {
            event::Role::Leaf => Self::Leaf,
            event::Role::Orchestrator => Self::Orchestrator,
        }
    }
}

impl From<Role> for event::Role {
    fn from(it: Role) -> Self {
        match it {
            Role::Leaf => Self::Leaf,
            Role::Orchestrator => Self::Orchestrator,
        }
    }
}

impl From<FileSlice> for contract::file::FileSlice {
    fn from(it: FileSlice) -> Self {
        let FileSlice {
            text,
            first_line,
            lines,
            total_lines,
            total_bytes,
            truncated,
            binary,
            encoding,
        } = it;
        Self { text, first_line, lines, total_lines, total_bytes, truncated, binary, encoding }
    }
}

impl From<SearchPage> for contract::file::SearchPage {
    fn from(it: SearchPage) -> Self {
        let SearchPage { hits, next, skipped } = it;
        let hits = hits.into_iter().map(Into::into).collect();
        Self { hits, next, skipped: skipped.into_iter().map(Into::into).collect() }
    }
}

impl From<Skipped> for contract::file::Skipped {
    fn from(it: Skipped) -> Self {
        let Skipped { reason, count, paths } = it;
        Self { reason, count, paths }
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

impl From<ToolSpec> for wit::ToolSpec {
    fn from(it: ToolSpec) -> Self {
        let ToolSpec { name, description, parameters } = it;
        Self { name, description, parameters }
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
