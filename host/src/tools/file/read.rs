//! `read_file`: some lines of a text file, and the counts of all of it.
//!
//! One pass over the file with one buffer, whatever its size; holds no more of
//! it than the caller gets.

use super::{
    Job, length,
    path::WorkspacePath,
    text::{NoText, cut, newlines, scan},
};
use crate::toolset::call::{FileSlice, ReadFile, ToolError};

/// Does one call.
pub(super) fn read(job: &Job, call: &ReadFile) -> Result<FileSlice, ToolError> {
    let path = WorkspacePath::parse_file(&call.path, job.config())?;
    let mut slice = Slice::new(job, call)?;
    let (mut file, metadata) = job.open_file(&path)?;
    let size = metadata.len();
    let total_bytes = match scan(job, &mut file, size, |piece| slice.take(piece)) {
        Ok(total_bytes) => total_bytes,
        Err(NoText::Binary) if call.limit == Some(0) => return Ok(binary(slice.first, size)),
        Err(error) => return Err(error.of(&path, size)),
    };
    Ok(FileSlice {
        text: slice.text,
        first_line: slice.first,
        lines: slice.lines,
        total_lines: slice.line - 1 + u64::from(slice.unended),
        total_bytes,
        truncated: slice.truncated,
        binary: false,
    })
}

/// What is told of a binary file to a caller that wants no text of it.
fn binary(first_line: u32, total_bytes: u64) -> FileSlice {
    let text = String::new();
    let (lines, total_lines) = (0, 0);
    FileSlice { text, first_line, lines, total_lines, total_bytes, truncated: false, binary: true }
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
        })
    }

    /// Looks at the lines of a piece one by one only where some are wanted.
    fn take(&mut self, piece: &str) {
        let after = self.line + newlines(piece);
        if self.line < self.end && after >= u64::from(self.first) && !self.full {
            piece.split_inclusive('\n').for_each(|it| self.take_line(it));
        }
        self.line = after;
        self.unended = !piece.ends_with('\n');
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
