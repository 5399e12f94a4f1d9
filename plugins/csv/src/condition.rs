//! Which rows are wanted.

use std::{cmp::Ordering, fmt};

use hermitage_guest::ToolError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use crate::{
    cell::Cell,
    table::{Row, Table},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    /// The name of a column.
    column: String,
    is: Operator,
    /// What the cell is compared with. Numbers are compared as numbers.
    #[serde(default)]
    value: Option<Scalar>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operator {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    AtLeast,
    Contains,
    StartsWith,
    EndsWith,
    Empty,
    NotEmpty,
}

/// A text, a number or a truth value, as the text that a cell would have.
#[derive(Debug)]
pub(crate) struct Scalar(String);

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfScalar)
    }
}

struct OfScalar;

impl Visitor<'_> for OfScalar {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, or true or false")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar(value.to_owned()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }
}

/// Conditions for one table: a row meets all of them.
pub(crate) struct Filter(Vec<Test>);

struct Test {
    column: usize,
    is: Operator,
    value: Cell,
}

impl Filter {
    pub(crate) fn new(table: &Table<'_>, conditions: Vec<Condition>) -> Result<Self, ToolError> {
        let test = |condition: Condition| {
            let column = table.column(&condition.column)?;
            let needs_value = !matches!(condition.is, Operator::Empty | Operator::NotEmpty);
            match condition.value {
                Some(Scalar(text)) => {
                    Ok(Test { column, is: condition.is, value: Cell::new(&text) })
                }
                None if !needs_value => Ok(Test { column, is: condition.is, value: Cell::Empty }),
                None => Err(ToolError::InvalidArguments(format!(
                    "the condition on `{}` has no `value`",
                    condition.column
                ))),
            }
        };
        conditions.into_iter().map(test).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn matches(&self, row: &Row<'_>) -> bool {
        self.0.iter().all(|it| it.matches(row.cell(it.column)))
    }
}

impl Test {
    fn matches(&self, text: &str) -> bool {
        let value = self.value.text();
        match self.is {
            Operator::Contains => text.contains(value),
            Operator::StartsWith => text.starts_with(value),
            Operator::EndsWith => text.ends_with(value),
            Operator::Empty => text.trim().is_empty(),
            Operator::NotEmpty => !text.trim().is_empty(),
            Operator::Equal => Cell::new(text) == self.value,
            Operator::NotEqual => Cell::new(text) != self.value,
            Operator::Less => self.is_ordered(text, Ordering::is_lt),
            Operator::AtMost => self.is_ordered(text, Ordering::is_le),
            Operator::Greater => self.is_ordered(text, Ordering::is_gt),
            Operator::AtLeast => self.is_ordered(text, Ordering::is_ge),
        }
    }

    /// A text is not less or more than a number, and an empty cell is neither.
    fn is_ordered(&self, text: &str, is: fn(Ordering) -> bool) -> bool {
        let cell = Cell::new(text);
        match (&cell, &self.value) {
            (Cell::Number(..), Cell::Number(..)) | (Cell::Text(_), Cell::Text(_)) => {
                is(cell.cmp(&self.value))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "name,price,note\nAnna,10,\nBob,9.50,x y\nCarl,n/a,\" \"\nDora,,2024-01-01\n";

    /// The names of the rows that meet the conditions.
    fn names(conditions: &str) -> Result<String, ToolError> {
        let conditions = serde_json::from_str(conditions).unwrap();
        let mut table = Table::open(TABLE.as_bytes(), None)?;
        let filter = Filter::new(&table, conditions)?;
        let mut names = Vec::new();
        while let Some(row) = table.next_row()? {
            if filter.matches(&row) {
                names.push(row.cell(0).to_owned());
            }
        }
        Ok(names.join(" "))
    }

    #[track_caller]
    fn check(conditions: &str, expect: &str) {
        assert_eq!(names(&format!("[{conditions}]")).as_deref(), Ok(expect));
    }

    #[test]
    fn rows_are_compared() {
        check("", "Anna Bob Carl Dora");
        check(r#"{"column": "price", "is": "=", "value": 9.5}"#, "Bob");
        check(r#"{"column": "price", "is": "=", "value": "10.0"}"#, "Anna");
        check(r#"{"column": "price", "is": "!=", "value": 10}"#, "Bob Carl Dora");
        check(r#"{"column": "price", "is": "<", "value": 10}"#, "Bob");
        check(r#"{"column": "price", "is": ">=", "value": 9}"#, "Anna Bob");
        check(r#"{"column": "name", "is": ">", "value": "Bob"}"#, "Carl Dora");
        check(r#"{"column": "note", "is": "<=", "value": "2024-12-31"}"#, "Dora");
        check(r#"{"column": "note", "is": "empty"}"#, "Anna Carl");
        check(r#"{"column": "price", "is": "not_empty"}"#, "Anna Bob Carl");
        check(r#"{"column": "name", "is": "contains", "value": "r"}"#, "Carl Dora");
        check(r#"{"column": "name", "is": "starts_with", "value": "D"}"#, "Dora");
        check(r#"{"column": "name", "is": "ends_with", "value": "a"}"#, "Anna Dora");
    }

    #[test]
    fn a_row_meets_all_conditions() {
        check(
            r#"{"column": "price", "is": ">", "value": 1}, {"column": "note", "is": "empty"}"#,
            "Anna",
        );
    }

    #[test]
    fn a_condition_that_says_too_little_is_refused() {
        let expect = "the condition on `price` has no `value`";
        let error = names(r#"[{"column": "price", "is": "="}]"#).unwrap_err();
        assert_eq!(error, ToolError::InvalidArguments(expect.to_owned()));
        let expect = "there is no column `cost`; there are: name, price, note";
        let error = names(r#"[{"column": "cost", "is": "empty"}]"#).unwrap_err();
        assert_eq!(error, ToolError::InvalidArguments(expect.to_owned()));
    }
}
