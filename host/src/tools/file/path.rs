//! Paths as callers give them: checked and normalised, before anything opens.
//!
//! Knows nothing of the file system. What a path leads to is for the workspace
//! to find out, on the opened handle.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use super::{FileConfig, bytes};
use crate::{defence::Defence, toolset::ToolError};

/// Bytes of a path. The operating system's own limit, so that what a child
/// sends does not get as far as the operating system.
pub(super) const MAX_PATH_BYTES: usize = 4096;

/// Characters of a path that an error repeats. Bounds what a child can have
/// the host write to its log.
const MAX_QUOTED_CHARS: usize = 256;

/// The workspace as commands see it in their sandbox, and print it.
const SHOWN: &str = "/workspace";

/// A path below the workspace: relative, `/` between its names, no `..`.
///
/// Doubled slashes, `.` and a slash at the end are gone, and so is the name
/// that the workspace has for commands; a backslash is a character like any
/// other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkspacePath {
    given: String,
    normal: String,
}

impl WorkspacePath {
    /// Checks a path that may name anything, the workspace itself included.
    pub(super) fn parse(given: &str, config: &FileConfig) -> Result<Self, ToolError> {
        if let Some(problem) = problem(given, config)
            && config.defences.has(Defence::PathText)
        {
            return Err(ToolError::InvalidArguments(format!("{} {problem}", Quoted(given))));
        }
        let names: Vec<&str> = names(below(given)).collect();
        Ok(Self { given: given.to_owned(), normal: names.join("/") })
    }

    /// Checks a path that names a file.
    ///
    /// A slash at the end is refused rather than dropped: whoever wrote it
    /// means a directory.
    pub(super) fn parse_file(given: &str, config: &FileConfig) -> Result<Self, ToolError> {
        let path = Self::parse(given, config)?;
        if path.normal.is_empty() || given.ends_with('/') || given.ends_with("/.") {
            let path = Quoted(given);
            return Err(ToolError::InvalidArguments(format!(
                "{path} names a directory: give the path of a file"
            )));
        }
        Ok(path)
    }

    /// As the caller gave it, for errors.
    pub(super) fn given(&self) -> &str {
        &self.given
    }

    /// The names joined by `/`, empty for the workspace itself.
    pub(super) fn normal(&self) -> &str {
        &self.normal
    }

    /// For opening below the workspace.
    pub(super) fn as_path(&self) -> &Path {
        openable(&self.normal)
    }

    /// The directory above and the last name.
    pub(super) fn split(&self) -> (&str, &str) {
        self.normal.rsplit_once('/').unwrap_or(("", &self.normal))
    }

    /// The names from the workspace down.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        names(&self.normal)
    }
}

/// A normal path as the operating system takes it: `.` for the workspace.
pub(super) fn openable(normal: &str) -> &Path {
    Path::new(if normal.is_empty() { "." } else { normal })
}

/// `directory` and a name in it, as a normal path.
pub(super) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// A path of a command as one below the workspace; any other as it is.
fn below(given: &str) -> &str {
    match given.strip_prefix(SHOWN) {
        Some("") => ".",
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => given,
    }
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|it| !it.is_empty() && *it != ".")
}

fn problem(given: &str, config: &FileConfig) -> Option<String> {
    if given.is_empty() {
        return Some("is empty: give a path relative to the workspace".to_owned());
    }
    if given.len() > MAX_PATH_BYTES {
        return Some(format!("is longer than {MAX_PATH_BYTES} bytes: give a shorter path"));
    }
    if given.contains('\0') {
        return Some("holds a NUL character: give a path without it".to_owned());
    }
    let given = below(given);
    if given.starts_with('/') {
        return Some("is absolute: give a path relative to the workspace".to_owned());
    }
    if names(given).any(|it| it == "..") {
        return Some("leaves the workspace: give a path below it, without `..`".to_owned());
    }
    let max = config.max_depth;
    (bytes(names(given).count()) > u64::from(max))
        .then(|| format!("is nested too deeply: give a path of at most {max} names"))
}

/// A text of the caller on one line and not endless.
pub(super) struct Printable<'a>(pub(super) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars();
        for character in rest.by_ref().take(MAX_QUOTED_CHARS) {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        f.write_str(if rest.next().is_some() { "…" } else { "" })
    }
}

/// A [`Printable`] text in backticks.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", Printable(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::file::tests::roomy;

    fn check(given: &str, expect: Result<&str, &str>) {
        let config = FileConfig { max_depth: 4, ..roomy() };
        let actual = WorkspacePath::parse(given, &config).map(|it| it.normal);
        let expect = expect
            .map(str::to_owned)
            .map_err(|text| ToolError::InvalidArguments(format!("{} {text}", Quoted(given))));
        assert_eq!(actual, expect, "{given:?}");
    }

    #[test]
    fn ordinary_paths_are_normalised() {
        for (given, normal) in [
            ("a", "a"),
            ("a/b.rs", "a/b.rs"),
            (".", ""),
            ("./", ""),
            ("./a", "a"),
            ("a//b", "a/b"),
            ("a/./././b/", "a/b"),
            ("././.", ""),
            (".hidden/...", ".hidden/..."),
            ("..a/b..", "..a/b.."),
            ("a\\..\\b", "a\\..\\b"),
            ("C:\\x", "C:\\x"),
            ("~/x", "~/x"),
            ("sp ace/\u{e4}\u{1f600}", "sp ace/\u{e4}\u{1f600}"),
            ("%2e%2e/x", "%2e%2e/x"),
            ("a/b/c/d", "a/b/c/d"),
            ("/workspace", ""),
            ("/workspace/", ""),
            ("/workspace//a/b", "a/b"),
            ("/workspace/workspace/a", "workspace/a"),
            ("workspace/a", "workspace/a"),
        ] {
            check(given, Ok(normal));
        }
    }

    #[test]
    fn paths_that_leave_the_workspace_are_refused() {
        let leaves = "leaves the workspace: give a path below it, without `..`";
        for given in [
            "..",
            "../x",
            "a/../b",
            "a/..",
            "a/../../x",
            "./..",
            "a//..//b",
            ".././x",
            "..//",
            "/workspace/../x",
        ] {
            check(given, Err(leaves));
        }
        for given in
            ["/", "//", "/etc/passwd", "/../x", "//x", "/.", "/workspaces", "/workspace2/x"]
        {
            check(given, Err("is absolute: give a path relative to the workspace"));
        }
    }

    #[test]
    fn malformed_paths_are_refused() {
        check("", Err("is empty: give a path relative to the workspace"));
        check("a\0b", Err("holds a NUL character: give a path without it"));
        check("\0", Err("holds a NUL character: give a path without it"));
        check(&"a".repeat(4097), Err("is longer than 4096 bytes: give a shorter path"));
        check("a/b/c/d/e", Err("is nested too deeply: give a path of at most 4 names"));
    }

    #[test]
    fn a_file_is_not_named_by_a_path_that_means_a_directory() {
        for given in [".", "./", "a/", "a//", "a/.", "a/./", "/workspace", "/workspace/"] {
            let expect = format!("`{given}` names a directory: give the path of a file");
            assert_eq!(
                WorkspacePath::parse_file(given, &roomy()),
                Err(ToolError::InvalidArguments(expect))
            );
        }
    }

    #[test]
    fn a_quoted_text_stays_on_one_line_and_is_cut() {
        for (text, expect) in [
            ("a/b", "`a/b`".to_owned()),
            ("a\nb\u{1b}[31m\0", "`a\\nb\\u{1b}[31m\\u{0}`".to_owned()),
            (&"\u{e4}".repeat(257), format!("`{}…`", "\u{e4}".repeat(256))),
        ] {
            assert_eq!(Quoted(text).to_string(), expect);
        }
    }
}
