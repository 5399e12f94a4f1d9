//! What the `.gitignore` files of the workspace exclude.
//!
//! They are read through the held handle and hold for the directory they are
//! in. Nothing from outside the workspace counts: neither git's global file
//! nor one of a directory above.

use std::{io::Read as _, path::Path};

use cap_std::fs::Dir;
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};
use rustix::fs::OFlags;

use super::workspace::open;

/// The `.gitignore` files from the workspace down to one directory.
#[derive(Default)]
pub(super) struct Ignored {
    layers: Vec<Layer>,
}

struct Layer {
    /// Bytes of a path that lead to the directory, with the slash.
    prefix: usize,
    rules: Gitignore,
}

impl Ignored {
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
        if let Some(rules) = rules(dir, at, max) {
            let prefix = if directory.is_empty() { 0 } else { directory.len() + 1 };
            self.layers.push(Layer { prefix, rules });
        }
    }

    /// Whether an entry of the innermost directory is excluded. The deepest
    /// file that says something about it decides.
    pub(super) fn excludes(&self, path: &str, is_directory: bool) -> bool {
        let verdicts = self.layers.iter().rev().filter_map(|layer| {
            let path = Path::new(path.get(layer.prefix..)?);
            match layer.rules.matched(path, is_directory) {
                Match::None => None,
                Match::Ignore(_) => Some(true),
                Match::Whitelist(_) => Some(false),
            }
        });
        verdicts.into_iter().next().unwrap_or(false)
    }
}

/// Reads one file, as far as `max` bytes. A missing or unreadable one, a
/// symbolic link (as in git) and a rule that git would not understand exclude
/// nothing.
fn rules(dir: &Dir, at: &str, max: u64) -> Option<Gitignore> {
    let file = open(dir, Path::new(at), OFlags::NOFOLLOW).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut content = Vec::new();
    file.take(max).read_to_end(&mut content).ok()?;
    let content = String::from_utf8_lossy(&content);
    let mut builder = GitignoreBuilder::new("");
    for line in content.trim_start_matches('\u{feff}').lines() {
        if let Err(error) = builder.add_line(None, line) {
            tracing::debug!(line, %error, "a rule of .gitignore is passed over");
        }
    }
    builder.build().ok().filter(|it| !it.is_empty())
}
