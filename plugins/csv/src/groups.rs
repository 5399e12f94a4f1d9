//! Rows of a table added up, by groups.

use std::collections::{BTreeMap, BTreeSet};

use hermitage_guest::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    cell::Cell,
    condition::{Condition, Filter},
    number::Number,
    table::{Row, Table},
};

/// Groups, and different values within them, that are kept while a file is
/// read.
const MOST_KEPT: usize = 50_000;

/// Groups of an answer when nobody says how many.
const GROUPS: usize = 100;

/// Bytes of an answer. A model pays for each.
const LARGEST: usize = 64 * 1024;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Aggregate {
    /// The CSV file, relative to the workspace.
    pub(crate) path: String,
    /// What separates cells; found out when absent.
    #[serde(default)]
    pub(crate) delimiter: Option<String>,
    /// Conditions that rows have to meet, each of them.
    #[serde(default)]
    r#where: Vec<Condition>,
    /// Columns whose equal values make a group; all rows are one when empty.
    #[serde(default)]
    group_by: Vec<String>,
    /// What is computed for each group.
    values: Vec<Value>,
    /// How many groups to return: 100 when absent.
    #[serde(default)]
    limit: Option<usize>,
    /// The place in `values`, from 0, of the one that the groups are ordered
    /// by, the largest first; by the columns of `group_by` when absent.
    #[serde(default)]
    largest_by: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Value {
    function: Function,
    /// The column; for `count` it may be absent, which counts rows.
    #[serde(default)]
    column: Option<String>,
}

/// Empty cells have no part in any.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Function {
    /// Cells that are not empty.
    Count,
    /// Different cells.
    Distinct,
    /// Of the cells that are numbers.
    Sum,
    /// Of the cells that are numbers.
    Mean,
    /// The smallest: numbers before texts.
    Min,
    /// The largest.
    Max,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Distinct => "distinct",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Aggregated {
    columns: Vec<String>,
    rows: Vec<Vec<Box<RawValue>>>,
    groups: usize,
    /// Rows that meet the conditions.
    matched: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl Aggregate {
    pub(crate) fn run(self, mut table: Table<'_>) -> Result<Aggregated, ToolError> {
        let filter = Filter::new(&table, self.r#where)?;
        let group_by = self.group_by.iter().map(|it| table.column(it));
        let group_by: Vec<usize> = group_by.collect::<Result<_, _>>()?;
        let computed = self.values.iter().map(|it| Computed::new(&table, it));
        let mut computed: Vec<Computed> = computed.collect::<Result<_, _>>()?;
        if self.largest_by.is_some_and(|it| it >= computed.len()) {
            return Err(ToolError::InvalidArguments(
                "`largest_by` is no place in `values`".to_owned(),
            ));
        }
        let mut groups: BTreeMap<Vec<Cell>, Vec<State>> = BTreeMap::new();
        let (mut matched, mut kept) = (0, 0);
        while let Some(row) = table.next_row()? {
            if !filter.matches(&row) {
                continue;
            }
            matched += 1;
            let key: Vec<Cell> = group_by.iter().map(|it| Cell::new(row.cell(*it))).collect();
            let states = groups.entry(key).or_insert_with(|| {
                kept += 1;
                computed.iter().map(|it| State::new(it.function)).collect()
            });
            for (computed, state) in computed.iter_mut().zip(states) {
                kept += computed.take(&row, state);
            }
            if kept > MOST_KEPT {
                return Err(ToolError::InvalidArguments(format!(
                    "there are more than {MOST_KEPT} groups and different values: narrow them by \
                     `where`"
                )));
            }
        }
        // Without a column to group by there is a group, even of no rows.
        if group_by.is_empty() && groups.is_empty() {
            let states = computed.iter().map(|it| State::new(it.function)).collect();
            groups.insert(Vec::new(), states);
        }
        let n_groups = groups.len();
        let groups = ordered(groups, self.largest_by);
        let mut notes: Vec<String> = computed.iter().filter_map(Computed::note).collect();
        notes.extend(table.doubt());
        let names = self.group_by.iter().cloned();
        let columns = names.chain(computed.into_iter().map(|it| it.name)).collect();
        let rows = rows(groups, self.limit.unwrap_or(GROUPS));
        if rows.len() < n_groups {
            notes.push(format!("{} of {n_groups} groups are shown", rows.len()));
        }
        Ok(Aggregated { columns, rows, groups: n_groups, matched, notes })
    }
}

type Group = (Vec<Cell>, Vec<State>);

fn ordered(groups: BTreeMap<Vec<Cell>, Vec<State>>, largest_by: Option<usize>) -> Vec<Group> {
    let mut groups: Vec<Group> = groups.into_iter().collect();
    if let Some(place) = largest_by {
        let value = |group: &Group| group.1.get(place).map_or(Cell::Empty, State::as_cell);
        // Stable: equal ones stay in the order of their columns.
        groups.sort_by_cached_key(|it| std::cmp::Reverse(value(it)));
    }
    groups
}

fn rows(groups: Vec<Group>, limit: usize) -> Vec<Vec<Box<RawValue>>> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for (key, states) in groups.into_iter().take(limit) {
        let key = key.iter().map(|it| json(it.text()));
        let row: Vec<Box<RawValue>> = key.chain(states.iter().map(State::as_json)).collect();
        bytes += row.iter().map(|it| it.get().len() + 1).sum::<usize>();
        if bytes > LARGEST {
            break;
        }
        rows.push(row);
    }
    rows
}

/// A text as JSON. Texts and numbers always are some.
fn json(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).unwrap_or_default()
}

/// One of the values that are computed.
struct Computed {
    name: String,
    function: Function,
    column: Option<usize>,
    /// Cells that should have been numbers.
    n_others: u64,
    other: Option<String>,
}

impl Computed {
    fn new(table: &Table<'_>, value: &Value) -> Result<Self, ToolError> {
        let name = value.function.name();
        let (name, column) = match &value.column {
            Some(column) => (format!("{name}({column})"), Some(table.column(column)?)),
            None if value.function == Function::Count => (name.to_owned(), None),
            None => return Err(ToolError::InvalidArguments(format!("`{name}` needs a `column`"))),
        };
        Ok(Self { name, function: value.function, column, n_others: 0, other: None })
    }

    /// How much more is kept now.
    fn take(&mut self, row: &Row<'_>, state: &mut State) -> usize {
        let Some(column) = self.column else {
            state.count();
            return 0;
        };
        let cell = Cell::new(row.cell(column));
        match state.take(cell) {
            Taken::Yes => 0,
            Taken::Kept => 1,
            Taken::NoNumber(text) => {
                self.n_others += 1;
                let text: String = text.chars().take(40).collect();
                self.other.get_or_insert_with(|| format!("`{text}` in line {}", row.line));
                0
            }
        }
    }

    fn note(&self) -> Option<String> {
        let other = self.other.as_ref()?;
        let (name, n_others) = (&self.name, self.n_others);
        Some(format!("{name}: cells that are no numbers are left out: {n_others}, such as {other}"))
    }
}

/// What is known of a value of a group.
enum State {
    Count(u64),
    Distinct(BTreeSet<Cell>),
    Sum(Number),
    Mean(Number, u64),
    Min(Cell),
    Max(Cell),
}

enum Taken {
    Yes,
    Kept,
    NoNumber(String),
}

impl State {
    fn new(function: Function) -> Self {
        match function {
            Function::Count => Self::Count(0),
            Function::Distinct => Self::Distinct(BTreeSet::new()),
            Function::Sum => Self::Sum(Number::ZERO),
            Function::Mean => Self::Mean(Number::ZERO, 0),
            Function::Min => Self::Min(Cell::Empty),
            Function::Max => Self::Max(Cell::Empty),
        }
    }

    fn count(&mut self) {
        if let Self::Count(count) = self {
            *count += 1;
        }
    }

    fn take(&mut self, cell: Cell) -> Taken {
        match (self, cell) {
            (_, Cell::Empty) => {}
            (Self::Count(count), _) => *count += 1,
            (Self::Distinct(cells), cell) => {
                if cells.insert(cell) {
                    return Taken::Kept;
                }
            }
            (Self::Sum(sum), Cell::Number(number, _)) => *sum = sum.add(number),
            (Self::Mean(sum, count), Cell::Number(number, _)) => {
                *sum = sum.add(number);
                *count += 1;
            }
            (Self::Sum(_) | Self::Mean(..), cell) => {
                return Taken::NoNumber(cell.text().to_owned());
            }
            (Self::Min(min), cell) if matches!(min, Cell::Empty) || cell < *min => *min = cell,
            (Self::Max(max), cell) if cell > *max => *max = cell,
            (Self::Min(_) | Self::Max(_), _) => {}
        }
        Taken::Yes
    }

    /// The number, or the text of a smallest or largest that is none.
    fn as_cell(&self) -> Cell {
        match self {
            Self::Count(count) => Cell::new(&count.to_string()),
            Self::Distinct(cells) => Cell::new(&cells.len().to_string()),
            Self::Sum(sum) => Cell::Number(*sum, sum.to_string()),
            Self::Mean(_, 0) => Cell::Empty,
            Self::Mean(sum, count) => {
                let mean = Number::Float(sum.to_f64() / *count as f64);
                Cell::Number(mean, mean.to_string())
            }
            Self::Min(cell) | Self::Max(cell) => cell.clone(),
        }
    }

    fn as_json(&self) -> Box<RawValue> {
        match self.as_cell() {
            Cell::Empty => Box::default(),
            Cell::Number(number, text) => {
                // Numbers of a file may be written as JSON has none: `+1`.
                RawValue::from_string(number.to_string()).unwrap_or_else(|_| json(&text))
            }
            Cell::Text(text) => json(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "city,price,day\nRome,0.1,2024-02-01\nOslo,10,\nRome,0.2,2024-01-01\n\
                         Oslo,n/a,x\n,5,\n";

    fn run(arguments: &str, table: &[u8]) -> String {
        let aggregate: Aggregate = serde_json::from_str(arguments).unwrap();
        let table = Table::open(table, aggregate.delimiter.as_deref()).unwrap();
        match aggregate.run(table) {
            Ok(aggregated) => serde_json::to_string(&aggregated).unwrap(),
            Err(ToolError::InvalidArguments(why)) => format!("argument: {why}"),
            Err(ToolError::Failed(why)) => format!("file: {why}"),
            Err(other) => panic!("{other}"),
        }
    }

    #[track_caller]
    fn check(arguments: &str, expect: &str) {
        let arguments = format!("{{\"path\": \"a.csv\", {arguments}}}");
        assert_eq!(run(&arguments, TABLE.as_bytes()), expect);
    }

    #[test]
    fn groups_are_added_up() {
        check(
            r#""group_by": ["city"], "values": [{"function": "count"}, {"function": "sum", "column": "price"}]"#,
            r#"{"columns":["city","count","sum(price)"],"rows":[["",1,5],["Oslo",2,10],["Rome",2,0.3]],"groups":3,"matched":5,"notes":["sum(price): cells that are no numbers are left out: 1, such as `n/a` in line 5"]}"#,
        );
        check(
            r#""group_by": ["city"], "values": [{"function": "count"}], "largest_by": 0, "limit": 1"#,
            r#"{"columns":["city","count"],"rows":[["Oslo",2]],"groups":3,"matched":5,"notes":["1 of 3 groups are shown"]}"#,
        );
    }

    #[test]
    fn every_function_leaves_empty_cells_out() {
        let values = ["count", "distinct", "mean", "min", "max"]
            .map(|it| format!("{{\"function\": \"{it}\", \"column\": \"day\"}}"))
            .join(",");
        check(
            &format!("\"values\": [{values}]"),
            r#"{"columns":["count(day)","distinct(day)","mean(day)","min(day)","max(day)"],"rows":[[3,3,null,"2024-01-01","x"]],"groups":1,"matched":5,"notes":["mean(day): cells that are no numbers are left out: 3, such as `2024-02-01` in line 2"]}"#,
        );
        check(
            r#""values": [{"function": "mean", "column": "price"}, {"function": "max", "column": "price"}], "where": [{"column": "price", "is": "<", "value": 10}]"#,
            r#"{"columns":["mean(price)","max(price)"],"rows":[[1.7666666666666666,5]],"groups":1,"matched":3}"#,
        );
    }

    #[test]
    fn no_rows_are_one_group_unless_there_are_columns() {
        let none = r#""where": [{"column": "city", "is": "=", "value": "Bonn"}]"#;
        check(
            &format!(
                r#""values": [{{"function": "count"}}, {{"function": "max", "column": "price"}}], {none}"#
            ),
            r#"{"columns":["count","max(price)"],"rows":[[0,null]],"groups":1,"matched":0}"#,
        );
        check(
            &format!(r#""values": [{{"function": "count"}}], "group_by": ["day"], {none}"#),
            r#"{"columns":["day","count"],"rows":[],"groups":0,"matched":0}"#,
        );
    }

    #[test]
    fn what_can_not_be_computed_is_refused() {
        check(r#""values": [{"function": "sum"}]"#, "argument: `sum` needs a `column`");
        check(
            r#""values": [{"function": "count"}], "largest_by": 1"#,
            "argument: `largest_by` is no place in `values`",
        );
        let many: String = (0..60_000).map(|it| format!("{it}\n")).collect();
        let answer = run(
            r#"{"path": "a.csv", "group_by": ["a"], "values": [{"function": "count"}]}"#,
            format!("a\n{many}").as_bytes(),
        );
        assert!(answer.starts_with("argument: there are more than 50000 groups"), "{answer}");
    }
}
