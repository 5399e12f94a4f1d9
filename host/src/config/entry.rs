//! Entries with names: each is read as a whole, and everything that is wrong
//! with it told.

use std::collections::BTreeMap;

use super::{ConfigError, values::Values};
use crate::setting::{self, Reader, Setting, Settings};

/// Each entry of these names, as far as it is right.
pub(super) fn each<T>(
    names: &[String],
    values: &Values,
    errors: &mut Vec<ConfigError>,
    resolve: impl Fn(&mut Entry<'_>) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut res = BTreeMap::new();
    for name in names {
        let mut entry = Entry { names: &[name.as_str()], values, errors: Vec::new() };
        res.extend(resolve(&mut entry).map(|it| (name.clone(), it)));
        errors.append(&mut entry.errors);
    }
    res
}

/// The entry that is looked at, and what is wrong with it.
pub(super) struct Entry<'a> {
    /// Its own, behind those of the entries that it is within.
    pub(super) names: &'a [&'a str],
    pub(super) values: &'a Values,
    pub(super) errors: Vec<ConfigError>,
}

impl Entry<'_> {
    pub(super) fn read<T: Settings>(&mut self) -> T {
        let mut reader = Reader::of_entry(self.values, self.names);
        let res = T::read(&mut reader);
        let error = |(key, it): (String, _)| ConfigError::of(it, self.values.origin(&key), &key);
        self.errors.extend(reader.into_wrong().into_iter().map(error));
        res
    }

    pub(super) fn key(&self, setting: Setting) -> String {
        setting::named(setting.key, self.names)
    }

    pub(super) fn origin(&self, setting: Setting) -> String {
        self.values.origin(&self.key(setting)).to_owned()
    }

    pub(super) fn is_set(&self, setting: Setting) -> bool {
        self.values.value(&self.key(setting)).is_some()
    }

    pub(super) fn need(&mut self, setting: Setting, because: &'static str) {
        let key = self.key(setting);
        if self.values.value(&key).is_none() {
            let section = key.rsplit_once('.').map_or("", |it| it.0);
            let origin = self.values.origin(section).to_owned();
            self.errors.push(ConfigError::Missing { origin, key, because });
        }
    }

    /// In the order of the keys of a table.
    pub(super) fn sort_errors<T: Settings>(&mut self) {
        let declared: Vec<&Setting> = T::sections().iter().flat_map(|it| it.settings).collect();
        let place = |error: &ConfigError| {
            let (_, name) = error.keys().first()?.rsplit_once('.')?;
            declared.iter().position(|it| it.name() == name)
        };
        self.errors.sort_by_key(place);
    }

    /// Of keys that say the same in several ways, one.
    pub(super) fn one_of(&mut self, settings: &[Setting]) {
        let set: Vec<&Setting> = settings.iter().filter(|it| self.is_set(**it)).collect();
        if let [one, other, ..] = set.as_slice() {
            let (key, other, origin) = (self.key(**one), self.key(**other), self.origin(**other));
            self.errors.push(ConfigError::Both { origin, key, other });
        }
    }
}
