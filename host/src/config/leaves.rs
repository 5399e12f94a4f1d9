//! Takes the table of one layer apart into single values, and finds keys that
//! do not exist, values of the wrong type and numbers out of range on the way.

use toml::{Table, Value};

use super::{
    ConfigError,
    document::{Lines, place},
    error::closest,
    setting::{Range, range},
    show::literal,
    template::{Key, NAME, Place, Template},
};

/// A value that a layer sets.
pub(super) struct Leaf {
    /// Dotted.
    pub(super) key: String,
    /// The key as the template has it.
    pub(super) slot: String,
    pub(super) value: Value,
    /// The file or the variable that it comes from.
    pub(super) origin: String,
    /// The same with the line of a file, for errors.
    pub(super) place: String,
    /// The line of a file.
    pub(super) line: Option<usize>,
}

/// The values of one file, and what is wrong with the others.
pub(super) struct Leaves<'a> {
    template: &'a Template,
    origin: &'a str,
    lines: &'a Lines,
    pub(super) found: Vec<Leaf>,
    pub(super) errors: Vec<ConfigError>,
}

impl<'a> Leaves<'a> {
    pub(super) fn of(
        template: &'a Template,
        origin: &'a str,
        lines: &'a Lines,
        table: Table,
    ) -> Self {
        let mut res = Self { template, origin, lines, found: Vec::new(), errors: Vec::new() };
        res.walk(table, &mut Vec::new());
        res
    }

    /// Goes no deeper than the template.
    fn walk(&mut self, table: Table, path: &mut Vec<String>) {
        for (key, value) in table {
            path.push(key);
            let line = self.lines.get(path);
            let place = place(self.origin, line);
            match (self.template.place(path), value) {
                (Place::Section, Value::Table(inner)) => self.walk(inner, path),
                (Place::Section, value) => {
                    self.errors.push(wrong_type(&place, &path.join("."), &value, "a table"));
                }
                (Place::Key(key), value) => match leaf(key, path.join("."), value, &place) {
                    Ok(leaf) => {
                        self.found.push(Leaf { origin: self.origin.to_owned(), line, ..leaf });
                    }
                    Err(err) => self.errors.push(err),
                },
                (Place::BadName, _) => {
                    let (origin, key) = (place, path.join("."));
                    self.errors.push(ConfigError::BadName { origin, key });
                }
                (Place::Nothing, _) => self.errors.push(unknown(self.template, path, &place)),
            }
            path.pop();
        }
    }
}

/// A value with the type and the range of its key.
pub(super) fn leaf(
    key: &Key,
    dotted: String,
    value: Value,
    origin: &str,
) -> Result<Leaf, ConfigError> {
    let (expected, found) = (type_name(&key.value), type_name(&value));
    let is_whole = key.value.is_float() && value.is_integer();
    if expected != found && !is_whole {
        return Err(wrong_type(origin, &dotted, &value, expected));
    }
    let range = range(&key.slot).filter(|it| !contains(*it, &value));
    if let Some(range) = range {
        let (origin, value) = (origin.to_owned(), literal(&value));
        return Err(ConfigError::OutOfRange { origin, key: dotted, value, range });
    }
    let (slot, origin, place) = (key.slot.clone(), origin.to_owned(), origin.to_owned());
    Ok(Leaf { key: dotted, slot, value, origin, place, line: None })
}

/// Neither is a number that is none (`nan`) in any range.
fn contains(range: Range, value: &Value) -> bool {
    match (range, value) {
        (Range::Whole { min, max }, Value::Integer(it)) => (min..=max).contains(it),
        (Range::Fraction { min, max }, Value::Float(it)) => (min..=max).contains(it),
        (Range::Fraction { min, max }, Value::Integer(it)) => {
            i32::try_from(*it).is_ok_and(|it| (min..=max).contains(&f64::from(it)))
        }
        _ => false,
    }
}

pub(super) fn wrong_type(
    origin: &str,
    key: &str,
    value: &Value,
    expected: &'static str,
) -> ConfigError {
    let (origin, key, found) = (origin.to_owned(), key.to_owned(), type_name(value));
    ConfigError::WrongType { origin, key, found, expected }
}

fn unknown(template: &Template, path: &[String], origin: &str) -> ConfigError {
    let section = path.split_last().map_or(path, |(_, section)| section);
    let known = template.names_in(&template.slot(section).unwrap_or_default());
    let (origin, close) = (origin.to_owned(), close(template, path));
    ConfigError::UnknownKey { origin, key: path.join("."), close, known }
}

/// The key or section, dotted, that a path which leads nowhere is a slip of.
/// Looks for the name in its own section first, then everywhere.
pub(super) fn close(template: &Template, path: &[String]) -> Option<String> {
    let (name, section) = path.split_last()?;
    let siblings = template.names_in(&template.slot(section).unwrap_or_default());
    if let Some(sibling) = closest(name, &siblings, |it| it) {
        let path: Vec<&str> = section.iter().chain([sibling]).map(String::as_str).collect();
        return Some(path.join("."));
    }
    let elsewhere: Vec<&str> = template.slots().filter(|it| !it.ends_with(NAME)).collect();
    closest(name, &elsewhere, |it| last_part(it)).map(|it| (*it).to_owned())
}

fn last_part(dotted: &str) -> &str {
    dotted.rsplit_once('.').map_or(dotted, |(_, key)| key)
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::String(_) => "a text",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(items) if items.iter().all(Value::is_str) => "a list of names",
        Value::Array(_) => "a list of something else than names",
        Value::Table(_) => "a table",
    }
}
