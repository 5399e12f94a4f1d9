//! Search by content: a regular expression over the lines of one file.
//!
//! The expressions are of the linear-time kind, and their compiled size is
//! limited, so that no pattern makes a file take much longer than another.

use std::io::{self, Read};

use cap_std::fs::File;
use grep_matcher::LineTerminator;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkError as _, SinkMatch};
use tokio_util::sync::CancellationToken;

use super::{
    FileConfig, Job, length,
    skipped::Reason,
    text::{NoText, cut, load},
};
use crate::toolset::ToolError;

/// A compiled expression with the buffers that one file after the other uses.
pub(super) struct Grep {
    matcher: RegexMatcher,
    searcher: Searcher,
    file: Vec<u8>,
}

/// A line that matched.
pub(super) struct MatchedLine {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) text: String,
    /// Size of its file in bytes.
    pub(super) file_bytes: u64,
}

impl Grep {
    /// Compiles `pattern`.
    pub(super) fn new(pattern: &str, config: &FileConfig) -> Result<Self, ToolError> {
        let max = length(config.max_regex_bytes);
        let matcher = RegexMatcherBuilder::new()
            .multi_line(true)
            .crlf(true)
            .size_limit(max)
            .dfa_size_limit(max)
            .build(pattern)
            .map_err(|error| {
                ToolError::InvalidArguments(format!("`content` cannot be used: {error}"))
            })?;
        let searcher = SearcherBuilder::new()
            .bom_sniffing(false)
            .line_terminator(LineTerminator::crlf())
            .binary_detection(BinaryDetection::none())
            .line_number(true)
            .build();
        Ok(Self { matcher, searcher, file: Vec::new() })
    }

    /// Gives the matching lines of `file` to `take`, in order, until it returns
    /// false. Returns why none could be looked for.
    pub(super) fn search(
        &mut self,
        job: &Job,
        file: File,
        take: impl FnMut(MatchedLine) -> bool,
    ) -> Result<Option<Reason>, ToolError> {
        let config = job.config();
        let text = match load(file, config.max_search_file_bytes, &mut self.file) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Some(Reason::TooLarge)),
            Err(NoText::Binary | NoText::NotUtf8) => return Ok(Some(Reason::Binary)),
            Err(NoText::Io(_) | NoText::Stopped(_)) => return Ok(Some(Reason::Unreadable)),
        };
        let max_text = length(config.max_hit_text_bytes);
        let lines = Lines { take, max_text, file_bytes: text.bytes };
        let source = Cancellable { rest: text.text.as_bytes(), cancelled: &job.cancelled };
        let searched = self.searcher.search_reader(&self.matcher, source, lines);
        job.check()?;
        searched.map(|()| None).map_err(|error| {
            tracing::error!(%error, "a search in memory failed");
            ToolError::Failed("the search failed on this host".to_owned())
        })
    }
}

/// A text that ends in an error once the answer is not wanted any more. The
/// searcher asks for a piece of it at a time.
struct Cancellable<'a> {
    rest: &'a [u8],
    cancelled: &'a CancellationToken,
}

impl Read for Cancellable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancelled.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.rest.read(buffer)
    }
}

struct Lines<F> {
    take: F,
    max_text: usize,
    file_bytes: u64,
}

impl<F: FnMut(MatchedLine) -> bool> Sink for Lines<F> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, matched: &SinkMatch<'_>) -> io::Result<bool> {
        let number =
            matched.line_number().ok_or_else(|| io::Error::error_message("no line numbers"))?;
        let line = str::from_utf8(matched.bytes()).map_err(io::Error::error_message)?;
        let text = cut(line.trim_end_matches(['\r', '\n']), self.max_text).to_owned();
        Ok((self.take)(MatchedLine { number, text, file_bytes: self.file_bytes }))
    }
}
