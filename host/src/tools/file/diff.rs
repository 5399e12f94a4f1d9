//! Unified diffs: read by `diffy`, fitted and applied here.
//!
//! Fitted here because an error names the hunk and the line that does not
//! fit, and because a hostile diff can make the search for its place take
//! time that is quadratic in the file. Every line of context must match; a
//! hunk may sit elsewhere than its header says, and the nearest place counts.

use diffy::{Hunk, Line};

use super::{
    Job, bytes,
    patch::Edited,
    path::{Printable, Quoted, WorkspacePath},
};
use crate::toolset::call::ToolError;

/// Bytes of a line that are compared in about the time that a short line takes.
const STEP_BYTES: usize = 64;

/// Steps between two looks at whether the answer is still wanted.
const CHECK_STEPS: u64 = 1 << 20;

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
    let diff = ended(diff);
    let patch = diffy::Patch::from_str(&diff).map_err(|error| malformed(&diff, &error))?;
    if let Some(problem) = unusable(&diff, patch.hunks()) {
        return Err(ToolError::InvalidArguments(problem.to_owned()));
    }
    let mut fitting = Fitting::new(job, text, &diff);
    for (index, hunk) in patch.hunks().iter().enumerate() {
        fitting
            .apply(hunk)
            .map_err(|misfit| misfit.of(path, &named(&diff, index, patch.hunks().len())))?;
    }
    let changes = u32::try_from(patch.hunks().len()).unwrap_or(u32::MAX);
    Ok(Edited { text: fitting.finish(), changes })
}

/// Models leave out the last line end, which would count as a part of the
/// change. A change of that kind is marked by `\ No newline at end of file`.
fn ended(diff: &str) -> String {
    let mut diff = diff.to_owned();
    if !diff.ends_with('\n') {
        diff.push('\n');
    }
    diff
}

fn unusable(diff: &str, hunks: &[Hunk<'_, str>]) -> Option<&'static str> {
    if diff.lines().filter(|it| it.starts_with("diff --git ")).count() > 1 {
        return Some(SEVERAL_FILES);
    }
    hunks.is_empty().then_some("`diff` holds no hunk: give one that starts with `@@ -1,2 +1,3 @@`")
}

const SEVERAL_FILES: &str = "`diff` is for several files: give one call for each";

/// Says what is wrong with a diff that could not be read. Hunk by hunk, since
/// a wrong count in a header is the usual mistake.
fn malformed(diff: &str, error: &diffy::ParsePatchError) -> ToolError {
    let hunks = headers(diff).count();
    let broken = split_hunks(diff).position(|it| diffy::Patch::from_str(it).is_err());
    ToolError::InvalidArguments(match broken {
        _ if several_files(diff) => SEVERAL_FILES.to_owned(),
        Some(index) => format!(
            "{} is malformed: its header must count its lines, and each must start with a space, \
             `-` or `+`",
            named(diff, index, hunks)
        ),
        None => format!("`diff` cannot be read: {error}"),
    })
}

fn several_files(diff: &str) -> bool {
    let pairs = diff.lines().zip(diff.lines().skip(1));
    pairs.filter(|(old, new)| old.starts_with("--- ") && new.starts_with("+++ ")).count() > 1
}

/// The text of each hunk, from its header to the next.
fn split_hunks(diff: &str) -> impl Iterator<Item = &str> {
    let first = if diff.starts_with("@@ ") { Some(0) } else { diff.find("\n@@ ").map(|it| it + 1) };
    let mut rest = first.and_then(|it| diff.get(it..)).unwrap_or_default();
    std::iter::from_fn(move || {
        let end = rest.find("\n@@ ").map_or(rest.len(), |it| it + 1);
        let (hunk, after) = rest.split_at_checked(end)?;
        rest = after;
        (!hunk.is_empty()).then_some(hunk)
    })
}

fn headers(diff: &str) -> impl Iterator<Item = &str> {
    diff.lines().filter(|it| it.starts_with("@@ "))
}

/// `hunk 2 of 3 (@@ -10,3 +10,4 @@)`
fn named(diff: &str, index: usize, count: usize) -> String {
    let header = headers(diff).nth(index).unwrap_or_default();
    let ranges = header.split("@@").nth(1).unwrap_or_default().trim();
    format!("hunk {} of {count} (@@ {} @@)", index + 1, Printable(ranges))
}

/// Why a hunk could not be applied.
enum Misfit {
    Stopped(ToolError),
    /// The first line that differs where the hunk should sit.
    Line {
        number: usize,
        found: String,
        wanted: String,
    },
    /// The file ends before the hunk does.
    End {
        lines: usize,
    },
    /// Two lines would become one.
    NoLineEnd,
    TooFar,
}

impl Misfit {
    fn of(self, path: &WorkspacePath, hunk: &str) -> ToolError {
        let problem = match self {
            Misfit::Stopped(error) => return error,
            Misfit::Line { number, found, wanted } => {
                format!("line {number} is {found} where the hunk has {wanted}")
            }
            Misfit::End { lines } => format!("the file ends before it, after {lines} lines"),
            Misfit::NoLineEnd => "it leaves a line without its line end before others".to_owned(),
            Misfit::TooFar => "its place is too far from the line in its header".to_owned(),
        };
        let path = Quoted(path.given());
        ToolError::Failed(format!("{path} is unchanged, {hunk} does not fit: {problem}"))
    }
}

/// A file on its way from the first hunk to the last.
struct Fitting<'a> {
    job: &'a Job,
    lines: Vec<&'a str>,
    /// The file has CRLF throughout and the diff has none: it means the same
    /// lines, and its own get the line end of the file.
    crlf: bool,
    /// Lines that are copied or replaced already.
    done: usize,
    /// How far the last hunk sat from where its header said.
    shift: isize,
    steps: u64,
    result: String,
}

impl<'a> Fitting<'a> {
    fn new(job: &'a Job, text: &'a str, diff: &str) -> Self {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let crlf = !diff.contains('\r')
            && text.contains("\r\n")
            && lines.iter().all(|it| !it.ends_with('\n') || it.ends_with("\r\n"));
        let result = String::with_capacity(text.len());
        Self { job, lines, crlf, done: 0, shift: 0, steps: 0, result }
    }

    fn apply(&mut self, hunk: &Hunk<'_, str>) -> Result<(), Misfit> {
        let old: Vec<&str> = hunk.lines().iter().filter_map(old_line).collect();
        let at = self.place(hunk, &old)?;
        self.copy_until(at)?;
        for line in hunk.lines() {
            match line {
                Line::Context(_) => self.copy_until(self.done + 1)?,
                Line::Delete(_) => self.done += 1,
                Line::Insert(text) => self.insert(text)?,
            }
        }
        if self.is_unended() && self.done < self.lines.len() {
            return Err(Misfit::NoLineEnd);
        }
        Ok(())
    }

    fn finish(mut self) -> String {
        let rest = self.lines.get(self.done..).unwrap_or_default();
        self.result.extend(rest.iter().copied());
        self.result
    }

    /// Finds the first line of the file that the hunk is about.
    fn place(&mut self, hunk: &Hunk<'_, str>, old: &[&str]) -> Result<usize, Misfit> {
        let start = hunk.old_range().start();
        // A header without old lines names the line before.
        let stated = if old.is_empty() { start } else { start.saturating_sub(1) };
        let count = self.lines.len();
        if old.is_empty() && stated > count {
            return Err(Misfit::End { lines: count });
        }
        let stated = stated.min(count);
        let expected = stated.saturating_add_signed(self.shift).max(self.done);
        let Some(at) = self.nearest(old, expected)? else {
            return Err(self.explain(old, expected)?);
        };
        self.shift = at.cast_signed() - stated.cast_signed();
        Ok(at)
    }

    /// The place next to `expected` where the lines `old` are.
    fn nearest(&mut self, old: &[&str], expected: usize) -> Result<Option<usize>, Misfit> {
        let last = self.lines.len().checked_sub(old.len()).filter(|it| *it >= self.done);
        let Some(last) = last else { return Ok(None) };
        let expected = expected.min(last);
        for distance in 0..=(expected - self.done).max(last - expected) {
            let before = expected.checked_sub(distance).filter(|it| *it >= self.done);
            let after = expected.checked_add(distance).filter(|it| *it <= last);
            for at in before.into_iter().chain(after) {
                if self.mismatch(old, at)?.is_none() {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    fn explain(&mut self, old: &[&str], expected: usize) -> Result<Misfit, Misfit> {
        let index = self.mismatch(old, expected)?.unwrap_or_default();
        let Some(found) = self.lines.get(expected + index) else {
            return Ok(Misfit::End { lines: self.lines.len() });
        };
        let line = |it: &str| Quoted(it.trim_end_matches('\n')).to_string();
        let wanted = old.get(index).copied().unwrap_or_default();
        let number = expected + index + 1;
        Ok(Misfit::Line { number, found: line(found), wanted: line(wanted) })
    }

    /// The first of the lines `old` that differs from the file at `at`.
    fn mismatch(&mut self, old: &[&str], at: usize) -> Result<Option<usize>, Misfit> {
        for (index, wanted) in old.iter().enumerate() {
            self.step(wanted.len())?;
            let found = self.lines.get(at + index).copied().unwrap_or_default();
            if !self.same(found, wanted) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn same(&self, found: &str, wanted: &str) -> bool {
        match (found.strip_suffix("\r\n"), wanted.strip_suffix('\n')) {
            (Some(found), Some(wanted)) if self.crlf => found == wanted,
            _ => found == wanted,
        }
    }

    fn step(&mut self, length: usize) -> Result<(), Misfit> {
        let before = self.steps / CHECK_STEPS;
        self.steps += 1 + bytes(length / STEP_BYTES);
        if self.steps > self.job.config().max_diff_steps {
            return Err(Misfit::TooFar);
        }
        if self.steps / CHECK_STEPS > before {
            self.job.check().map_err(Misfit::Stopped)?;
        }
        Ok(())
    }

    fn copy_until(&mut self, end: usize) -> Result<(), Misfit> {
        let lines = self.lines.get(self.done..end).unwrap_or_default();
        if self.is_unended() && !lines.is_empty() {
            return Err(Misfit::NoLineEnd);
        }
        self.result.extend(lines.iter().copied());
        self.done = end;
        Ok(())
    }

    fn insert(&mut self, line: &str) -> Result<(), Misfit> {
        if self.is_unended() {
            return Err(Misfit::NoLineEnd);
        }
        match line.strip_suffix('\n') {
            Some(line) if self.crlf => self.result.extend([line, "\r\n"]),
            _ => self.result.push_str(line),
        }
        Ok(())
    }

    fn is_unended(&self) -> bool {
        !self.result.is_empty() && !self.result.ends_with('\n')
    }
}

fn old_line<'a>(line: &Line<'a, str>) -> Option<&'a str> {
    match line {
        Line::Context(text) | Line::Delete(text) => Some(text),
        Line::Insert(_) => None,
    }
}
