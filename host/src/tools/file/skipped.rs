//! What a search passed over, so that no hit is not taken for a proof.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Entries that a search passed over for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// In a few words.
    pub reason: String,
    /// How many.
    pub count: u32,
    /// Some of their paths, relative to the workspace.
    pub paths: Vec<String>,
}

/// Names that one reason gives: enough to know what kind of file it is about.
const MAX_EXAMPLES: usize = 5;

/// Why an entry was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Binary,
    TooLarge,
    Secret,
    Unreadable,
    TooDeep,
    NotUtf8Name,
}

impl Reason {
    /// In words for the caller.
    fn text(self) -> &'static str {
        match self {
            Reason::Binary => "binary: no text to search",
            Reason::TooLarge => "too large to search by content",
            Reason::Secret => "closed as a secret",
            Reason::Unreadable => "could not be opened or read",
            Reason::TooDeep => "nested too deeply: its entries were not listed",
            Reason::NotUtf8Name => {
                "its name is not UTF-8: no tool can take it, a command can rename it"
            }
        }
    }
}

/// What was passed over so far.
#[derive(Debug, Default)]
pub(super) struct Passed {
    by_reason: BTreeMap<Reason, (u32, Vec<String>)>,
}

impl Passed {
    pub(super) fn add(&mut self, reason: Reason, path: &str) {
        let (count, examples) = self.by_reason.entry(reason).or_default();
        *count = count.saturating_add(1);
        if examples.len() < MAX_EXAMPLES {
            examples.push(path.to_owned());
        }
    }

    /// Takes over what another one holds.
    pub(super) fn append(&mut self, other: Self) {
        for (reason, (count, examples)) in other.by_reason {
            let (own, all) = self.by_reason.entry(reason).or_default();
            *own = own.saturating_add(count);
            all.extend(examples);
            all.truncate(MAX_EXAMPLES);
        }
    }

    pub(super) fn finish(self) -> Vec<Skipped> {
        let skipped = |(reason, (count, paths)): (Reason, _)| Skipped {
            reason: reason.text().to_owned(),
            count,
            paths,
        };
        self.by_reason.into_iter().map(skipped).collect()
    }
}
