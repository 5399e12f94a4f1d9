//! Tools for a CSV file of the workspace: what is in it, rows of it, and rows
//! added up.
//!
//! A file is read once, from its start to its end, and only what an answer is
//! made of is kept: it may be much larger than the memory of a component. Only
//! this file and `workspace` talk to the host.

mod cell;
mod columns;
mod condition;
mod groups;
mod number;
mod order;
mod rows;
mod table;
mod workspace;

use hermitage_guest::{ToolError, tool, tools};

use crate::{
    columns::{Describe, Described},
    groups::{Aggregate, Aggregated},
    rows::{Select, Selected},
    table::Table,
};

/// Tells what a CSV file has: its rows, its columns, the type of each column,
/// and its values when they are few. Call this first for a file that you don't
/// know.
#[tool]
fn describe(arguments: Describe) -> Result<Described, ToolError> {
    columns::read(open(&arguments.path, arguments.delimiter.as_deref())?)
}

/// Returns rows of a CSV file: some of its columns, the rows that meet
/// conditions, in an order, some at a time. Cells are texts, as they stand in
/// the file.
#[tool]
fn select(arguments: Select) -> Result<Selected, ToolError> {
    let table = open(&arguments.path, arguments.delimiter.as_deref())?;
    arguments.run(table)
}

/// Counts and adds up the rows of a CSV file, by groups if asked for: `count`,
/// `distinct`, `sum`, `mean`, `min` and `max` of columns. Sums of decimal
/// numbers are exact.
#[tool]
fn aggregate(arguments: Aggregate) -> Result<Aggregated, ToolError> {
    let table = open(&arguments.path, arguments.delimiter.as_deref())?;
    arguments.run(table)
}

tools![describe, select, aggregate];

fn open(path: &str, delimiter: Option<&str>) -> Result<Table<'static>, ToolError> {
    let table = Table::open(workspace::open(path)?, delimiter);
    table.map_err(|error| match error {
        ToolError::Failed(why) => ToolError::Failed(format!("`{path}`: {why}")),
        other => other,
    })
}
