//! What git would obey, or take for a repository, below the workspace.
//!
//! `.git` is closed by its name ([`super::rules`]). A directory with any name
//! that holds `HEAD`, `objects` and `refs` is a repository as well, and its
//! `config` is obeyed in it; and a configuration names further files.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use cap_std::fs::Dir;
use rustix::fs::OFlags;

use super::workspace::open;
use crate::tools::git::{
    Shape,
    obeyed::{MAX_CONFIG_BYTES, Obeyed, Repository, What, from_above},
};

/// The repositories of a workspace, as far as writing to it is concerned.
#[derive(Debug)]
pub(super) struct Repositories {
    workspace: PathBuf,
    /// What those above it name in it.
    from_above: Vec<Obeyed>,
}

/// Why a file is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It belongs to a repository, or would make one.
    Repository,
    /// A configuration names it.
    Named,
}

impl Closed {
    /// After the path.
    pub(super) fn text(self) -> &'static str {
        match self {
            Closed::Repository => {
                "would be a part of a git repository (`HEAD`, `objects` and `refs` in one \
                 directory): write elsewhere"
            }
            Closed::Named => {
                "is run or obeyed by git, as a repository here is configured: say in the result \
                 what to change"
            }
        }
    }
}

impl Repositories {
    /// Of a workspace by its real path.
    pub(super) fn new(workspace: &Path) -> Self {
        Self { workspace: workspace.to_owned(), from_above: from_above(workspace) }
    }

    /// Whether a path is closed, by its real path below the workspace. It need
    /// not be there.
    pub(super) fn close(&self, root: &Dir, real: &Path) -> Option<Closed> {
        let mut directory = PathBuf::new();
        for name in real {
            if would_be_repository(root, &directory, &name.to_string_lossy()) {
                return Some(Closed::Repository);
            }
            directory.push(name);
        }
        let is_named = self.is_named(root, real, &self.from_above)
            || real.ancestors().skip(1).any(|top| self.is_named(root, real, &self.by(root, top)));
        is_named.then_some(Closed::Named)
    }

    fn is_named(&self, root: &Dir, real: &Path, obeyed: &[Obeyed]) -> bool {
        let is_there = || root.exists(real);
        obeyed.iter().any(|it| it.holds(real) && (it.what != What::Word || is_there()))
    }

    /// What the repository of a directory names.
    fn by(&self, root: &Dir, top: &Path) -> Vec<Obeyed> {
        let directory = top.join(".git");
        let text = read(root, &directory.join("config")).unwrap_or_default();
        let [directory, top] = [&*directory, top].map(|it| self.workspace.join(it));
        Repository { directory, top }.obeyed(&text, &self.workspace)
    }
}

/// Whether a directory is a repository, or is one with one more name in it.
fn would_be_repository(root: &Dir, directory: &Path, name: &str) -> bool {
    let mut shape = Shape::default();
    shape.add(name);
    let there = |it: &&&str| root.symlink_metadata(directory.join(it)).is_ok();
    Shape::NAMES.iter().filter(there).for_each(|it| shape.add(it));
    shape.is_repository()
}

fn read(root: &Dir, path: &Path) -> Option<String> {
    let file = open(root, path, OFlags::empty()).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_CONFIG_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
