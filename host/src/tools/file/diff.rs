//! Diffs: read as models write them, fitted exactly, and applied.
//!
//! Reading is lenient ([`read`]): counts may be wrong, headers may miss, and a
//! diff may have an envelope or prose around it. Fitting is not ([`place`]): a
//! hunk goes where its lines are, and only when that is one place. All hunks
//! are fitted against the file as it is and then applied together.
//!
//! Our own because the crates that read diffs (`diffy`, `patch`) refuse what
//! models write, and take the nearest place when there are several.

use super::{
    Job, bytes,
    path::{Printable, Quoted, WorkspacePath},
    text::Edited,
};
use crate::toolset::ToolError;

mod differ;
mod header;
mod hunk;
mod lines;
mod place;
mod ranges;
mod read;

use hunk::{Hunk, Kind, Line};
use lines::End;
use place::{Misfit, Places, split_end};

/// Applies `diff` to `text`, the content of the file at `path`.
pub(super) fn apply(
    job: &Job,
    path: &WorkspacePath,
    text: &str,
    diff: &str,
) -> Result<Edited, ToolError> {
    let max = job.config().max_write_bytes;
    if bytes(diff.len()) > max {
        let problem = format!("`diff` has more than {max} bytes: give it in parts");
        return Err(ToolError::InvalidArguments(problem));
    }
    let hunks = read::read(diff, path).map_err(ToolError::InvalidArguments)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let by_end = has_both_ends(&hunks);
    let mut places = Places::new(job, &lines, by_end);
    let mut placed = Vec::with_capacity(hunks.len());
    let count = hunks.len();
    for (index, hunk) in hunks.iter().enumerate() {
        let at = places.find(hunk).map_err(|it| misfit(path, it, &named(index, count, hunk)))?;
        placed.push((at, index));
    }
    placed.sort_unstable();
    check_apart(path, &hunks, &placed)?;
    let mut result = Applied::new(&lines, by_end, text.len());
    for (at, index) in &placed {
        if let Some(hunk) = hunks.get(*index) {
            result.apply(*at, hunk);
        }
    }
    let changes = u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Edited { text: result.finish(), changes })
}

/// Whether line ends of the diff mean something, which they do not where all
/// are alike: then they are those of its way here.
fn has_both_ends(hunks: &[Hunk<'_>]) -> bool {
    let has = |end| hunks.iter().flat_map(|it| &it.lines).any(|it| it.end == end);
    has(End::Lf) && has(End::CrLf)
}

/// `hunk 2 of 3 (@@ -10,3 +10,4 @@)`
fn named(index: usize, count: usize, hunk: &Hunk<'_>) -> String {
    let number = index + 1;
    let ranges = hunk.header.rfind("@@").and_then(|it| hunk.header.get(..it + 2));
    match ranges {
        None => format!("hunk {number} of {count}"),
        Some(ranges) => format!("hunk {number} of {count} ({})", Printable(ranges)),
    }
}

fn misfit(path: &WorkspacePath, misfit: Misfit, hunk: &str) -> ToolError {
    match misfit {
        Misfit::Stopped(error) => error,
        Misfit::Because(problem) => {
            let path = Quoted(path.given());
            ToolError::Failed(format!("{path} is unchanged, {hunk} does not fit: {problem}"))
        }
    }
}

/// Refuses hunks that are about the same line.
fn check_apart(
    path: &WorkspacePath,
    hunks: &[Hunk<'_>],
    placed: &[(usize, usize)],
) -> Result<(), ToolError> {
    for (before, after) in placed.iter().zip(placed.iter().skip(1)) {
        let length = hunks.get(before.1).map_or(0, |it| it.before().count());
        if before.0 + length > after.0 {
            let [first, second] = [before.1, after.1].map(|it| it + 1);
            let (path, line) = (Quoted(path.given()), after.0 + 1);
            return Err(ToolError::Failed(format!(
                "{path} is unchanged, hunks {first} and {second} are both about line {line}: \
                 join them to one hunk"
            )));
        }
    }
    Ok(())
}

/// A file on its way from the first hunk to the last.
struct Applied<'a> {
    lines: &'a [&'a str],
    by_end: bool,
    /// Lines that are copied or replaced already.
    done: usize,
    text: String,
    /// The last line of the text is a new one.
    is_new: bool,
    /// The diff says whether the file ends with a line end.
    ends: Option<bool>,
}

impl<'a> Applied<'a> {
    fn new(lines: &'a [&'a str], by_end: bool, length: usize) -> Self {
        let text = String::with_capacity(length);
        Self { lines, by_end, done: 0, text, is_new: false, ends: None }
    }

    fn apply(&mut self, at: usize, hunk: &Hunk<'_>) {
        self.copy_until(at);
        for line in &hunk.lines {
            match line.kind {
                Kind::Context => self.copy_until(self.done + 1),
                Kind::Delete => self.done += 1,
                Kind::Insert => self.insert(line),
            }
        }
        let [old, new] = [hunk.before().last(), hunk.after().last()]
            .map(|it| it.is_some_and(|it: &Line<'_>| it.is_unended));
        if old != new {
            self.ends = Some(old);
        }
    }

    fn copy_until(&mut self, end: usize) {
        for line in self.lines.get(self.done..end).unwrap_or_default() {
            self.end_line();
            self.text.push_str(line);
            self.is_new = false;
        }
        self.done = end.max(self.done);
    }

    fn insert(&mut self, line: &Line<'_>) {
        self.end_line();
        let own = if self.by_end { line.end } else { End::None };
        self.text.push_str(line.text);
        self.text.push_str(match own {
            End::Lf => "\n",
            End::CrLf => "\r\n",
            End::None => self.end_here(line.end),
        });
        self.is_new = true;
    }

    /// Gives a line that was the last of the file a line end.
    fn end_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push_str(self.end_here(End::None));
        }
    }

    /// The line end of the file next to where this is; that of the diff in an
    /// empty one.
    fn end_here(&self, own: End) -> &'static str {
        // Only the last line of a file has none.
        let around = [self.done.checked_sub(1), Some(self.done), self.done.checked_sub(2)];
        let ends = around.into_iter().flatten().filter_map(|it| self.lines.get(it));
        let mut ends = ends.map(|it| split_end(it).1).filter(|it| *it != End::None);
        match ends.next().unwrap_or(own) {
            End::CrLf => "\r\n",
            End::Lf | End::None => "\n",
        }
    }

    fn finish(mut self) -> String {
        self.copy_until(self.lines.len());
        let was_ended = self.lines.last().is_none_or(|it| it.ends_with('\n'));
        match self.ends {
            Some(true) => self.end_line(),
            Some(false) => self.cut_end(),
            None if self.is_new && !was_ended => self.cut_end(),
            None => {}
        }
        self.text
    }

    fn cut_end(&mut self) {
        let length = split_end(&self.text).0.len();
        self.text.truncate(length);
    }
}
