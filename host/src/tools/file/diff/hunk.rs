//! One hunk as it stands in a diff: the body by the counts of its header where
//! these are right, and otherwise up to what can't be a part of it.

use super::{
    lines::{End, Lines},
    ranges::{Ranges, split_header},
};

/// A hunk.
#[derive(Debug)]
pub(super) struct Hunk<'a> {
    /// As it stands in the diff, for errors; empty without one.
    pub(super) header: &'a str,
    pub(super) ranges: Option<Ranges>,
    /// Lines that come before it in the file, as its header names them.
    pub(super) sections: Vec<&'a str>,
    pub(super) lines: Vec<Line<'a>>,
    /// It ends where the file does.
    pub(super) at_end: bool,
}

/// A line of a hunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) kind: Kind,
    /// Without its end.
    pub(super) text: &'a str,
    pub(super) end: End,
    /// Marked as the last line of its side, without a line end.
    pub(super) is_unended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Context,
    Delete,
    Insert,
}

impl<'a> Line<'a> {
    /// A line of a body; `None` for one that does not start as these do. An
    /// empty one is context whose blank got lost.
    fn of((line, end): (&'a str, End)) -> Option<Self> {
        let (kind, text) = match line.as_bytes().first() {
            None => (Kind::Context, line),
            Some(b' ') => (Kind::Context, line.get(1..)?),
            Some(b'-') => (Kind::Delete, line.get(1..)?),
            Some(b'+') => (Kind::Insert, line.get(1..)?),
            Some(_) => return None,
        };
        Some(Self { kind, text, end, is_unended: false })
    }
}

impl<'a> Hunk<'a> {
    /// Reads the hunk that comes next. `has_header` is false where a body
    /// starts without one, `in_fence` when a closing fence may follow.
    ///
    /// # Errors
    ///
    /// The number and the text of the line that can't be a part of it.
    pub(super) fn read(
        source: &mut Lines<'a>,
        has_header: bool,
        in_fence: bool,
    ) -> Result<Self, (usize, &'a str)> {
        let mut this = Self {
            header: "",
            ranges: None,
            sections: Vec::new(),
            lines: Vec::new(),
            at_end: false,
        };
        while has_header && source.peek().is_some_and(|it| it.starts_with("@@")) {
            let Some((header, _)) = source.next() else { break };
            let (ranges, section) = split_header(header);
            this.header = header;
            this.ranges = ranges;
            this.sections.extend(section);
        }
        if !this.read_counted(source) {
            this.read_to_its_end(source, in_fence)?;
        }
        Ok(this)
    }

    pub(super) fn before(&self) -> impl Iterator<Item = &Line<'a>> {
        self.lines.iter().filter(|it| it.kind != Kind::Insert)
    }

    pub(super) fn after(&self) -> impl Iterator<Item = &Line<'a>> {
        self.lines.iter().filter(|it| it.kind != Kind::Delete)
    }

    pub(super) fn changes_something(&self) -> bool {
        self.lines.iter().any(|it| it.kind != Kind::Context)
    }

    /// Reads as many lines as the header counts. False, with nothing read,
    /// when these are not the whole body.
    fn read_counted(&mut self, source: &mut Lines<'a>) -> bool {
        let Some(Ranges { mut old, mut new, .. }) = self.ranges else { return false };
        let mut ahead = *source;
        let mut lines: Vec<Line<'a>> = Vec::new();
        while old > 0 || new > 0 {
            if mark_unended(&mut ahead, &mut lines) {
                continue;
            }
            let Some(line) = ahead.next().and_then(Line::of) else { return false };
            let is_counted = match line.kind {
                Kind::Context => take(&mut old) && take(&mut new),
                Kind::Delete => take(&mut old),
                Kind::Insert => take(&mut new),
            };
            if !is_counted {
                return false;
            }
            lines.push(line);
        }
        mark_unended(&mut ahead, &mut lines);
        if goes_on(&ahead) {
            return false;
        }
        (self.lines, *source) = (lines, ahead);
        true
    }

    fn read_to_its_end(
        &mut self,
        source: &mut Lines<'a>,
        in_fence: bool,
    ) -> Result<(), (usize, &'a str)> {
        while !is_structure(source, in_fence) {
            if mark_unended(source, &mut self.lines) {
                continue;
            }
            let before = *source;
            let Some(line) = source.next() else { break };
            match Line::of(line) {
                Some(it) => self.lines.push(it),
                // Prose, or context without its blank: one place is found
                // without it, or none.
                None if !changes_follow(*source, in_fence) => skip_to_structure(source, in_fence),
                None => return Err((before.number, line.0)),
            }
        }
        if source.peek().is_some_and(|it| it.trim_end() == "*** End of File") {
            source.next();
            self.at_end = true;
        } else {
            self.cut_empty_end();
        }
        Ok(())
    }

    /// Drops empty lines at the end: they may be no context, but stand between
    /// hunks or after the diff, and must not decide between two places.
    fn cut_empty_end(&mut self) {
        let is_empty = |it: &Line<'_>| it.kind == Kind::Context && it.text.is_empty();
        while self.lines.last().is_some_and(is_empty) {
            self.lines.pop();
        }
    }
}

fn take(count: &mut usize) -> bool {
    let taken = count.checked_sub(1);
    *count = taken.unwrap_or_default();
    taken.is_some()
}

/// Reads `\ No newline at end of file`.
fn mark_unended(source: &mut Lines<'_>, lines: &mut [Line<'_>]) -> bool {
    if !source.peek().is_some_and(|it| it.starts_with('\\')) {
        return false;
    }
    source.next();
    if let Some(last) = lines.last_mut() {
        last.is_unended = true;
    }
    true
}

/// Whether a body does not end where its counts do.
fn goes_on(source: &Lines<'_>) -> bool {
    let Some(line) = source.peek() else { return false };
    let is_body = line.starts_with([' ', '-', '+']) && !line.trim().is_empty();
    is_body && !source.is_file_header() && !source.is_signature()
}

/// Whether something starts that is no part of a body.
fn is_structure(source: &Lines<'_>, in_fence: bool) -> bool {
    let Some(line) = source.peek() else { return true };
    line.starts_with("@@")
        || line.starts_with("*** ")
        || line.starts_with("diff --git ")
        || (in_fence && line.starts_with("```"))
        || source.is_file_header_with_hunk()
        || source.is_signature()
}

fn skip_to_structure(source: &mut Lines<'_>, in_fence: bool) {
    while !is_structure(source, in_fence) {
        source.next();
    }
}

fn changes_follow(mut source: Lines<'_>, in_fence: bool) -> bool {
    while !is_structure(&source, in_fence) {
        if source.next().is_some_and(|(it, _)| it.starts_with(['-', '+'])) {
            return true;
        }
    }
    false
}
