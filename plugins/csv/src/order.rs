//! The order of rows, and of the rows in it only those that are wanted.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::Deserialize;

use hermitage_guest::ToolError;

use crate::cell::Cell;

/// Bytes of rows that are kept while a file is read. A component has little
/// memory, whatever the size of the file.
const MOST_KEPT: usize = 16 * 1024 * 1024;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct By {
    /// The name of a column.
    pub(crate) column: String,
    /// The largest first.
    #[serde(default)]
    pub(crate) descending: bool,
}

/// The first rows of an order, while rows come in any.
pub(crate) struct First {
    /// Of each key, whether it descends.
    descending: Vec<bool>,
    most: usize,
    rows: Vec<Kept>,
    bytes: usize,
}

struct Kept {
    keys: Vec<Cell>,
    /// Rows that are equal stay in the order of the file.
    index: u64,
    cells: Vec<String>,
}

impl Kept {
    fn bytes(&self) -> usize {
        let keys: usize = self.keys.iter().map(|it| it.text().len()).sum();
        let cells: usize = self.cells.iter().map(String::len).sum();
        // With what a text and a row take besides.
        keys + cells + 32 * (self.keys.len() + self.cells.len()) + 64
    }
}

impl First {
    pub(crate) fn new(descending: Vec<bool>, most: usize) -> Self {
        Self { descending, most, rows: Vec::new(), bytes: 0 }
    }

    pub(crate) fn take(
        &mut self,
        keys: Vec<Cell>,
        index: u64,
        cells: Vec<String>,
    ) -> Result<(), ToolError> {
        let row = Kept { keys, index, cells };
        self.bytes += row.bytes();
        self.rows.push(row);
        if self.rows.len() > self.most.saturating_mul(2).max(1024) || self.bytes > MOST_KEPT {
            self.cut();
        }
        if self.bytes > MOST_KEPT {
            return Err(ToolError::InvalidArguments(format!(
                "the rows that are asked for have more than {MOST_KEPT} bytes: ask for less of \
                 them, or for fewer columns"
            )));
        }
        Ok(())
    }

    fn cut(&mut self) {
        let descending = &self.descending;
        self.rows.sort_by(|left, right| compare(descending, left, right));
        self.rows.truncate(self.most);
        self.bytes = self.rows.iter().map(Kept::bytes).sum();
    }

    pub(crate) fn into_rows(mut self) -> Vec<Vec<String>> {
        self.cut();
        self.rows.into_iter().map(|it| it.cells).collect()
    }
}

fn compare(descending: &[bool], left: &Kept, right: &Kept) -> Ordering {
    let keys = left.keys.iter().zip(&right.keys).zip(descending);
    let mut orders = keys.map(|((left, right), descends)| match descends {
        true => right.cmp(left),
        false => left.cmp(right),
    });
    orders.find(|it| it.is_ne()).unwrap_or_else(|| left.index.cmp(&right.index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_of_an_order_are_kept() {
        let mut first = First::new(vec![false, true], 3);
        for index in 0..5000_u64 {
            let number = (index * 7919) % 5000;
            let keys = vec![Cell::new(&(number / 2).to_string()), Cell::new(&number.to_string())];
            first.take(keys, index, vec![number.to_string()]).unwrap();
            assert!(first.rows.len() <= 1024, "{}", first.rows.len());
        }
        assert_eq!(first.into_rows(), [["1"], ["0"], ["3"]]);
    }

    #[test]
    fn equal_rows_stay_in_the_order_of_the_file() {
        let mut first = First::new(vec![true], 2);
        for index in 0..3 {
            first.take(vec![Cell::new("same")], index, vec![index.to_string()]).unwrap();
        }
        assert_eq!(first.into_rows(), [["0"], ["1"]]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut first = First::new(Vec::new(), usize::MAX);
        let failed = (0..100)
            .find_map(|index| first.take(Vec::new(), index, vec!["x".repeat(1024 * 1024)]).err());
        assert!(failed.is_some());
    }
}
