//! Component values to text: a string as it stands, everything else as JSON.

use wasmtime::component::Val;

use super::{
    name::Name,
    shape::{Case, Field, Shape},
};
use crate::toolset::{ToolError, work::MAX_RESULT_BYTES};

/// What a function gives that gives nothing.
pub(super) const NOTHING: &str = "null";

/// Why there is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// More than goes into a component, or into a conversation.
    TooLong,
    /// The value is not of its type: a fault of the host.
    Unfit,
}

impl From<Problem> for ToolError {
    fn from(it: Problem) -> Self {
        Self::Failed(match it {
            Problem::TooLong => {
                format!("the result is longer than {MAX_RESULT_BYTES} bytes: ask for less of it")
            }
            Problem::Unfit => "the host misread the result".to_owned(),
        })
    }
}

/// A string as it stands, everything else as JSON.
pub(super) fn text(shape: Option<&Shape>, value: Option<&Val>) -> Result<String, Problem> {
    match value {
        Some(Val::String(it)) if it.len() <= MAX_RESULT_BYTES => Ok(it.clone()),
        Some(Val::String(_)) => Err(Problem::TooLong),
        value => json(shape, value),
    }
}

/// Of a value, or of none where none has a place.
pub(super) fn json(shape: Option<&Shape>, value: Option<&Val>) -> Result<String, Problem> {
    let mut writer = Writer { text: String::new() };
    writer.payload(shape, value)?;
    Ok(writer.text)
}

/// Writes JSON until it is too long.
struct Writer {
    text: String,
}

impl Writer {
    fn value(&mut self, shape: &Shape, value: &Val) -> Result<(), Problem> {
        match (shape, value) {
            (Shape::Bool, Val::Bool(it)) => self.push(if *it { "true" } else { "false" }),
            (Shape::Integer(_), value) => self.push(&digits(value)?),
            (Shape::F32, Val::Float32(it)) => self.push(&narrow(*it)),
            (Shape::F64, Val::Float64(it)) => self.push(&wide(*it)),
            (Shape::Char, Val::Char(it)) => self.string(it.encode_utf8(&mut [0; 4])),
            (Shape::String, Val::String(it)) => self.string(it),
            (Shape::List(shape), Val::List(it)) => {
                self.sequence(it.iter(), |to, it| to.value(shape, it))
            }
            (Shape::Tuple(shapes), Val::Tuple(it)) => {
                self.sequence(shapes.iter().zip(it), |to, (shape, it)| to.value(shape, it))
            }
            (Shape::Record(fields), Val::Record(it)) => self.record(fields, it),
            (Shape::Variant(cases), Val::Variant(name, payload)) => {
                self.variant(cases, name, payload.as_deref())
            }
            (Shape::Enum(names), Val::Enum(it)) => self.string(json_name(names.iter(), it)?),
            (Shape::Flags(names), Val::Flags(it)) => {
                self.sequence(it.iter(), |to, it| to.string(json_name(names.iter(), it)?))
            }
            (Shape::Option(_), Val::Option(None)) => self.push(NOTHING),
            (Shape::Option(shape), Val::Option(Some(it))) if shape.has_null() => {
                self.single("some", Some(shape), Some(it))
            }
            (Shape::Option(shape), Val::Option(Some(it))) => self.value(shape, it),
            (Shape::Result { ok, .. }, Val::Result(Ok(it))) => {
                self.single("ok", ok.as_deref(), it.as_deref())
            }
            (Shape::Result { error, .. }, Val::Result(Err(it))) => {
                self.single("error", error.as_deref(), it.as_deref())
            }
            _ => Err(Problem::Unfit),
        }
    }

    /// What may be absent is left out where it is.
    fn record(&mut self, fields: &[Field], values: &[(String, Val)]) -> Result<(), Problem> {
        let present = fields.iter().zip(values).filter(|it| !matches!(it.1.1, Val::Option(None)));
        self.push("{")?;
        for (idx, (field, (_, value))) in present.enumerate() {
            self.comma(idx)?;
            self.key(&field.name.json)?;
            self.value(&field.shape, value)?;
        }
        self.push("}")
    }

    fn variant(&mut self, cases: &[Case], name: &str, value: Option<&Val>) -> Result<(), Problem> {
        let case = cases.iter().find(|it| *it.name.wit == *name).ok_or(Problem::Unfit)?;
        match &case.payload {
            None => self.string(&case.name.json),
            shape => self.single(&case.name.json, shape.as_ref(), value),
        }
    }

    fn single(
        &mut self,
        name: &str,
        shape: Option<&Shape>,
        value: Option<&Val>,
    ) -> Result<(), Problem> {
        self.push("{")?;
        self.key(name)?;
        self.payload(shape, value)?;
        self.push("}")
    }

    fn payload(&mut self, shape: Option<&Shape>, value: Option<&Val>) -> Result<(), Problem> {
        match (shape, value) {
            (Some(shape), Some(value)) => self.value(shape, value),
            (None, None) => self.push(NOTHING),
            _ => Err(Problem::Unfit),
        }
    }

    fn sequence<T>(
        &mut self,
        parts: impl Iterator<Item = T>,
        write: impl Fn(&mut Self, T) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        self.push("[")?;
        for (idx, part) in parts.enumerate() {
            self.comma(idx)?;
            write(self, part)?;
        }
        self.push("]")
    }

    fn comma(&mut self, idx: usize) -> Result<(), Problem> {
        self.push(if idx == 0 { "" } else { "," })
    }

    fn key(&mut self, name: &str) -> Result<(), Problem> {
        self.string(name)?;
        self.push(":")
    }

    fn string(&mut self, text: &str) -> Result<(), Problem> {
        // Before it grows by its escapes.
        self.fits(text.len())?;
        self.push(&serde_json::to_string(text).map_err(|_| Problem::Unfit)?)
    }

    fn push(&mut self, text: &str) -> Result<(), Problem> {
        self.fits(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    fn fits(&self, more: usize) -> Result<(), Problem> {
        let len = self.text.len().saturating_add(more);
        if len <= MAX_RESULT_BYTES { Ok(()) } else { Err(Problem::TooLong) }
    }
}

fn digits(value: &Val) -> Result<String, Problem> {
    Ok(match value {
        Val::S8(it) => it.to_string(),
        Val::U8(it) => it.to_string(),
        Val::S16(it) => it.to_string(),
        Val::U16(it) => it.to_string(),
        Val::S32(it) => it.to_string(),
        Val::U32(it) => it.to_string(),
        Val::S64(it) => it.to_string(),
        Val::U64(it) => it.to_string(),
        _ => return Err(Problem::Unfit),
    })
}

/// The shortest digits that are this number and no other, which `Debug` gives
/// in a form that JSON has, too; or one of three texts.
fn wide(it: f64) -> String {
    if it.is_finite() { format!("{it:?}") } else { not_finite(it).to_owned() }
}

/// The same for fewer bits. Whoever reads it as a number of 64 bits and
/// rounds that gets the same one, which for a few needs more digits.
fn narrow(it: f32) -> String {
    if !it.is_finite() {
        return not_finite(it.into()).to_owned();
    }
    let short = format!("{it:?}");
    #[expect(clippy::cast_possible_truncation, reason = "compared")]
    let is_exact = short.parse::<f64>().is_ok_and(|read| (read as f32).to_bits() == it.to_bits());
    if is_exact { short } else { wide(it.into()) }
}

fn not_finite(it: f64) -> &'static str {
    if it.is_nan() {
        "\"NaN\""
    } else if it.is_sign_positive() {
        "\"Infinity\""
    } else {
        "\"-Infinity\""
    }
}

fn json_name<'a>(mut names: impl Iterator<Item = &'a Name>, wit: &str) -> Result<&'a str, Problem> {
    names.find(|it| *it.wit == *wit).map(|it| &*it.json).ok_or(Problem::Unfit)
}
