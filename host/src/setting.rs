//! What can be configured: each setting is declared once, in the struct of the
//! module that uses it.
//!
//! ```text
//! settings! {
//!     /// What the section is about.
//!     #[derive(Clone, Debug, PartialEq, Eq)]
//!     pub struct CacheConfig in "cache" {
//!         /// What is kept in memory.
//!         ///
//!         /// Bounds what a busy host takes of the machine.
//!         pub max_bytes as "max_kib": u64 = kib(256, 1..=65_536), project: Lower;
//!     }
//! }
//! ```
//!
//! That line says: the field `max_bytes` is the setting `cache.max_kib`, 256 KiB
//! when nobody says otherwise and at most 65,536, and the file of a project may
//! only lower it. `settings!` makes a plain struct of it, whose fields anybody
//! may set, and a list of [`Setting`]s, plain data too. Out of that list come
//! `default.toml` and its comments, the JSON Schema, what a file may say
//! ([`Reader`]), and what is wrong with a field that was set by hand
//! ([`Unfit`]).
//!
//! The first paragraph above a field says what it is, the second what it bounds.
//! In the file the unit and the range stand between them: a second paragraph that
//! begins with a capital is a sentence after them, and any other goes on with
//! theirs. What is for readers of the code alone is a comment with two slashes.
//!
//! Knows no file and no TOML: that is `config`'s business.

mod comment;
mod declare;
mod form;
mod held;
mod read;

#[cfg(test)]
mod tests;

pub use comment::paragraphs;
pub(crate) use declare::{key_of, sections, settings};
pub use form::{
    Amount, Check, Form, Names, PathIn, Range, Unit, Written, bytes, count, flag, fraction,
    is_variable, kib, mib, seconds, text, texts,
};
pub use held::{FromText, Held, Number, number, word};
pub use read::{Reader, Unfit, Values, Wrong, built_in};

/// What stands for any name in a key, such as `providers.NAME.kind`. A key may
/// have several, and end in one.
pub const NAME: &str = "NAME";

/// The key with these names in the places for them, in their order.
pub fn named(key: &str, names: &[&str]) -> String {
    // No name is in capitals.
    names.iter().fold(key.to_owned(), |key, name| key.replacen(NAME, name, 1))
}

/// One setting, as it is declared.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Dotted, with [`NAME`] for any name.
    pub key: &'static str,
    /// The lines above the field.
    pub about: &'static [&'static str],
    /// What its value looks like.
    pub form: Form,
    /// What a project's file may do with it.
    pub project: Project,
}

/// Settings with one beginning of their keys. Several structs may share one:
/// the first of them says what it is about.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The beginning, dotted.
    pub key: &'static str,
    /// The lines above the struct.
    pub about: &'static [&'static str],
    /// In the order of the file.
    pub settings: &'static [Setting],
    /// Entries that are built in, of a section with [`NAME`] in its key.
    pub entries: &'static [Entry],
}

/// An entry that is built in: its name, and its texts by the last part of
/// their keys.
pub type Entry = (&'static str, &'static [(&'static str, &'static str)]);

/// How the file of a project may narrow a value. It comes with what is worked
/// on, or from a child, so it can make less of what the layers below it allow
/// and never more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Project {
    /// A smaller number; `false` where it was `true`.
    Lower,
    /// A larger number; `true` where it was `false`.
    Higher,
    /// A list with nothing that was not in it.
    Subset,
    /// A list with everything that was in it.
    Superset,
    /// A list of toolsets that stand for no tool that was not in it.
    Tools,
    /// A model that the layers below have, or none.
    KnownModel,
    /// Not at all: not the project's to say.
    Never,
}

/// A struct that is made of settings, or of such structs.
pub trait Settings: Sized {
    /// Where its settings stand, in the order of the file.
    fn sections() -> Vec<Section>;

    /// Reads all of them. What is wrong with one is noted, and its default
    /// stands in: the others are looked at all the same.
    fn read(from: &mut Reader<'_>) -> Self;

    /// Every number that was set by hand to nothing, or to more than a file
    /// could say. Less than a file could say is taken: an application can have
    /// its reasons for half a second.
    fn unfit(&self) -> Vec<Unfit>;
}

impl Section {
    /// The same with entries that are built in.
    pub const fn with(self, entries: &'static [Entry]) -> Self {
        Self { entries, ..self }
    }

    /// Whether it belongs to entries with names.
    pub fn is_named(&self) -> bool {
        self.key.split('.').any(|it| it == NAME)
    }
}

impl Setting {
    /// The last part of the key.
    pub fn name(&self) -> &'static str {
        last_part(self.key)
    }
}

fn last_part(key: &'static str) -> &'static str {
    key.rsplit_once('.').map_or(key, |it| it.1)
}
