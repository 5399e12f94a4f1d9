//! Rows of a table.

use hermitage_guest::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cell::Cell,
    condition::{Condition, Filter},
    order::{By, First},
    table::Table,
};

/// Rows of an answer when nobody says how many.
const ROWS: usize = 50;

/// Rows that can be asked for at once, `offset` included.
const MOST_ROWS: usize = 10_000;

/// Bytes of the cells of an answer. A model pays for each.
const LARGEST: usize = 64 * 1024;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Select {
    /// The CSV file, relative to the workspace.
    pub(crate) path: String,
    /// What separates cells; found out when absent.
    #[serde(default)]
    pub(crate) delimiter: Option<String>,
    /// Names of the columns that are wanted; all when absent.
    #[serde(default)]
    columns: Option<Vec<String>>,
    /// Conditions that rows have to meet, each of them.
    #[serde(default)]
    r#where: Vec<Condition>,
    /// The order of the rows; that of the file when empty.
    #[serde(default)]
    order_by: Vec<By>,
    /// How many rows to pass over.
    #[serde(default)]
    offset: usize,
    /// How many rows to return: 50 when absent.
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Selected {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Rows that meet the conditions.
    matched: u64,
    /// The `offset` of the rows after these.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Select {
    pub(crate) fn run(self, mut table: Table<'_>) -> Result<Selected, ToolError> {
        let limit = self.limit.unwrap_or(ROWS);
        let most = self.offset.saturating_add(limit);
        if most > MOST_ROWS {
            return Err(ToolError::InvalidArguments(format!(
                "`offset` and `limit` are more than {MOST_ROWS} rows together: narrow them by \
                 `where`"
            )));
        }
        let (columns, places) = match self.columns {
            Some(names) => {
                let places = names.iter().map(|it| table.column(it)).collect::<Result<_, _>>()?;
                (names, places)
            }
            // By their places: two may have the same name.
            None => (table.columns.clone(), Vec::from_iter(0..table.columns.len())),
        };
        let keys = self.order_by.iter().map(|it| table.column(&it.column));
        let keys: Vec<usize> = keys.collect::<Result<_, _>>()?;
        let filter = Filter::new(&table, self.r#where)?;
        let descending = self.order_by.iter().map(|it| it.descending).collect();
        let mut first = First::new(descending, most);
        let mut matched = 0;
        while let Some(row) = table.next_row()? {
            if !filter.matches(&row) {
                continue;
            }
            // Without an order, those that come later are only counted.
            if !keys.is_empty() || matched < most as u64 {
                let keys = keys.iter().map(|it| Cell::new(row.cell(*it))).collect();
                let cells = places.iter().map(|it| row.cell(*it).to_owned()).collect();
                first.take(keys, matched, cells)?;
            }
            matched += 1;
        }
        let rows = that_fit(first.into_rows().into_iter().skip(self.offset))?;
        let next = self.offset + rows.len();
        let next_offset = (limit > 0 && (next as u64) < matched).then_some(next);
        Ok(Selected { columns, rows, matched, next_offset, note: table.doubt() })
    }
}

/// As many as there is room for.
fn that_fit(rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<Vec<String>>, ToolError> {
    let (mut fitting, mut bytes) = (Vec::new(), 0);
    for row in rows {
        // With quotes and a comma around each.
        bytes += row.iter().map(|it| it.len() + 3).sum::<usize>();
        if bytes > LARGEST && fitting.is_empty() {
            return Err(ToolError::InvalidArguments(format!(
                "a row has more than {LARGEST} bytes: ask for some of its columns"
            )));
        }
        if bytes > LARGEST {
            break;
        }
        fitting.push(row);
    }
    Ok(fitting)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "name,age,city\nAnna,31,Rome\nBob,4,Oslo\nCarl,,Rome\nDora,100,Paris\n";

    fn run(arguments: &str, table: &[u8]) -> String {
        let select: Select = serde_json::from_str(arguments).unwrap();
        let table = Table::open(table, select.delimiter.as_deref()).unwrap();
        match select.run(table) {
            Ok(selected) => serde_json::to_string(&selected).unwrap(),
            Err(ToolError::InvalidArguments(why)) => format!("argument: {why}"),
            Err(ToolError::Failed(why)) => format!("file: {why}"),
            Err(other) => panic!("{other}"),
        }
    }

    #[track_caller]
    fn check(arguments: &str, expect: &str) {
        let arguments = format!("{{\"path\": \"a.csv\"{arguments}}}");
        assert_eq!(run(&arguments, TABLE.as_bytes()), expect);
    }

    #[test]
    fn rows_are_selected() {
        check(
            r#", "columns": ["city", "name"], "limit": 2"#,
            r#"{"columns":["city","name"],"rows":[["Rome","Anna"],["Oslo","Bob"]],"matched":4,"next_offset":2}"#,
        );
        check(
            r#", "where": [{"column": "city", "is": "=", "value": "Rome"}]"#,
            r#"{"columns":["name","age","city"],"rows":[["Anna","31","Rome"],["Carl","","Rome"]],"matched":2}"#,
        );
        check(r#", "limit": 0"#, r#"{"columns":["name","age","city"],"rows":[],"matched":4}"#);
    }

    #[test]
    fn rows_are_ordered() {
        check(
            r#", "columns": ["age"], "order_by": [{"column": "age", "descending": true}], "limit": 3"#,
            r#"{"columns":["age"],"rows":[["100"],["31"],["4"]],"matched":4,"next_offset":3}"#,
        );
        check(
            r#", "columns": ["name"], "order_by": [{"column": "city"}, {"column": "age"}], "offset": 1"#,
            r#"{"columns":["name"],"rows":[["Dora"],["Carl"],["Anna"]],"matched":4}"#,
        );
    }

    #[test]
    fn what_is_asked_for_is_bounded() {
        check(
            r#", "limit": 10001"#,
            "argument: `offset` and `limit` are more than 10000 rows together: narrow them by `where`",
        );
        let wide = format!("a,b\n{}", format!("1,{}\n", "x".repeat(1000)).repeat(200));
        let answer = run(r#"{"path": "a.csv", "limit": 200}"#, wide.as_bytes());
        assert!(answer.ends_with("\"matched\":200,\"next_offset\":65}"), "{answer:.0}");
        let row = format!("a,b\n1,{}\n", "x".repeat(100_000));
        assert_eq!(
            run(r#"{"path": "a.csv"}"#, row.as_bytes()),
            "argument: a row has more than 65536 bytes: ask for some of its columns",
        );
    }

    #[test]
    fn a_wrong_row_is_told_even_after_the_last_one_that_is_wanted() {
        let answer = run(r#"{"path": "a.csv", "limit": 1}"#, b"a,b\n1,2\n3\n");
        assert_eq!(answer, "file: line 3 has 1 cells, and the first row has 2");
    }
}
