//! Files of the workspace. Toolset `file`.
//!
//! Paths are relative to the workspace, separated by `/`, without `..`.
//!
//! ```no_run
//! use hermitage_guest::file::{self, SearchQuery};
//!
//! # fn f() -> Result<(), hermitage_guest::ToolError> {
//! let query = SearchQuery {
//!     name: Some("*.rs".to_owned()),
//!     content: Some("TODO".to_owned()),
//!     ..SearchQuery::default()
//! };
//! for hit in file::search(query) {
//!     let hit = hit?;
//!     let slice = file::read_file(&hit.path, None, None)?;
//!     file::replace(&hit.path, "TODO", "DONE")?;
//! #   drop(slice);
//! }
//! # Ok(())
//! # }
//! ```

use std::vec;

use crate::ToolError;
use crate::bindings::hermitage::subagent::file::{Edit, Replacement, patch};
pub use crate::bindings::hermitage::subagent::file::{
    EntryKind, FileSlice, Patched, SearchHit, SearchPage, SearchQuery, Skipped, Written, read_file,
    search_files, write_file,
};

/// Replaces the one occurrence of `search`. None or several change nothing
/// and are an error. Tool `patch`.
pub fn replace(path: &str, search: &str, replace: &str) -> Result<Patched, ToolError> {
    patch(path, &replacement(search, replace, false))
}

/// Replaces every occurrence of `search`, of which there must be one at
/// least. Tool `patch`.
pub fn replace_all(path: &str, search: &str, replace: &str) -> Result<Patched, ToolError> {
    patch(path, &replacement(search, replace, true))
}

/// Applies a unified diff of this one file: all hunks or none, each where its
/// lines are, which must be one place. Tool `patch`.
pub fn apply_diff(path: &str, diff: &str) -> Result<Patched, ToolError> {
    patch(path, &Edit::Diff(diff.to_owned()))
}

/// Every hit of a search, with the pages fetched as they are needed. An error
/// ends it. What was passed over, which [`search_files`] tells page by page, is
/// left out. Tool `search_files`.
pub fn search(query: SearchQuery) -> impl Iterator<Item = Result<SearchHit, ToolError>> {
    Hits { query: Some(query), page: Vec::new().into_iter(), fetch: search_files }
}

fn replacement(search: &str, replace: &str, all: bool) -> Edit {
    Edit::Replace(Replacement { search: search.to_owned(), replace: replace.to_owned(), all })
}

struct Hits<F> {
    /// Asks for the next page; none after the last one.
    query: Option<SearchQuery>,
    page: vec::IntoIter<SearchHit>,
    fetch: F,
}

impl<F: Fn(&SearchQuery) -> Result<SearchPage, ToolError>> Iterator for Hits<F> {
    type Item = Result<SearchHit, ToolError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(hit) = self.page.next() {
                return Some(Ok(hit));
            }
            let query = self.query.take()?;
            match (self.fetch)(&query) {
                Ok(page) => {
                    self.page = page.hits.into_iter();
                    self.query = page.next.map(|next| SearchQuery { cursor: Some(next), ..query });
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves `pages`, the cursor being the index; a page of `None` fails.
    fn collect(pages: &[Option<&[&str]>]) -> Vec<Result<String, ToolError>> {
        let fetch = |query: &SearchQuery| {
            let index: usize = query.cursor.as_ref().map_or(0, |c| c.parse().unwrap());
            let paths = pages[index].ok_or(ToolError::Interrupted)?;
            let hits = paths.iter().map(|path| hit(path)).collect();
            let next = (index + 1 < pages.len()).then(|| (index + 1).to_string());
            Ok(SearchPage { hits, next, skipped: Vec::new() })
        };
        let hits =
            Hits { query: Some(SearchQuery::default()), page: Vec::new().into_iter(), fetch };
        hits.map(|hit| hit.map(|hit| hit.path)).collect()
    }

    fn hit(path: &str) -> SearchHit {
        let kind = EntryKind::File;
        SearchHit { path: path.to_owned(), kind, bytes: 0, line: None, text: None }
    }

    #[track_caller]
    fn check(pages: &[Option<&[&str]>], expect: &[Result<&str, ToolError>]) {
        let expect: Vec<_> = expect.iter().cloned().map(|e| e.map(str::to_owned)).collect();
        assert_eq!(collect(pages), expect);
    }

    #[test]
    fn search_follows_the_pages_and_skips_empty_ones() {
        check(&[Some(&["a", "b"]), Some(&[]), Some(&["c"])], &[Ok("a"), Ok("b"), Ok("c")]);
        check(&[Some(&[])], &[]);
    }

    #[test]
    fn search_ends_after_an_error() {
        let expect = [Ok("a"), Err(ToolError::Interrupted)];
        check(&[Some(&["a"]), None, Some(&["never"])], &expect);
    }
}
