//! Where a hunk sits: the one place in the file that has its lines.
//!
//! The line in its header decides only when its lines are just there;
//! otherwise one place must have them, or one in the section that the header
//! names. Every comparison is counted, because a hostile diff can make the
//! search take time that is quadratic in the file.

use super::{
    differ::differing,
    hunk::{Hunk, Kind, Line},
    lines::End,
};
use crate::{
    tools::file::{Job, bytes, encoding::MARK},
    toolset::ToolError,
};

/// Bytes of a line that are compared in about the time that a short line takes.
const STEP_BYTES: usize = 64;

/// Steps between two looks at whether the answer is still wanted.
const CHECK_STEPS: u64 = 1 << 20;

/// Places that are told apart; with more, none is the only one.
const MAX_PLACES: usize = 100;

/// Places that an error names.
const NAMED_PLACES: usize = 5;

/// Why a hunk has no place.
pub(super) enum Misfit {
    Stopped(ToolError),
    /// In words, after "does not fit: ".
    Because(String),
}

fn because<T>(problem: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit::Because(problem.into()))
}

/// The file, while places are looked for.
pub(super) struct Places<'a> {
    job: &'a Job,
    /// With their line ends.
    lines: &'a [&'a str],
    /// The diff has both kinds of line ends, so they mean something.
    by_end: bool,
    /// How far the last hunk sat from where its header said.
    shift: isize,
    steps: u64,
}

/// How strict lines are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Exact,
    Any,
}

impl<'a> Places<'a> {
    pub(super) fn new(job: &'a Job, lines: &'a [&'a str], by_end: bool) -> Self {
        Self { job, lines, by_end, shift: 0, steps: 0 }
    }

    /// The index of the first line that the hunk is about.
    pub(super) fn find(&mut self, hunk: &Hunk<'_>) -> Result<usize, Misfit> {
        let at = match self.of_insertion(hunk)? {
            Some(at) => at,
            None => self.of_lines(hunk)?,
        };
        if let Some(ranges) = hunk.ranges {
            self.shift = at.cast_signed() - stated(hunk, ranges.start).cast_signed();
        }
        Ok(at)
    }

    /// Where a hunk without old lines goes, if it is one.
    fn of_insertion(&self, hunk: &Hunk<'_>) -> Result<Option<usize>, Misfit> {
        let count = self.lines.len();
        if hunk.before().next().is_some() {
            return Ok(None);
        }
        if count == 0 || hunk.at_end {
            return Ok(Some(count));
        }
        match hunk.ranges {
            Some(it) if it.old == 0 && it.start > count => because(ends_before(count)),
            Some(it) if it.old == 0 && it.start > 0 => Ok(Some(it.start)),
            Some(it) if it.old == 0 => because(format!(
                "its header says that the file was empty, but it has {count} lines: give a line \
                 of context after the new ones, or use write_file to replace all of it"
            )),
            _ => because(
                "it has new lines alone, so nothing says where they go: give a line of context \
                 before or after them",
            ),
        }
    }

    fn of_lines(&mut self, hunk: &Hunk<'_>) -> Result<usize, Misfit> {
        let old: Vec<Line<'_>> = hunk.before().copied().collect();
        let modes: &[Ends] = if self.by_end { &[Ends::Exact, Ends::Any] } else { &[Ends::Any] };
        for ends in modes {
            if let Some(at) = self.choose(hunk, &old, *ends)? {
                return Ok(at);
            }
        }
        Err(self.explain(hunk, &old)?)
    }

    /// The place of the lines `old`; `None` when there is none.
    fn choose(
        &mut self,
        hunk: &Hunk<'_>,
        old: &[Line<'_>],
        ends: Ends,
    ) -> Result<Option<usize>, Misfit> {
        if let Some(at) = self.expected(hunk)
            && self.fits(hunk, old, at, ends)?
        {
            return Ok(Some(at));
        }
        let places = self.all(hunk, old, ends)?;
        match *places {
            [] => Ok(None),
            [at] => Ok(Some(at)),
            _ => match self.in_section(hunk, &places) {
                Some(at) => Ok(Some(at)),
                None => because(several(&places)),
            },
        }
    }

    /// Where the header says, as far as the hunk before was right about that.
    fn expected(&self, hunk: &Hunk<'_>) -> Option<usize> {
        let stated = stated(hunk, hunk.ranges?.start);
        stated.checked_add_signed(self.shift)
    }

    /// All places, or enough of them.
    fn all(&mut self, hunk: &Hunk<'_>, old: &[Line<'_>], ends: Ends) -> Result<Vec<usize>, Misfit> {
        let mut places = Vec::new();
        for at in 0..=self.lines.len().saturating_sub(old.len()) {
            if self.fits(hunk, old, at, ends)? {
                places.push(at);
            }
            if places.len() == MAX_PLACES {
                break;
            }
        }
        Ok(places)
    }

    fn fits(
        &mut self,
        hunk: &Hunk<'_>,
        old: &[Line<'_>],
        at: usize,
        ends: Ends,
    ) -> Result<bool, Misfit> {
        let end = at.saturating_add(old.len());
        let is_last = end == self.lines.len();
        let must_be_last = hunk.at_end || hunk.lines.iter().any(|it| it.is_unended);
        if end > self.lines.len() || (must_be_last && !is_last) {
            return Ok(false);
        }
        for (index, wanted) in old.iter().enumerate() {
            if !self.same(at + index, wanted, ends)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn same(&mut self, index: usize, wanted: &Line<'_>, ends: Ends) -> Result<bool, Misfit> {
        self.step(wanted.text.len())?;
        let Some((found, end)) = self.lines.get(index).map(|it| split_end(it)) else {
            return Ok(false);
        };
        let is_end = ends == Ends::Any || end == End::None || wanted.end == End::None;
        if !is_end && end != wanted.end {
            return Ok(false);
        }
        // A caller may have seen the byte order mark, which is not in the text.
        let unmarked = if index == 0 { wanted.text.strip_prefix(MARK) } else { None };
        let is_blank = wanted.kind == Kind::Context && wanted.text.is_empty();
        Ok(found == wanted.text
            || unmarked == Some(found)
            || (is_blank && found.trim_matches([' ', '\t']).is_empty()))
    }

    /// The one place, of several, that is next to the line that the header
    /// names and before another line like it.
    fn in_section(&self, hunk: &Hunk<'_>, places: &[usize]) -> Option<usize> {
        let named = hunk.sections.last()?;
        let is_named = |it: &&str| it.trim() == *named;
        let mut starts = self.lines.iter().enumerate().filter(|(_, it)| is_named(it));
        let (start, line) = starts.next()?;
        if starts.next().is_some() {
            return None;
        }
        let indent = line.len() - line.trim_start().len();
        let goes_on = |it: &&str| {
            let own = it.len() - it.trim_start().len();
            own > indent || !it.trim_start().starts_with(char::is_alphanumeric)
        };
        let after = self.lines.get(start + 1..)?;
        let end = start + 1 + after.iter().take_while(|it| goes_on(it)).count();
        let mut inside = places.iter().filter(|it| (start..end).contains(*it));
        let at = inside.next()?;
        inside.next().is_none().then_some(*at)
    }

    /// Says what is different at the place that has most of the lines.
    fn explain(&mut self, hunk: &Hunk<'_>, old: &[Line<'_>]) -> Result<Misfit, Misfit> {
        let new: Vec<Line<'_>> = hunk.after().copied().collect();
        if !new.is_empty()
            && let Some(at) = self.all(hunk, &new, Ends::Any)?.first()
        {
            let line = at + 1;
            return because(format!("the file has its new lines already, from line {line} on"));
        }
        let count = self.lines.len();
        let expected = self.expected(hunk).filter(|it| *it < count).unwrap_or(0);
        let mut best = (0, expected);
        for at in std::iter::once(expected).chain(0..count) {
            let mut alike = 0;
            for (index, wanted) in old.iter().enumerate() {
                alike += usize::from(self.same(at + index, wanted, Ends::Any)?);
            }
            if alike > best.0 {
                best = (alike, at);
            }
        }
        Ok(Misfit::Because(self.difference(old, best.1, best.0 > 0)?))
    }

    fn difference(&mut self, old: &[Line<'_>], at: usize, is_near: bool) -> Result<String, Misfit> {
        let count = self.lines.len();
        for (index, wanted) in old.iter().enumerate() {
            if self.same(at + index, wanted, Ends::Any)? {
                continue;
            }
            let Some(found) = self.lines.get(at + index) else { return Ok(ends_before(count)) };
            let number = at + index + 1;
            let (found, wanted) = differing(split_end(found).0, wanted.text);
            let nowhere = if is_near { "" } else { "none of its lines is there: " };
            return Ok(format!("{nowhere}line {number} is {found} where the hunk has {wanted}"));
        }
        // All lines are there, but not at the end.
        let last = at + old.len();
        Ok(format!(
            "a line of it is marked as the last of the file, but the file goes on after line {last}"
        ))
    }

    fn step(&mut self, length: usize) -> Result<(), Misfit> {
        let before = self.steps / CHECK_STEPS;
        self.steps += 1 + bytes(length / STEP_BYTES);
        if self.steps > self.job.config().max_diff_steps {
            return because("to find its place takes too long: give fewer lines around the change");
        }
        if self.steps / CHECK_STEPS > before {
            self.job.check().map_err(Misfit::Stopped)?;
        }
        Ok(())
    }
}

/// A line without its end, and what that is.
pub(super) fn split_end(line: &str) -> (&str, End) {
    match (line.strip_suffix("\r\n"), line.strip_suffix('\n')) {
        (Some(line), _) => (line, End::CrLf),
        (None, Some(line)) => (line, End::Lf),
        (None, None) => (line, End::None),
    }
}

/// A header without old lines names the line before.
fn stated(hunk: &Hunk<'_>, start: usize) -> usize {
    if hunk.before().next().is_none() { start } else { start.saturating_sub(1) }
}

fn ends_before(count: usize) -> String {
    match count {
        0 => "the file is empty".to_owned(),
        count => format!("the file ends before it, after line {count}"),
    }
}

fn several(places: &[usize]) -> String {
    let count = places.len();
    let count = if count == MAX_PLACES { format!("{count} or more") } else { count.to_string() };
    let named: Vec<String> =
        places.iter().take(NAMED_PLACES).map(|it| (it + 1).to_string()).collect();
    let more = if places.len() > NAMED_PLACES { ", …" } else { "" };
    format!(
        "{count} places have its lines, at lines {}{more}: give more lines around the change, or \
         the right line in the header",
        named.join(", ")
    )
}
