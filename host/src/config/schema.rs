//! The JSON Schema of a configuration file, for editors and checks.
//!
//! All of it is said in the declarations of the settings.

use serde_json::{Map, Value, json};

use super::{
    keys::{Key, Keys, NAME_PATTERN, dotted},
    sections,
};
use crate::setting::{NAME, Range};

/// The schema of a whole file.
pub fn schema() -> Value {
    let mut res = section(sections::keys(), "");
    res.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    res.insert("title".to_owned(), json!("The configuration of Hermitage"));
    Value::Object(res)
}

/// An object of the keys and sections at one place, and of nothing else.
fn section(keys: &Keys, path: &str) -> Map<String, Value> {
    let (mut properties, mut named) = (Map::new(), Map::new());
    for name in keys.names_in(path) {
        let slot = dotted(path, &name);
        let inner = match keys.key(&slot) {
            Some(it) => key(it),
            None => Value::Object(section(keys, &slot)),
        };
        match name.as_str() {
            NAME => named.insert(NAME_PATTERN.to_owned(), inner),
            _ => properties.insert(name, inner),
        };
    }
    let mut res = Map::new();
    let found = keys.sections.iter().find(|it| it.slot == path);
    res.extend(found.map(|it| ("description".to_owned(), json!(it.comment.join(" ")))));
    res.insert("type".to_owned(), json!("object"));
    res.insert("additionalProperties".to_owned(), json!(false));
    for (word, inner) in [("properties", properties), ("patternProperties", named)] {
        if !inner.is_empty() {
            res.insert(word.to_owned(), Value::Object(inner));
        }
    }
    res
}

fn key(key: &Key) -> Value {
    let form = &key.setting.form;
    let value = form.value.to_json();
    let mut res = Map::new();
    let mut say = |word: &str, value| res.insert(word.to_owned(), value);
    say("description", json!(key.setting.comment().join(" ")));
    say("type", json!(type_of(&value)));
    let (least, most) = match form.amount.map(|it| it.range) {
        Some(Range::Whole { min, max }) => (json!(min), json!(max)),
        Some(Range::Fraction { min, max }) => (json!(min), json!(max)),
        None => (Value::Null, Value::Null),
    };
    for (word, end) in [("minimum", least), ("maximum", most)] {
        if !end.is_null() {
            say(word, end);
        }
    }
    match (form.names, value.is_array()) {
        (Some(names), true) => say("items", json!({ "enum": names() })),
        (None, true) => say("items", json!({ "type": "string" })),
        (Some(names), false) => say("enum", json!(names())),
        (None, false) => None,
    };
    match key.is_built_in {
        true => say("default", value),
        false => say("examples", json!([value])),
    };
    Value::Object(res)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(it) if it.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        _ => "string",
    }
}
