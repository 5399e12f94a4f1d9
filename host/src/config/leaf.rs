//! One value that a layer sets: whether it has the type and the range of its
//! key, and where a path in it starts.

use std::path::Path;

use toml::Value;

use super::{ConfigError, keys::Key, literal::literal};
use crate::setting::{PathIn, Range, Setting};

/// A value that a layer sets.
pub(super) struct Leaf {
    /// Dotted.
    pub(super) key: String,
    pub(super) setting: &'static Setting,
    pub(super) value: Value,
    /// The file or the variable that it comes from.
    pub(super) origin: String,
    /// The same with the line of a file, for errors.
    pub(super) place: String,
    /// The line of a file.
    pub(super) line: Option<usize>,
}

impl Leaf {
    /// A value with the type and the range of its key.
    pub(super) fn of(
        key: &Key,
        dotted: String,
        value: Value,
        origin: &str,
    ) -> Result<Self, ConfigError> {
        let (expected, found) = (key.setting.form.value.type_name(), type_name(&value));
        let is_whole = key.value.is_float() && value.is_integer();
        if expected != found && !is_whole {
            return Err(wrong_type(origin, &dotted, &value, expected));
        }
        let amount = key.setting.form.amount.filter(|it| !contains(it.range, &value));
        if let Some(amount) = amount {
            let (origin, value) = (origin.to_owned(), literal(&value));
            return Err(ConfigError::OutOfRange {
                origin,
                key: dotted,
                value,
                range: amount.range,
            });
        }
        let (origin, place) = (origin.to_owned(), origin.to_owned());
        Ok(Self { key: dotted, setting: key.setting, value, origin, place, line: None })
    }

    /// Makes a relative path start there; when `dir` is empty, where the
    /// process does.
    pub(super) fn start_paths_at(&mut self, dir: &Path) {
        let dir = Some(dir).filter(|it| !it.as_os_str().is_empty());
        let Some(Ok(dir)) = dir.map(std::path::absolute) else { return };
        // An absolute one stays what it is.
        let start = |text: &mut String| *text = dir.join(&*text).display().to_string();
        match (self.setting.form.path, &mut self.value) {
            (PathIn::Text, Value::String(text)) if !text.is_empty() => start(text),
            (PathIn::Command, Value::String(text)) if text.starts_with("./") => {
                *text = format!("{}/{text}", dir.display());
            }
            (PathIn::Text, Value::Array(list)) => {
                let texts = list.iter_mut().filter_map(|it| match it {
                    Value::String(text) => Some(text),
                    _ => None,
                });
                texts.filter(|it| !it.is_empty() && !it.starts_with("~/")).for_each(start);
            }
            _ => (),
        }
    }
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

/// As [`Written::type_name`](crate::setting::Written::type_name) has it, and
/// what no key is.
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
