//! Where a page of a search ended: the last hit, as text for the caller to
//! hand back.
//!
//! It comes back from a guest, so it is checked like any path. It grants
//! nothing: a made-up one only starts the walk elsewhere below its start.

use super::hit::SearchHit;
use super::{FileConfig, path::WorkspacePath};
use crate::toolset::ToolError;

/// Changes with the order of a search.
const VERSION: &str = "v1";

/// The last hit of the page before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Names from the start of the search down to the hit, none when the
    /// start is a file.
    pub(super) names: Vec<String>,
    /// The line of the hit when content is searched, otherwise 0.
    pub(super) line: u64,
}

impl Cursor {
    /// The text for the caller.
    pub(super) fn after(hit: &SearchHit) -> String {
        format!("{VERSION}:{}:{}", hit.line.unwrap_or(0), hit.path)
    }

    /// Reads a text of [`Self::after`] for a search that starts at `start`.
    /// `by_line` is whether its hits are lines.
    pub(super) fn parse(
        text: &str,
        start: &WorkspacePath,
        by_line: bool,
        config: &FileConfig,
    ) -> Result<Self, ToolError> {
        read(text, start.normal(), config).filter(|it| (it.line > 0) == by_line).ok_or_else(|| {
            ToolError::InvalidArguments(
                "`cursor` is not of this search: give the `next` of the page before".to_owned(),
            )
        })
    }
}

fn read(text: &str, start: &str, config: &FileConfig) -> Option<Cursor> {
    let (line, path) = text.strip_prefix(VERSION)?.strip_prefix(':')?.split_once(':')?;
    let path = WorkspacePath::parse(path, config).ok().filter(|it| it.normal() == path)?;
    let names = match path.normal().strip_prefix(start)? {
        rest if start.is_empty() || rest.is_empty() => rest,
        rest => rest.strip_prefix('/')?,
    };
    let names = names.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    Some(Cursor { names, line: line.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::file::tests::roomy;

    fn check(text: &str, start: &str, expect: Option<(&[&str], u64)>) {
        let start = WorkspacePath::parse(start, &roomy()).unwrap();
        let actual = read(text, start.normal(), &roomy());
        let expect = expect.map(|(names, line)| Cursor {
            names: names.iter().map(|it| (*it).to_owned()).collect(),
            line,
        });
        assert_eq!(actual, expect, "{text:?}");
    }

    #[test]
    fn a_cursor_names_a_hit_below_the_start() {
        check("v1:0:a/b", ".", Some((&["a", "b"], 0)));
        check("v1:7:a/b:c", ".", Some((&["a", "b:c"], 7)));
        check("v1:7:a/b", "a", Some((&["b"], 7)));
        check("v1:7:a/b", "a/b", Some((&[], 7)));
    }

    #[test]
    fn nonsense_is_no_cursor() {
        for text in [
            "",
            "x",
            "v1",
            "v1:",
            "v1:0",
            "v1:0:",
            "v2:0:a",
            "v1:-1:a",
            "v1:99999999999999999999:a",
            "v1::a",
            "v1:0:/etc/passwd",
            "v1:0:../a",
            "v1:0:a//b",
            "v1:0:./a",
            "v1:0:a/",
            "v1:0:a\0",
        ] {
            check(text, ".", None);
        }
        check("v1:0:b/c", "a", None);
        check("v1:0:ab", "a", None);
    }
}
