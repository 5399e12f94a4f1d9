//! Values of the contract from the host's own, and back.

use super::{
    Rejected,
    record::Level,
    wit::{self, Role, contract},
};
use crate::{
    event, provider,
    tools::{
        delegation::{self, DelegateTask, Delegated},
        file::Patch,
        memory::{Memory, MemoryAction},
    },
    toolset::{ModelError, ToolError, ToolSpec},
};

/// The two forms of an edit are fields of one object in JSON.
pub(super) fn patch((path, edit): (String, contract::file::Edit)) -> Patch {
    use contract::file::Edit;
    let none = Patch { path, search: None, replace: None, all: false, diff: None };
    match edit {
        Edit::Replace(it) => {
            Patch { search: Some(it.search), replace: Some(it.replace), all: it.all, ..none }
        }
        Edit::Diff(diff) => Patch { diff: Some(diff), ..none },
    }
}

/// In JSON, a call also has what is the same for all tasks.
pub(super) fn delegate_task((tasks,): (Vec<contract::delegation::Subtask>,)) -> DelegateTask {
    let tasks = tasks.into_iter().map(subtask).collect();
    DelegateTask { tasks, ..DelegateTask::default() }
}

/// A schema stays text here, on the guest's stack: it is read and checked
/// where the whole request is.
fn subtask(it: contract::delegation::Subtask) -> delegation::TaskRequest {
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

/// In JSON, a count of all is told besides.
pub(super) fn delegate_task_answer(it: Delegated) -> Vec<contract::delegation::SubtaskResult> {
    it.results.into_iter().map(subtask_result).collect()
}

fn subtask_result(it: delegation::SubtaskResult) -> contract::delegation::SubtaskResult {
    let delegation::SubtaskResult {
        index,
        status,
        summary,
        error,
        exit_reason,
        truncated,
        seconds,
    } = it;
    contract::delegation::SubtaskResult {
        index,
        status: status.as_str().to_owned(),
        summary,
        error,
        exit_reason: exit_reason.as_str().to_owned(),
        truncated,
        seconds,
    }
}

/// The forms of a change are a word and two fields in JSON.
pub(super) fn memory((change,): (contract::memory::MemoryChange,)) -> Memory {
    use contract::memory::MemoryChange as Change;
    let (action, text, old_text) = match change {
        Change::Add(text) => (MemoryAction::Add, Some(text), None),
        Change::Replace((old, new)) => (MemoryAction::Replace, Some(new), Some(old)),
        Change::Remove(old) => (MemoryAction::Remove, None, Some(old)),
        Change::Read => (MemoryAction::Read, None, None),
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

impl From<&ToolSpec> for wit::ToolSpec {
    fn from(it: &ToolSpec) -> Self {
        let ToolSpec { name, description, parameters } = it.clone();
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

/// What a plugin says of one of its tools. Untrusted text.
pub(super) fn tool_spec(it: wit::ToolSpec) -> ToolSpec {
    ToolSpec { name: it.name, description: it.description, parameters: it.parameters }
}

impl From<contract::types::ToolError> for ToolError {
    /// Of a plugin's answer. How the run of its caller ends is not a plugin's
    /// to say: an agent that is told `interrupted` returns what it has.
    fn from(it: contract::types::ToolError) -> Self {
        use contract::types::ToolError as Said;
        match it {
            Said::Denied(text) => Self::Denied(text),
            Said::InvalidArguments(text) => Self::InvalidArguments(text),
            Said::Failed(text) | Said::Exhausted(text) => Self::Failed(text),
            Said::Interrupted => Self::Failed("the plugin says that it was interrupted".to_owned()),
            Said::TimedOut => Self::Failed("the plugin says that it is out of time".to_owned()),
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
