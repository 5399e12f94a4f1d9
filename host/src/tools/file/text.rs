//! What counts as text, and small operations on it.
//!
//! One definition for every tool: UTF-8 without a NUL character, and what
//! [`super::encoding`] reads besides. Anything else is binary.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use super::{
    Job,
    encoding::{Encoding, decode},
    length,
    path::{Quoted, WorkspacePath},
    workspace::failed,
};
use crate::toolset::ToolError;

/// Bytes of a file that are looked at together. Large enough that the calls to
/// the operating system do not count, small enough for the processor's cache.
const PIECE_BYTES: usize = 64 * 1024;

/// Why a file gave no text.
#[derive(Debug)]
pub(super) enum NoText {
    Binary,
    /// Not in UTF-8, and perhaps in another encoding.
    NotUtf8,
    Stopped(ToolError),
    Io(io::Error),
}

impl NoText {
    /// The error for the caller that named `path`, a file of `size` bytes.
    pub(super) fn of(self, path: &WorkspacePath, size: u64) -> ToolError {
        match self {
            NoText::Binary | NoText::NotUtf8 => ToolError::Failed(format!(
                "{} is a binary file of {size} bytes: only text in UTF-8, UTF-16 with a byte \
                 order mark, or Latin-1 can be used",
                Quoted(path.given())
            )),
            NoText::Stopped(error) => error,
            NoText::Io(error) => failed(path.given(), &error),
        }
    }
}

/// Gives the text of `source` to `take`, piece by piece, and returns its size
/// in bytes. `size` is a guess at it.
pub(super) fn scan(
    job: &Job,
    source: &mut impl Read,
    size: u64,
    mut take: impl FnMut(&str),
) -> Result<u64, NoText> {
    let mut buffer = vec![0; length(size).saturating_add(1).clamp(64, PIECE_BYTES)];
    // Bytes at the start of `buffer` that are the beginning of a character.
    let mut kept = 0;
    let mut total: u64 = 0;
    loop {
        job.check().map_err(NoText::Stopped)?;
        let new = fill(source, buffer.get_mut(kept..).unwrap_or_default()).map_err(NoText::Io)?;
        if new == 0 {
            return if kept == 0 { Ok(total) } else { Err(NoText::NotUtf8) };
        }
        total = total.saturating_add(super::bytes(new));
        let end = kept + new;
        let text = whole_characters(buffer.get(..end).unwrap_or_default())?;
        let used = text.len();
        take(text);
        buffer.copy_within(used..end, 0);
        kept = end - used;
    }
}

fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The text in `bytes` up to a character that is cut off at their end.
fn whole_characters(bytes: &[u8]) -> Result<&str, NoText> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            let (whole, _) = bytes.split_at(error.valid_up_to());
            str::from_utf8(whole).map_err(|_| NoText::NotUtf8)?
        }
        Err(_) => return Err(NoText::NotUtf8),
    };
    if text.as_bytes().contains(&0) { Err(NoText::Binary) } else { Ok(text) }
}

/// The text of a whole file.
pub(super) struct Text<'a> {
    pub(super) encoding: Encoding,
    pub(super) text: Cow<'a, str>,
    /// Size of the file.
    pub(super) bytes: u64,
}

/// Reads a file of at most `max` bytes into `buffer`, replacing what it holds.
/// `None` when the file is larger.
pub(super) fn load(
    file: impl Read,
    max: u64,
    buffer: &mut Vec<u8>,
) -> Result<Option<Text<'_>>, NoText> {
    buffer.clear();
    let read = file.take(max.saturating_add(1)).read_to_end(buffer).map_err(NoText::Io)?;
    let bytes = super::bytes(read);
    if bytes > max {
        return Ok(None);
    }
    let (encoding, text) = decode(buffer).ok_or(NoText::Binary)?;
    Ok(Some(Text { encoding, text, bytes }))
}

/// A text after an edit.
pub(super) struct Edited {
    pub(super) text: String,
    pub(super) changes: u32,
}

/// How many line ends `text` holds.
///
/// In blocks whose count fits a byte, which the compiler turns into vector
/// instructions.
pub(super) fn newlines(text: &str) -> u64 {
    let block = |block: &[u8]| block.iter().map(|it| u8::from(*it == b'\n')).sum::<u8>();
    text.as_bytes().chunks(usize::from(u8::MAX)).map(|it| u64::from(block(it))).sum()
}

/// The beginning of `text`, at most `max` bytes of whole characters.
pub(super) fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or_default()
}
