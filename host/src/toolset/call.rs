//! One call of a tool: the closed enum [`ToolCall`], what comes back, and the
//! trait [`ToolHost`] of whoever does the work.
//!
//! Typed imports and the toolbox's JSON both end here, so there is one place
//! where a tool starts and one shape for its arguments.

mod arguments;
mod output;

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

use serde::de::IgnoredAny;
use tokio_util::sync::CancellationToken;

use super::{
    catalogue::Tool,
    delegate::DelegateTask,
    reading::{drop_empty, object},
};
use crate::session::Session;

pub use self::{
    arguments::{
        Clarify, ExecuteCode, Memory, MemoryAction, Patch, ReadFile, SearchFiles, SendMessage,
        Terminal, WebExtract, WebSearch, WriteFile,
    },
    output::{
        CommandResult, EntryKind, FileSlice, Patched, SearchHit, SearchPage, Skipped, ToolOutput,
        WebHit, WebPage, Written,
    },
};

/// Every call that a tool of this version can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolCall {
    /// See [`ReadFile`].
    ReadFile(ReadFile),
    /// See [`WriteFile`].
    WriteFile(WriteFile),
    /// See [`Patch`].
    Patch(Patch),
    /// See [`SearchFiles`].
    SearchFiles(SearchFiles),
    /// See [`Terminal`].
    Terminal(Terminal),
    /// See [`WebSearch`].
    WebSearch(WebSearch),
    /// See [`WebExtract`].
    WebExtract(WebExtract),
    /// See [`DelegateTask`].
    DelegateTask(DelegateTask),
    /// See [`Clarify`].
    Clarify(Clarify),
    /// See [`Memory`].
    Memory(Memory),
    /// See [`SendMessage`].
    SendMessage(SendMessage),
    /// See [`ExecuteCode`].
    ExecuteCode(ExecuteCode),
    /// Of a tool of the application.
    Native {
        /// Which one.
        tool: Tool,
        /// A JSON object, as the component wrote it.
        arguments: String,
    },
}

impl ToolCall {
    /// The tool that the call is for.
    pub fn tool(&self) -> Tool {
        match self {
            ToolCall::ReadFile(_) => Tool::ReadFile,
            ToolCall::WriteFile(_) => Tool::WriteFile,
            ToolCall::Patch(_) => Tool::Patch,
            ToolCall::SearchFiles(_) => Tool::SearchFiles,
            ToolCall::Terminal(_) => Tool::Terminal,
            ToolCall::WebSearch(_) => Tool::WebSearch,
            ToolCall::WebExtract(_) => Tool::WebExtract,
            ToolCall::DelegateTask(_) => Tool::DelegateTask,
            ToolCall::Clarify(_) => Tool::Clarify,
            ToolCall::Memory(_) => Tool::Memory,
            ToolCall::SendMessage(_) => Tool::SendMessage,
            ToolCall::ExecuteCode(_) => Tool::ExecuteCode,
            ToolCall::Native { tool, .. } => *tool,
        }
    }

    /// Reads the arguments of `tool` from the JSON object that a model wrote.
    pub fn from_json(tool: Tool, arguments: String) -> Result<Self, ToolError> {
        match tool {
            Tool::ReadFile => object(&arguments).map(ToolCall::ReadFile),
            Tool::WriteFile => object(&arguments).map(ToolCall::WriteFile),
            Tool::Patch => object(&arguments).map(ToolCall::Patch),
            Tool::SearchFiles => object(&arguments).map(ToolCall::SearchFiles),
            Tool::Terminal => object(&arguments).map(ToolCall::Terminal),
            Tool::WebSearch => object(&arguments).map(ToolCall::WebSearch),
            Tool::WebExtract => object(&arguments).map(ToolCall::WebExtract),
            Tool::DelegateTask => DelegateTask::from_json(&arguments).map(ToolCall::DelegateTask),
            Tool::Clarify => object(&arguments).map(ToolCall::Clarify),
            Tool::Memory => object(&arguments).map(ToolCall::Memory),
            Tool::SendMessage => object(&arguments).map(ToolCall::SendMessage),
            Tool::ExecuteCode => object(&arguments).map(ToolCall::ExecuteCode),
            Tool::Native(_) => {
                // An object is promised; what is in it is the tool's to read.
                object::<BTreeMap<String, IgnoredAny>>(&arguments)?;
                Ok(ToolCall::Native { tool, arguments })
            }
        }
    }

    /// The same with optional texts that are empty left out: components and
    /// models give what they have in every place.
    pub fn without_empty(mut self) -> Self {
        if let ToolCall::DelegateTask(it) = self {
            return ToolCall::DelegateTask(it.without_empty());
        }
        let optional: &mut [&mut Option<String>] = match &mut self {
            ToolCall::SearchFiles(it) => {
                &mut [&mut it.path, &mut it.name, &mut it.content, &mut it.cursor]
            }
            // An empty replacement deletes.
            ToolCall::Patch(it) => &mut [&mut it.search, &mut it.diff],
            ToolCall::Terminal(it) => &mut [&mut it.directory],
            ToolCall::Memory(it) => &mut [&mut it.text, &mut it.old_text],
            _ => &mut [],
        };
        optional.iter_mut().for_each(|it| drop_empty(it));
        self
    }

    /// Size of the texts in the arguments, in bytes, for the trace.
    pub fn bytes(&self) -> u64 {
        let texts: &[Option<&String>] = match self {
            ToolCall::ReadFile(it) => &[Some(&it.path)],
            ToolCall::WriteFile(it) => &[Some(&it.path), Some(&it.content)],
            ToolCall::Patch(it) => {
                &[Some(&it.path), it.search.as_ref(), it.replace.as_ref(), it.diff.as_ref()]
            }
            ToolCall::SearchFiles(it) => {
                &[it.path.as_ref(), it.name.as_ref(), it.content.as_ref(), it.cursor.as_ref()]
            }
            ToolCall::Terminal(it) => &[Some(&it.command), it.directory.as_ref()],
            ToolCall::WebSearch(it) => &[Some(&it.query)],
            ToolCall::WebExtract(it) => &[Some(&it.url)],
            ToolCall::DelegateTask(it) => return it.bytes(),
            ToolCall::Clarify(it) => {
                let choices: u64 = it.choices.iter().map(|it| it.len() as u64).sum();
                return choices.saturating_add(it.question.len() as u64);
            }
            ToolCall::Memory(it) => &[it.text.as_ref(), it.old_text.as_ref()],
            ToolCall::SendMessage(it) => &[Some(&it.session_key), Some(&it.text)],
            ToolCall::ExecuteCode(it) => &[Some(&it.language), Some(&it.source)],
            ToolCall::Native { arguments, .. } => &[Some(arguments)],
        };
        texts.iter().flatten().map(|it| it.len() as u64).sum()
    }

    /// What the call is about, in a few words, for a live display.
    pub fn subject(&self) -> &str {
        match self {
            ToolCall::ReadFile(it) => &it.path,
            ToolCall::WriteFile(it) => &it.path,
            ToolCall::Patch(it) => &it.path,
            ToolCall::SearchFiles(it) => {
                it.content.as_deref().or(it.name.as_deref()).or(it.path.as_deref()).unwrap_or(".")
            }
            ToolCall::Terminal(it) => &it.command,
            ToolCall::WebSearch(it) => &it.query,
            ToolCall::WebExtract(it) => &it.url,
            ToolCall::DelegateTask(it) => it.subject(),
            ToolCall::Clarify(it) => &it.question,
            // A note is nobody's business but the parent's.
            ToolCall::Memory(_) => "",
            ToolCall::SendMessage(it) => &it.session_key,
            ToolCall::ExecuteCode(it) => &it.language,
            // Only the tool knows which of its arguments may be shown.
            ToolCall::Native { .. } => "",
        }
    }
}

/// Why a call gave nothing back; the WIT variant `tool-error` case by case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// Not granted.
    #[error("denied: {0}")]
    Denied(String),
    /// The arguments are wrong; the text says which and how to mend them.
    #[error("invalid arguments: {0}")]
    InvalidArguments(String),
    /// The tool ran and did not succeed.
    #[error("{0}")]
    Failed(String),
    /// The child is being interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The child is out of time.
    #[error("timed out")]
    TimedOut,
    /// A budget of the child is spent.
    #[error("exhausted: {0}")]
    Exhausted(String),
}

/// What a tool knows of the child that calls it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Id of the child, for the log.
    pub child: Arc<str>,
    /// Who asked for the child; never taken from a guest.
    pub session: Session,
    /// Set when the call's answer is no longer wanted. Long work looks at it
    /// between steps and ends.
    pub cancelled: CancellationToken,
}

impl Caller {
    /// One that nobody has cancelled yet.
    pub fn of(child: &str, session: Session) -> Self {
        Self { child: child.into(), session, cancelled: CancellationToken::new() }
    }
}

/// Result of a tool, boxed because tools differ.
pub type ToolFuture = Pin<Box<dyn Future<Output = Result<ToolOutput, ToolError>> + Send>>;

/// Whoever does the work of the granted tools of one child.
///
/// It is only ever called with tools of that child's grant. Its future runs
/// on the host's own runtime, never on a guest's stack; a panic in it ends as
/// a failed call.
pub trait ToolHost: Send + Sync {
    /// Does one call.
    fn call(&self, caller: Caller, call: ToolCall) -> ToolFuture;

    /// The same tools with a state of their own for one child: where its
    /// commands run and what they export. Asked for once for each child, and
    /// dropped when it ended. `None` when no tool has such a state.
    fn of_child(&self) -> Option<Arc<dyn ToolHost>> {
        None
    }
}
