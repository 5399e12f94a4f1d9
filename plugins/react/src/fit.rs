//! Arguments of another type than the schema wants, where there is one value
//! that they can mean: `"5"` for a number, a list as its JSON text.

use serde_json::Value;

use crate::schema::{is, kind};

/// Levels of arguments that are looked at. Bounds the search; deeper ones are
/// left to the tool.
const MAX_LEVELS: u32 = 16;

/// Makes of each value what it means.
pub(crate) fn fit(schema: &Value, value: &mut Value) {
    fit_within(schema, value, MAX_LEVELS);
}

fn fit_within(schema: &Value, value: &mut Value, levels: u32) {
    let Some(levels) = levels.checked_sub(1) else { return };
    let types = types(schema);
    if !types.is_empty() && !types.iter().any(|it| is(value, it)) {
        let mut meant: Vec<_> = types.iter().filter_map(|it| as_type(it, schema, value)).collect();
        meant.dedup();
        if let (Some(only), true) = (meant.pop(), meant.is_empty()) {
            *value = only;
        }
    }
    match value {
        Value::Object(fields) => {
            let properties = schema.get("properties");
            for (name, value) in fields {
                if let Some(schema) = properties.and_then(|it| it.get(name)) {
                    fit_within(schema, value, levels);
                }
            }
        }
        Value::Array(entries) => {
            if let Some(schema) = schema.get("items") {
                entries.iter_mut().for_each(|it| fit_within(schema, it, levels));
            }
        }
        _ => {}
    }
}

/// The types that a schema allows, itself or by its alternatives.
pub(crate) fn types(schema: &Value) -> Vec<&str> {
    let alternatives = ["anyOf", "oneOf"].iter().filter_map(|it| schema.get(it)?.as_array());
    let all = std::iter::once(schema).chain(alternatives.flatten());
    let types = all.filter_map(|it| it.get("type")).flat_map(|it| match it {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    });
    types.filter_map(Value::as_str).collect()
}

fn as_type(name: &str, schema: &Value, value: &Value) -> Option<Value> {
    match (name, value) {
        ("integer", Value::Number(it)) => whole(it.as_f64()?),
        ("integer", Value::String(it)) => {
            let number: Value = serde_json::from_str(it.trim()).ok()?;
            if is(&number, "integer") { Some(number) } else { whole(number.as_f64()?) }
        }
        ("number", Value::String(it)) => {
            serde_json::from_str(it.trim()).ok().filter(Value::is_number)
        }
        ("boolean", Value::String(it)) => match it.trim() {
            "true" | "True" => Some(true.into()),
            "false" | "False" => Some(false.into()),
            _ => None,
        },
        ("null", Value::String(it)) => ["null", "None"].contains(&it.trim()).then_some(Value::Null),
        ("array" | "object", Value::String(it)) => {
            let read: Option<Value> = serde_json::from_str(it).ok().filter(|it| kind(it) == name);
            read.or_else(|| if name == "array" { alone(schema, value) } else { None })
        }
        ("array", _) => alone(schema, value),
        _ => None,
    }
}

/// A number without anything behind its point.
fn whole(number: f64) -> Option<Value> {
    let text = format!("{number:.0}");
    let whole: Value = serde_json::from_str(&text).ok()?;
    (whole.as_f64() == Some(number) && is(&whole, "integer")).then_some(whole)
}

/// A list of one, where the value is what its entries are.
fn alone(schema: &Value, value: &Value) -> Option<Value> {
    let entries = types(schema.get("items")?);
    entries.iter().any(|it| is(value, it)).then(|| Value::Array(vec![value.clone()]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Value, value: Value, expect: Value) {
        let mut fitted = value.clone();
        fit(&schema, &mut fitted);
        assert_eq!(fitted, expect, "{schema} {value}");
    }

    #[test]
    fn a_value_with_one_meaning_is_taken() {
        let one = |kind: &str| json!({"type": kind});
        check(one("integer"), json!("5"), json!(5));
        check(one("integer"), json!(" -5 "), json!(-5));
        check(one("integer"), json!(5.0), json!(5));
        check(one("integer"), json!("5.0"), json!(5));
        check(one("number"), json!("0.5"), json!(0.5));
        check(one("boolean"), json!("True"), json!(true));
        check(one("object"), json!("{\"a\": 1}"), json!({"a": 1}));
        check(json!({"type": ["integer", "null"]}), json!("5"), json!(5));
        check(json!({"type": ["integer", "null"]}), json!("null"), json!(null));
        check(json!({"anyOf": [one("integer"), one("null")]}), json!("5"), json!(5));
        let list = json!({"type": "array", "items": {"type": "string"}});
        check(list.clone(), json!("[\"a\", \"b\"]"), json!(["a", "b"]));
        check(list, json!("a"), json!(["a"]));
        let fields = json!({"type": "object", "properties": {"n": one("integer")}});
        check(fields.clone(), json!({"n": "5", "m": "5"}), json!({"n": 5, "m": "5"}));
        check(json!({"type": "array", "items": fields}), json!({"n": "5"}), json!([{"n": 5}]));
    }

    #[test]
    fn a_value_with_two_meanings_or_none_stays() {
        let same = |schema: Value, value: Value| check(schema, value.clone(), value);
        let one = |kind: &str| json!({"type": kind});
        same(one("integer"), json!("five"));
        same(one("integer"), json!("5.5"));
        same(one("integer"), json!(0.5));
        same(one("integer"), json!(1e300));
        same(one("integer"), json!(""));
        same(one("string"), json!(5));
        same(one("boolean"), json!("yes"));
        same(one("boolean"), json!(1));
        same(one("object"), json!("[1]"));
        same(json!({"type": ["string", "integer"]}), json!("5"));
        same(json!({"type": "array", "items": {"type": "integer"}}), json!("a"));
        same(json!({}), json!("5"));
        same(json!({"type": "text"}), json!("5"));
    }
}
