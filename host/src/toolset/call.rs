//! One call of a tool: the closed enum [`ToolCall`], what comes back, and the
//! trait [`ToolHost`] of whoever does the work.
//!
//! Typed imports and the toolbox's JSON both end here, so there is one place
//! where a tool starts and one shape for its arguments. The derives of serde
//! and schemars are the JSON edge of that shape: field names and comments are
//! what a model reads.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use tokio_util::sync::CancellationToken;

use super::{
    catalogue::Tool,
    delegate::{DelegateTask, Delegated},
};

/// Reads a text file of the workspace, or some lines of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadFile {
    /// Path relative to the workspace.
    pub path: String,
    /// First line to read, counted from 1; the start when absent.
    #[serde(default)]
    pub offset: Option<u32>,
    /// How many lines to read; 0 reads no text and gives the counts alone.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Writes a file of the workspace as a whole, creating it and the directories
/// above it when they are missing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteFile {
    /// Path relative to the workspace.
    pub path: String,
    /// The new content.
    pub content: String,
}

/// Changes a part of a file, either by `search` and `replace` or by a unified
/// `diff`. An edit that does not fit changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Path relative to the workspace.
    pub path: String,
    /// Text to look for, to the letter.
    #[serde(default)]
    pub search: Option<String>,
    /// What to put in its place.
    #[serde(default)]
    pub replace: Option<String>,
    /// Replace every occurrence; otherwise there must be exactly one.
    #[serde(default)]
    pub all: bool,
    /// A unified diff of this one file, instead of `search` and `replace`.
    #[serde(default)]
    pub diff: Option<String>,
}

/// Finds files of the workspace by name, by content, or both; lists all
/// entries with neither. Files excluded by `.gitignore` are left out, unless
/// `path` leads to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchFiles {
    /// Directory to start from, or one file; the workspace when absent.
    #[serde(default)]
    pub path: Option<String>,
    /// Glob over the file name, or over the path when it holds a `/`.
    #[serde(default)]
    pub name: Option<String>,
    /// Regular expression over each line of text files.
    #[serde(default)]
    pub content: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Hits on a page.
    #[serde(default)]
    pub limit: Option<u32>,
}

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
    /// See [`DelegateTask`].
    DelegateTask(DelegateTask),
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
            ToolCall::DelegateTask(_) => Tool::DelegateTask,
            ToolCall::Native { tool, .. } => *tool,
        }
    }

    /// Reads the arguments of `tool` from the JSON object that a model wrote.
    pub fn from_json(tool: Tool, arguments: String) -> Result<Self, ToolError> {
        match tool {
            Tool::ReadFile => parse(&arguments).map(ToolCall::ReadFile),
            Tool::WriteFile => parse(&arguments).map(ToolCall::WriteFile),
            Tool::Patch => parse(&arguments).map(ToolCall::Patch),
            Tool::SearchFiles => parse(&arguments).map(ToolCall::SearchFiles),
            Tool::DelegateTask => DelegateTask::from_json(&arguments).map(ToolCall::DelegateTask),
            Tool::Native(_) => {
                // An object is promised; what is in it is the tool's to read.
                parse::<BTreeMap<String, IgnoredAny>>(&arguments)?;
                Ok(ToolCall::Native { tool, arguments })
            }
            other => Err(ToolError::Failed(format!("`{other}` is not available in this version"))),
        }
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
            ToolCall::DelegateTask(it) => return it.bytes(),
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
            ToolCall::DelegateTask(it) => it.subject(),
            // Only the tool knows which of its arguments may be shown.
            ToolCall::Native { .. } => "",
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(arguments: &'a str) -> Result<T, ToolError> {
    serde_json::from_str(arguments).map_err(|it| ToolError::InvalidArguments(it.to_string()))
}

/// Some lines of a text file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileSlice {
    /// The lines, each with its line end.
    pub text: String,
    /// Number of the first line in `text`, counted from 1.
    pub first_line: u32,
    /// How many lines `text` holds.
    pub lines: u32,
    /// How many lines the file has; a last line without a line end counts.
    pub total_lines: u64,
    /// Size of the file.
    pub total_bytes: u64,
    /// `text` stops early because of a byte cap, or a line of it was cut.
    pub truncated: bool,
    /// The file is no text: `lines` and `total_lines` are 0.
    pub binary: bool,
}

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Size of the file now.
    pub bytes: u64,
    /// The file did not exist before.
    pub created: bool,
}

/// What a patch did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Patched {
    /// Hunks of the diff, or occurrences replaced.
    pub changes: u32,
    /// Size of the file now.
    pub bytes: u64,
}

/// What kind of directory entry a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, never followed.
    Symlink,
    /// A device, socket or pipe.
    Other,
}

/// One hit of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchHit {
    /// Relative to the workspace.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Size of a regular file, 0 for anything else.
    pub bytes: u64,
    /// The line that matched, counted from 1.
    pub line: Option<u64>,
    /// The text of that line, cut when long.
    pub text: Option<String>,
}

/// One page of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchPage {
    /// In the order of their paths.
    pub hits: Vec<SearchHit>,
    /// Where the next page starts, `None` on the last.
    pub next: Option<String>,
}

/// What a call gave back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ToolOutput {
    /// From `read_file`.
    FileSlice(FileSlice),
    /// From `write_file`.
    Written(Written),
    /// From `patch`.
    Patched(Patched),
    /// From `search_files`.
    SearchPage(SearchPage),
    /// From `delegate_task`.
    Delegated(Delegated),
    /// From a native tool, as it stands.
    Text(String),
}

impl ToolOutput {
    /// What the toolbox answers: JSON, or the text of a native tool.
    pub fn into_text(self) -> Result<String, ToolError> {
        match self {
            ToolOutput::Text(text) => Ok(text),
            output => {
                serde_json::to_string(&output).map_err(|it| ToolError::Failed(it.to_string()))
            }
        }
    }

    /// Size of the texts in the output, in bytes, for the trace.
    pub fn bytes(&self) -> u64 {
        match self {
            ToolOutput::FileSlice(it) => it.text.len() as u64,
            ToolOutput::Written(_) | ToolOutput::Patched(_) => 0,
            ToolOutput::SearchPage(it) => it.hits.iter().map(hit_bytes).sum(),
            ToolOutput::Delegated(it) => it.bytes(),
            ToolOutput::Text(it) => it.len() as u64,
        }
    }
}

fn hit_bytes(hit: &SearchHit) -> u64 {
    (hit.path.len() + hit.text.as_ref().map_or(0, String::len)) as u64
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
    /// Set when the call's answer is no longer wanted. Long work looks at it
    /// between steps and ends.
    pub cancelled: CancellationToken,
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
}
