//! What is in a cell, and how two are ordered.

use std::cmp::Ordering;

use crate::number::Number;

/// Empty cells come first, then numbers by their size, then texts.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Empty,
    /// With the text as it was written.
    Number(Number, String),
    Text(String),
}

impl Cell {
    pub(crate) fn new(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Empty;
        }
        match Number::parse(text) {
            Some(number) => Self::Number(number, text.to_owned()),
            None => Self::Text(text.to_owned()),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Empty => "",
            Self::Number(_, text) | Self::Text(text) => text,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::Number(..) => 1,
            Self::Text(_) => 2,
        }
    }
}

impl Ord for Cell {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left, _), Self::Number(right, _)) => left.compare(*right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cell {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_an_order() {
        let mut cells = ["b", "10", "", "9", "a", "-1.5", " "].map(Cell::new);
        cells.sort();
        assert_eq!(cells.map(|it| it.text().to_owned()), ["", "", "-1.5", "9", "10", "a", "b"]);
        assert_eq!(Cell::new("1.0"), Cell::new("1"));
        assert_ne!(Cell::new("1 a"), Cell::new("1"));
    }
}
