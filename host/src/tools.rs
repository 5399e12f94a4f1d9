//! The tools: what each does on the host. One file per toolset, each with its
//! own plain configuration; knows nothing of WebAssembly and nothing of
//! grants, which are decided before a call gets here.

pub mod file;

use crate::toolset::{ToolCall, ToolError, ToolHost, ToolOutput, call::Caller, call::ToolFuture};

use self::file::FileTools;

/// The tools of one workspace.
#[derive(Clone)]
pub struct Tools {
    file: FileTools,
}

impl Tools {
    /// Brings the toolsets together.
    pub fn new(file: FileTools) -> Self {
        Self { file }
    }
}

/// The tools of a host without a workspace: none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTools;

impl ToolHost for NoTools {
    fn call(&self, _: Caller, call: ToolCall) -> ToolFuture {
        let text = format!("`{}` has no workspace to work in", call.tool());
        Box::pin(std::future::ready(Err(ToolError::Failed(text))))
    }
}

impl ToolHost for Tools {
    fn call(&self, caller: Caller, call: ToolCall) -> ToolFuture {
        let file = self.file.clone();
        Box::pin(async move {
            match call {
                ToolCall::ReadFile(it) => {
                    file.read_file(&caller, it).await.map(ToolOutput::FileSlice)
                }
                ToolCall::WriteFile(it) => {
                    file.write_file(&caller, it).await.map(ToolOutput::Written)
                }
                ToolCall::Patch(it) => file.patch(&caller, it).await.map(ToolOutput::Patched),
                ToolCall::SearchFiles(it) => {
                    file.search_files(&caller, it).await.map(ToolOutput::SearchPage)
                }
                // Done by whoever stands in front of these tools.
                ToolCall::DelegateTask(_) | ToolCall::Native { .. } => {
                    Err(ToolError::Failed("not available here".to_owned()))
                }
            }
        })
    }
}
