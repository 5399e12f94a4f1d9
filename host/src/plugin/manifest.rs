//! `plugin.toml`: what a tool plugin says of itself, and what it asks for.
//!
//! A stranger wrote it. It is bounded, everything in it is checked before
//! anything of it is used, and what is wrong is told all at once, each with its
//! line. A component without one asks for nothing.

mod asks;
mod mistake;
mod section;

use std::{collections::BTreeMap, fs::File, io, path::Path};

use semver::Version;
use toml::de::DeTable;

use self::{
    mistake::Mistakes,
    section::{Section, Text},
};
use super::name::{self, NameError};
use crate::{boundary::Asks, completion::sanitize::is_blank, plain_file};

pub use self::mistake::{ManifestError, Mistake};

/// The file beside a component.
pub const FILE: &str = "plugin.toml";

/// Bytes of one: it is read at every start of a host.
pub(super) const MAX_BYTES: u64 = 64 << 10;

/// Characters of a description: a person reads it before they agree, and a
/// model before each call.
const MAX_DESCRIPTION_CHARS: usize = 500;

/// Characters of the words for a tool.
const MAX_TOOL_CHARS: usize = 1_000;

/// Bytes of a version.
const MAX_VERSION_BYTES: usize = 64;

/// Tools with words of the manifest.
const MAX_TOOLS: usize = 64;

/// What stands before a digest, so that another kind of digest can come.
pub(super) const DIGEST: &str = "blake3:";

/// A tool plugin, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// In snake case, of nothing else in the host.
    pub name: String,
    /// Its own.
    pub version: Version,
    /// On one line; empty of a plugin without a manifest.
    pub description: String,
    /// The one component that it is the manifest of, if it says so.
    pub digest: Option<blake3::Hash>,
    /// What it asks for.
    pub asks: Asks,
    /// Descriptions of tools by their names, for a component that carries
    /// none.
    pub tools: BTreeMap<String, String>,
}

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadManifestError {
    /// The file can't be read.
    #[error("`{file}` can't be read")]
    Read {
        /// Its path.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Something is wrong with what it says.
    #[error(transparent)]
    Wrong(#[from] ManifestError),
}

impl Manifest {
    /// Of a component that comes without one: it asks for nothing.
    ///
    /// # Errors
    ///
    /// It can't have that name.
    pub fn of_nothing(name: &str) -> Result<Self, NameError> {
        name::check_plugin(name)?;
        Ok(Self {
            name: name.to_owned(),
            version: Version::new(0, 0, 0),
            description: String::new(),
            digest: None,
            asks: Asks::default(),
            tools: BTreeMap::new(),
        })
    }

    /// Reads a file, and gives its text, too.
    ///
    /// # Errors
    ///
    /// It can't be read, or something in it is wrong.
    pub fn read(path: &Path) -> Result<(Self, String), ReadManifestError> {
        let file = path.display().to_string();
        let text = plain_file::open(path).and_then(text_of);
        match text {
            Ok(text) => Ok((Self::parse(&file, &text)?, text)),
            Err(source) => Err(ReadManifestError::Read { file, source }),
        }
    }

    /// Reads the text of a file of that name.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        let mut mistakes = Mistakes::of(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            mistakes.add(error.span().map_or(0, |it| it.start), error.message());
        }
        // What is read of something that is no TOML would be told as missing.
        let manifest = errors
            .is_empty()
            .then(|| of_section(Section::top(table.get_ref()), &mut mistakes))
            .flatten();
        mistakes.or(file, manifest)
    }
}

fn text_of(file: File) -> io::Result<String> {
    let bytes = plain_file::bytes(file, MAX_BYTES)?;
    String::from_utf8(bytes)
        .map_err(|it| io::Error::new(io::ErrorKind::InvalidData, it.utf8_error()))
}

/// `None` when something of it is missing, which is a mistake then.
fn of_section(mut top: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Manifest> {
    let name = top.needed("name", mistakes).and_then(|it| named(it, mistakes));
    let version = top.needed("version", mistakes).and_then(|it| version(it, mistakes));
    let description = description(&mut top, MAX_DESCRIPTION_CHARS, mistakes);
    let digest = top.text("digest", mistakes).and_then(|it| digest(it, mistakes));
    let asks = asks::read(&mut top, mistakes);
    let tools = tools(&mut top, mistakes);
    top.finish(mistakes);
    Some(Manifest {
        name: name?,
        version: version?,
        description: description?,
        digest,
        asks,
        tools,
    })
}

fn named(Text { at, text }: Text<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    match name::check_plugin(text) {
        Ok(()) => Some(text.to_owned()),
        Err(err) => {
            mistakes.told(at, &err);
            None
        }
    }
}

fn version(Text { at, text }: Text<'_>, mistakes: &mut Mistakes<'_>) -> Option<Version> {
    let version = Version::parse(text).ok().filter(|_| text.len() <= MAX_VERSION_BYTES);
    if version.is_none() {
        let hint = "it is like `0.1.0`, see <https://semver.org>".to_owned();
        mistakes.with_hint(at, format!("`{text}` is no version"), Some(hint));
    }
    version
}

/// One that says something.
fn description(
    section: &mut Section<'_>,
    max_chars: usize,
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let at = section.needed("description", mistakes)?.at;
    let words = section.words("description", max_chars, mistakes)?;
    if is_blank(&words) {
        mistakes.add(at, "`description` says nothing");
        return None;
    }
    Some(words)
}

fn digest(Text { at, text }: Text<'_>, mistakes: &mut Mistakes<'_>) -> Option<blake3::Hash> {
    let hash = text.strip_prefix(DIGEST).and_then(|it| blake3::Hash::from_hex(it).ok());
    if hash.is_none() {
        let text = format!("`digest` is not `{DIGEST}` with 64 hexadecimal digits behind it");
        let hint = "`hermitage plugin show FILE` tells that of a component".to_owned();
        mistakes.with_hint(at, text, Some(hint));
    }
    hash
}

fn tools(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> BTreeMap<String, String> {
    let mut res = BTreeMap::new();
    for (name, mut section) in top.tables("tools", MAX_TOOLS, mistakes) {
        if let Err(err) = name::check_tool(name.text) {
            mistakes.told(name.at, &err);
        }
        if let Some(words) = description(&mut section, MAX_TOOL_CHARS, mistakes) {
            res.insert(name.text.to_owned(), words);
        }
        section.finish(mistakes);
    }
    res
}

#[cfg(test)]
mod tests;
