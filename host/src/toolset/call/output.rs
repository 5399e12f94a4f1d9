//! What each tool gives back, as a record and as the JSON of the toolbox.

use serde::Serialize;

use super::ToolError;
use crate::toolset::delegate::Delegated;

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
    /// How the file is written, when that is not plain UTF-8. What is written
    /// back is written so, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
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
    /// What was not searched or not listed, by reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
}

/// Entries that a search passed over for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// In a few words.
    pub reason: String,
    /// How many.
    pub count: u32,
    /// Some of their paths, relative to the workspace.
    pub paths: Vec<String>,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandResult {
    /// Exit code, or 128 + the signal that ended it.
    pub exit_code: i32,
    /// Standard output and standard error in the order they came, the middle
    /// left out, and marked, when it is long. Untrusted text.
    pub output: String,
    /// Some of the output was left out.
    pub truncated: bool,
}

/// One hit of a web search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebHit {
    /// Untrusted text.
    pub title: String,
    /// Address of the page.
    pub url: String,
    /// Untrusted text.
    pub snippet: String,
}

/// A page of the web.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebPage {
    /// After redirects.
    pub url: String,
    /// Untrusted text.
    pub title: Option<String>,
    /// The readable part as Markdown. Untrusted text.
    pub text: String,
    /// Some of it was left out.
    pub truncated: bool,
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
    /// From `terminal` and `execute_code`.
    CommandResult(CommandResult),
    /// From `web_search`.
    WebHits(Vec<WebHit>),
    /// From `web_extract`.
    WebPage(WebPage),
    /// From `delegate_task`.
    Delegated(Delegated),
    /// From `memory`: all notes.
    Notes(Vec<String>),
    /// From `send_message`.
    Sent {
        /// Number of the event on the queue.
        event: i64,
    },
    /// From `clarify`, the answer; from a native tool, what it gave.
    Text(String),
}

impl ToolOutput {
    /// What the toolbox answers: JSON, or a text as it stands.
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
            ToolOutput::SearchPage(it) => it.bytes(),
            ToolOutput::CommandResult(it) => it.output.len() as u64,
            ToolOutput::WebHits(it) => it.iter().map(WebHit::bytes).sum(),
            ToolOutput::WebPage(it) => it.text.len() as u64,
            ToolOutput::Notes(it) => it.iter().map(|it| it.len() as u64).sum(),
            ToolOutput::Sent { .. } => 0,
            ToolOutput::Delegated(it) => it.bytes(),
            ToolOutput::Text(it) => it.len() as u64,
        }
    }
}

impl WebHit {
    fn bytes(&self) -> u64 {
        (self.title.len() + self.url.len() + self.snippet.len()) as u64
    }
}

impl SearchPage {
    fn bytes(&self) -> u64 {
        let hit = |it: &SearchHit| it.path.len() + it.text.as_ref().map_or(0, String::len);
        let paths = self.skipped.iter().flat_map(|it| &it.paths);
        let bytes =
            self.hits.iter().map(hit).sum::<usize>() + paths.map(String::len).sum::<usize>();
        bytes as u64
    }
}
