//! Takes the table of one file apart into single values, and finds keys that
//! do not exist and values that are none of their keys on the way.

use toml::{Table, Value};

use super::{
    ConfigError,
    document::{Lines, place},
    keys::{Keys, Place},
    leaf::{Leaf, wrong_type},
};

/// The values of one file, and what is wrong with the others.
pub(super) struct Leaves<'a> {
    keys: &'a Keys,
    origin: &'a str,
    lines: &'a Lines,
    pub(super) found: Vec<Leaf>,
    pub(super) errors: Vec<ConfigError>,
}

impl<'a> Leaves<'a> {
    pub(super) fn of(keys: &'a Keys, origin: &'a str, lines: &'a Lines, table: Table) -> Self {
        let mut res = Self { keys, origin, lines, found: Vec::new(), errors: Vec::new() };
        res.walk(table, &mut Vec::new());
        res
    }

    /// Goes no deeper than the keys.
    fn walk(&mut self, table: Table, path: &mut Vec<String>) {
        for (key, value) in table {
            path.push(key);
            let line = self.lines.get(path);
            let place = place(self.origin, line);
            match (self.keys.place(path), value) {
                (Place::Section, Value::Table(inner)) => self.walk(inner, path),
                (Place::Section, value) => {
                    self.errors.push(wrong_type(&place, &path.join("."), &value, "a table"));
                }
                (Place::Key(key), value) => match Leaf::of(key, path.join("."), value, &place) {
                    Ok(leaf) => {
                        self.found.push(Leaf { origin: self.origin.to_owned(), line, ..leaf });
                    }
                    Err(err) => self.errors.push(err),
                },
                (Place::BadName, _) => {
                    let (origin, key) = (place, path.join("."));
                    self.errors.push(ConfigError::BadName { origin, key });
                }
                (Place::Nothing, _) => self.errors.push(unknown(self.keys, path, place)),
            }
            path.pop();
        }
    }
}

fn unknown(keys: &Keys, path: &[String], origin: String) -> ConfigError {
    let section = path.split_last().map_or(path, |(_, section)| section);
    let known = keys.names_in(&keys.slot(section).unwrap_or_default());
    ConfigError::UnknownKey { origin, key: path.join("."), close: keys.close(path), known }
}
