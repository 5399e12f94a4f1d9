//! Lays one table of the configuration over another, and finds keys that do
//! not exist and values of the wrong type on the way: the lower table has
//! every key.

use toml::{Table, Value};

use super::{ConfigError, error::closest};

/// Parses a whole file.
pub(super) fn read(file: &str, text: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|source| ConfigError::toml(file, source))
}

/// Replaces the values of `base` by those of `over`, tables key by key.
pub(super) fn merge(base: &mut Table, over: Table, file: &str) -> Result<(), ConfigError> {
    let keys = Keys { all: dotted_keys(base), file };
    keys.merge(base, over, "")
}

struct Keys<'a> {
    /// Every dotted key, sections too.
    all: Vec<String>,
    file: &'a str,
}

impl Keys<'_> {
    fn merge(&self, base: &mut Table, over: Table, section: &str) -> Result<(), ConfigError> {
        for (key, value) in over {
            let dotted = dotted(section, &key);
            let Some(slot) = base.get_mut(&key) else {
                return Err(self.unknown(section, &key, dotted));
            };
            self.check_type(slot, &value, &dotted)?;
            match (slot, value) {
                (Value::Table(base), Value::Table(over)) => self.merge(base, over, &dotted)?,
                (slot, value) => *slot = value,
            }
        }
        Ok(())
    }

    fn check_type(&self, slot: &Value, value: &Value, dotted: &str) -> Result<(), ConfigError> {
        let (expected, found) = (type_name(slot), type_name(value));
        if expected == found {
            return Ok(());
        }
        let (file, key) = (self.file.to_owned(), dotted.to_owned());
        Err(ConfigError::WrongType { file, key, found, expected })
    }

    /// Looks for the name in its own section first, then everywhere.
    fn unknown(&self, section: &str, key: &str, dotted: String) -> ConfigError {
        let (known, elsewhere): (Vec<_>, Vec<_>) =
            self.all.iter().cloned().partition(|it| section_of(it) == section);
        let name = |it: &String| last_part(it).to_owned();
        let close = closest(key, &known, |it| last_part(it))
            .or_else(|| closest(key, &elsewhere, |it| last_part(it)))
            .cloned();
        let known = known.iter().map(name).collect();
        ConfigError::UnknownKey { file: self.file.to_owned(), key: dotted, close, known }
    }
}

fn dotted_keys(table: &Table) -> Vec<String> {
    let mut keys: Vec<String> = table.keys().cloned().collect();
    for (section, value) in table {
        let inner = value.as_table().map(dotted_keys).unwrap_or_default();
        keys.extend(inner.iter().map(|it| dotted(section, it)));
    }
    keys
}

fn dotted(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

fn section_of(dotted: &str) -> &str {
    dotted.rsplit_once('.').map_or("", |(section, _)| section)
}

fn last_part(dotted: &str) -> &str {
    dotted.rsplit_once('.').map_or(dotted, |(_, key)| key)
}

fn type_name(value: &Value) -> &'static str {
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
