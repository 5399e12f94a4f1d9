//! `terminal`: runs a command, and waits until nothing of it is left.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TerminalTools;
use crate::toolset::{
    Caller, Output, Tool, ToolError,
    reading::{drop_empty, optional},
    tool::texts,
};

/// Runs a shell command in a sandbox and waits for it. Nothing that it started
/// goes on afterwards; the directory and the exported variables are kept for
/// the next command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// A line for the shell.
    pub command: String,
    /// Directory relative to the workspace; where the last command ended when
    /// absent.
    #[serde(default, deserialize_with = "optional")]
    pub directory: Option<String>,
    /// Seconds after which the command is ended.
    #[serde(default, deserialize_with = "optional")]
    pub timeout: Option<u32>,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResult {
    /// Exit code, or 128 + the signal that ended it.
    pub exit_code: i32,
    /// Standard output and standard error in the order they came, the middle
    /// left out, and marked, when it is long. Untrusted text.
    pub output: String,
    /// Some of the output was left out.
    pub truncated: bool,
}

impl Tool for Terminal {
    const NAME: &'static str = "terminal";
    type Host = TerminalTools;
    type Output = CommandResult;

    fn drop_empty(&mut self) {
        drop_empty(&mut self.directory);
    }

    fn bytes(&self) -> u64 {
        texts([Some(&self.command), self.directory.as_ref()])
    }

    fn subject(&self) -> &str {
        &self.command
    }

    async fn call(
        self,
        terminal: &TerminalTools,
        caller: &Caller,
    ) -> Result<CommandResult, ToolError> {
        terminal.session_of(caller).run(caller, self).await
    }
}

impl Output for CommandResult {
    fn bytes(&self) -> u64 {
        self.output.len() as u64
    }
}
