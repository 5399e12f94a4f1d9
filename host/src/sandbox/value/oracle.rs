//! What holds of all types and values.

use arbitrary::{Result, Unstructured};
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::{
    input,
    name::Name,
    output, schema,
    shape::{Case, Field, Integer, Shape},
};
use crate::{noise, toolset::Schema};

const NAMES: [&str; 6] = ["a", "b-c", "d2", "e-f-g", "ok", "some"];

const INTEGERS: [Integer; 8] = [
    Integer::S8,
    Integer::U8,
    Integer::S16,
    Integer::U16,
    Integer::S32,
    Integer::U32,
    Integer::S64,
    Integer::U64,
];

/// Floats that are easily lost.
const FLOATS: [f64; 10] = [
    0.0,
    -0.0,
    0.1,
    f64::MIN_POSITIVE / 3.0,
    f64::MAX,
    9_007_199_254_740_993.0,
    1e16,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

/// Keys and texts that look as if they could be of some type.
const WORDS: &[&str] =
    &["a", "b_c", "b-c", "ok", "error", "some", "NaN", "7", "x", "d2", "Infinity"];

/// Levels of a type.
const MAX_DEPTH: usize = 4;

/// A value that is written is read again, and its schema takes it; what does
/// not fit is named by its path.
pub(crate) fn value(u: &mut Unstructured<'_>) -> Result<()> {
    let shape = shape(u, MAX_DEPTH)?;
    let value = value_of(u, &shape)?;
    let json = written(&shape, &value);
    assert_eq!(read(&shape, &json), Ok(value), "{shape} as {json}");
    satisfies_its_schema(&shape, &json);

    let nth = u.arbitrary()?;
    let spoilt = spoilt(&json, nth);
    let error = read(&shape, &spoilt.json).err().unwrap_or_default();
    let rest = error.strip_prefix(&spoilt.path).unwrap_or_default();
    assert!(rest.starts_with([':', '.']), "{} in {}: {error}", spoilt.path, spoilt.json);

    let any = noise::json(u, WORDS)?.to_string();
    match read(&shape, &any) {
        Ok(value) => assert_eq!(read(&shape, &written(&shape, &value)), Ok(value), "{shape}"),
        Err(error) => assert!(error.starts_with("$.v"), "{error}"),
    }
    let _ =
        read(&shape, &noise::text(u, &["{", "}", "[", "]", ",", ":", "\"", "1e999", "-", "null"])?);
    Ok(())
}

fn name(idx: usize) -> Name {
    Name::new(NAMES.get(idx).unwrap_or(&"z"))
}

fn names(u: &mut Unstructured<'_>) -> Result<Vec<Name>> {
    Ok((0..u.int_in_range(1..=NAMES.len() - 1)?).map(name).collect())
}

/// A type of a few levels.
pub(super) fn shape(u: &mut Unstructured<'_>, depth: usize) -> Result<Shape> {
    let most = if depth == 0 { 7 } else { 13 };
    Ok(match u.int_in_range(0..=most)? {
        0 => Shape::Bool,
        1 => Shape::Integer(noise::one_of(u, &INTEGERS)?),
        2 => Shape::F32,
        3 => Shape::F64,
        4 => Shape::Char,
        5 => Shape::String,
        6 => Shape::Enum(names(u)?),
        7 => Shape::Flags(names(u)?),
        8 => Shape::List(Box::new(shape(u, depth - 1)?)),
        9 => Shape::Option(Box::new(shape(u, depth - 1)?)),
        10 => Shape::Tuple(parts(u, |u| shape(u, depth - 1))?),
        11 => {
            let fields = parts(u, |u| shape(u, depth - 1))?.into_iter().enumerate();
            Shape::Record(fields.map(|(idx, shape)| Field { name: name(idx), shape }).collect())
        }
        12 => {
            let cases = parts(u, |u| maybe(u, depth - 1))?.into_iter().enumerate();
            Shape::Variant(cases.map(|(idx, payload)| Case { name: name(idx), payload }).collect())
        }
        _ => {
            let [ok, error] = [maybe(u, depth - 1)?, maybe(u, depth - 1)?];
            Shape::Result { ok: ok.map(Box::new), error: error.map(Box::new) }
        }
    })
}

fn maybe(u: &mut Unstructured<'_>, depth: usize) -> Result<Option<Shape>> {
    Ok(if u.arbitrary()? { Some(shape(u, depth)?) } else { None })
}

/// One to three.
fn parts<'a, T>(
    u: &mut Unstructured<'a>,
    mut one: impl FnMut(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut res = noise::list(u, 2, &mut one)?;
    res.push(one(u)?);
    Ok(res)
}

/// A value of a type.
pub(super) fn value_of(u: &mut Unstructured<'_>, shape: &Shape) -> Result<Val> {
    Ok(match shape {
        Shape::Bool => Val::Bool(u.arbitrary()?),
        Shape::Integer(kind) => integer(u, *kind)?,
        #[expect(clippy::cast_possible_truncation, reason = "a special one")]
        Shape::F32 if u.arbitrary()? => Val::Float32(noise::one_of(u, &FLOATS)? as f32),
        Shape::F32 => Val::Float32(u.arbitrary()?),
        Shape::F64 if u.arbitrary()? => Val::Float64(noise::one_of(u, &FLOATS)?),
        Shape::F64 => Val::Float64(u.arbitrary()?),
        Shape::Char => Val::Char(u.arbitrary()?),
        Shape::String => Val::String(noise::text(u, WORDS)?),
        Shape::List(of) => Val::List(noise::list(u, 3, |u| value_of(u, of))?),
        Shape::Tuple(parts) => {
            Val::Tuple(parts.iter().map(|it| value_of(u, it)).collect::<Result<_>>()?)
        }
        Shape::Record(fields) => {
            let field = |it: &Field| Ok((it.name.wit.to_string(), value_of(u, &it.shape)?));
            Val::Record(fields.iter().map(field).collect::<Result<_>>()?)
        }
        Shape::Variant(cases) => {
            let case = u.choose(cases)?;
            Val::Variant(case.name.wit.to_string(), payload(u, case.payload.as_ref())?)
        }
        Shape::Enum(names) => Val::Enum(u.choose(names)?.wit.to_string()),
        Shape::Flags(names) => {
            let mut set = Vec::new();
            for name in names {
                if u.arbitrary()? {
                    set.push(name.wit.to_string());
                }
            }
            Val::Flags(set)
        }
        Shape::Option(of) => {
            Val::Option(if u.arbitrary()? { Some(Box::new(value_of(u, of)?)) } else { None })
        }
        Shape::Result { ok, .. } if u.arbitrary()? => Val::Result(Ok(payload(u, ok.as_deref())?)),
        Shape::Result { error, .. } => Val::Result(Err(payload(u, error.as_deref())?)),
    })
}

fn integer(u: &mut Unstructured<'_>, kind: Integer) -> Result<Val> {
    let (min, max) = kind.range();
    let (min, max) = (i128::from(min), i128::from(max));
    let number = match u.int_in_range(0..=3)? {
        0 => min,
        1 => max,
        _ => u.int_in_range(min..=max)?,
    };
    kind.value(number).ok_or(arbitrary::Error::IncorrectFormat)
}

fn payload(u: &mut Unstructured<'_>, shape: Option<&Shape>) -> Result<Option<Box<Val>>> {
    shape.map(|it| value_of(u, it).map(Box::new)).transpose()
}

fn read(shape: &Shape, json: &str) -> std::result::Result<Val, String> {
    let field = Field { name: Name::new("v"), shape: shape.clone() };
    let mut read = input::arguments(&[field], &format!(r#"{{"v":{json}}}"#))?;
    Ok(read.remove(0))
}

fn written(shape: &Shape, value: &Val) -> String {
    output::json(Some(shape), Some(value)).unwrap_or_else(|_| unreachable!("{value:?} has no JSON"))
}

fn satisfies_its_schema(shape: &Shape, json: &str) {
    if ["NaN", "Infinity"].iter().any(|it| json.contains(it)) {
        return;
    }
    let field = Field { name: Name::new("v"), shape: shape.clone() };
    let schema = schema::arguments(&[field]);
    // A value that may be absent is, where it is none.
    let object = if json == "null" { "{}".to_owned() } else { format!(r#"{{"v":{json}}}"#) };
    let errors = Schema::new(&schema).map(|it| it.errors(&object));
    assert!(errors.as_ref().is_ok_and(Vec::is_empty), "{errors:?}: {object} by {schema}");
}

/// A value with something that is of no type in the place of one part.
struct Spoilt {
    json: String,
    path: String,
}

fn spoilt(json: &str, nth: usize) -> Spoilt {
    let mut value: Value = json.parse().unwrap_or_default();
    let mut left = usize::MAX;
    spoil(&mut value, &mut left, String::new());
    let parts = usize::MAX - left;
    let mut value: Value = json.parse().unwrap_or_default();
    let path = spoil(&mut value, &mut (nth % parts), "$.v".to_owned()).unwrap_or_default();
    Spoilt { json: value.to_string(), path }
}

fn spoil(json: &mut Value, nth: &mut usize, path: String) -> Option<String> {
    if *nth == 0 {
        *json = json!({"no": {"such": "thing"}});
        return Some(path);
    }
    *nth -= 1;
    match json {
        Value::Array(it) => {
            it.iter_mut().enumerate().find_map(|(idx, it)| spoil(it, nth, format!("{path}[{idx}]")))
        }
        Value::Object(it) => {
            it.iter_mut().find_map(|(key, it)| spoil(it, nth, format!("{path}.{key}")))
        }
        _ => None,
    }
}
