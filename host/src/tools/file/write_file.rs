//! `write_file`: replaces a file as a whole, or creates it.

use std::sync::PoisonError;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    FileTools, Job, bytes,
    write::{check_size, encode, encoding, replace, target},
};
use crate::toolset::{Caller, Output, Tool, ToolError};

/// Writes a file of the workspace as a whole, creating it and the directories
/// above it when they are missing. One that exists keeps its encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteFile {
    /// Path relative to the workspace.
    pub path: String,
    /// The new content.
    pub content: String,
}

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Size of the file now.
    pub bytes: u64,
    /// The file did not exist before.
    pub created: bool,
}

impl Tool for WriteFile {
    const NAME: &'static str = "write_file";
    type Host = FileTools;
    type Output = Written;

    fn bytes(&self) -> u64 {
        (self.path.len() + self.content.len()) as u64
    }

    fn subject(&self) -> &str {
        &self.path
    }

    /// Fails on a path that is malformed, leads out of the workspace, is a
    /// symbolic link or not a regular file, lies in `.git`, or is closed by a
    /// rule; on too much content, for the file or in all; and on what the
    /// operating system refuses. Nothing is left behind then.
    async fn call(self, files: &FileTools, caller: &Caller) -> Result<Written, ToolError> {
        files.blocking(caller, move |job| write(job, &self)).await
    }
}

impl Output for Written {
    fn bytes(&self) -> u64 {
        0
    }
}

pub(super) fn write(job: &Job, call: &WriteFile) -> Result<Written, ToolError> {
    let path = target(job, &call.path)?;
    let mut spent = job.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
    // Others may have written for long meanwhile.
    job.check()?;
    check_size(job, &path, call.content.len())?;
    let content = encode(&path, encoding(job, &path), &call.content)?;
    let created = replace(job, &mut spent, &path, &content)?;
    Ok(Written { bytes: bytes(content.len()), created })
}
