//! Reads a diff as models write it: with a fence or prose around it, with the
//! headers of git, of `diff -u` or of the envelope `*** Begin Patch`, or with
//! none, and with counts that are right, wrong or missing.

use super::{
    header::{Named, Refused},
    hunk::Hunk,
    lines::Lines,
};
use crate::tools::file::{
    encoding::MARK,
    path::{Quoted, WorkspacePath},
};

/// Reads the hunks of a diff for the file at `path`.
///
/// # Errors
///
/// What is wrong with it, and what to give instead.
pub(super) fn read<'a>(diff: &'a str, path: &WorkspacePath) -> Result<Vec<Hunk<'a>>, String> {
    let diff = diff.strip_prefix(MARK).unwrap_or(diff);
    if let Some(problem) = no_diff(diff) {
        return Err(problem.to_owned());
    }
    let mut reading = Reading {
        source: Lines::new(diff),
        has_headers: diff.lines().any(|it| it.starts_with("@@")),
        in_fence: false,
        is_closed: false,
        hunks: Vec::new(),
        names: Vec::new(),
        refused: None,
    };
    reading.all()?;
    reading.check(path)?;
    match reading.hunks.is_empty() {
        true => Err(NO_HUNK.to_owned()),
        false => Ok(reading.hunks),
    }
}

const NO_HUNK: &str = "`diff` holds no hunk: give one that starts with `@@ -1,2 +1,3 @@`, or with \
                       `@@` alone, and whose lines start with a blank, `-` or `+`";

const SEVERAL_FILES: &str = "`diff` is for several files: give one call for each";

/// What other texts are taken for diffs.
fn no_diff(diff: &str) -> Option<&'static str> {
    if diff.lines().any(|it| it.starts_with("<<<<<<< SEARCH")) {
        return Some(
            "`diff` is a block of SEARCH and REPLACE: give its two parts as `search` and `replace`",
        );
    }
    if diff.lines().any(|it| it.starts_with("@@@ ")) {
        return Some("`diff` is a combined diff of a merge: give one against the file as it is");
    }
    (diff.lines().count() == 1 && diff.contains("\\n")).then_some(
        "`diff` is one line with `\\n` written as two characters: give it with real line ends",
    )
}

struct Reading<'a> {
    source: Lines<'a>,
    /// Some hunk has a header, so that nothing is one without.
    has_headers: bool,
    in_fence: bool,
    /// A fence or an envelope was closed: what follows is prose.
    is_closed: bool,
    hunks: Vec<Hunk<'a>>,
    names: Vec<Named>,
    refused: Option<Refused>,
}

impl<'a> Reading<'a> {
    fn all(&mut self) -> Result<(), String> {
        while let Some(line) = self.source.peek() {
            if line.starts_with("@@") {
                self.hunk(true)?;
            } else if !self.has_headers && self.is_body() {
                self.hunk(false)?;
            } else {
                self.between(line)?;
            }
        }
        Ok(())
    }

    /// A line between hunks.
    fn between(&mut self, line: &'a str) -> Result<(), String> {
        let is_change = self.is_body() && line.starts_with(['-', '+']);
        if is_change && !self.hunks.is_empty() && !self.is_closed {
            return Err(no_line(self.source.number, line));
        }
        self.source.next();
        if line.starts_with("```") {
            self.is_closed = self.in_fence;
            self.in_fence = !self.in_fence;
        }
        self.is_closed |= line.trim_end() == "*** End Patch";
        if let Some(refused) = Refused::of(line) {
            self.refuse(refused);
        }
        match Named::of(line) {
            Some(it) if it.is_nothing() && it.is_old() => self.refuse(Refused::Create),
            Some(it) if it.is_nothing() => self.refuse(Refused::Delete),
            Some(it) => self.names.push(it),
            None => {}
        }
        // The first hunk may be without a header.
        let starts_body = line.starts_with("*** Update File:") || line.starts_with("+++ ");
        if starts_body && self.is_body() { self.hunk(false) } else { Ok(()) }
    }

    /// The first thing counts: a deletion has its mode in a further line.
    fn refuse(&mut self, refused: Refused) {
        self.refused.get_or_insert(refused);
    }

    /// Whether the next line may be one of a hunk.
    fn is_body(&self) -> bool {
        let Some(line) = self.source.peek() else { return false };
        line.starts_with([' ', '-', '+'])
            && !line.trim().is_empty()
            && !line.starts_with("+++ ")
            && !self.source.is_file_header()
            && !self.source.is_signature()
    }

    fn hunk(&mut self, has_header: bool) -> Result<(), String> {
        let hunk = Hunk::read(&mut self.source, has_header, self.in_fence);
        let hunk = hunk.map_err(|(number, line)| no_line(number, line))?;
        if !hunk.changes_something() {
            let number = self.hunks.len() + 1;
            return Err(format!(
                "hunk {number} of `diff` changes nothing: mark the lines that go with `-` and \
                 those that come with `+`"
            ));
        }
        self.is_closed = false;
        self.hunks.push(hunk);
        Ok(())
    }

    /// Refuses a diff that is not of the file at `path` alone, and one that
    /// does what is done otherwise.
    fn check(&self, path: &WorkspacePath) -> Result<(), String> {
        let is_this = |it: &Named| it.may_be(path.normal());
        let other = self.names.iter().find(|it| !is_this(it));
        if self.refused == Some(Refused::Rename) {
            return Err(Refused::Rename.text().to_owned());
        }
        let Some(other) = other else {
            return self.refused.map_or(Ok(()), |it| Err(it.text().to_owned()));
        };
        if let [old, new] = &*self.names
            && old.is_old()
            && (is_this(old) || is_this(new))
        {
            return Err(Refused::Rename.text().to_owned());
        }
        if self.names.iter().any(is_this) {
            return Err(SEVERAL_FILES.to_owned());
        }
        let (other, path) = (Quoted(other.name()), Quoted(path.given()));
        Err(format!(
            "`diff` is for {other}, but `path` is {path}: give the path of the file that it is for"
        ))
    }
}

fn no_line(number: usize, line: &str) -> String {
    let line = Quoted(line);
    format!(
        "line {number} of `diff` belongs to no hunk: {line}: in a hunk every line starts with a \
         blank, `-` or `+`, and the counts in its header are right or left out (`@@` alone)"
    )
}
