//! The directories of a workspace, and which of them git would take for a
//! repository.
//!
//! A directory is listed again when its time of change, which no command can
//! set, is another one; so looking again costs one question for each
//! directory.

use std::{
    collections::{HashMap, VecDeque},
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{FileType, Stat},
    io::Errno,
};

use super::root::Root;
use crate::tools::{
    git::{Shape, is_git},
    names::fold_name,
};

/// Directories that are looked at, those near the top first. Bounds the time
/// and the memory of a look after a command; beyond it nothing is promised,
/// and the answer says so.
const MAX_DIRECTORIES: usize = 200_000;

/// The kernel's clock of files moves in steps of up to so much: what was
/// changed so short before it was looked at can change once more unseen.
const CLOCK_STEP: Duration = Duration::from_millis(50);

/// What tells a file from itself later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    identity: (u64, u64),
    changed: (i64, i64),
    size: i64,
    /// It was looked at too soon to tell.
    unsure: bool,
}

impl Stamp {
    pub(super) fn of(stat: &Stat) -> Self {
        let changed = Duration::new(
            u64::try_from(stat.st_ctime).unwrap_or_default(),
            u32::try_from(stat.st_ctime_nsec).unwrap_or_default(),
        );
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            identity: (stat.st_dev, stat.st_ino),
            changed: (stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or_default()),
            size: stat.st_size,
            unsure: changed + CLOCK_STEP > now,
        }
    }

    /// Whether nothing changed since this was made.
    pub(super) fn is_still(&self, now: &Stamp) -> bool {
        !self.unsure && Stamp { unsure: false, ..*now } == *self
    }
}

/// A directory.
#[derive(Debug)]
pub(super) struct Node {
    stamp: Stamp,
    directories: Vec<OsString>,
    /// Symbolic links in it.
    pub(super) links: Vec<OsString>,
    /// Named pipes in it.
    pub(super) pipes: Vec<OsString>,
    /// What is called `.git` in it and is no directory.
    pub(super) pointers: Vec<OsString>,
    /// Git takes it for a repository.
    pub(super) is_repository: bool,
}

/// All directories, by their path relative to the workspace.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: HashMap<PathBuf, Node>,
}

impl Tree {
    /// Looks at all of them again. Gives what could not be looked at.
    pub(super) fn refresh(&mut self, root: &Root) -> Vec<String> {
        let mut before = std::mem::take(&mut self.nodes);
        let (mut todo, mut told) = (VecDeque::from([PathBuf::new()]), Vec::new());
        while let Some(path) = todo.pop_front() {
            if self.nodes.len() >= MAX_DIRECTORIES {
                told.push(format!(
                    "the workspace has more than {MAX_DIRECTORIES} directories: what git obeys in \
                     the deeper ones was not checked"
                ));
                break;
            }
            match look(root, &path, before.remove(&path)) {
                Ok(Some(node)) => {
                    todo.extend(node.directories.iter().map(|it| path.join(it)));
                    self.nodes.insert(path, node);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a directory is not seen");
                    told.push(format!(
                        "`{}` could not be looked at: what git obeys in it was not checked",
                        path.display()
                    ));
                }
            }
        }
        told
    }
}

fn is_gone(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|it| [Errno::NOENT, Errno::NOTDIR, Errno::LOOP].contains(&it))
}

/// A directory as it is now, `None` when it is none any more.
fn look(root: &Root, path: &Path, before: Option<Node>) -> io::Result<Option<Node>> {
    let stat = match root.stat_loosely(path) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => stat,
        Ok(_) => return Ok(None),
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let stamp = Stamp::of(&stat);
    if let Some(before) = before.filter(|it| it.stamp.is_still(&stamp)) {
        return Ok(Some(before));
    }
    let listed = match root.list(path) {
        Ok(listed) => listed,
        // It went, or became a link, which is not followed.
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_named = path.file_name().is_some_and(|it| is_git(&fold_name(&it.to_string_lossy())));
    let mut shape = Shape::default();
    let mut node = Node {
        stamp,
        directories: Vec::new(),
        links: Vec::new(),
        pipes: Vec::new(),
        pointers: Vec::new(),
        is_repository: false,
    };
    for it in listed {
        let name = it.name.to_string_lossy();
        shape.add(&name);
        if it.kind == FileType::Directory {
            node.directories.push(it.name);
            continue;
        }
        if is_git(&fold_name(&name)) {
            node.pointers.push(it.name.clone());
        }
        match it.kind {
            FileType::Symlink => node.links.push(it.name),
            FileType::Fifo => node.pipes.push(it.name),
            _ => {}
        }
    }
    node.is_repository = is_named || shape.is_repository();
    Ok(Some(node))
}
