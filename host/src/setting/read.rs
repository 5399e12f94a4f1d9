//! From values by their keys to the fields of a struct.

use std::error::Error;

use serde_json::Value;

use super::{Held, Range, Setting, Settings, named};

/// The values that were set, by their dotted keys. Each has the type of its
/// form, and a number is in its range.
pub trait Values {
    /// That of one key.
    fn value(&self, key: &str) -> Option<Value>;
}

/// What is wrong with a value.
#[derive(Debug)]
pub enum Wrong {
    /// A number out of its range.
    OutOfRange {
        /// As it was given.
        value: String,
        /// What is taken.
        range: Range,
    },
    /// A name that nothing has.
    Unknown {
        /// As it was given.
        name: String,
        /// All of them.
        known: Vec<String>,
    },
    /// It has not the form that it has to have. It is not quoted: it could be a
    /// key that was put into the wrong place.
    Malformed(&'static str),
    /// What the one who reads it says.
    Other(Box<dyn Error + Send + Sync>),
}

impl Wrong {
    /// Of a name that is none of the known ones.
    pub fn unknown<T: Into<String>>(name: &str, known: impl IntoIterator<Item = T>) -> Self {
        let known = known.into_iter().map(Into::into).collect();
        Wrong::Unknown { name: name.to_owned(), known }
    }
}

/// A number of a struct that was set by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Dotted.
    pub key: &'static str,
    /// In the unit of the field: bytes, a duration, or a count.
    pub value: String,
    /// The most that is taken, in the same unit.
    pub most: String,
}

/// Reads structs out of values, and notes what is wrong with them.
pub struct Reader<'a> {
    values: &'a dyn Values,
    /// What stands for each [`NAME`](super::NAME).
    names: &'a [&'a str],
    /// By dotted key.
    wrong: Vec<(String, Wrong)>,
}

impl<'a> Reader<'a> {
    /// Of settings without names.
    pub fn new(values: &'a dyn Values) -> Self {
        Self::of_entry(values, &[])
    }

    /// Of the settings of one entry, which may be within another one.
    pub fn of_entry(values: &'a dyn Values, names: &'a [&'a str]) -> Self {
        Self { values, names, wrong: Vec::new() }
    }

    /// The value of one setting; its default when there is none, or none that
    /// can be used.
    pub fn take<T: Held + Default>(&mut self, setting: &Setting) -> T {
        let key = named(setting.key, self.names);
        let read = match self.values.value(&key) {
            None => T::absent(&setting.form),
            Some(value) => checked(&value, setting).and_then(|()| T::read(&value, &setting.form)),
        };
        read.unwrap_or_else(|wrong| {
            self.wrong.extend(wrong.into_iter().map(|it| (key.clone(), it)));
            T::absent(&setting.form).unwrap_or_default()
        })
    }

    /// What was wrong so far, by key.
    pub fn into_wrong(self) -> Vec<(String, Wrong)> {
        self.wrong
    }
}

/// A text that is not quoted is told of once.
fn checked(value: &Value, setting: &Setting) -> Result<(), Vec<Wrong>> {
    let Some(check) = setting.form.check else { return Ok(()) };
    let list = value.as_array().into_iter().flatten();
    let texts = value.as_str().into_iter().chain(list.filter_map(Value::as_str));
    let mut wrong: Vec<Wrong> = texts.filter_map(|it| check(it).err()).collect();
    wrong.dedup_by(|one, other| matches!((one, other), (Wrong::Malformed(_), Wrong::Malformed(_))));
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

struct Nothing;

impl Values for Nothing {
    fn value(&self, _key: &str) -> Option<Value> {
        None
    }
}

/// With the default of each setting.
pub fn built_in<T: Settings>() -> T {
    T::read(&mut Reader::new(&Nothing))
}
