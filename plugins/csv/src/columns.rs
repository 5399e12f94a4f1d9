//! What a table has: columns, what is in them, and how many rows.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hermitage_guest::ToolError;

use crate::{cell::Cell, table::Table};

/// Columns that are described.
const MOST_COLUMNS: usize = 200;

/// Different values of a column that are listed: more are no longer a choice.
const MOST_VALUES: usize = 12;

/// Characters of a value that are shown.
const LONGEST: usize = 60;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Describe {
    /// The CSV file, relative to the workspace.
    pub(crate) path: String,
    /// What separates cells; found out when absent.
    #[serde(default)]
    pub(crate) delimiter: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Described {
    delimiter: char,
    rows: u64,
    columns: Vec<Column>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Column {
    name: String,
    r#type: Type,
    /// Empty cells.
    empty: u64,
    /// All values that the column has, when they are few.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<String>,
}

/// What all cells of a column are that are not empty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    Empty,
    Integer,
    Number,
    Boolean,
    /// `2024-12-31`, with or without a time.
    Date,
    Text,
}

impl Type {
    fn of(cell: &Cell) -> Self {
        match cell {
            Cell::Empty => Self::Empty,
            Cell::Number(number, _) if number.is_integer() => Self::Integer,
            Cell::Number(..) => Self::Number,
            Cell::Text(text) if is_truth_value(text) => Self::Boolean,
            Cell::Text(text) if is_date(text) => Self::Date,
            Cell::Text(_) => Self::Text,
        }
    }

    fn with(self, other: Self) -> Self {
        match (self, other) {
            (same, other) if same == other => same,
            (Self::Empty, it) | (it, Self::Empty) => it,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            _ => Self::Text,
        }
    }
}

fn is_truth_value(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("true") || text.trim().eq_ignore_ascii_case("false")
}

fn is_date(text: &str) -> bool {
    let bytes = text.trim().as_bytes();
    let is_digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_digit);
    let has = |place: usize, byte| bytes.get(place) == Some(&byte);
    [0, 1, 2, 3, 5, 6, 8, 9].into_iter().all(is_digit)
        && has(4, b'-')
        && has(7, b'-')
        && bytes.get(10).is_none_or(|it| b"T ".contains(it))
}

/// What is known of a column so far.
struct Seen {
    r#type: Type,
    empty: u64,
    /// `None` when there are too many.
    values: Option<BTreeSet<Cell>>,
    min: Option<Cell>,
    max: Option<Cell>,
}

impl Seen {
    fn new() -> Self {
        Self { r#type: Type::Empty, empty: 0, values: Some(BTreeSet::new()), min: None, max: None }
    }

    fn take(&mut self, text: &str) {
        let cell = Cell::new(text);
        if let Cell::Empty = cell {
            self.empty += 1;
            return;
        }
        self.r#type = self.r#type.with(Type::of(&cell));
        if let Some(values) = &mut self.values {
            values.insert(cell.clone());
            if values.len() > MOST_VALUES {
                self.values = None;
            }
        }
        if self.min.as_ref().is_none_or(|it| cell < *it) {
            self.min = Some(cell.clone());
        }
        if self.max.as_ref().is_none_or(|it| cell > *it) {
            self.max = Some(cell);
        }
    }

    fn into_column(self, name: String) -> Column {
        let short = |cell: &Cell| shortened(cell.text());
        let values = self.values.map(|it| it.iter().map(short).collect());
        let (min, max) = match values {
            Some(_) => (None, None),
            None => (self.min.as_ref().map(short), self.max.as_ref().map(short)),
        };
        Column { name, r#type: self.r#type, empty: self.empty, values, min, max }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

pub(crate) fn read(mut table: Table<'_>) -> Result<Described, ToolError> {
    let mut seen: Vec<Seen> =
        table.columns.iter().take(MOST_COLUMNS).map(|_| Seen::new()).collect();
    let mut rows = 0;
    while let Some(row) = table.next_row()? {
        rows += 1;
        for (column, seen) in seen.iter_mut().enumerate() {
            seen.take(row.cell(column));
        }
    }
    let mut notes: Vec<String> = table.doubt().into_iter().collect();
    let n_columns = table.columns.len();
    if n_columns > MOST_COLUMNS {
        notes.push(format!("{MOST_COLUMNS} of {n_columns} columns are shown"));
    }
    let names = table.columns.iter().map(|it| shortened(it));
    let columns = seen.into_iter().zip(names).map(|(seen, name)| seen.into_column(name)).collect();
    Ok(Described { delimiter: table.delimiter, rows, columns, notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(table: &str, expect: &str) {
        let described = read(Table::open(table.as_bytes(), None).unwrap()).unwrap();
        assert_eq!(serde_json::to_string(&described).unwrap(), expect);
    }

    #[test]
    fn columns_are_described() {
        check(
            "a;b;c\n1;x;\n2.50;;\n",
            r#"{"delimiter":";","rows":2,"columns":[{"name":"a","type":"number","empty":0,"values":["1","2.50"]},{"name":"b","type":"text","empty":1,"values":["x"]},{"name":"c","type":"empty","empty":2,"values":[]}]}"#,
        );
    }

    #[test]
    fn many_values_are_told_by_their_ends() {
        let rows: String = (0..100).map(|it| format!("{it},{}\n", "x".repeat(it))).collect();
        let end = "x".repeat(LONGEST);
        check(
            &format!("a,b\n{rows}"),
            &format!(
                r#"{{"delimiter":",","rows":100,"columns":[{{"name":"a","type":"integer","empty":0,"min":"0","max":"99"}},{{"name":"b","type":"text","empty":1,"min":"x","max":"{end}…"}}]}}"#
            ),
        );
    }

    #[test]
    fn types_are_told() {
        let of = |cells: &[&str]| {
            cells.iter().map(|it| Type::of(&Cell::new(it))).fold(Type::Empty, Type::with)
        };
        assert_eq!(of(&["1", "", "-2"]), Type::Integer);
        assert_eq!(of(&["1", "2.5", "3"]), Type::Number);
        assert_eq!(of(&["true", "False"]), Type::Boolean);
        assert_eq!(of(&["2024-01-31", "2024-01-31T10:00:00Z"]), Type::Date);
        assert_eq!(of(&["2024-01-31", "1"]), Type::Text);
        assert_eq!(of(&["", " "]), Type::Empty);
    }
}
