//! What can be wrong with a configuration.

use std::{error::Error, io};

use crate::{
    setting::{Range, Unfit, Wrong},
    slip::closest,
    tools::file::WorkspaceError,
};

/// Why a configuration is not taken. `origin` is the file or the option that
/// a value came from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
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
        /// As it was given, with the line.
        file: String,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// It is longer than a configuration can be.
    #[error("{file} is larger than {max_kib} KiB")]
    TooLarge {
        /// As it was given.
        file: String,
        /// What is read at most.
        max_kib: u64,
    },
    /// It is a directory, a link or something else.
    #[error("{file} is not a regular file")]
    NoFile {
        /// As it was given.
        file: String,
    },
    /// The bytes of a file or a variable are no text.
    #[error("{origin} is not valid UTF-8")]
    NotText {
        /// File or variable.
        origin: String,
    },
    /// A key that does not exist.
    #[error("{origin}: unknown key `{key}`")]
    UnknownKey {
        /// As it was given.
        origin: String,
        /// Dotted.
        key: String,
        /// One that is perhaps meant, dotted.
        close: Option<String>,
        /// The keys at the same place.
        known: Vec<String>,
    },
    /// A variable of ours that stands for no key.
    #[error("unknown variable `{variable}` in the environment")]
    UnknownVariable {
        /// Its name.
        variable: String,
        /// One that is perhaps meant.
        close: Option<String>,
        /// All that it could be, when it stands for no key.
        known: &'static [&'static str],
    },
    /// A name that no entry can have.
    #[error("{origin}: `{key}` is no name: 1 to 64 of `a-z`, `0-9`, `_` and `-` are")]
    BadName {
        /// File that it is from.
        origin: String,
        /// Dotted, the name last.
        key: String,
    },
    /// A value of another type.
    #[error("{origin}: `{key}` is {found}: must be {expected}")]
    WrongType {
        /// File or variable.
        origin: String,
        /// Dotted.
        key: String,
        /// What it is.
        found: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A number out of its range.
    #[error("{origin}: `{key}` is {value}: must be {range}")]
    OutOfRange {
        /// File, variable or option.
        origin: String,
        /// Dotted.
        key: String,
        /// As it was given.
        value: String,
        /// What is taken.
        range: Range,
    },
    /// A number of a [`Config`](super::Config) that was set by hand.
    #[error("the value for `{key}` is {value}: must be above nothing and at most {most}")]
    Unfit {
        /// Dotted.
        key: String,
        /// In the unit of the field: bytes, a duration, or a count.
        value: String,
        /// The most that is taken, in the same unit.
        most: String,
    },
    /// A number that does not fit another one.
    #[error("{origin}: `{key}` is {value}: must be at most `{limited_by}`, which is {limit}")]
    Exceeds {
        /// What set one of them last.
        origin: String,
        /// Dotted.
        key: String,
        /// In the unit of the key.
        value: u64,
        /// The other key, of the same unit.
        limited_by: String,
        /// Its value.
        limit: u64,
    },
    /// A name that nothing has.
    #[error("{origin}: `{key}` has the unknown name `{name}`: known are {}", listed(known))]
    UnknownName {
        /// File, variable or option.
        origin: String,
        /// Dotted.
        key: String,
        /// As it was given.
        name: String,
        /// One that is perhaps meant.
        close: Option<String>,
        /// All of them.
        known: Vec<String>,
    },
    /// A text of the wrong form. It is not quoted: it could be a key that was
    /// put into the wrong place.
    #[error("{origin}: `{key}` must be {expected}")]
    Malformed {
        /// File or variable.
        origin: String,
        /// Dotted.
        key: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// A pattern that is none.
    #[error("{origin}: {why}{}", cause(why))]
    Glob {
        /// What set one of them last.
        origin: String,
        /// Which key, and which pattern.
        why: WorkspaceError,
    },
    /// A text that can't be read, such as a rule for pages.
    #[error("{origin}: `{key}`: {source}")]
    Text {
        /// File or variable.
        origin: String,
        /// Dotted.
        key: String,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A key that an entry can't do without.
    #[error("{origin}: `{key}` has to be set{because}")]
    Missing {
        /// What set the rest of the entry.
        origin: String,
        /// Dotted.
        key: String,
        /// Why, if it is not always so; begins with a space.
        because: &'static str,
    },
    /// Two keys that exclude one another.
    #[error("{origin}: `{key}` and `{other}` can't both be set")]
    Both {
        /// What set one of them last.
        origin: String,
        /// Dotted.
        key: String,
        /// The other one, dotted.
        other: String,
    },
    /// A project's file that asks for more than the layers below it allow.
    #[error(
        "{origin}: `{key}` is {value}{}: a project may {rule}",
        below.as_ref().map(|it| format!(", and {it} without this file")).unwrap_or_default()
    )]
    Widens {
        /// The project's file.
        origin: String,
        /// Dotted.
        key: String,
        /// As it was given.
        value: String,
        /// What the layers below say.
        below: Option<String>,
        /// What is allowed.
        rule: &'static str,
    },
}

/// All that was found to be wrong.
#[derive(Debug)]
pub struct ConfigErrors {
    /// What is told when there is room for one.
    pub first: Box<ConfigError>,
    /// The others.
    pub rest: Vec<ConfigError>,
}

impl ConfigErrors {
    /// The value, if nothing was wrong.
    pub(super) fn or<T>(errors: Vec<ConfigError>, value: T) -> Result<T, Self> {
        let mut errors = errors.into_iter();
        match errors.next() {
            None => Ok(value),
            Some(first) => Err(Self { first: Box::new(first), rest: errors.collect() }),
        }
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(first: ConfigError) -> Self {
        Self { first: Box::new(first), rest: Vec::new() }
    }
}

impl From<Unfit> for ConfigError {
    fn from(Unfit { key, value, most }: Unfit) -> Self {
        ConfigError::Unfit { key: key.to_owned(), value, most }
    }
}

impl ConfigError {
    /// How to mend it, where that can be known.
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::UnknownKey { close: Some(close), .. }
            | ConfigError::UnknownVariable { close: Some(close), .. }
            | ConfigError::UnknownName { close: Some(close), .. } => did_you_mean(close),
            ConfigError::UnknownKey { known, .. } => {
                Some(format!("known here are {}", known.join(", ")))
            }
            ConfigError::Exceeds { key, limited_by, .. } => {
                Some(format!("lower `{key}` or raise `{limited_by}`"))
            }
            ConfigError::UnknownVariable { known: [], .. } => {
                Some("variables with `__` are keys of the configuration: `hermitage config show --all` lists them".to_owned())
            }
            ConfigError::UnknownVariable { known, .. } => {
                Some(format!("known are {}", known.join(", ")))
            }
            ConfigError::Widens { .. } => {
                Some("a project file may narrow what you allow, never widen it: put it into your own file".to_owned())
            }
            _ => None,
        }
    }

    /// What is wrong with the value of a key that `origin` set.
    pub(super) fn of(wrong: Wrong, origin: &str, key: &str) -> Self {
        let (origin, key) = (origin.to_owned(), key.to_owned());
        match wrong {
            Wrong::OutOfRange { value, range } => {
                ConfigError::OutOfRange { origin, key, value, range }
            }
            Wrong::Unknown { name, known } => {
                ConfigError::unknown_name(&origin, &key, &name, &known)
            }
            Wrong::Malformed(expected) => ConfigError::Malformed { origin, key, expected },
            Wrong::Other(source) => ConfigError::Text { origin, key, source },
        }
    }

    pub(super) fn toml(file: String, source: toml::de::Error) -> Self {
        ConfigError::Toml { file, source: Box::new(source) }
    }

    /// The keys that it is about, dotted.
    pub(super) fn keys(&self) -> Vec<&str> {
        match self {
            ConfigError::UnknownKey { key, .. }
            | ConfigError::BadName { key, .. }
            | ConfigError::WrongType { key, .. }
            | ConfigError::OutOfRange { key, .. }
            | ConfigError::UnknownName { key, .. }
            | ConfigError::Malformed { key, .. }
            | ConfigError::Text { key, .. }
            | ConfigError::Missing { key, .. }
            | ConfigError::Widens { key, .. } => vec![key],
            ConfigError::Exceeds { key, limited_by: other, .. }
            | ConfigError::Both { key, other, .. } => vec![key, other],
            _ => Vec::new(),
        }
    }

    /// Whether it is there only because of others: what was wrong is left out
    /// of the outcome, which is then another one.
    pub(super) fn follows_from(&self, others: &[Self]) -> bool {
        let same_entry = |it: &str, key: &str| match (section(it), section(key)) {
            (Some(a), Some(b)) => {
                a == b && ["providers.", "models."].iter().any(|it| a.starts_with(it))
            }
            _ => false,
        };
        let named = match self {
            ConfigError::UnknownName { name, .. } => {
                ["providers", "models"].map(|it| Some(format!("{it}.{name}.")))
            }
            _ => [None, None],
        };
        let touches = |it: &str| {
            let is_absent = matches!(self, ConfigError::Missing { .. });
            self.keys().iter().any(|key| *key == it || is_absent && same_entry(it, key))
                || named.iter().flatten().any(|entry| it.starts_with(entry))
        };
        let is_grammar = |it: &Self| matches!(it, ConfigError::Toml { .. });
        let keys = others.iter().flat_map(Self::keys);
        // Who knows what stands in a file that can't be read.
        keys.into_iter().any(touches) || others.iter().any(is_grammar)
    }

    pub(super) fn unknown_name(origin: &str, key: &str, name: &str, known: &[String]) -> Self {
        let close = closest(name, known, |it| it).cloned();
        let (origin, key, name) = (origin.to_owned(), key.to_owned(), name.to_owned());
        ConfigError::UnknownName { origin, key, name, close, known: known.to_vec() }
    }
}

/// What lies below an error, behind a colon.
fn cause(error: &dyn Error) -> String {
    error.source().map(|it| format!(": {it}")).unwrap_or_default()
}

fn section(key: &str) -> Option<&str> {
    key.rsplit_once('.').map(|it| it.0)
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

fn did_you_mean(close: &str) -> Option<String> {
    Some(format!("did you mean `{close}`?"))
}
