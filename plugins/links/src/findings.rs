//! What was checked so far. Counts are exact; of the broken links only as many
//! are kept as the summary will show.

/// Broken links in the list: some 8,000 characters, where a host cuts a
/// summary at 24,000.
const LISTED: usize = 100;

/// Unreadable files that are named.
const NAMED: usize = 3;

#[derive(Default)]
pub(crate) struct Findings {
    /// Markdown files that were read.
    pub(crate) files: u64,
    /// Links that point into the workspace, or should.
    pub(crate) links: u64,
    /// Links to other sites, which nobody checked.
    pub(crate) external: u64,
    pub(crate) broken: u64,
    /// The first of the broken ones.
    pub(crate) listed: Vec<Broken>,
    pub(crate) unreadable: u64,
    /// Path and reason of the first unreadable files.
    pub(crate) unreadable_named: Vec<(String, String)>,
}

pub(crate) struct Broken {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) destination: String,
    pub(crate) why: &'static str,
}

impl Findings {
    pub(crate) fn add_broken(&mut self, broken: Broken) {
        self.broken += 1;
        if self.listed.len() < LISTED {
            self.listed.push(broken);
        }
    }

    pub(crate) fn add_unreadable(&mut self, path: &str, reason: String) {
        self.unreadable += 1;
        if self.unreadable_named.len() < NAMED {
            self.unreadable_named.push((path.to_owned(), reason));
        }
    }
}
