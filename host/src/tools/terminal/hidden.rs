//! What commands don't see of a workspace, or see and can't change: the
//! host's own files in it, and what a home directory holds.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use super::TerminalError;
use crate::{
    tools::closed::{Closed, Extent, Identity, Links, identity},
    toolset::ToolError,
};

/// Entries of a workspace that are looked at for another name of a file of the
/// host. Bounds how long the first command waits for that; past it there are
/// no commands.
const MAX_ENTRIES: usize = 1_000_000;

/// What is put over a path of the workspace, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// Itself: what is a mount can be written in and not be moved away.
    Same(PathBuf),
    /// Itself, only to be read.
    ReadOnly(PathBuf),
    /// A directory with nothing in it.
    NoDirectory(PathBuf),
    /// A file with nothing in it.
    NoFile(PathBuf),
}

/// What is not shown of one workspace.
pub(super) struct Hidden {
    workspace: PathBuf,
    covers: Vec<Cover>,
    /// What was there when it was looked for, relative to the workspace.
    places: Vec<(PathBuf, Identity)>,
    closed: Arc<Closed>,
    /// Whether a file of the host has another name in the workspace.
    linked: OnceLock<bool>,
}

impl Hidden {
    /// For a workspace by its real path. Makes the directories of the host
    /// that are not there yet: a command would make its own.
    pub(super) fn new(workspace: &Path, closed: Arc<Closed>) -> Result<Self, TerminalError> {
        let mut this = Self {
            workspace: workspace.to_owned(),
            covers: Vec::new(),
            places: Vec::new(),
            closed: Arc::clone(&closed),
            linked: OnceLock::new(),
        };
        this.cover_home();
        let mut places: Vec<(PathBuf, Extent)> = Vec::new();
        for place in closed.places() {
            if place.linked {
                return Err(this.reachable("a link to the host's files"));
            }
            let whole = match place.extent {
                // What a store puts beside itself comes and goes, and can't be
                // hidden one by one.
                Extent::Family => place.below.parent().unwrap_or(Path::new("")),
                Extent::Directory | Extent::File => &place.below,
            };
            let extent =
                if place.extent == Extent::File { Extent::File } else { Extent::Directory };
            places.push((whole.to_owned(), extent));
        }
        places.sort();
        for (below, extent) in places {
            this.cover(&below, extent)?;
        }
        Ok(this)
    }

    /// In the order in which they are put there.
    pub(super) fn covers(&self) -> &[Cover] {
        &self.covers
    }

    /// Whether everything is shown, and can be written.
    pub(super) fn is_empty(&self) -> bool {
        self.covers.is_empty()
    }

    /// Of a home directory only the directories without a dot can be written.
    fn cover_home(&mut self) {
        let Some(personal) = self.closed.personal() else { return };
        self.covers.push(Cover::ReadOnly(PathBuf::new()));
        for open in personal.open_directories() {
            if let Ok(below) = open.strip_prefix(&self.workspace) {
                self.covers.push(Cover::Same(below.to_owned()));
            }
        }
    }

    fn cover(&mut self, below: &Path, extent: Extent) -> Result<(), TerminalError> {
        if self.places.iter().any(|(it, _)| below.starts_with(it)) {
            return Ok(());
        }
        if below.as_os_str().is_empty() {
            return Err(self.reachable("the host's store"));
        }
        let real = self.workspace.join(below);
        if extent == Extent::Directory {
            // It fails when there is something else, which is seen next.
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(&real);
        }
        let is_there = real.symlink_metadata().is_ok_and(|it| match extent {
            Extent::Directory => it.is_dir(),
            Extent::File | Extent::Family => it.is_file(),
        });
        match identity(&real) {
            Ok(identity) if is_there => self.places.push((below.to_owned(), identity)),
            _ => return Err(self.reachable("a place for a file of the host")),
        }
        self.hold(below.parent().unwrap_or(Path::new("")));
        self.covers.push(match extent {
            Extent::Directory => Cover::NoDirectory(below.to_owned()),
            Extent::File | Extent::Family => Cover::NoFile(below.to_owned()),
        });
        Ok(())
    }

    /// Keeps the directories above a place from being moved away with it.
    fn hold(&mut self, directory: &Path) {
        let above = directory.ancestors().filter(|it| !it.as_os_str().is_empty());
        let mut above: Vec<&Path> = above.collect();
        above.reverse();
        for it in above {
            let cover = match self.closed.is_personal(it) {
                true => Cover::ReadOnly(it.to_owned()),
                false => Cover::Same(it.to_owned()),
            };
            if !self.covers.contains(&cover) {
                self.covers.push(cover);
            }
        }
    }

    fn reachable(&self, what: &'static str) -> TerminalError {
        TerminalError::Reachable {
            path: self.workspace.clone(),
            what,
            hint: "put it elsewhere, or in a directory of its own, which can be hidden",
        }
    }

    /// Before a command: whether what is hidden is where it was. Blocks.
    pub(super) fn check(&self) -> Result<(), ToolError> {
        let is_moved = |(below, was): &(PathBuf, Identity)| {
            identity(&self.workspace.join(below)).ok() != Some(*was)
        };
        if self.places.iter().any(is_moved) {
            return Err(ToolError::Failed(
                "a file or directory of the host in the workspace was moved; put it back"
                    .to_owned(),
            ));
        }
        if *self.linked.get_or_init(|| leads_to(&self.workspace, self.closed.links())) {
            return Err(ToolError::Failed(
                "commands could reach the host's own files: one of them has a hard link in the \
                 workspace, or it has too many files to tell"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

/// Whether something in a directory is one of these files.
fn leads_to(directory: &Path, links: &Links) -> bool {
    if links.is_empty() {
        return false;
    }
    let mut todo = vec![directory.to_owned()];
    let mut left = MAX_ENTRIES;
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let is_one = metadata.is_file() && metadata.nlink() > 1;
            if left == 0 || (is_one && links.hold((metadata.dev(), metadata.ino()))) {
                tracing::warn!(path = %entry.path().display(), "it may be a file of the host");
                return true;
            }
            left -= 1;
            if metadata.is_dir() {
                todo.push(entry.path());
            }
        }
    }
    false
}
