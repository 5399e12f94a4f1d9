//! What a person sets for one MCP server, as it is written down.

use std::{path::PathBuf, time::Duration};

use super::server::rule;
use crate::{
    provider,
    setting::{Wrong, flag, is_variable, seconds, settings, text, texts},
};

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
        /// It has none of your environment. This or `url` has to be set.
        pub command: Option<Vec<String>> =
            texts(&["github-mcp-server", "stdio"]).checked(word), project: Never;

        /// Where the server listens, for one that is asked over HTTP.
        ///
        /// An `http` or `https` address, instead of `command`. What its name
        /// stands for has to be public; another one is named by its address
        /// (`http://127.0.0.1:8080/mcp`).
        pub url: Option<String> =
            text("https://mcp.example.org/mcp").checked(address), project: Never;

        /// The variable of the environment that holds the key of the server at
        /// `url`, which is sent as `Authorization: Bearer`; never the key
        /// itself. It is sent by `https` alone, or on this machine.
        ///
        /// Name of a variable.
        pub api_key_env: Option<String> =
            text("MCP_TOKEN").checked(provider::variable), project: Never;

        /// A program that prints that key, with its arguments, run with your
        /// rights.
        ///
        /// Text, instead of the other two.
        pub api_key_cmd: Option<String> =
            text("pass show mcp").command().checked(provider::command), project: Never;

        /// A file with that key in one line, of yours and with mode 0600.
        ///
        /// Path, instead of the other two; a relative one starts where this
        /// file is.
        pub api_key_file: Option<PathBuf> = text("mcp.token").path(), project: Never;

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

fn address(text: &str) -> Result<(), Wrong> {
    let expected = "an `http` or `https` address of one host";
    // A rule of the web client can be of many hosts.
    let is_one = !text.contains('*') && rule(text).is_ok();
    is_one.then_some(()).ok_or(Wrong::Malformed(expected))
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
