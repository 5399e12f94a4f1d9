//! What a search finds.

use serde::{Deserialize, Serialize};

/// What kind of directory entry a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
