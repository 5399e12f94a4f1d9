//! What is wrong with a manifest: all of it at once, each with its line.

use std::fmt;

use crate::{completion::sanitize::clean_line, slip::closest};

/// Mistakes that are told of one manifest. What follows the first ones of
/// something that is none says nothing.
const MAX_MISTAKES: usize = 20;

/// Characters of one: it quotes what the author wrote.
const MAX_CHARS: usize = 300;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Of the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub text: String,
    /// How to mend it, where that is known.
    pub hint: Option<String>,
}

/// Why a text is no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// As it was given.
    pub file: String,
    /// At least one, in the order of the lines.
    pub mistakes: Vec<Mistake>,
}

impl std::error::Error for ManifestError {}

/// `plugin.toml:3: unknown key`, a line for each, and the hint of the first
/// that has one.
impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines =
            self.mistakes.iter().map(|it| format!("{}:{}: {}", self.file, it.line, it.text));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))?;
        match self.mistakes.iter().find_map(|it| it.hint.as_ref()) {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Those that were found so far.
pub(super) struct Mistakes<'a> {
    text: &'a str,
    found: Vec<Mistake>,
}

impl<'a> Mistakes<'a> {
    /// None yet, in that text.
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// At that byte of the text.
    pub(super) fn add(&mut self, at: usize, text: impl AsRef<str>) {
        self.with_hint(at, text, None);
    }

    pub(super) fn with_hint(&mut self, at: usize, text: impl AsRef<str>, hint: Option<String>) {
        let before = self.text.bytes().take(at);
        let line = before.filter(|it| *it == b'\n').count().saturating_add(1);
        let text = clean_line(text.as_ref(), MAX_CHARS);
        self.found.push(Mistake { line, text, hint });
    }

    /// What an error says, with the hint at its end.
    pub(super) fn told(&mut self, at: usize, error: &dyn std::error::Error) {
        let text = error.to_string();
        match text.split_once("\nhint: ") {
            Some((what, hint)) => self.with_hint(at, what, Some(hint.to_owned())),
            None => self.add(at, text),
        }
    }

    /// A word that is none of those that are known.
    pub(super) fn unknown(&mut self, at: usize, what: &str, word: &str, known: &[&str]) {
        let same = known.iter().find(|it| it.eq_ignore_ascii_case(word));
        let hint = match same.or_else(|| closest(word, known, |it| it)) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("known are {}", quoted(known)),
        };
        self.with_hint(at, format!("{what} `{word}`"), Some(hint));
    }

    /// What was read, if nothing is wrong with it.
    pub(super) fn or<T>(mut self, file: &str, value: Option<T>) -> Result<T, ManifestError> {
        if self.found.is_empty()
            && let Some(value) = value
        {
            return Ok(value);
        }
        self.found.sort_by_key(|it| it.line);
        self.found.truncate(MAX_MISTAKES);
        Err(ManifestError { file: file.to_owned(), mistakes: self.found })
    }
}

/// `` `a`, `b` ``.
pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}
