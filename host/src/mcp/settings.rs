//! What a person sets for one MCP server, as it is written down.

use std::{path::PathBuf, time::Duration};

use crate::setting::{Wrong, flag, is_variable, seconds, settings, texts};

// A command would be run, and tools would be called.
settings! {
    /// A server that speaks MCP, whose tools are a toolset of the name NAME and
    /// are granted as `NAME/TOOL`, when you have allowed them (`hermitage tool
    /// allow NAME`). NAME is yours: a lower-case letter, then letters, digits
    /// and single `_`, at most 24 bytes.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct McpSettings in "toolsets.NAME.mcp" {
        /// The program that is the server, and its arguments; it is talked with
        /// over its standard input and output. It is started for each parent
        /// whose children call it, and ends with that parent or when nobody
        /// called it for ten minutes.
        ///
        /// Has to be set. It has none of your environment.
        pub command: Option<Vec<String>> =
            texts(&["github-mcp-server", "stdio"]).checked(word), project: Never;

        /// The tools that children may be granted, by the server's own names
        /// for them.
        ///
        /// Names; all of its tools when it is not set.
        pub allow: Option<Vec<String>> = texts(&["create_issue"]).checked(word), project: Never;

        /// Whether the server runs in a sandbox like commands do (`tools.terminal`),
        /// with an empty directory instead of the workspace.
        ///
        /// true when it is not set. Without it a server has all of your rights.
        pub sandbox: bool = flag(true), project: Never;

        /// Whether the server may use the network of this machine, the local
        /// one included.
        ///
        /// false when it is not set. One without a sandbox always may.
        pub network: bool = flag(false), project: Never;

        /// Variables of this program's environment that the server has, such as
        /// the one with its key. What is in them is cut out of its results.
        ///
        /// Names of variables.
        pub environment: Option<Vec<String>> =
            texts(&["GITHUB_TOKEN"]).checked(variable), project: Never;

        /// Files and directories that a server in a sandbox may read and run,
        /// besides those of `tools.terminal.read_only`.
        ///
        /// Paths; those of a file start where the file is.
        pub read_only: Option<Vec<PathBuf>> = texts(&["/opt/servers"]).path(), project: Never;

        /// How long one call may take; a child's own time may end before.
        ///
        /// 120 when it is not set. Bounds how long a child waits for a server
        /// that never answers.
        pub timeout as "timeout_seconds": Duration = seconds(120, 1..=86_400), project: Never;
    }
}

fn word(text: &str) -> Result<(), Wrong> {
    let expected = "a list of texts, none of them blank or with a NUL";
    let is_one = !text.trim().is_empty() && !text.contains('\0');
    is_one.then_some(()).ok_or(Wrong::Malformed(expected))
}

fn variable(text: &str) -> Result<(), Wrong> {
    let expected = "a list of names of variables: letters, digits and `_`";
    is_variable(text).then_some(()).ok_or(Wrong::Malformed(expected))
}
