//! The JSON Schema of a configuration file, for editors and checks.
//!
//! It is made of what is said elsewhere: types, defaults, examples and
//! descriptions of `default.toml`, ranges of the settings, and the names of the
//! catalogue. The raw types have nothing to add to it.

use serde_json::{Map, Value, json};

use super::{
    ConfigError, ProviderKind,
    setting::{Range, range},
    template::{Key, NAME, NAME_PATTERN, Template, dotted},
};
use crate::{tools, toolset::ToolId};

/// The schema of a whole file.
pub fn schema() -> Result<Value, ConfigError> {
    let template = Template::read()?;
    let mut res = section(&template, "");
    res.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    res.insert("title".to_owned(), json!("The configuration of Hermitage"));
    Ok(Value::Object(res))
}

/// An object of the keys and sections at one place, and of nothing else.
fn section(template: &Template, path: &str) -> Map<String, Value> {
    let (mut properties, mut named) = (Map::new(), Map::new());
    for name in template.names_in(path) {
        let slot = dotted(path, &name);
        let inner = match template.keys.iter().find(|it| it.slot == slot) {
            Some(it) => key(template, it),
            None => Value::Object(section(template, &slot)),
        };
        match name.as_str() {
            NAME => named.insert(NAME_PATTERN.to_owned(), inner),
            _ => properties.insert(name, inner),
        };
    }
    let mut res = Map::new();
    let comment = template.sections.iter().find(|it| it.0 == path);
    res.extend(comment.map(|it| ("description".to_owned(), json!(it.1))));
    res.insert("type".to_owned(), json!("object"));
    res.insert("additionalProperties".to_owned(), json!(false));
    for (word, inner) in [("properties", properties), ("patternProperties", named)] {
        if !inner.is_empty() {
            res.insert(word.to_owned(), Value::Object(inner));
        }
    }
    res
}

fn key(template: &Template, key: &Key) -> Value {
    let value = serde_json::to_value(&key.value).unwrap_or_default();
    let mut res = Map::new();
    let mut say = |word: &str, value| res.insert(word.to_owned(), value);
    say("description", json!(key.comment));
    say("type", json!(type_of(&value)));
    let (least, most) = match range(&key.slot) {
        Some(Range::Whole { min, max }) => (json!(min), json!(max)),
        Some(Range::Fraction { min, max }) => (json!(min), json!(max)),
        None => (Value::Null, Value::Null),
    };
    for (word, end) in [("minimum", least), ("maximum", most)] {
        if !end.is_null() {
            say(word, end);
        }
    }
    match (key.slot.as_str(), value.is_array()) {
        ("providers.NAME.kind", _) => say("enum", json!(ProviderKind::ALL.map(ProviderKind::name))),
        (slot, true) => say("items", items(slot)),
        _ => None,
    };
    match template.is_built_in(&key.slot) {
        true => say("default", value),
        false => say("examples", json!([value])),
    };
    Value::Object(res)
}

/// What a list has in it.
fn items(slot: &str) -> Value {
    match slot {
        "delegation.default_toolsets" => json!({ "enum": toolsets_and_tools() }),
        "delegation.blocked_tools" => {
            json!({ "enum": tools::bundled().tools().into_iter().map(ToolId::name).collect::<Vec<_>>() })
        }
        _ => json!({ "type": "string" }),
    }
}

fn toolsets_and_tools() -> Vec<&'static str> {
    let all = tools::bundled();
    let tools = all.tools().into_iter().map(ToolId::name);
    let toolsets = all.toolsets().iter().map(|it| it.name.as_str());
    toolsets.chain(tools.filter(|it| all.toolset(it).is_none())).collect()
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
