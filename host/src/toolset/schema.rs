//! JSON Schemas that come from outside: of structured output. The only user of
//! `jsonschema`.
//!
//! A schema can be an attack on whoever checks against it: references that
//! run in circles overflow the stack, references that double at each level
//! take for ever, and a backtracking pattern does, too. So a schema is walked
//! once with its references followed, and bounded by what that walk meets;
//! patterns are matched in linear time, and nothing is ever fetched. What the
//! walk could read in another way than the checker is refused. A large answer
//! to a large schema takes the product of both, which is bounded, too.

use std::{fmt, sync::Arc};

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::completion::sanitize::clean_line;

/// Bytes of a schema's text: every task that has one carries it.
const MAX_BYTES: usize = 64 << 10;

/// Values of a schema, those behind references counted each time they are
/// referred to. Bounds references that double at each level, and those that
/// run in circles.
const MAX_VALUES: usize = 20_000;

/// Depth of a schema with its references followed. Bounds the stack that
/// checking takes.
const MAX_DEPTH: usize = 96;

/// Bytes of a compiled pattern: a short text can stand for a huge automaton.
const MAX_PATTERN_BYTES: usize = 256 << 10;

/// Patterns of a schema, counted like its values. Each may be as large as a
/// pattern can be, and every task of a batch has its own.
const MAX_PATTERNS: usize = 64;

/// Values of a schema times bytes of an answer. Bounds the time of a check,
/// which nothing can interrupt: some tenths of a second.
const MAX_WORK: usize = 100_000_000;

/// Errors that are told (SEMANTICS.md §4).
const MAX_ERRORS: usize = 10;

/// Characters of one of them: a message can quote the whole answer.
const MAX_ERROR_CHARS: usize = 300;

/// Keywords that resolve references in other ways than by place.
const OTHER_REFERENCES: [&str; 7] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
];

/// Versions of the language in which `id` is no keyword, which would change
/// what a reference refers to.
const VERSIONS: [&str; 4] = ["draft-06/", "draft-07/", "/2019-09/", "/2020-12/"];

/// Why a text is no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(String);

/// A schema that can be checked against. Clones share it.
#[derive(Clone)]
pub struct Schema {
    text: Arc<str>,
    /// Those that a check can meet.
    values: usize,
    validator: Arc<Validator>,
}

impl Schema {
    /// Compiles a schema, or the text of one. An error says which rule it
    /// breaks.
    pub fn new(schema: &Value) -> Result<Self, SchemaError> {
        match schema {
            Value::String(text) if text.len() <= MAX_BYTES => {
                let no_json = |it| SchemaError(format!("it is no JSON: {it}"));
                Self::compiled(&serde_json::from_str(text).map_err(no_json)?)
            }
            schema => Self::compiled(schema),
        }
    }

    fn compiled(schema: &Value) -> Result<Self, SchemaError> {
        let text = schema.to_string();
        if text.len() > MAX_BYTES {
            let bytes = text.len();
            return Err(SchemaError(format!("{bytes} bytes: at most {MAX_BYTES} are taken")));
        }
        if !schema.is_object() {
            return Err(SchemaError("a JSON object is needed".to_owned()));
        }
        let mut walk = Walk { root: schema, values: 0, patterns: 0 };
        walk.value(schema, 0)?;
        let pattern = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES);
        let validator = jsonschema::options().with_pattern_options(pattern).build(schema);
        let validator = validator.map_err(|it| SchemaError(error_line(&it)))?;
        Ok(Self { text: text.into(), values: walk.values, validator: Arc::new(validator) })
    }

    /// As JSON text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with `text`: lines of the form `$path: message`, at most
    /// ten. None when it is JSON that satisfies the schema.
    pub fn errors(&self, text: &str) -> Vec<String> {
        if self.values.saturating_mul(text.len()) > MAX_WORK {
            let bytes = text.len();
            return vec![format!("$: {bytes} bytes are too many for a schema of this size")];
        }
        match serde_json::from_str::<Value>(text) {
            Err(err) => vec![format!("$: no JSON: {err}")],
            Ok(value) => self
                .validator
                .iter_errors(&value)
                .take(MAX_ERRORS)
                .map(|it| error_line(&it))
                .collect(),
        }
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Schema {}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.text)
    }
}

/// Counts what a check can meet.
struct Walk<'a> {
    root: &'a Value,
    values: usize,
    patterns: usize,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), SchemaError> {
        self.values = self.values.saturating_add(1);
        if self.values > MAX_VALUES || depth > MAX_DEPTH {
            let text = "it is too large or too deep, or its references run in circles";
            return Err(SchemaError(text.to_owned()));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|it| self.value(it, depth + 1)),
            Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
                self.patterns(key, value)?;
                self.reference(key, value, depth)?;
                self.value(value, depth + 1)
            }),
            _ => Ok(()),
        }
    }

    fn patterns(&mut self, key: &str, value: &Value) -> Result<(), SchemaError> {
        self.patterns = self.patterns.saturating_add(match (key, value) {
            ("pattern", Value::String(_)) => 1,
            ("patternProperties", Value::Object(fields)) => fields.len(),
            _ => 0,
        });
        if self.patterns > MAX_PATTERNS {
            return Err(SchemaError(format!("more than {MAX_PATTERNS} patterns")));
        }
        Ok(())
    }

    fn reference(&mut self, key: &str, value: &Value, depth: usize) -> Result<(), SchemaError> {
        if OTHER_REFERENCES.contains(&key) {
            return Err(SchemaError(format!("`{key}` is not supported: refer by `#/$defs/…`")));
        }
        let Value::String(reference) = value else {
            return Ok(());
        };
        if key == "$schema" && !VERSIONS.iter().any(|it| reference.contains(it)) {
            return Err(SchemaError("`$schema` is not supported: leave it out".to_owned()));
        }
        if key != "$ref" {
            return Ok(());
        }
        let unknown = || {
            let shown = clean_line(reference, MAX_ERROR_CHARS);
            SchemaError(format!("`{shown}` refers to nothing in the schema itself"))
        };
        // The checker would decode a `%`, and go elsewhere.
        let pointer = reference.strip_prefix('#').filter(|it| !it.contains('%'));
        let pointer = pointer.ok_or_else(unknown)?;
        let root = self.root;
        self.value(root.pointer(pointer).ok_or_else(unknown)?, depth + 1)
    }
}

/// `$.items[2].name: message`
fn error_line(err: &jsonschema::ValidationError<'_>) -> String {
    let mut path = "$".to_owned();
    for part in err.instance_path().as_str().split('/').skip(1) {
        if part.chars().all(|it| it.is_ascii_digit()) {
            path.push_str(&format!("[{part}]"));
        } else {
            path.push_str(&format!(".{}", part.replace("~1", "/").replace("~0", "~")));
        }
    }
    clean_line(&format!("{path}: {err}"), MAX_ERROR_CHARS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, text: &str, expect: &[&str]) {
        assert_eq!(Schema::new(schema).unwrap().errors(text), expect, "{text}");
    }

    fn check_refused(schema: &Value, expect: &str) {
        let err = Schema::new(schema).unwrap_err().to_string();
        assert!(err.contains(expect), "{err}");
    }

    #[test]
    fn errors_name_the_place_and_are_few() {
        let schema = json!({
            "type": "object",
            "properties": {
                "n": {"type": "integer", "minimum": 1},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
            },
            "required": ["n"],
            "additionalProperties": false,
            "$defs": {"tag": {"type": "string", "pattern": "^[a-z]+$"}},
        });
        check(&schema, r#"{"n": 1, "tags": ["a"]}"#, &[]);
        check(&schema, "{", &["$: no JSON: EOF while parsing an object at line 1 column 1"]);
        check(&schema, "{}", &[r#"$: "n" is a required property"#]);
        check(&schema, r#"{"n": 0}"#, &["$.n: 0 is less than the minimum of 1"]);
        check(
            &schema,
            r#"{"n": 1, "tags": ["a", 7]}"#,
            &[r#"$.tags[1]: 7 is not of type "string""#],
        );
        let many = json!({"n": 1, "tags": vec![7; 100]}).to_string();
        assert_eq!(Schema::new(&schema).unwrap().errors(&many).len(), MAX_ERRORS);
    }

    #[test]
    fn a_schema_that_attacks_its_reader_is_refused() {
        check_refused(&json!([]), "a JSON object");
        check_refused(&json!({"type": "nothing"}), "nothing");
        let circles = "its references run in circles";
        check_refused(&json!({"$ref": "#"}), circles);
        check_refused(&json!({"allOf": [{"$ref": "#"}]}), circles);
        check_refused(
            &json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
            circles,
        );
        check_refused(&json!({"properties": {"next": {"$ref": "#"}}}), circles);
        let mut defs = serde_json::Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
            defs.insert(format!("l{level}"), json!({"allOf": [next, next]}));
        }
        defs.insert("l40".to_owned(), json!(true));
        check_refused(&json!({"$ref": "#/$defs/l0", "$defs": defs}), circles);
        for reference in ["http://127.0.0.1:9/x", "file:///etc/passwd", "other", "#/nowhere"] {
            check_refused(&json!({"$ref": reference}), "refers to nothing");
        }
        for key in OTHER_REFERENCES {
            check_refused(&json!({key: "#"}), "is not supported");
        }
        check_refused(&json!({"$defs": {"%61": {}, "a": {}}, "$ref": "#/$defs/%61"}), "refers to");
        for version in ["http://json-schema.org/draft-04/schema#", "http://127.0.0.1:9/x"] {
            let inner = json!({"$schema": version, "id": "http://other/"});
            check_refused(&json!({"properties": {"a": inner}}), "`$schema` is not supported");
        }
        let latest = json!({"$schema": "https://json-schema.org/draft/2020-12/schema"});
        assert!(Schema::new(&latest).is_ok());
        let pattern = json!({"pattern": "a"});
        check_refused(&json!({"anyOf": vec![&pattern; MAX_PATTERNS + 1]}), "patterns");
        let names: Value = (0..=MAX_PATTERNS).map(|it| (it.to_string(), json!({}))).collect();
        check_refused(&json!({"patternProperties": names}), "patterns");
        check_refused(&json!({"pattern": "(a{1000}){1000}"}), "(a{1000}){1000}");
        check_refused(&json!({"description": "x".repeat(MAX_BYTES)}), "bytes");
    }

    #[test]
    fn a_backtracking_pattern_takes_linear_time() {
        let text = json!("a".repeat(100_000) + "!").to_string();
        let schema = Schema::new(&json!({"pattern": "^(a+)+$"})).unwrap();
        assert_eq!(schema.errors(&text).len(), 1);
    }

    #[test]
    fn a_schema_can_be_given_as_text() {
        let check = |text: &str| Schema::new(&json!(text)).map(|it| it.text().to_owned());
        assert_eq!(check(r#"{"type": "object"}"#), Ok(r#"{"type":"object"}"#.to_owned()));
        for text in ["{", "7", r#""{}""#, &" ".repeat(MAX_BYTES + 1), &"[".repeat(1_000)] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_large_answer_to_a_large_schema_is_an_error() {
        let numbers: Vec<Value> = (5..3_000).map(|it| json!({"const": it})).collect();
        let schema = Schema::new(&json!({"items": {"not": {"anyOf": numbers}}})).unwrap();
        let text = format!("[{}0]", "0,".repeat(100_000));
        assert_eq!(
            schema.errors(&text),
            ["$: 200003 bytes are too many for a schema of this size"]
        );
        assert_eq!(schema.errors("[0, 1]"), [""; 0]);
        assert_eq!(Schema::new(&json!({"items": {"const": 0}})).unwrap().errors(&text), [""; 0]);
    }

    #[test]
    fn deeply_nested_answers_are_errors() {
        let text = "[".repeat(100_000);
        assert_eq!(Schema::new(&json!({})).unwrap().errors(&text).len(), 1);
    }
}
