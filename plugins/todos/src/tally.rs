//! What was found so far. Counts are exact; of the lines themselves only as
//! many are kept as the summary will show, so that memory stays small however
//! many there are.

use std::collections::BTreeMap;

use crate::marker::Marker;

/// Lines kept for each kind of marker. Four full lists stay well below the
/// 24,000 characters at which a host cuts a summary.
const LISTED: usize = 25;

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) kinds: BTreeMap<Marker, Kind>,
    /// Markers in each file that has any.
    pub(crate) files: BTreeMap<String, u64>,
}

#[derive(Default)]
pub(crate) struct Kind {
    pub(crate) count: u64,
    /// The first of them, in the order they came.
    pub(crate) listed: Vec<Line>,
}

pub(crate) struct Line {
    pub(crate) path: String,
    pub(crate) number: u64,
    pub(crate) text: String,
}

impl Tally {
    pub(crate) fn add(&mut self, line: Line) {
        *self.files.entry(line.path.clone()).or_default() += 1;
        let kind = self.kinds.entry(Marker::first_in(&line.text)).or_default();
        kind.count += 1;
        if kind.listed.len() < LISTED {
            kind.listed.push(line);
        }
    }

    /// How many lines were added.
    pub(crate) fn total(&self) -> u64 {
        self.kinds.values().map(|kind| kind.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stay_exact_when_the_list_is_full() {
        let mut tally = Tally::default();
        for number in 1..=40 {
            tally.add(Line { path: "a.rs".into(), number, text: "// TODO".into() });
        }
        let kind = &tally.kinds[&Marker::Todo];
        assert_eq!((tally.total(), kind.count, kind.listed.len()), (40, 40, LISTED));
        assert_eq!(tally.files["a.rs"], 40);
    }
}
