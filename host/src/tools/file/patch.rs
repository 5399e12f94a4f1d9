//! `patch`: changes a part of a text file, by search and replace or by a diff.
//!
//! Works on the whole text in memory and replaces the file as `write_file`
//! does, so an edit that does not fit has changed nothing.

use std::sync::PoisonError;

use super::{
    Job, bytes, diff,
    path::{Quoted, WorkspacePath},
    text::load,
    write::{replace, target},
};
use crate::toolset::call::{Patch, Patched, ToolError};

/// A text after an edit.
pub(super) struct Edited {
    pub(super) text: String,
    pub(super) changes: u32,
}

enum Edit<'a> {
    Replace { search: &'a str, replace: &'a str, all: bool },
    Diff(&'a str),
}

/// Does one call.
pub(super) fn patch(job: &Job, call: &Patch) -> Result<Patched, ToolError> {
    let path = target(job, &call.path)?;
    let edit = Edit::of(call)?;
    let mut spent = job.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut buffer = Vec::new();
    let text = current(job, &path, &mut buffer)?;
    let edited = match edit {
        Edit::Replace { search, replace, all } => {
            let change = Replacement { search, replace, all };
            change.apply(job, &path, text)?
        }
        Edit::Diff(diff) => diff::apply(job, &path, text, diff)?,
    };
    job.check()?;
    replace(job, &mut spent, &path, &edited.text)?;
    Ok(Patched { changes: edited.changes, bytes: bytes(edited.text.len()) })
}

impl<'a> Edit<'a> {
    fn of(call: &'a Patch) -> Result<Self, ToolError> {
        let problem = match (&call.search, &call.replace, &call.diff) {
            (Some(search), Some(_), None) if search.is_empty() => {
                "`search` is empty: give text of the file"
            }
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
) -> Result<&'a str, ToolError> {
    let (file, metadata) = job.open_file(path)?;
    let max = job.config().max_patch_bytes;
    load(file, max, buffer).map_err(|error| error.of(path, metadata.len()))?.ok_or_else(|| {
        let path = Quoted(path.given());
        ToolError::Failed(format!("{path} has more than {max} bytes: too large to patch"))
    })
}

struct Replacement<'a> {
    search: &'a str,
    replace: &'a str,
    all: bool,
}

impl Replacement<'_> {
    fn apply(&self, job: &Job, path: &WorkspacePath, text: &str) -> Result<Edited, ToolError> {
        let count = text.matches(self.search).count();
        if count == 0 || (count > 1 && !self.all) {
            let problem = self.problem(text, count);
            return Err(ToolError::Failed(format!("{} {problem}", Quoted(path.given()))));
        }
        self.check_size(job, path, text.len(), count)?;
        let changes = u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Edited { text: text.replace(self.search, self.replace), changes })
    }

    fn problem(&self, text: &str, count: usize) -> String {
        if count > 1 {
            return format!(
                "holds `search` {count} times: give more of its surroundings, or set `all`"
            );
        }
        let crlf = text.contains("\r\n") && self.search.contains('\n');
        if crlf && text.replace("\r\n", "\n").contains(&self.search.replace("\r\n", "\n")) {
            return "holds `search` with other line ends: its lines end in `\\r\\n`".to_owned();
        }
        "does not hold `search`: read the file and copy the text to the letter".to_owned()
    }

    /// Before anything is allocated: a megabyte for each of a million letters
    /// would not fit the host.
    fn check_size(
        &self,
        job: &Job,
        path: &WorkspacePath,
        old: usize,
        count: usize,
    ) -> Result<(), ToolError> {
        let kept = old.saturating_sub(self.search.len().saturating_mul(count));
        let size = kept.saturating_add(self.replace.len().saturating_mul(count));
        let max = job.config().max_write_bytes;
        if bytes(size) <= max {
            return Ok(());
        }
        let path = Quoted(path.given());
        Err(ToolError::Failed(format!(
            "{path} would have {size} bytes: at most {max} can be written"
        )))
    }
}
