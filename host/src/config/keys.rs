//! The keys that there are, out of the declarations of all modules.
//!
//! `NAME` in a key stands for every name: that of an entry, or of a key that
//! the user chooses.

use toml::Value;

use crate::{
    setting::{Entry, NAME, Section, Setting, Written, paragraphs},
    slip::closest,
};

/// Characters of a name, so that it fits into a line and a variable.
const MAX_NAME_CHARS: usize = 64;

/// The form of a name, as a regular expression.
pub(super) const NAME_PATTERN: &str = "^[a-z0-9_-]{1,64}$";

/// A key that can be set.
pub(super) struct Key {
    /// Dotted, with [`NAME`] for any name.
    pub(super) slot: &'static str,
    pub(super) setting: &'static Setting,
    /// Its default or an example, of its type.
    pub(super) value: Value,
    /// Whether it has a default.
    pub(super) is_built_in: bool,
}

/// What keys begin with.
pub(super) struct Group {
    /// Dotted, with [`NAME`] for any name.
    pub(super) slot: &'static str,
    /// What it is about.
    pub(super) comment: Vec<String>,
    /// Entries that are built in.
    pub(super) entries: &'static [Entry],
}

/// Every key and section, in the order of `default.toml`.
pub(super) struct Keys {
    pub(super) all: Vec<Key>,
    pub(super) sections: Vec<Group>,
}

/// What a path of names leads to.
pub(super) enum Place<'a> {
    Section,
    Key(&'a Key),
    /// The last name is none that an entry can have.
    BadName,
    Nothing,
}

impl Keys {
    /// Those of what is declared.
    pub(super) fn of(declared: Vec<Section>) -> Self {
        let mut res = Self { all: Vec::new(), sections: Vec::new() };
        for section in declared {
            let is_built_in = !section.is_named();
            let key = |it| key(it, is_built_in);
            res.all.extend(section.settings.iter().map(key));
            // Several structs may share one section.
            if res.sections.iter().all(|it| it.slot != section.key) {
                let Section { key: slot, about, entries, .. } = section;
                res.sections.push(Group { slot, comment: paragraphs(about), entries });
            }
        }
        res
    }

    /// Where a path leads; the names of entries can be any.
    pub(super) fn place(&self, path: &[String]) -> Place<'_> {
        let Some(slot) = self.slot(path) else { return Place::BadName };
        match self.key(&slot) {
            Some(key) => Place::Key(key),
            None if self.is_section(&slot) => Place::Section,
            None => Place::Nothing,
        }
    }

    pub(super) fn key(&self, slot: &str) -> Option<&Key> {
        self.all.iter().find(|it| it.slot == slot)
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
    fn slots(&self) -> impl Iterator<Item = &'static str> {
        let sections = self.sections.iter().map(|it| it.slot);
        sections.chain(self.all.iter().map(|it| it.slot))
    }

    /// The path with [`NAME`] for any name; `None` when a name is not of the
    /// form.
    pub(super) fn slot(&self, path: &[String]) -> Option<String> {
        let mut res = String::new();
        for part in path {
            let of_any = dotted(&res, NAME);
            let part = match self.is_section(&of_any) || self.key(&of_any).is_some() {
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

    /// The key or section, dotted, that a path which leads nowhere is a slip
    /// of. Looks for the name in its own section first, then everywhere.
    pub(super) fn close(&self, path: &[String]) -> Option<String> {
        let (name, section) = path.split_last()?;
        let siblings = self.names_in(&self.slot(section).unwrap_or_default());
        if let Some(sibling) = closest(name, &siblings, |it| it) {
            let path: Vec<&str> = section.iter().chain([sibling]).map(String::as_str).collect();
            return Some(path.join("."));
        }
        let elsewhere: Vec<&str> = self.slots().filter(|it| !it.ends_with(NAME)).collect();
        let close = closest(name, &elsewhere, |it| it.rsplit_once('.').map_or(it, |it| it.1));
        close.map(|it| (*it).to_owned())
    }
}

fn key(setting: &'static Setting, is_built_in: bool) -> Key {
    Key { slot: setting.key, setting, value: value(setting.form.value), is_built_in }
}

fn value(written: Written) -> Value {
    match written {
        Written::Flag(it) => Value::Boolean(it),
        Written::Whole(it) => Value::Integer(it),
        Written::Fraction(it) => Value::Float(it),
        Written::Text(it) => Value::String(it.to_owned()),
        Written::List(it) => it.iter().copied().map(Value::from).collect::<Vec<_>>().into(),
    }
}

fn is_name(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    (1..=MAX_NAME_CHARS).contains(&text.len()) && text.chars().all(is_allowed)
}

pub(super) fn dotted(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}
