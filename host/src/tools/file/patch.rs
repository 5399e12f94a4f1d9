//! `patch`: changes a part of a text file, by search and replace or by a diff.
//!
//! Works on the whole text in memory and replaces the file as `write_file`
//! does, so an edit that does not fit has changed nothing.

use std::sync::PoisonError;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    FileTools, Job, bytes, diff,
    path::{Quoted, WorkspacePath},
    replacement::Replacement,
    text::{Text, load},
    write::{encode, replace, target},
};
use crate::toolset::{
    Caller, Output, Tool, ToolError,
    reading::{drop_empty, optional},
    tool::texts,
};

/// Changes a part of a file, either by `search` and `replace` or by a unified
/// `diff`. An edit that does not fit changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// What a patch did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patched {
    /// Hunks of the diff, or occurrences replaced.
    pub changes: u32,
    /// Size of the file now.
    pub bytes: u64,
}

enum Edit<'a> {
    Replace { search: &'a str, replace: &'a str, all: bool },
    Diff(&'a str),
}

impl Tool for Patch {
    const NAME: &'static str = "patch";
    type Host = FileTools;
    type Output = Patched;

    fn drop_empty(&mut self) {
        // An empty replacement deletes.
        [&mut self.search, &mut self.diff].into_iter().for_each(drop_empty);
    }

    fn bytes(&self) -> u64 {
        let Self { path, search, replace, diff, .. } = self;
        texts([Some(path), search.as_ref(), replace.as_ref(), diff.as_ref()])
    }

    fn subject(&self) -> &str {
        &self.path
    }

    /// Fails as `read_file` and `write_file` do, and on an edit that does not
    /// fit, which changes nothing.
    async fn call(self, files: &FileTools, caller: &Caller) -> Result<Patched, ToolError> {
        files.blocking(caller, move |job| patch(job, &self)).await
    }
}

impl Output for Patched {
    fn bytes(&self) -> u64 {
        0
    }
}

fn patch(job: &Job, call: &Patch) -> Result<Patched, ToolError> {
    let path = target(job, &call.path)?;
    let edit = Edit::of(call)?;
    let mut spent = job.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut buffer = Vec::new();
    let Text { encoding, text, .. } = current(job, &path, &mut buffer)?;
    let edited = match edit {
        Edit::Replace { search, replace, all } => {
            Replacement { search, replace, all }.apply(job, &path, &text)?
        }
        Edit::Diff(diff) => diff::apply(job, &path, &text, diff)?,
    };
    job.check()?;
    let content = encode(&path, encoding, &edited.text)?;
    replace(job, &mut spent, &path, &content)?;
    Ok(Patched { changes: edited.changes, bytes: bytes(content.len()) })
}

impl<'a> Edit<'a> {
    fn of(call: &'a Patch) -> Result<Self, ToolError> {
        let [search, diff] =
            [&call.search, &call.diff].map(|it| it.as_deref().filter(|it| !it.is_empty()));
        // An empty one deletes, where there is something to look for.
        let replace = call.replace.as_deref().filter(|it| search.is_some() || !it.is_empty());
        let problem = match (search, replace, diff) {
            (Some(search), Some(replace), None) => {
                return Ok(Edit::Replace { search, replace, all: call.all });
            }
            (None, None, Some(diff)) => return Ok(Edit::Diff(diff)),
            (Some(_), None, None) => "`search` is without `replace`: give it, empty to delete",
            (None, Some(_), None) => "`replace` is without `search`: give the text to look for",
            (None, None, None) => "no edit is given: give `search` and `replace`, or `diff`",
            (_, _, Some(_)) => "two edits are given: give `search` and `replace`, or `diff` alone",
        };
        Err(ToolError::InvalidArguments(problem.to_owned()))
    }
}

fn current<'a>(
    job: &Job,
    path: &WorkspacePath,
    buffer: &'a mut Vec<u8>,
) -> Result<Text<'a>, ToolError> {
    let (file, metadata) = job.open_file(path)?;
    let max = job.config().max_patch_bytes;
    load(file, max, buffer).map_err(|error| error.of(path, metadata.len()))?.ok_or_else(|| {
        let path = Quoted(path.given());
        ToolError::Failed(format!("{path} has more than {max} bytes: too large to patch"))
    })
}
