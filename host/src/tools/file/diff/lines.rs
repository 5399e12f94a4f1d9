//! The lines of a diff, one after the other, with a look ahead.

/// Where the reading of a diff is.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    rest: &'a str,
    /// Of the next line, counted from 1.
    pub(super) number: usize,
}

/// How a line of a diff ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Lf,
    CrLf,
    /// The diff itself ends there.
    None,
}

impl<'a> Lines<'a> {
    pub(super) fn new(diff: &'a str) -> Self {
        Self { rest: diff, number: 1 }
    }

    /// The next line without its end.
    pub(super) fn peek(&self) -> Option<&'a str> {
        let mut ahead = *self;
        ahead.next().map(|(line, _)| line)
    }

    /// The line after the next one.
    pub(super) fn peek_second(&self) -> Option<&'a str> {
        let mut ahead = *self;
        ahead.next();
        ahead.peek()
    }

    /// Whether the next two lines name the two files of a diff.
    pub(super) fn is_file_header(&self) -> bool {
        self.peek().is_some_and(|it| it.starts_with("--- "))
            && self.peek_second().is_some_and(|it| it.starts_with("+++ "))
    }

    /// The same where a body goes on as long as nothing else shows its end,
    /// and such lines may be its own.
    pub(super) fn is_file_header_with_hunk(&self) -> bool {
        let mut ahead = *self;
        ahead.nth(1);
        self.is_file_header() && ahead.peek().is_some_and(|it| it.starts_with("@@"))
    }

    /// Whether the version of git comes next, which ends a mailed patch.
    pub(super) fn is_signature(&self) -> bool {
        let is_version = |it: &str| {
            let mut parts = it.split('.');
            let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
            parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number)
        };
        self.peek().is_some_and(|it| it.trim_end() == "--")
            && self.peek_second().is_some_and(is_version)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a str, End);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let Some((line, rest)) = self.rest.split_once('\n') else {
            let line = std::mem::take(&mut self.rest);
            return Some((line.strip_suffix('\r').unwrap_or(line), End::None));
        };
        self.rest = rest;
        match line.strip_suffix('\r') {
            Some(line) => Some((line, End::CrLf)),
            None => Some((line, End::Lf)),
        }
    }
}
