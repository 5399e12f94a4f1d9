//! The arguments of each tool. Field names and comments are what a model
//! reads: the schema of a tool is made of them.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::toolset::reading::optional;

/// Reads a text file of the workspace, or some lines of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadFile {
    /// Path relative to the workspace.
    pub path: String,
    /// First line to read, counted from 1; the start when absent.
    #[serde(default, deserialize_with = "optional")]
    pub offset: Option<u32>,
    /// How many lines to read; 0 reads no text and gives the counts alone.
    #[serde(default, deserialize_with = "optional")]
    pub limit: Option<u32>,
}

/// Writes a file of the workspace as a whole, creating it and the directories
/// above it when they are missing. One that exists keeps its encoding.
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
    /// Text to look for, to the letter; a line end stands for that of the file.
    #[serde(default, deserialize_with = "optional")]
    pub search: Option<String>,
    /// What to put in its place; empty to delete.
    #[serde(default)]
    pub replace: Option<String>,
    /// Replace every occurrence; otherwise there must be exactly one.
    #[serde(default, deserialize_with = "optional")]
    pub all: bool,
    /// A unified diff of this one file, instead of `search` and `replace`.
    /// Without line numbers, `@@` alone, it must fit in one place.
    #[serde(default, deserialize_with = "optional")]
    pub diff: Option<String>,
}

/// Finds files of the workspace by name, by content, or both; lists all
/// entries with neither. Files excluded by `.gitignore` are left out, unless
/// `path` leads to them; what could not be searched is told as `skipped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchFiles {
    /// Directory to start from, or one file; the workspace when absent.
    #[serde(default, deserialize_with = "optional")]
    pub path: Option<String>,
    /// Glob over the file name, or over the path when it holds a `/`.
    #[serde(default, deserialize_with = "optional")]
    pub name: Option<String>,
    /// Regular expression over each line of text files.
    #[serde(default, deserialize_with = "optional")]
    pub content: Option<String>,
    /// The `next` of the page before.
    #[serde(default, deserialize_with = "optional")]
    pub cursor: Option<String>,
    /// Hits on a page.
    #[serde(default, deserialize_with = "optional")]
    pub limit: Option<u32>,
}

/// Runs a shell command in a sandbox and waits for it. Nothing that it started
/// goes on afterwards; the directory and the exported variables are kept for
/// the next command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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

/// Asks a search engine, and gives titles, addresses and snippets of pages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebSearch {
    /// What to look for.
    pub query: String,
    /// How many hits.
    #[serde(default, deserialize_with = "optional")]
    pub limit: Option<u32>,
}

/// Fetches a web page and gives its readable part as Markdown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebExtract {
    /// Address of the page, with `https://` or `http://`.
    pub url: String,
}

/// Asks the person a question, and waits for the answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clarify {
    /// The question, complete.
    pub question: String,
    /// Answers to choose from; any text is taken when empty.
    #[serde(default, deserialize_with = "optional")]
    pub choices: Vec<String>,
}

/// What happens to the notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum MemoryAction {
    /// Adds a note.
    Add,
    /// Replaces one.
    Replace,
    /// Removes one.
    Remove,
    /// Changes nothing.
    #[default]
    Read,
}

/// Keeps notes that outlive the run, and gives all of them back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// `add`, `replace`, `remove` or `read`.
    pub action: MemoryAction,
    /// The note to add, or the one to put in place of another.
    #[serde(default, deserialize_with = "optional")]
    pub text: Option<String>,
    /// A text that the note to replace or remove, and no other, contains.
    #[serde(default, deserialize_with = "optional")]
    pub old_text: Option<String>,
}

/// Sends a message to another session, which gets it as a turn of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// Key of the session: `agent:<profile>:<platform>:<chat_type>:<chat_id>`.
    pub session_key: String,
    /// The message.
    pub text: String,
}

/// Runs a script in the terminal's sandbox and waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecuteCode {
    /// `bash`, `sh`, `python`, `javascript` or another that is installed.
    pub language: String,
    /// The script.
    pub source: String,
}
