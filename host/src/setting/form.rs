//! What a value looks like: its default, the unit and the range of a number,
//! and what is checked of a text.

use std::{fmt, ops::RangeInclusive};

use serde::Serialize;

use super::Wrong;

/// A value as it is written down in the code.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Written {
    /// `true` or `false`.
    Flag(bool),
    /// A number without a fraction.
    Whole(i64),
    /// A number that may have a fraction.
    Fraction(f64),
    /// A text.
    Text(&'static str),
    /// A list of texts.
    List(&'static [&'static str]),
}

/// What a number may be, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Without a fraction.
    Whole {
        /// The least that is taken.
        min: i64,
        /// The most that is taken.
        max: i64,
    },
    /// With or without a fraction.
    Fraction {
        /// The least that is taken.
        min: f64,
        /// The most that is taken.
        max: f64,
    },
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// As it is written in front of the range.
    pub name: &'static str,
    /// How many bytes, seconds or things one is.
    pub factor: u64,
}

/// Unit and range of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    /// What it counts.
    pub unit: Unit,
    /// What it may be. A floor is above zero, because a limit of zero is either
    /// no limit or no work. A ceiling is where the engine ends, or where the
    /// limit would stop bounding what it is for.
    pub range: Range,
}

/// What of a text is a path, which starts where its file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathIn {
    /// Nothing.
    None,
    /// All of it, or of each text of a list.
    Text,
    /// The program of a command line, when it begins with `./`.
    Command,
}

/// What is wrong with a text, or with one of a list.
pub type Check = fn(&str) -> Result<(), Wrong>;

/// The texts that can be chosen from.
pub type Names = fn() -> Vec<&'static str>;

/// What the value of a setting looks like.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The default. Of entries with names, and of a field that is an `Option`,
    /// an example.
    pub value: Written,
    /// Of a number.
    pub amount: Option<Amount>,
    /// Whether a text is a path.
    pub path: PathIn,
    /// What else has to be true of a text.
    pub check: Option<Check>,
    /// For editors, when there are few.
    pub names: Option<Names>,
}

/// How many.
pub const fn count(default: i64, range: RangeInclusive<i64>) -> Form {
    whole(default, Unit { name: "Count", factor: 1 }, range)
}

/// A size in bytes.
pub const fn bytes(default: i64, range: RangeInclusive<i64>) -> Form {
    whole(default, Unit { name: "Bytes", factor: 1 }, range)
}

/// A size in KiB; the field has it in bytes.
pub const fn kib(default: i64, range: RangeInclusive<i64>) -> Form {
    whole(default, Unit { name: "KiB", factor: 1 << 10 }, range)
}

/// A size in MiB; the field has it in bytes.
pub const fn mib(default: i64, range: RangeInclusive<i64>) -> Form {
    whole(default, Unit { name: "MiB", factor: 1 << 20 }, range)
}

/// A time in seconds.
pub const fn seconds(default: i64, range: RangeInclusive<i64>) -> Form {
    whole(default, Unit { name: "Seconds", factor: 1 }, range)
}

/// A number that may have a fraction, in a unit of that name.
pub const fn fraction(default: f64, unit: &'static str, range: RangeInclusive<f64>) -> Form {
    let range = Range::Fraction { min: *range.start(), max: *range.end() };
    let amount = Amount { unit: Unit { name: unit, factor: 1 }, range };
    Form { amount: Some(amount), ..Form::new(Written::Fraction(default)) }
}

/// `true` or `false`.
pub const fn flag(default: bool) -> Form {
    Form::new(Written::Flag(default))
}

/// A text.
pub const fn text(default: &'static str) -> Form {
    Form::new(Written::Text(default))
}

/// A list of texts.
pub const fn texts(default: &'static [&'static str]) -> Form {
    Form::new(Written::List(default))
}

const fn whole(default: i64, unit: Unit, range: RangeInclusive<i64>) -> Form {
    let range = Range::Whole { min: *range.start(), max: *range.end() };
    Form { amount: Some(Amount { unit, range }), ..Form::new(Written::Whole(default)) }
}

impl Form {
    const fn new(value: Written) -> Self {
        Self { value, amount: None, path: PathIn::None, check: None, names: None }
    }

    /// The text is a path, or each of the list is.
    pub const fn path(self) -> Self {
        Self { path: PathIn::Text, ..self }
    }

    /// The text is a command line.
    pub const fn command(self) -> Self {
        Self { path: PathIn::Command, ..self }
    }

    /// The text, or each of the list, has to pass that.
    pub const fn checked(self, check: Check) -> Self {
        Self { check: Some(check), ..self }
    }

    /// The text, or each of the list, is one of those.
    pub const fn one_of(self, names: Names) -> Self {
        Self { names: Some(names), ..self }
    }
}

/// Whether a text can be the name of a variable of the environment.
pub fn is_variable(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(is_word)
}

impl Written {
    /// As what a value of the same type is read.
    pub fn to_json(self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// What a value of that type is called in errors.
    pub fn type_name(self) -> &'static str {
        match self {
            Written::Flag(_) => "true or false",
            Written::Whole(_) => "a whole number",
            Written::Fraction(_) => "a number with a fraction",
            Written::Text(_) => "a text",
            Written::List(_) => "a list of names",
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Range::Whole { min, max } => write!(f, "between {min} and {max}"),
            Range::Fraction { min, max } => write!(f, "between {min} and {max}"),
        }
    }
}

impl fmt::Display for Amount {
    /// As it stands in `default.toml`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.name;
        match self.range {
            Range::Whole { min, max } => write!(f, "{unit}, {min} to {max}"),
            Range::Fraction { min, max } => write!(f, "{unit}, {min} to {max}"),
        }
    }
}
