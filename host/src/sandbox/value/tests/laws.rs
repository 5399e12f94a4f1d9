//! What holds of all types and values.

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
    strategy::Union,
};
use serde_json::{Value, json};

use super::super::{
    input,
    name::Name,
    output, schema,
    shape::{Case, Field, Integer, Shape},
};
use wasmtime::component::Val;

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

fn name(idx: usize) -> Name {
    Name::new(NAMES[idx])
}

fn names() -> impl Strategy<Value = Vec<Name>> {
    (1..NAMES.len()).prop_map(|len| (0..len).map(name).collect())
}

/// Types of a few levels.
pub(super) fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Bool),
        select(&INTEGERS[..]).prop_map(Shape::Integer),
        Just(Shape::F32),
        Just(Shape::F64),
        Just(Shape::Char),
        Just(Shape::String),
        names().prop_map(Shape::Enum),
        names().prop_map(Shape::Flags),
    ];
    leaf.prop_recursive(4, 24, 4, |part| {
        let boxed = || part.clone().prop_map(Box::new);
        let field = |(idx, shape)| Field { name: name(idx), shape };
        let case = |(idx, payload)| Case { name: name(idx), payload };
        prop_oneof![
            boxed().prop_map(Shape::List),
            boxed().prop_map(Shape::Option),
            vec(part.clone(), 1..4).prop_map(Shape::Tuple),
            vec(part.clone(), 1..4)
                .prop_map(move |it| Shape::Record(it.into_iter().enumerate().map(field).collect())),
            vec(option::of(part.clone()), 1..4)
                .prop_map(move |it| Shape::Variant(it.into_iter().enumerate().map(case).collect())),
            (option::of(boxed()), option::of(boxed()))
                .prop_map(|(ok, error)| Shape::Result { ok, error }),
        ]
    })
}

/// Values of a type.
pub(super) fn values(shape: &Shape) -> BoxedStrategy<Val> {
    match shape {
        Shape::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Shape::Integer(it) => integers(*it),
        #[expect(clippy::cast_possible_truncation, reason = "a special one")]
        Shape::F32 => {
            let special = select(&FLOATS[..]).prop_map(|it| it as f32);
            prop_oneof![any::<u32>().prop_map(f32::from_bits), special]
                .prop_map(Val::Float32)
                .boxed()
        }
        Shape::F64 => prop_oneof![any::<u64>().prop_map(f64::from_bits), select(&FLOATS[..])]
            .prop_map(Val::Float64)
            .boxed(),
        Shape::Char => any::<char>().prop_map(Val::Char).boxed(),
        Shape::String => any::<String>().prop_map(Val::String).boxed(),
        Shape::List(it) => vec(values(it), 0..4).prop_map(Val::List).boxed(),
        Shape::Tuple(parts) => {
            parts.iter().map(values).collect::<Vec<_>>().prop_map(Val::Tuple).boxed()
        }
        Shape::Record(fields) => {
            let names: Vec<String> = fields.iter().map(|it| it.name.wit.to_string()).collect();
            let values: Vec<_> = fields.iter().map(|it| values(&it.shape)).collect();
            values.prop_map(move |it| Val::Record(names.iter().cloned().zip(it).collect())).boxed()
        }
        Shape::Variant(cases) => Union::new(cases.iter().map(variant)).boxed(),
        Shape::Enum(names) => {
            select(names.clone()).prop_map(|it| Val::Enum(it.wit.to_string())).boxed()
        }
        Shape::Flags(names) => subsequence(names.clone(), 0..=names.len())
            .prop_map(|it| Val::Flags(it.iter().map(|it| it.wit.to_string()).collect()))
            .boxed(),
        Shape::Option(it) => {
            option::of(values(it).prop_map(Box::new)).prop_map(Val::Option).boxed()
        }
        Shape::Result { ok, error } => {
            let ok = payload(ok.as_deref()).prop_map(|it| Val::Result(Ok(it)));
            let error = payload(error.as_deref()).prop_map(|it| Val::Result(Err(it)));
            prop_oneof![ok, error].boxed()
        }
    }
}

fn integers(kind: Integer) -> BoxedStrategy<Val> {
    let (min, max) = kind.range();
    let (min, max) = (i128::from(min), i128::from(max));
    prop_oneof![Just(min), Just(max), min..=max].prop_map(move |it| kind.value(it).unwrap()).boxed()
}

fn variant(case: &Case) -> BoxedStrategy<Val> {
    let name = case.name.wit.to_string();
    payload(case.payload.as_ref()).prop_map(move |it| Val::Variant(name.clone(), it)).boxed()
}

fn payload(shape: Option<&Shape>) -> BoxedStrategy<Option<Box<Val>>> {
    match shape {
        Some(shape) => values(shape).prop_map(|it| Some(Box::new(it))).boxed(),
        None => Just(None).boxed(),
    }
}

fn typed() -> impl Strategy<Value = (Shape, Val)> {
    shapes().prop_flat_map(|shape| {
        let values = values(&shape);
        (Just(shape), values)
    })
}

/// JSON that looks as if it could be of some type.
fn jsons() -> impl Strategy<Value = Value> {
    let word = select(&["a", "b_c", "b-c", "ok", "error", "some", "NaN", "7", "x"][..]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-300..300_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |part| {
        let entry = (word.clone().prop_map(str::to_owned), part.clone());
        prop_oneof![
            vec(part, 0..4).prop_map(Value::from),
            vec(entry, 0..4).prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

fn read(shape: &Shape, json: &str) -> Result<Val, String> {
    let field = Field { name: Name::new("v"), shape: shape.clone() };
    let mut read = input::arguments(&[field], &format!(r#"{{"v":{json}}}"#))?;
    Ok(read.remove(0))
}

fn written(shape: &Shape, value: &Val) -> String {
    output::json(Some(shape), Some(value)).unwrap()
}

/// Puts something that is of no type in the place of one part, and gives its
/// path.
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

fn has_no_number(value: &str) -> bool {
    ["NaN", "Infinity"].iter().any(|it| value.contains(it))
}

/// Its shortest digits, `7.038531e-26`, lie half-way to its neighbour once they
/// are a number of 64 bits.
#[test]
fn a_float_that_its_shortest_digits_would_lose_has_more_of_them() {
    let float = Val::Float32(f32::from_bits(0x15ae_43fd));
    let json = written(&Shape::F32, &float);
    assert_eq!(json, "7.038530691851209e-26");
    assert_eq!(read(&Shape::F32, &json), Ok(float));
}

proptest! {
    #[test]
    fn a_value_that_is_written_and_read_is_the_same((shape, value) in typed()) {
        let json = written(&shape, &value);
        prop_assert_eq!(read(&shape, &json), Ok(value), "{} as {}", shape, json);
    }

    #[test]
    fn what_is_written_satisfies_the_schema((shape, value) in typed()) {
        let json = written(&shape, &value);
        prop_assume!(!has_no_number(&json));
        let field = Field { name: Name::new("v"), shape };
        let schema = schema::arguments(&[field]);
        // A value that may be absent is, where it is none.
        let object = if json == "null" { "{}".to_owned() } else { format!(r#"{{"v":{json}}}"#) };
        let errors = crate::toolset::Schema::new(&schema).unwrap().errors(&object);
        prop_assert!(errors.is_empty(), "{}: {} by {}", errors.join("; "), object, schema);
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path((shape, value) in typed(), nth in any::<usize>()) {
        let mut json: Value = written(&shape, &value).parse().unwrap();
        let mut n_parts = usize::MAX;
        spoil(&mut json, &mut n_parts, String::new());
        let mut nth = nth % (usize::MAX - n_parts);
        let path = spoil(&mut json, &mut nth, "$.v".to_owned()).unwrap();
        let error = read(&shape, &json.to_string()).unwrap_err();
        let rest = error.strip_prefix(&path);
        let rest = rest.ok_or_else(|| TestCaseError::fail(format!("{path} in {json}: {error}")))?;
        prop_assert!(rest.starts_with([':', '.']), "{} in {}: {}", path, json, error);
    }

    #[test]
    fn any_json_fits_or_is_refused_with_a_path(shape in shapes(), json in jsons()) {
        match read(&shape, &json.to_string()) {
            Ok(value) => prop_assert_eq!(read(&shape, &written(&shape, &value)), Ok(value)),
            Err(error) => prop_assert!(error.starts_with("$.v"), "{}", error),
        }
    }
}
