//! The granted tools, and what has to be right with a call before one is
//! asked.

use hermitage_guest::{ToolSpec, toolbox};
use serde_json::{Map, Value};

use crate::{cut, schema};

/// Arguments that say best what a call is about, before any other text.
const SUBJECTS: &[&str] = &["path", "command", "query", "content", "name", "url", "goal"];

/// Characters of a subject.
const SUBJECT_CHARS: usize = 80;

/// Characters of arguments that are quoted to the model.
const QUOTE_CHARS: usize = 200;

#[derive(Debug)]
pub(crate) struct Tools {
    specs: Vec<ToolSpec>,
    /// Of the arguments, in the order of `specs`.
    schemas: Vec<Value>,
}

impl Tools {
    /// A schema that is no JSON holds for every call.
    pub(crate) fn new(specs: Vec<ToolSpec>) -> Self {
        let schema = |it: &ToolSpec| serde_json::from_str(&it.parameters).unwrap_or_default();
        let schemas = specs.iter().map(schema).collect();
        Self { specs, schemas }
    }

    pub(crate) fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.schema(name).is_some()
    }

    /// What is wrong with a call, for the model.
    pub(crate) fn check(&self, name: &str, arguments: &Value) -> Result<(), String> {
        let Some(schema) = self.schema(name) else {
            return Err(toolbox::unknown(name, &self.specs));
        };
        let errors = schema::errors(schema, arguments);
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }

    /// Takes out what a model that must fill in everything writes for an
    /// argument that it leaves away: `null`, where the schema has no such
    /// value.
    pub(crate) fn without_nulls(&self, name: &str, arguments: &mut Value) {
        let (Some(schema), Some(arguments)) = (self.schema(name), arguments.as_object_mut()) else {
            return;
        };
        let is_required = |field: &str| schema::required(schema).any(|it| it == field);
        arguments.retain(|field, value| !value.is_null() || is_required(field));
    }

    fn schema(&self, name: &str) -> Option<&Value> {
        let mut both = self.specs.iter().zip(&self.schemas);
        both.find(|(spec, _)| spec.name == name).map(|(_, schema)| schema)
    }
}

/// Reads the arguments of a call: an object. None at all are an empty object, and a text
/// with an object in it is that object: small models write both.
pub(crate) fn read(arguments: &str) -> Result<Value, String> {
    let value = match arguments.trim() {
        "" => Value::Object(Map::new()),
        text => parse(text)?,
    };
    let value = match value {
        Value::String(text) => parse(&text)?,
        Value::Null => Value::Object(Map::new()),
        other => other,
    };
    match schema::kind(&value) {
        "object" => Ok(value),
        kind => Err(format!("the arguments must be a JSON object, this is {kind}")),
    }
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        let quote = cut::line(text, QUOTE_CHARS);
        format!("the arguments must be a JSON object: {error}: {quote}")
    })
}

/// What a call is about, for a person who looks on; empty when it can't be
/// told.
pub(crate) fn subject(arguments: &Value) -> String {
    let named = SUBJECTS.iter().filter_map(|it| arguments.get(*it)).find_map(Value::as_str);
    let mut values = arguments.as_object().into_iter().flatten();
    let text = named.or_else(|| values.find_map(|(_, it)| it.as_str()));
    cut::line(text.unwrap_or_default(), SUBJECT_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[track_caller]
    fn check_read(text: &str, expect: Result<&str, &str>) {
        let res = read(text).map(|it| it.to_string());
        assert_eq!(res.as_deref().map_err(String::as_str), expect, "{text}");
    }

    #[test]
    fn arguments_are_an_object_or_something_like_it() {
        check_read(r#"{"b": 1, "a": 2}"#, Ok(r#"{"a":2,"b":1}"#));
        check_read(" ", Ok("{}"));
        check_read("null", Ok("{}"));
        check_read(r#""{\"a\": 1}""#, Ok(r#"{"a":1}"#));
        check_read("[]", Err("the arguments must be a JSON object, this is array"));
        check_read("3", Err("the arguments must be a JSON object, this is number"));
        check_read(
            r#"{"a": "#,
            Err("the arguments must be a JSON object: EOF while parsing a value at line 1 column \
                 5: {\"a\":"),
        );
    }

    #[track_caller]
    fn check_call(name: &str, arguments: &str, expect: Result<&str, &str>) {
        let tools = Tools::new(fake::specs());
        let mut arguments = read(arguments).unwrap();
        tools.without_nulls(name, &mut arguments);
        let res = tools.check(name, &arguments).map(|()| arguments.to_string());
        assert_eq!(res.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn a_call_fits_its_schema() {
        check_call("read_file", r#"{"path": "a"}"#, Ok(r#"{"path":"a"}"#));
        check_call("read_file", r#"{"path": "a", "limit": null}"#, Ok(r#"{"path":"a"}"#));
        check_call("read_file", r#"{"path": null}"#, Err("$.path: must be string, is null"));
        check_call(
            "read_file",
            r#"{"file": 1}"#,
            Err("$.path: missing\n$.file: unknown, there are `limit`, `path`"),
        );
        check_call("now", r#"{"any": null}"#, Ok("{}"));
        check_call(
            "memory",
            "{}",
            Err("there is no tool `memory`: granted are `read_file`, `now`"),
        );
    }

    #[track_caller]
    fn check_subject(arguments: &str, expect: &str) {
        assert_eq!(subject(&read(arguments).unwrap()), expect);
    }

    #[test]
    fn the_subject_is_the_telling_argument() {
        check_subject(r#"{"a": "x", "path": "src/a.rs"}"#, "src/a.rs");
        check_subject(r#"{"a": 1, "b": "two\nlines"}"#, "two lines");
        check_subject(r#"{"a": 1}"#, "");
    }
}
