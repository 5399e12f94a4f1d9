//! What can be wrong with a configuration.

use std::io;

use crate::completion::queue::QueueConfigError;

/// Why a configuration is not taken. `origin` is the file or the option that
/// a value came from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Numbers that are none of a queue.
    #[error("`{origin}`: {source}")]
    Queue {
        /// What set them last.
        origin: String,
        /// Which one, and why.
        source: QueueConfigError,
    },
    /// The file can't be read.
    #[error("cannot read the configuration file `{file}`")]
    Read {
        /// As it was given.
        file: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{file} is not valid TOML")]
    Toml {
        /// As it was given.
        file: String,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A key that does not exist.
    #[error("{file}: unknown key `{key}`")]
    UnknownKey {
        /// As it was given.
        file: String,
        /// Dotted.
        key: String,
        /// One that is perhaps meant, dotted.
        close: Option<String>,
        /// The keys at the same place.
        known: Vec<String>,
    },
    /// A value of another type.
    #[error("{file}: `{key}` is {found}: must be {expected}")]
    WrongType {
        /// As it was given.
        file: String,
        /// Dotted.
        key: String,
        /// What it is.
        found: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A number out of its range.
    #[error("{origin}: `{key}` is {value}: must be between {min} and {max}")]
    OutOfRange {
        /// File or option.
        origin: String,
        /// Dotted.
        key: &'static str,
        /// As it was given.
        value: i64,
        /// The least that is taken.
        min: i64,
        /// The most that is taken.
        max: i64,
    },
    /// A number that does not fit another one.
    #[error("{origin}: `{key}` is {value}: must be at most `{limited_by}`, which is {limit}")]
    Exceeds {
        /// File or option that set one of them.
        origin: String,
        /// Dotted.
        key: &'static str,
        /// In the unit of the key.
        value: u64,
        /// The other key, of the same unit.
        limited_by: &'static str,
        /// Its value.
        limit: u64,
    },
    /// A toolset or a tool that this host does not offer.
    #[error(
        "{origin}: `{key}` has `{name}`, which is not available in this version: known are {}",
        known.join(", ")
    )]
    NotYet {
        /// File or option.
        origin: String,
        /// Dotted.
        key: &'static str,
        /// As it was given.
        name: String,
        /// Those that can be granted.
        known: Vec<&'static str>,
    },
    /// A name that nothing has.
    #[error("{origin}: `{key}` has the unknown name `{name}`: known are {}", known.join(", "))]
    UnknownName {
        /// File or option.
        origin: String,
        /// Dotted.
        key: &'static str,
        /// As it was given.
        name: String,
        /// One that is perhaps meant.
        close: Option<&'static str>,
        /// All of them.
        known: Vec<&'static str>,
    },
}

impl ConfigError {
    /// How to mend it, where that can be known.
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::UnknownKey { close: Some(close), .. } => did_you_mean(close),
            ConfigError::UnknownName { close: Some(close), .. } => did_you_mean(close),
            ConfigError::UnknownKey { known, .. } => {
                Some(format!("known here are {}", known.join(", ")))
            }
            ConfigError::Exceeds { key, limited_by, .. } => {
                Some(format!("lower `{key}` or raise `{limited_by}`"))
            }
            _ => None,
        }
    }

    pub(super) fn toml(file: &str, source: toml::de::Error) -> Self {
        ConfigError::Toml { file: file.to_owned(), source: Box::new(source) }
    }

    pub(super) fn unknown_name(
        origin: &str,
        key: &'static str,
        name: &str,
        known: Vec<&'static str>,
    ) -> Self {
        let close = closest(name, &known, |it| it).copied();
        ConfigError::UnknownName {
            origin: origin.to_owned(),
            key,
            name: name.to_owned(),
            close,
            known,
        }
    }
}

fn did_you_mean(close: &str) -> Option<String> {
    Some(format!("did you mean `{close}`?"))
}

/// The candidate that `word` is a slip of: at most a third of it differs. Of
/// equals the first.
pub(super) fn closest<'a, T>(
    word: &str,
    candidates: &'a [T],
    text: impl Fn(&T) -> &str,
) -> Option<&'a T> {
    let distance = |it: &T| strsim::damerau_levenshtein(word, text(it));
    let closest = candidates.iter().min_by_key(|it| distance(it))?;
    (distance(closest) <= word.chars().count().div_ceil(3)).then_some(closest)
}
