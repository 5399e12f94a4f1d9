//! What is known of the workspace so far. Counts are exact; lists that can
//! grow with the workspace hold paths of landmarks and nothing else.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    landmark::{self, Landmark},
    language,
    readme::Introduction,
};

/// Files in the list of the largest.
const LARGEST: usize = 8;

/// Unreadable files that are named.
const NAMED: usize = 3;

#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) files: u64,
    pub(crate) directories: u64,
    pub(crate) symlinks: u64,
    /// Devices, sockets and pipes.
    pub(crate) specials: u64,
    pub(crate) bytes: u64,
    pub(crate) largest: BTreeSet<(Reverse<u64>, String)>,

    pub(crate) languages: BTreeMap<&'static str, Count>,
    pub(crate) binary: u64,
    pub(crate) unreadable: u64,
    /// Path and reason of the first unreadable ones.
    pub(crate) unreadable_named: Vec<(String, String)>,

    /// Where something starts, and what.
    pub(crate) entry_points: Vec<(String, String)>,
    pub(crate) build: Vec<String>,
    pub(crate) readmes: Vec<String>,
    pub(crate) licences: Vec<String>,
    pub(crate) introduction: Option<(String, Introduction)>,
    pub(crate) identified: BTreeMap<String, &'static str>,
}

/// The text files of one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) files: u64,
    pub(crate) lines: u64,
}

impl Findings {
    pub(crate) fn add_file(&mut self, path: &str, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
        self.largest.insert((Reverse(bytes), path.to_owned()));
        if self.largest.len() > LARGEST {
            self.largest.pop_last();
        }
        for mark in landmark::of(path) {
            self.add_landmark(path.to_owned(), mark);
        }
    }

    fn add_landmark(&mut self, path: String, mark: Landmark) {
        match mark {
            Landmark::EntryPoint(what) => self.entry_points.push((path, what.to_owned())),
            Landmark::Build => self.build.push(path),
            Landmark::Licence => self.licences.push(path),
            Landmark::Readme => self.readmes.push(path),
        }
    }

    pub(crate) fn add_lines(&mut self, path: &str, lines: u64) {
        let count = self.languages.entry(language::of(path)).or_default();
        count.files += 1;
        count.lines += lines;
    }

    /// Takes a file that could not be read, and the host's reason.
    pub(crate) fn add_unreadable(&mut self, path: &str, reason: String) {
        self.unreadable += 1;
        if self.unreadable_named.len() < NAMED {
            self.unreadable_named.push((path.to_owned(), reason));
        }
    }

    pub(crate) fn text(&self) -> Count {
        self.languages.values().fold(Count::default(), |sum, count| Count {
            files: sum.files + count.files,
            lines: sum.lines + count.lines,
        })
    }

    /// Files that nobody tried to read yet.
    pub(crate) fn uncounted(&self) -> u64 {
        self.files.saturating_sub(self.text().files + self.binary + self.unreadable)
    }
}

/// Landmarks of the top come first, then by name.
pub(crate) fn nearest_first(path: &str) -> (usize, &str) {
    (path.matches('/').count(), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_text_binary_unreadable_or_uncounted() {
        let mut findings = Findings::default();
        for path in ["a.rs", "b.rs", "c.png", "d.txt", "e.rs"] {
            findings.add_file(path, 10);
        }
        findings.add_lines("a.rs", 3);
        findings.add_lines("b.rs", 4);
        findings.binary += 1;
        findings.add_unreadable("d.txt", "`d.txt`: permission denied".into());
        assert_eq!(findings.text(), Count { files: 2, lines: 7 });
        assert_eq!((findings.binary, findings.unreadable, findings.uncounted()), (1, 1, 1));
        assert_eq!(findings.bytes, 50);
    }

    #[test]
    fn the_largest_files_are_kept_in_order() {
        let mut findings = Findings::default();
        for bytes in 0..100 {
            findings.add_file(&format!("{bytes}"), bytes % 50);
        }
        let largest: Vec<_> = findings.largest.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(largest, ["49", "99", "48", "98", "47", "97", "46", "96"]);
    }
}
