//! The types of fields, and how each is read from the value of a file.

use std::{
    env,
    fmt::Debug,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{Form, Range, Setting, Unfit, Wrong};

/// A type that the field of a setting can have. A text that stands for
/// something else is [`FromText`].
pub trait Held: Sized {
    /// From a value of the type of the form.
    fn read(value: &Value, form: &Form) -> Result<Self, Vec<Wrong>>;

    /// When nothing is set.
    fn absent(form: &Form) -> Result<Self, Vec<Wrong>> {
        Self::read(&form.value.to_json(), form)
    }

    /// What is wrong with a value that no file said.
    fn unfit(&self, _setting: &Setting) -> Option<Unfit> {
        None
    }
}

/// What a text stands for. So is a list of them read, and everything wrong in
/// it told.
pub trait FromText: Sized {
    /// Or what is wrong with it.
    fn from_text(text: &str) -> Result<Self, Wrong>;
}

/// What one of a few words stands for.
pub fn word<T: Copy>(text: &str, words: &[(&'static str, T)]) -> Result<T, Wrong> {
    let found = words.iter().find(|it| it.0 == text).map(|it| it.1);
    found.ok_or_else(|| Wrong::unknown(text, words.iter().map(|it| it.0)))
}

/// A number of the form's unit as what the field has, if it is in range.
pub fn number<T: Number>(number: i64, form: &Form) -> Result<T, Wrong> {
    let Some(amount) = form.amount else { return Err(Wrong::Malformed(form.value.type_name())) };
    let is_in_range = match amount.range {
        Range::Whole { min, max } => (min..=max).contains(&number),
        Range::Fraction { .. } => false,
    };
    let value = is_in_range.then(|| of_units(number, amount.unit.factor)).flatten();
    value.ok_or_else(|| Wrong::OutOfRange { value: number.to_string(), range: amount.range })
}

/// A type of the fields that are whole numbers.
pub trait Number: Held + PartialOrd + Debug {
    /// Of so many bytes, seconds or things.
    fn of(n: u64) -> Option<Self>;
}

fn of_units<T: Number>(number: i64, factor: u64) -> Option<T> {
    u64::try_from(number).ok()?.checked_mul(factor).and_then(T::of)
}

/// It is to be above nothing, and at most what any number of a file stands for.
fn unfit<T: Number>(value: &T, setting: &Setting) -> Option<Unfit> {
    let amount = setting.form.amount?;
    let Range::Whole { max, .. } = amount.range else { return None };
    let (none, most) = (T::of(0)?, of_units::<T>(max, amount.unit.factor)?);
    let fits = none < *value && *value <= most;
    (!fits).then(|| Unfit {
        key: setting.key,
        value: format!("{value:?}"),
        most: format!("{most:?}"),
    })
}

macro_rules! numbers {
    ($($type:ty: $of:expr;)*) => {$(
        impl Number for $type {
            fn of(n: u64) -> Option<Self> {
                $of(n)
            }
        }

        impl Held for $type {
            fn read(value: &Value, form: &Form) -> Result<Self, Vec<Wrong>> {
                let wrong_type = || Wrong::Malformed(form.value.type_name());
                let read = value.as_i64().ok_or_else(wrong_type);
                read.and_then(|it| number(it, form)).map_err(|it| vec![it])
            }

            fn unfit(&self, setting: &Setting) -> Option<Unfit> {
                unfit(self, setting)
            }
        }
    )*};
}

numbers! {
    u32: |n| u32::try_from(n).ok();
    u64: Some;
    usize: |n| usize::try_from(n).ok();
    Duration: |n| Some(Duration::from_secs(n));
}

/// Types that a value of a file has by itself.
macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Held for $type {
            fn read(value: &Value, form: &Form) -> Result<Self, Vec<Wrong>> {
                let read = serde_json::from_value(value.clone());
                read.map_err(|_| vec![Wrong::Malformed(form.value.type_name())])
            }
        }
    )*};
}

plain!(bool, f32, f64);

/// What a file need not say. The value of its form is an example.
impl<T: Held> Held for Option<T> {
    fn read(value: &Value, form: &Form) -> Result<Self, Vec<Wrong>> {
        T::read(value, form).map(Some)
    }

    fn absent(_form: &Form) -> Result<Self, Vec<Wrong>> {
        Ok(None)
    }
}

impl<T: FromText> Held for T {
    fn read(value: &Value, form: &Form) -> Result<Self, Vec<Wrong>> {
        let wrong_type = || Wrong::Malformed(form.value.type_name());
        let text = value.as_str().ok_or_else(wrong_type);
        text.and_then(T::from_text).map_err(|it| vec![it])
    }
}

impl<T: FromText> Held for Vec<T> {
    fn read(value: &Value, form: &Form) -> Result<Self, Vec<Wrong>> {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        for text in texts(value, form)? {
            match T::from_text(text) {
                Ok(it) => found.push(it),
                Err(err) => wrong.push(err),
            }
        }
        if wrong.is_empty() { Ok(found) } else { Err(wrong) }
    }
}

fn texts<'a>(value: &'a Value, form: &Form) -> Result<Vec<&'a str>, Vec<Wrong>> {
    let list = value.as_array().and_then(|it| it.iter().map(Value::as_str).collect());
    list.ok_or_else(|| vec![Wrong::Malformed(form.value.type_name())])
}

impl FromText for String {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        Ok(text.to_owned())
    }
}

impl Held for PathBuf {
    fn read(value: &Value, form: &Form) -> Result<Self, Vec<Wrong>> {
        String::read(value, form).map(Self::from)
    }
}

/// Paths, which may begin with the home directory.
impl Held for Vec<PathBuf> {
    fn read(value: &Value, form: &Form) -> Result<Self, Vec<Wrong>> {
        let wrong = || vec![Wrong::Malformed("paths that begin with `/` or `~/`")];
        let paths = texts(value, form)?.into_iter().map(absolute);
        paths.collect::<Option<_>>().ok_or_else(wrong)
    }
}

fn absolute(text: &str) -> Option<PathBuf> {
    let path = match text.strip_prefix("~/") {
        Some(below) => env::home_dir()?.join(below),
        None => Path::new(text).to_owned(),
    };
    Some(path).filter(|it| it.is_absolute())
}
