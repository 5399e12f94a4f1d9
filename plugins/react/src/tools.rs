//! The granted tools, and what has to be right with a call before one is
//! asked.

use hermitage_guest::{ToolSpec, toolbox};
use serde_json::Value;

use crate::{cut, fit, names, schema};

/// Arguments that say best what a call is about, before any other text.
const SUBJECTS: &[&str] = &["path", "command", "query", "content", "name", "url", "goal"];

/// Characters of a subject.
const SUBJECT_CHARS: usize = 80;

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

    /// The name of the granted tool that a model means by `written`.
    pub(crate) fn meant(&self, written: &str) -> Option<&str> {
        names::meant(written, self.specs.iter().map(|it| it.name.as_str()))
    }

    /// What is wrong with a call, for the model.
    pub(crate) fn check(&self, name: &str, arguments: &Value) -> Result<(), String> {
        let Some(schema) = self.schema(name) else {
            return Err(toolbox::unknown(name, &self.specs));
        };
        let errors = schema::errors(schema, arguments);
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }

    /// Makes of arguments what they mean: values of the types that the schema
    /// wants, where there is one that they can be, and nothing for what stands
    /// for nothing. A model that must fill in everything writes `null` for an
    /// argument that it leaves away, or an empty text where none can be.
    pub(crate) fn fit(&self, name: &str, arguments: &mut Value) {
        let Some(schema) = self.schema(name) else { return };
        if let Some(arguments) = arguments.as_object_mut() {
            let is_required = |field: &str| schema::required(schema).any(|it| it == field);
            let is_nothing = |field: &str, value: &Value| {
                let types = schema.get("properties").and_then(|it| it.get(field)).map(fit::types);
                let is_text = types.is_none_or(|it| it.is_empty() || it.contains(&"string"));
                value.is_null() || (value == "" && !is_text)
            };
            arguments.retain(|field, value| is_required(field) || !is_nothing(field, value));
        }
        fit::fit(schema, arguments);
    }

    fn schema(&self, name: &str) -> Option<&Value> {
        let mut both = self.specs.iter().zip(&self.schemas);
        both.find(|(spec, _)| spec.name == name).map(|(_, schema)| schema)
    }
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
    use crate::{arguments::read, fake};

    #[track_caller]
    fn check_call(name: &str, arguments: &str, expect: Result<&str, &str>) {
        let tools = Tools::new(fake::specs());
        let mut arguments = read(arguments).unwrap();
        tools.fit(name, &mut arguments);
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
        check_call("read_file", r#"{"path": "a", "limit": "5"}"#, Ok(r#"{"limit":5,"path":"a"}"#));
        check_call("read_file", r#"{"path": "a", "limit": ""}"#, Ok(r#"{"path":"a"}"#));
        check_call(
            "read_file",
            r#"{"path": "a", "limit": "few"}"#,
            Err("$.limit: must be integer, is string"),
        );
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
