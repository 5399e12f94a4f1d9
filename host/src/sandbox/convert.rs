//! Values of the contract from the host's own, and back.

use super::{
    bindings::{Role, WitToolSpec, contract},
    record::Level,
};
use crate::{
    event,
    toolset::{
        ToolError,
        call::{EntryKind, FileSlice, SearchHit, SearchPage},
        delegate::{self, SubtaskResult},
        spec::ToolSpec,
    },
};

/// What can't be done is said: a child that ran without the schema it was
/// given would look as if it had kept it.
pub(super) fn subtask(
    index: usize,
    it: contract::delegation::Subtask,
) -> Result<delegate::Subtask, ToolError> {
    let contract::delegation::Subtask { goal, context, toolsets, agent, max_iterations, .. } = it;
    for (field, is_set) in
        [("model", it.model.is_some()), ("output-schema", it.output_schema.is_some())]
    {
        if is_set {
            let text = format!("Task {index}: `{field}` is not available in this version");
            return Err(ToolError::InvalidArguments(text));
        }
    }
    let role = it.role.map(Into::into);
    Ok(delegate::Subtask { goal, context, toolsets, agent, role, max_iterations })
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
