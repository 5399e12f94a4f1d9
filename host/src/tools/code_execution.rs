//! The toolset `code_execution`: scripts in the terminal's sandbox. Blocked for
//! every child.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Toolset,
    terminal::{CommandResult, TerminalTools},
};
use crate::toolset::{Caller, HeldBy, Tool, ToolError, registry::Declaration, tool::texts};

/// Runs a script in the terminal's sandbox and waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecuteCode {
    /// `bash`, `sh`, `python`, `javascript` or another that is installed.
    pub language: String,
    /// The script.
    pub source: String,
}

impl Tool for ExecuteCode {
    const NAME: &'static str = "execute_code";
    const HELD_BY: HeldBy = HeldBy::Parent;
    type Host = TerminalTools;
    type Output = CommandResult;

    fn bytes(&self) -> u64 {
        texts([Some(&self.language), Some(&self.source)])
    }

    fn subject(&self) -> &str {
        &self.language
    }

    async fn call(
        self,
        terminal: &TerminalTools,
        caller: &Caller,
    ) -> Result<CommandResult, ToolError> {
        let session = terminal.session_of(caller);
        session.execute(caller, &self.language, self.source).await
    }
}

/// Opened with the terminal.
pub(super) struct CodeExecution;

impl Toolset for CodeExecution {
    const NAME: &'static str = "code_execution";
    type Host = TerminalTools;
    const TOOLS: &'static [Declaration<TerminalTools>] = &[Declaration::of::<ExecuteCode>()];
}
