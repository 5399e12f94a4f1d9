//! `read_file`: some lines of a text file, and the counts of all of it.
//!
//! One pass over the file with one buffer, whatever its size; holds no more of
//! it than the caller gets. What is not in UTF-8 is held as a whole instead,
//! and may be as large as what can be patched.

use std::io::{Seek as _, SeekFrom};

use cap_std::fs::File;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    FileTools, Job,
    encoding::{Encoding, MARK},
    length,
    path::{Quoted, WorkspacePath},
    text::{NoText, cut, load, newlines, scan},
};
use crate::toolset::{Caller, Effect, Output, Tool, ToolError, reading::optional};

/// Reads a text file of the workspace, or some lines of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// Some lines of a text file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl Tool for ReadFile {
    const NAME: &'static str = "read_file";
    const EFFECT: Effect = Effect::None;
    type Host = FileTools;
    type Output = FileSlice;

    fn bytes(&self) -> u64 {
        self.path.len() as u64
    }

    fn subject(&self) -> &str {
        &self.path
    }

    /// Fails on a path that is malformed, leads out of the workspace, is taken
    /// for a secret or is not a regular file, on a binary file whose text is
    /// wanted, and when the caller is cancelled.
    async fn call(self, files: &FileTools, caller: &Caller) -> Result<FileSlice, ToolError> {
        files.blocking(caller, move |job| read(job, &self)).await
    }
}

impl Output for FileSlice {
    fn bytes(&self) -> u64 {
        self.text.len() as u64
    }
}

pub(super) fn read(job: &Job, call: &ReadFile) -> Result<FileSlice, ToolError> {
    let path = WorkspacePath::parse_file(&call.path, job.config())?;
    let mut slice = Slice::new(job, call)?;
    let (mut file, metadata) = job.open_file(&path)?;
    let (size, first) = (metadata.len(), slice.first);
    let outcome = match scan(job, &mut file, size, |piece| slice.take(piece)) {
        Ok(total_bytes) => Ok(slice.finish(total_bytes)),
        Err(NoText::NotUtf8) => otherwise(job, call, &path, file),
        Err(error) => Err(error),
    };
    match outcome {
        Err(NoText::Binary) if call.limit == Some(0) => Ok(binary(first, size)),
        outcome => outcome.map_err(|error| error.of(&path, size)),
    }
}

/// Reads a file that is not in UTF-8.
fn otherwise(
    job: &Job,
    call: &ReadFile,
    path: &WorkspacePath,
    mut file: File,
) -> Result<FileSlice, NoText> {
    file.seek(SeekFrom::Start(0)).map_err(NoText::Io)?;
    let max = job.config().max_patch_bytes;
    let mut buffer = Vec::new();
    let Some(text) = load(file, max, &mut buffer)? else {
        let path = Quoted(path.given());
        return Err(NoText::Stopped(ToolError::Failed(format!(
            "{path} is not in UTF-8 and has more than {max} bytes: too large to read"
        ))));
    };
    let mut slice = Slice::new(job, call).map_err(NoText::Stopped)?;
    slice.encoding = text.encoding;
    if !text.text.is_empty() {
        slice.take(&text.text);
    }
    Ok(slice.finish(text.bytes))
}

/// What is told of a binary file to a caller that wants no text of it.
fn binary(first_line: u32, total_bytes: u64) -> FileSlice {
    let text = String::new();
    let (lines, total_lines, truncated) = (0, 0, false);
    FileSlice {
        text,
        first_line,
        lines,
        total_lines,
        total_bytes,
        truncated,
        binary: true,
        encoding: None,
    }
}

/// The lines that were asked for, while the pieces of a file go by.
struct Slice {
    first: u32,
    /// The first line that is not wanted any more.
    end: u64,
    max_bytes: usize,
    max_line_bytes: usize,

    /// The line that the next piece continues or begins, counted from 1.
    line: u64,
    /// The last piece ended within that line.
    unended: bool,

    text: String,
    lines: u32,
    /// The line that `text` ends with, where it begins, and whether the rest
    /// of it is left out.
    kept: u64,
    kept_from: usize,
    kept_cut: bool,
    /// No line fits any more.
    full: bool,
    truncated: bool,

    encoding: Encoding,
    /// Nothing of the file went by yet.
    is_start: bool,
}

impl Slice {
    fn new(job: &Job, call: &ReadFile) -> Result<Self, ToolError> {
        let first = call.offset.unwrap_or(1);
        if first == 0 {
            let text = "`offset` is 0: lines are counted from 1";
            return Err(ToolError::InvalidArguments(text.to_owned()));
        }
        let max_bytes = length(job.config().max_read_bytes);
        Ok(Self {
            first,
            end: call.limit.map_or(u64::MAX, |it| u64::from(first) + u64::from(it)),
            max_bytes,
            // With its line end, the first line fits whatever the limits.
            max_line_bytes: length(job.config().max_line_bytes).min(max_bytes.saturating_sub(1)),
            line: 1,
            unended: false,
            text: String::new(),
            lines: 0,
            kept: 0,
            kept_from: 0,
            kept_cut: false,
            full: false,
            truncated: false,
            encoding: Encoding::Utf8,
            is_start: true,
        })
    }

    /// Looks at the lines of a piece one by one only where some are wanted.
    fn take(&mut self, piece: &str) {
        let piece = self.without_mark(piece);
        let after = self.line + newlines(piece);
        if self.line < self.end && after >= u64::from(self.first) && !self.full {
            piece.split_inclusive('\n').for_each(|it| self.take_line(it));
        }
        self.line = after;
        self.unended = !piece.is_empty() && !piece.ends_with('\n');
    }

    /// The byte order mark is no part of the text: nobody sees it, and it would
    /// be in the way of a patch of the first line.
    fn without_mark<'a>(&mut self, piece: &'a str) -> &'a str {
        let is_start = std::mem::take(&mut self.is_start);
        match piece.strip_prefix(MARK) {
            Some(rest) if is_start && self.encoding == Encoding::Utf8 => {
                self.encoding = Encoding::Utf8WithMark;
                rest
            }
            _ => piece,
        }
    }

    fn finish(self, total_bytes: u64) -> FileSlice {
        FileSlice {
            text: self.text,
            first_line: self.first,
            lines: self.lines,
            total_lines: self.line - 1 + u64::from(self.unended),
            total_bytes,
            truncated: self.truncated,
            binary: false,
            encoding: self.encoding.name().map(str::to_owned),
        }
    }

    fn take_line(&mut self, part: &str) {
        if (u64::from(self.first)..self.end).contains(&self.line) && !self.full {
            self.keep(part);
        }
        self.line += u64::from(part.ends_with('\n'));
    }

    /// Appends a line, or a further part of the line before.
    fn keep(&mut self, part: &str) {
        if self.kept != self.line {
            (self.kept, self.kept_from, self.kept_cut) = (self.line, self.text.len(), false);
            self.lines += 1;
        }
        if !self.kept_cut {
            let room = self.max_line_bytes.saturating_sub(self.text.len() - self.kept_from);
            self.text.push_str(cut(part, room));
            self.kept_cut = part.len() > room;
            self.truncated |= self.kept_cut;
        }
        if self.kept_cut && part.ends_with('\n') && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        if self.text.len() > self.max_bytes && self.kept_from > 0 {
            self.drop_last();
        }
    }

    /// Takes back a line that does not fit as a whole.
    fn drop_last(&mut self) {
        self.text.truncate(self.kept_from);
        self.lines -= 1;
        self.full = true;
        self.truncated = true;
    }
}
