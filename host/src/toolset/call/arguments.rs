//! The arguments of each tool. Field names and comments are what a model
//! reads: the schema of a tool is made of them.

use schemars::JsonSchema;
use serde::Deserialize;

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
    #[serde(default)]
    pub directory: Option<String>,
    /// Seconds after which the command is ended.
    #[serde(default)]
    pub timeout: Option<u32>,
}

/// Asks a search engine, and gives titles, addresses and snippets of pages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebSearch {
    /// What to look for.
    pub query: String,
    /// How many hits.
    #[serde(default)]
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
    #[serde(default)]
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
    #[serde(default)]
    pub text: Option<String>,
    /// A text that the note to replace or remove, and no other, contains.
    #[serde(default)]
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
