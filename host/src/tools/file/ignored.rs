//! What the `.gitignore` files of the workspace exclude, as git has it.
//!
//! They are read through the held handle and hold for the directory they are
//! in; the repository's own `info/exclude` gives way to all of them. Nothing
//! from outside the workspace counts: neither git's global file nor one of a
//! directory above.

use std::{
    io::{self, Read as _},
    path::Path,
};

use cap_std::fs::Dir;
use rustix::fs::OFlags;

use super::workspace::open;
use pattern::Pattern;

mod pattern;

/// Rules of a repository that are not shared with others.
const INFO_EXCLUDE: &str = ".git/info/exclude";

/// What git leaves out at the start of such a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The `.gitignore` files from the workspace down to one directory.
#[derive(Default)]
pub(super) struct Ignored {
    layers: Vec<Layer>,
}

struct Layer {
    /// Bytes of a path that lead to the directory, with the slash.
    prefix: usize,
    rules: Vec<Pattern>,
}

impl Ignored {
    /// The rules that the repository in the directory `root` keeps to itself.
    pub(super) fn of_repository(root: &Dir, max: u64) -> Self {
        let mut this = Self::default();
        this.enter(root, INFO_EXCLUDE, "", max);
        this
    }

    /// How many layers there are, for [`Self::truncate`].
    pub(super) fn len(&self) -> usize {
        self.layers.len()
    }

    /// Forgets the files of directories that were left.
    pub(super) fn truncate(&mut self, len: usize) {
        self.layers.truncate(len);
    }

    /// Adds the file of the directory with the normal path `directory`, if it
    /// has one. `at` leads to it from `dir`.
    pub(super) fn enter(&mut self, dir: &Dir, at: &str, directory: &str, max: u64) {
        let rules = rules(dir, at, max).unwrap_or_default();
        if !rules.is_empty() {
            let prefix = if directory.is_empty() { 0 } else { directory.len() + 1 };
            self.layers.push(Layer { prefix, rules });
        }
    }

    /// Whether an entry of the innermost directory is excluded, by the bytes
    /// of its path. The last rule of the deepest file that says something
    /// about it decides.
    pub(super) fn excludes(&self, path: &[u8], is_directory: bool) -> bool {
        let verdict = self.layers.iter().rev().find_map(|layer| {
            let path = path.get(layer.prefix..)?;
            layer.rules.iter().rev().find(|it| it.matches(path, is_directory))
        });
        verdict.is_some_and(|it| !it.is_negated)
    }
}

/// Reads the whole lines in the first `max` bytes of one file. A missing or
/// unreadable one, a symbolic link (as in git) and a rule that git would not
/// understand exclude nothing.
fn rules(dir: &Dir, at: &str, max: u64) -> io::Result<Vec<Pattern>> {
    let file = open(dir, Path::new(at), OFlags::NOFOLLOW)?;
    if !file.metadata()?.is_file() {
        return Ok(Vec::new());
    }
    let mut content = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut content)?;
    if super::bytes(content.len()) > max {
        content.truncate(super::length(max));
        let end = content.iter().rposition(|it| *it == b'\n').map_or(0, |it| it + 1);
        content.truncate(end);
    }
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&content);
    let lines = content.split(|it| *it == b'\n');
    Ok(lines.map(|it| it.strip_suffix(b"\r").unwrap_or(it)).filter_map(Pattern::parse).collect())
}
