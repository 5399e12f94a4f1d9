//! The keys that there are, read out of `default.toml`: its values say the
//! type and the default of each, its comments what it is for.
//!
//! A key behind a `#` without a space is an example: it exists, and has no
//! default. A table called `NAME` stands for every name, and its keys for
//! those of every entry.

use std::sync::LazyLock;

use toml::{Table, Value};

use super::{BUILT_IN, ConfigError, DEFAULT_TOML};

/// What stands for any name.
pub(super) const NAME: &str = "NAME";

/// Characters of a name, so that it fits into a line and a variable.
const MAX_NAME_CHARS: usize = 64;

/// The form of a name, as a regular expression.
pub(super) const NAME_PATTERN: &str = "^[a-z0-9_-]{1,64}$";

/// A key that can be set.
pub(super) struct Key {
    /// Dotted, with [`NAME`] for any name.
    pub(super) slot: String,
    /// Its default or an example, of its type.
    pub(super) value: Value,
    /// What it is for, its unit and its range.
    pub(super) comment: String,
}

/// Every key and section, in the order of the file.
pub(super) struct Template {
    pub(super) keys: Vec<Key>,
    /// Dotted, with the comment of each; sections without a header have none.
    pub(super) sections: Vec<(String, String)>,
    /// The values of the lowest layer.
    pub(super) built_in: Table,
}

/// What a path of names leads to.
pub(super) enum Place<'a> {
    Section,
    Key(&'a Key),
    /// The last name is none that an entry can have.
    BadName,
    Nothing,
}

/// Parses a whole file.
pub(super) fn parse(file: &str, text: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|source| ConfigError::toml(file.to_owned(), source))
}

impl Template {
    pub(super) fn read() -> Result<Self, ConfigError> {
        static WHOLE: LazyLock<String> = LazyLock::new(|| with_examples(DEFAULT_TOML));
        let built_in = parse(BUILT_IN, DEFAULT_TOML)?;
        let whole = parse(BUILT_IN, &WHOLE)?;
        let mut res = Self { keys: Vec::new(), sections: Vec::new(), built_in };
        res.scan(&WHOLE, &whole);
        Ok(res)
    }

    /// Where a path leads; the names of entries can be any.
    pub(super) fn place(&self, path: &[String]) -> Place<'_> {
        let Some(slot) = self.slot(path) else { return Place::BadName };
        match self.keys.iter().find(|it| it.slot == slot) {
            Some(key) => Place::Key(key),
            None if self.is_section(&slot) => Place::Section,
            None => Place::Nothing,
        }
    }

    /// The names at one place, sections too.
    pub(super) fn names_in(&self, section: &str) -> Vec<String> {
        let in_section = |slot: &str| {
            let inner = match section {
                "" => slot,
                section => slot.strip_prefix(section)?.strip_prefix('.')?,
            };
            inner.split('.').next().map(str::to_owned)
        };
        let mut res: Vec<_> = self.slots().filter_map(in_section).collect();
        res.sort();
        res.dedup();
        res
    }

    /// Every key and section, dotted.
    pub(super) fn slots(&self) -> impl Iterator<Item = &str> {
        let sections = self.sections.iter().map(|it| it.0.as_str());
        sections.chain(self.keys.iter().map(|it| it.slot.as_str()))
    }

    /// Whether the key has a default.
    pub(super) fn is_built_in(&self, slot: &str) -> bool {
        find(&self.built_in, slot).is_some()
    }

    /// The path as the template has it; `None` when a name is not of the form.
    pub(super) fn slot(&self, path: &[String]) -> Option<String> {
        let mut res = String::new();
        for part in path {
            let part = match self.is_section(&dotted(&res, NAME)) {
                true if is_name(part) => NAME,
                true => return None,
                false => part,
            };
            res = dotted(&res, part);
        }
        Some(res)
    }

    /// `tools` is one, because there is `[tools.file]`.
    fn is_section(&self, slot: &str) -> bool {
        let inner = |it: &str| it.strip_prefix(slot).is_some_and(|it| it.starts_with('.'));
        self.slots().any(inner)
    }

    fn scan(&mut self, text: &str, whole: &Table) {
        let (mut section, mut comment) = (String::new(), Vec::new());
        for line in text.lines() {
            if let Some(words) = line.strip_prefix('#') {
                comment.push(words.trim());
                continue;
            }
            let words = std::mem::take(&mut comment).join(" ");
            if let Some(header) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                section = header.to_owned();
                if !is_entry(whole, &section) {
                    self.sections.push((section.clone(), words));
                }
            } else if let Some((key, _)) =
                line.split_once(" = ").filter(|_| !is_entry(whole, &section))
            {
                let slot = dotted(&section, key);
                let value = find(whole, &slot).cloned();
                self.keys.extend(value.map(|value| Key { slot, value, comment: words }));
            }
        }
    }
}

/// Examples become keys like any other.
fn with_examples(text: &str) -> String {
    let is_example = |it: &&str| it.starts_with(|c: char| c == '[' || c.is_ascii_lowercase());
    let line = |it: &str| it.strip_prefix('#').filter(is_example).unwrap_or(it).to_owned() + "\n";
    text.lines().map(line).collect()
}

/// Whether the section is one entry of many, whose keys are those of `NAME`.
fn is_entry(whole: &Table, section: &str) -> bool {
    let Some((parent, name)) = section.rsplit_once('.') else { return false };
    name != NAME && find(whole, &dotted(parent, NAME)).is_some()
}

fn find<'a>(table: &'a Table, dotted: &str) -> Option<&'a Value> {
    let mut parts = dotted.split('.');
    let first = table.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

fn is_name(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    (1..=MAX_NAME_CHARS).contains(&text.len()) && text.chars().all(is_allowed)
}

pub(super) fn dotted(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}
