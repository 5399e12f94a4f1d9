//! Lines in columns, each as wide as it has to be, and the last one cut to
//! what the terminal has left.

use crate::completion::sanitize::clean_line;

/// Between two columns.
const GAP: usize = 2;

/// Characters of the last column that are shown however narrow a terminal is.
const MIN_LAST: usize = 20;

/// One field of a line.
pub(super) struct Cell {
    /// Without colours.
    pub(super) text: String,
    /// With them.
    pub(super) shown: String,
}

impl Cell {
    pub(super) fn plain(text: String) -> Self {
        Self { shown: text.clone(), text }
    }

    fn width(&self) -> usize {
        console::measure_text_width(&self.text)
    }
}

/// The lines of a table; a column that is empty in all of them is left out.
pub(super) fn table(rows: &[Vec<Cell>], width: usize) -> Vec<String> {
    let widths = widths(rows);
    rows.iter().map(|row| line(row, &widths, width)).collect()
}

/// The same below the titles of its columns.
pub(super) fn titled(titles: Vec<Cell>, rows: &[Vec<Cell>], width: usize) -> Vec<String> {
    let widths: Vec<usize> = widths(rows)
        .into_iter()
        .zip(&titles)
        .map(|(wide, title)| if wide == 0 { 0 } else { wide.max(title.width()) })
        .collect();
    let all = [&titles].into_iter().chain(rows);
    all.map(|row| line(row, &widths, width)).collect()
}

fn widths(rows: &[Vec<Cell>]) -> Vec<usize> {
    let count = rows.first().map_or(0, Vec::len);
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|it| it.get(column));
        cells.map(Cell::width).max().unwrap_or(0)
    };
    (0..count).map(widest).collect()
}

fn line(row: &[Cell], widths: &[usize], width: usize) -> String {
    let mut res = String::new();
    let mut used: usize = 0;
    let last = row.len().saturating_sub(1);
    for (column, (cell, wide)) in row.iter().zip(widths).enumerate().filter(|it| *it.1.1 > 0) {
        if column == last {
            res.push_str(&clean_line(&cell.text, width.saturating_sub(used).max(MIN_LAST)));
            break;
        }
        let padding = wide.saturating_sub(cell.width()).saturating_add(GAP);
        res.push_str(&cell.shown);
        res.push_str(&" ".repeat(padding));
        used = used.saturating_add(cell.width()).saturating_add(padding);
    }
    res.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_column_has_what_is_left_and_empty_ones_are_gone() {
        let row = |cells: [&str; 4]| cells.map(|it| Cell::plain(it.to_owned())).into();
        let rows = [row(["a", "", "long", &"word ".repeat(20)]), row(["bcd", "", "x", "short"])];
        let lines = table(&rows, 40);
        assert_eq!(lines[0], "a    long  word word word word word wor…");
        assert_eq!(lines[1], "bcd  x     short");
        assert_eq!(table(&rows, 5)[1], "bcd  x     short");
        let lines = titled(row(["FIRST", "NONE", "X", "LAST"]), &rows, 40);
        assert_eq!(lines[0], "FIRST  X     LAST");
        assert_eq!(lines[2], "bcd    x     short");
    }
}
