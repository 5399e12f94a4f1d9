//! Arguments against the schema of their tool, before the tool is asked.
//!
//! Knows the part of JSON Schema that descriptions of tools are written in:
//! `type`, `required`, `properties`, `additionalProperties: false`, `items`
//! and `enum`. Anything else holds; the tool itself has the last word.

use serde_json::Value;

/// Errors that are worth a model's while.
const MOST_ERRORS: usize = 10;

/// What is wrong with `value`, as lines of the form `$path: message`.
pub(crate) fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(schema, value, "$", &mut errors);
    errors.truncate(MOST_ERRORS);
    errors
}

fn check(schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    if let Some(types) = schema.get("type")
        && !names(types).any(|it| is(value, it))
    {
        let types: Vec<_> = names(types).collect();
        errors.push(format!("{path}: must be {}, is {}", types.join(" or "), kind(value)));
        return;
    }
    if let Some(Value::Array(values)) = schema.get("enum")
        && !values.contains(value)
    {
        let values: Vec<_> = values.iter().map(Value::to_string).collect();
        errors.push(format!("{path}: must be one of {}", values.join(", ")));
    }
    check_fields(schema, value, path, errors);
    if let (Some(schema), Value::Array(entries)) = (schema.get("items"), value) {
        for (at, entry) in entries.iter().enumerate() {
            check(schema, entry, &format!("{path}[{at}]"), errors);
        }
    }
}

fn check_fields(schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    let Value::Object(fields) = value else {
        return;
    };
    for name in required(schema).filter(|it| !fields.contains_key(*it)) {
        errors.push(format!("{path}.{name}: missing"));
    }
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, value) in fields {
        match schema.get("properties").and_then(|it| it.get(name)) {
            Some(schema) => check(schema, value, &format!("{path}.{name}"), errors),
            None if closed => errors.push(format!("{path}.{name}: unknown{}", known(schema))),
            None => {}
        }
    }
}

fn known(schema: &Value) -> String {
    let properties = schema.get("properties").and_then(Value::as_object);
    let names: Vec<_> =
        properties.into_iter().flatten().map(|(name, _)| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!(", there are {}", names.join(", ")) }
}

/// The names of the fields that must be there.
pub(crate) fn required(schema: &Value) -> impl Iterator<Item = &str> {
    names(schema.get("required").unwrap_or(&Value::Null))
}

/// One text or a list of texts.
fn names(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter_map(Value::as_str)
}

/// Whether `value` is of the type `name`; of an unknown type is everything.
pub(crate) fn is(value: &Value, name: &str) -> bool {
    match name {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" | "boolean" | "array" | "object" | "null" => kind(value) == name,
        _ => true,
    }
}

/// The type of a value, by the name that schemas have for it.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Value, value: Value, expect: &[&str]) {
        assert_eq!(errors(&schema, &value), expect);
    }

    #[test]
    fn types_are_told_apart() {
        check(json!({"type": "string"}), json!("a"), &[]);
        check(json!({"type": "string"}), json!(1), &["$: must be string, is number"]);
        check(json!({"type": "integer"}), json!(-3), &[]);
        check(json!({"type": "integer"}), json!(0.5), &["$: must be integer, is number"]);
        check(json!({"type": "number"}), json!(0.5), &[]);
        check(json!({"type": "boolean"}), json!("true"), &["$: must be boolean, is string"]);
        check(json!({"type": ["string", "null"]}), json!(null), &[]);
        check(
            json!({"type": ["string", "null"]}),
            json!([]),
            &["$: must be string or null, is array"],
        );
    }

    #[test]
    fn fields_are_missing_unknown_or_wrong() {
        let schema = json!({
            "type": "object",
            "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["path"],
            "additionalProperties": false,
        });
        check(schema.clone(), json!({"path": "a", "limit": 1}), &[]);
        check(
            schema.clone(),
            json!({"file": "a", "limit": "1"}),
            &[
                "$.path: missing",
                "$.file: unknown, there are `limit`, `path`",
                "$.limit: must be integer, is string",
            ],
        );
        check(schema, json!(["a"]), &["$: must be object, is array"]);
    }

    #[test]
    fn lists_are_checked_entry_by_entry() {
        let schema = json!({"items": {"properties": {"role": {"enum": ["leaf", 1]}}}});
        check(schema.clone(), json!([{"role": "leaf"}, {}, {"role": 1}]), &[]);
        check(
            schema,
            json!([{"role": "leaf"}, {"role": "boss"}]),
            &[r#"$[1].role: must be one of "leaf", 1"#],
        );
    }

    #[test]
    fn what_it_does_not_know_holds() {
        check(json!({}), json!(1), &[]);
        check(json!(true), json!(1), &[]);
        check(json!({"type": "text", "minimum": 5}), json!(1), &[]);
        check(json!({"type": "object"}), json!({"any": 1}), &[]);
        check(json!({"additionalProperties": false}), json!({"a": 1}), &["$.a: unknown"]);
    }

    #[test]
    fn the_list_of_errors_is_bounded() {
        let errors = errors(&json!({"items": {"type": "string"}}), &json!(vec![0; 50]));
        assert_eq!(errors.len(), MOST_ERRORS);
    }
}
