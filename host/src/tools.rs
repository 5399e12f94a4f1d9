//! The tools: what each does on the host. One file per toolset, each with its
//! own plain configuration; knows nothing of WebAssembly and nothing of
//! grants, which are decided before a call gets here.

pub mod clarify;
pub mod closed;
pub mod file;
mod git;
pub mod memory;
pub mod messaging;
mod names;
pub mod terminal;
pub mod web;

use std::sync::Arc;

use self::{
    clarify::ClarifyTool,
    file::FileTools,
    memory::MemoryTool,
    messaging::MessagingTool,
    terminal::{TerminalSession, TerminalTools},
    web::WebTools,
};
use crate::toolset::{
    ToolCall, ToolError, ToolHost, ToolOutput,
    call::{Caller, ToolFuture},
};

/// The tools of one host. What it has not is `None`, and in no grant either.
#[derive(Clone, Default)]
pub struct Tools {
    /// Of the workspace.
    pub file: Option<FileTools>,
    /// Commands in a sandbox.
    pub terminal: Option<TerminalTools>,
    /// Pages and searches.
    pub web: Option<WebTools>,
    /// Of the parent: questions to the person.
    pub clarify: Option<ClarifyTool>,
    /// Of the parent: notes.
    pub memory: Option<MemoryTool>,
    /// Of the parent: messages to sessions.
    pub messaging: Option<MessagingTool>,
}

impl ToolHost for Tools {
    /// Commands of a caller without a state of its own start anew each time.
    fn call(&self, caller: Caller, call: ToolCall) -> ToolFuture {
        let session = self.terminal.as_ref().map(TerminalTools::session).map(Arc::new);
        self.clone().with_session(session, caller, call)
    }

    fn of_child(&self) -> Option<Arc<dyn ToolHost>> {
        let session = Arc::new(self.terminal.as_ref()?.session());
        Some(Arc::new(ChildTools { shared: self.clone(), session }))
    }
}

/// The same tools, with a terminal that remembers.
struct ChildTools {
    shared: Tools,
    session: Arc<TerminalSession>,
}

impl ToolHost for ChildTools {
    fn call(&self, caller: Caller, call: ToolCall) -> ToolFuture {
        self.shared.clone().with_session(Some(Arc::clone(&self.session)), caller, call)
    }
}

impl Tools {
    fn with_session(
        self,
        session: Option<Arc<TerminalSession>>,
        caller: Caller,
        call: ToolCall,
    ) -> ToolFuture {
        Box::pin(async move {
            let missing = ToolError::Failed(format!("this host has no `{}`", call.tool()));
            let Self { file, terminal: _, web, clarify, memory, messaging } = self;
            match call {
                ToolCall::ReadFile(it) => {
                    let done = file.ok_or(missing)?.read_file(&caller, it).await;
                    done.map(ToolOutput::FileSlice)
                }
                ToolCall::WriteFile(it) => {
                    file.ok_or(missing)?.write_file(&caller, it).await.map(ToolOutput::Written)
                }
                ToolCall::Patch(it) => {
                    file.ok_or(missing)?.patch(&caller, it).await.map(ToolOutput::Patched)
                }
                ToolCall::SearchFiles(it) => {
                    let done = file.ok_or(missing)?.search_files(&caller, it).await;
                    done.map(ToolOutput::SearchPage)
                }
                ToolCall::Terminal(it) => {
                    let done = session.ok_or(missing)?.run(&caller, it).await;
                    done.map(ToolOutput::CommandResult)
                }
                ToolCall::ExecuteCode(it) => {
                    let done = session.ok_or(missing)?.execute(&caller, it).await;
                    done.map(ToolOutput::CommandResult)
                }
                ToolCall::WebSearch(it) => {
                    web.ok_or(missing)?.search(&caller, it).await.map(ToolOutput::WebHits)
                }
                ToolCall::WebExtract(it) => {
                    web.ok_or(missing)?.extract(&caller, it).await.map(ToolOutput::WebPage)
                }
                ToolCall::Clarify(it) => {
                    clarify.ok_or(missing)?.call(&caller, it).await.map(ToolOutput::Text)
                }
                ToolCall::Memory(it) => {
                    memory.ok_or(missing)?.call(&caller, it).await.map(ToolOutput::Notes)
                }
                ToolCall::SendMessage(it) => {
                    let event = messaging.ok_or(missing)?.call(&caller, it).await?;
                    Ok(ToolOutput::Sent { event })
                }
                // Done by whoever stands in front of these tools.
                ToolCall::DelegateTask(_) | ToolCall::Native { .. } => Err(missing),
            }
        })
    }
}
