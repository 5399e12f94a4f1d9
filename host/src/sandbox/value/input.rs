//! JSON to component values. What does not fit is named by its path.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

use super::{
    expected::{forms, told, unfit, wanted},
    name::Name,
    shape::{Case, Field, Integer, Shape},
};
use crate::completion::sanitize::clean_line;

/// Bytes of the arguments of one call, as JSON.
const MAX_JSON_BYTES: usize = 1 << 20;

/// Values of one call. A record whose fields are all optional is `{}` in JSON
/// and as long as its fields in memory, so the text alone bounds nothing.
const MAX_VALUES: usize = 512 << 10;

/// Characters of an error, which quotes names of two strangers.
const MAX_ERROR_CHARS: usize = 600;

/// The largest number up to which a float holds every whole one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Floats that JSON has no numbers for.
const NOT_FINITE: [(&str, f64); 3] =
    [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)];

/// The parameters of a call, from a JSON object. The error says what does not
/// fit, and where.
pub(super) fn arguments(params: &[Field], json: &str) -> Result<Vec<Val>, String> {
    if json.len() > MAX_JSON_BYTES {
        return Err(format!("{} bytes of arguments: at most {MAX_JSON_BYTES}", json.len()));
    }
    let json: Value = serde_json::from_str(json).map_err(|it| format!("no JSON: {it}"))?;
    let mut reader = Reader { left: MAX_VALUES, path: Vec::new() };
    let Value::Object(object) = &json else {
        return Err("$: expected an object with each argument by its name".to_owned());
    };
    let read = reader.fields(params, object);
    let values =
        read.map_err(|it| clean_line(&format!("{}: {it}", reader.place()), MAX_ERROR_CHARS))?;
    Ok(values.into_iter().map(|it| it.1).collect())
}

/// One step into JSON.
#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Reads one call. After an error, its path is where that is.
struct Reader<'a> {
    left: usize,
    path: Vec<Step<'a>>,
}

type Read<T> = Result<T, String>;

impl<'a> Reader<'a> {
    fn value(&mut self, shape: &'a Shape, json: &'a Value) -> Read<Val> {
        self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
        match (shape, json) {
            (Shape::Bool, Value::Bool(it)) => Ok(Val::Bool(*it)),
            (Shape::Integer(kind), json) => integer(*kind, json),
            (Shape::F32, json) => float(json).and_then(narrow).map(Val::Float32),
            (Shape::F64, json) => float(json).map(Val::Float64),
            (Shape::Char, Value::String(it)) => single_char(it).map(Val::Char),
            (Shape::String, Value::String(it)) => Ok(Val::String(it.clone())),
            (Shape::List(shape), Value::Array(it)) => self.list(shape, it).map(Val::List),
            (Shape::Tuple(parts), Value::Array(it)) if it.len() == parts.len() => {
                self.tuple(parts, it).map(Val::Tuple)
            }
            (Shape::Record(fields), Value::Object(it)) => self.fields(fields, it).map(Val::Record),
            (Shape::Variant(cases), json) => self.variant(cases, json),
            (Shape::Enum(names), Value::String(it)) => {
                named(names, it).map(|it| Val::Enum(it.wit.to_string()))
            }
            (Shape::Flags(names), Value::Array(it)) => self.flags(names, it).map(Val::Flags),
            (Shape::Option(_), Value::Null) => Ok(Val::Option(None)),
            (Shape::Option(it), json) => self.some(it, json).map(|it| Val::Option(Some(it.into()))),
            (Shape::Result { ok, error }, json) => {
                self.result(ok.as_deref(), error.as_deref(), json)
            }
            (shape, json) => Err(unfit(shape, json)),
        }
    }

    /// What lies a step further in.
    fn part(&mut self, step: Step<'a>, shape: &'a Shape, json: &'a Value) -> Read<Val> {
        self.path.push(step);
        let value = self.value(shape, json)?;
        self.path.pop();
        Ok(value)
    }

    fn list(&mut self, shape: &'a Shape, json: &'a [Value]) -> Read<Vec<Val>> {
        let parts = json.iter().enumerate();
        parts.map(|(idx, json)| self.part(Step::Index(idx), shape, json)).collect()
    }

    fn tuple(&mut self, shapes: &'a [Shape], json: &'a [Value]) -> Read<Vec<Val>> {
        let parts = shapes.iter().zip(json).enumerate();
        parts.map(|(idx, (shape, json))| self.part(Step::Index(idx), shape, json)).collect()
    }

    fn fields(
        &mut self,
        fields: &'a [Field],
        json: &'a Map<String, Value>,
    ) -> Read<Vec<(String, Val)>> {
        let is_known = |key: &&String| fields.iter().any(|it| *it.name.json == ***key);
        if let Some(unknown) = json.keys().find(|it| !is_known(it)) {
            self.path.push(Step::Key(unknown));
            return Err(format!("unknown; there is {}", told(fields.iter().map(|it| &it.name))));
        }
        fields.iter().map(|it| self.field(it, json)).collect()
    }

    fn field(&mut self, field: &'a Field, json: &'a Map<String, Value>) -> Read<(String, Val)> {
        let Field { name, shape } = field;
        let value = match json.get(&*name.json) {
            None if !shape.has_null() => {
                self.path.push(Step::Key(&name.json));
                return Err(format!("missing; expected {}", wanted(shape)));
            }
            found => self.part(Step::Key(&name.json), shape, found.unwrap_or(&Value::Null))?,
        };
        Ok((name.wit.to_string(), value))
    }

    fn variant(&mut self, cases: &'a [Case], json: &'a Value) -> Read<Val> {
        let names = || cases.iter().map(|it| &it.name);
        let case = |name: &str| cases.iter().find(|it| *it.name.json == *name);
        let unknown = |name: &str| format!("unknown `{name}`; there is {}", told(names()));
        match json {
            Value::String(name) => match case(name).ok_or_else(|| unknown(name))? {
                Case { name, payload: None } => Ok(Val::Variant(name.wit.to_string(), None)),
                Case { name, payload: Some(shape) } => {
                    let name = &name.json;
                    Err(format!("expected {{\"{name}\": …}} with {}", wanted(shape)))
                }
            },
            json => {
                let (name, json) =
                    only_entry(json).ok_or_else(|| format!("expected one of {}", forms(cases)))?;
                let Case { name, payload } = case(name).ok_or_else(|| unknown(name))?;
                let shape = payload.as_ref().ok_or_else(|| {
                    format!("expected \"{}\" alone, which comes with no value", name.json)
                })?;
                let value = self.part(Step::Key(&name.json), shape, json)?;
                Ok(Val::Variant(name.wit.to_string(), Some(value.into())))
            }
        }
    }

    fn flags(&mut self, names: &'a [Name], json: &'a [Value]) -> Read<Vec<String>> {
        let mut res = Vec::new();
        for (idx, json) in json.iter().enumerate() {
            self.path.push(Step::Index(idx));
            let Value::String(flag) = json else {
                return Err(format!("expected one of {}", told(names.iter())));
            };
            let wit = named(names, flag)?.wit.to_string();
            if res.contains(&wit) {
                return Err(format!("`{flag}` is there twice"));
            }
            res.push(wit);
            self.path.pop();
        }
        Ok(res)
    }

    fn some(&mut self, shape: &'a Shape, json: &'a Value) -> Read<Val> {
        if !shape.has_null() {
            return self.value(shape, json);
        }
        match only_entry(json) {
            Some(("some", json)) => self.part(Step::Key("some"), shape, json),
            _ => Err(format!("expected null, or {{\"some\": …}} with {}", wanted(shape))),
        }
    }

    fn result(
        &mut self,
        ok: Option<&'a Shape>,
        error: Option<&'a Shape>,
        json: &'a Value,
    ) -> Read<Val> {
        match only_entry(json) {
            Some(("ok", json)) => Ok(Val::Result(Ok(self.payload("ok", ok, json)?))),
            Some(("error", json)) => Ok(Val::Result(Err(self.payload("error", error, json)?))),
            _ => Err("expected {\"ok\": …} or {\"error\": …}".to_owned()),
        }
    }

    fn payload(
        &mut self,
        side: &'static str,
        shape: Option<&'a Shape>,
        json: &'a Value,
    ) -> Read<Option<Box<Val>>> {
        match (shape, json) {
            (Some(shape), json) => Ok(Some(self.part(Step::Key(side), shape, json)?.into())),
            (None, Value::Null) => Ok(None),
            (None, _) => {
                self.path.push(Step::Key(side));
                Err("expected null".to_owned())
            }
        }
    }

    fn place(&self) -> String {
        let mut res = "$".to_owned();
        for step in &self.path {
            // Writing to a text does not fail.
            let _ = match step {
                Step::Key(key) => write!(res, ".{key}"),
                Step::Index(idx) => write!(res, "[{idx}]"),
            };
        }
        res
    }
}

/// A number, or its digits as a text: not every client has whole numbers of
/// 64 bits.
fn integer(kind: Integer, json: &Value) -> Read<Val> {
    let number = match json {
        Value::Number(it) => whole(it),
        Value::String(it) => it.parse().ok(),
        _ => None,
    };
    let value = number.and_then(|it| kind.value(it));
    value.ok_or_else(|| unfit(&Shape::Integer(kind), json))
}

/// `3.0` is a whole number, as JSON Schema has it.
fn whole(number: &Number) -> Option<i128> {
    let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    integer.or_else(|| {
        let float = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() <= EXACT)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough")]
        let whole = float as i64;
        Some(whole.into())
    })
}

fn float(json: &Value) -> Read<f64> {
    let float = match json {
        Value::Number(it) => it.as_f64(),
        Value::String(text) => NOT_FINITE.iter().find(|it| it.0 == text).map(|it| it.1),
        _ => None,
    };
    float.ok_or_else(|| unfit(&Shape::F64, json))
}

fn narrow(wide: f64) -> Read<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "rounded to the nearest one")]
    let narrow = wide as f32;
    if narrow.is_finite() == wide.is_finite() {
        Ok(narrow)
    } else {
        Err(format!("expected a number of 32 bits, found {wide:e}"))
    }
}

fn single_char(text: &str) -> Read<char> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(it), None) => Ok(it),
        _ => Err(unfit(&Shape::Char, &Value::String(text.to_owned()))),
    }
}

fn named<'a>(names: &'a [Name], json: &str) -> Read<&'a Name> {
    let found = names.iter().find(|it| *it.json == *json);
    found.ok_or_else(|| format!("unknown `{json}`; there is {}", told(names.iter())))
}

fn only_entry(json: &Value) -> Option<(&str, &Value)> {
    let mut entries = json.as_object()?.iter();
    let (key, value) = entries.next()?;
    entries.next().is_none().then_some((key, value))
}

fn too_many() -> String {
    format!("more than {MAX_VALUES} values in one call")
}
