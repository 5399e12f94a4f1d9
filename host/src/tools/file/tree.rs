//! A part of the workspace, for programs that know files and no tools.
//!
//! Everything that a program does with files is done here, and nothing of it
//! through a path of its own: each is resolved below the held handle and asked
//! about (`scope`), as the paths of the file tools are, and what is closed to
//! those is closed here. Besides, git's own directory is not seen at all. All
//! of it blocks, and takes a bounded time.
//!
//! What a program changes it changes in place (`open_file`). Links are never
//! made, and a directory is never renamed: what lies below it would come under
//! other names, which the rules were not asked about.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{MutexGuard, PoisonError},
};

use cap_std::fs::Dir;
use rustix::fs::OFlags;

use super::{
    FileTools,
    path::{Quoted, WorkspacePath},
    quota::Spent,
    workspace::Opened,
};
use crate::toolset::ToolError;

mod error;
mod how;
mod listing;
mod open_file;
mod scope;
mod stat;

#[cfg(test)]
mod tests;

pub use error::TreeError;
pub use how::How;
pub use listing::Listing;
pub use open_file::OpenFile;
pub use stat::{Moment, NewTime, NodeKind, NodeStat};

use scope::{Scope, Spot, as_directory, check_file};

/// A directory of the workspace with all that is in it.
pub struct Tree {
    scope: Scope,
    subtree: String,
    /// Its real path.
    top: PathBuf,
}

/// A directory of a [`Tree`], by its real path: when another one takes that
/// path, it is that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(PathBuf);

/// What was opened.
#[derive(Debug)]
pub enum Node {
    /// A regular file.
    File(OpenFile),
    /// A directory.
    Directory(Directory),
}

/// Without the rules, which are long.
impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, subtree, .. } = self;
        let mut tree = f.debug_struct("Tree");
        tree.field("subtree", subtree).field("writable", &scope.writable).finish_non_exhaustive()
    }
}

impl FileTools {
    /// A part of the workspace for a program, empty or `.` for all of it.
    ///
    /// Takes some system calls.
    ///
    /// # Errors
    ///
    /// For a path that no tool takes or that a rule closes, for what is
    /// missing, and for what is no directory.
    pub fn tree(&self, subtree: &str, writable: bool) -> Result<Tree, ToolError> {
        let shared = &self.shared;
        let given = if subtree.is_empty() { "." } else { subtree };
        let path = WorkspacePath::parse(given, &shared.config)?;
        let words = |text: &str| ToolError::Failed(format!("{} {text}", Quoted(given)));
        if !shared.workspace.root().try_exists(path.as_path()).unwrap_or(true) {
            return Err(words("does not exist: make this directory of the workspace first"));
        }
        let top = shared.workspace.real(&path)?;
        let scope = Scope::new(shared, writable);
        if scope.is_hidden(&top) {
            return Err(words("is closed: no program is given it"));
        }
        // The workspace itself has no name that a rule could close.
        if !top.as_os_str().is_empty() {
            let check =
                if writable { super::Shared::check_write } else { super::Shared::check_read };
            check(shared, &path, &as_directory(&top))?;
        }
        match shared.workspace.open_any(&path, &top)? {
            Opened::Directory(_) => {}
            Opened::File(..) => return Err(words("is a file: a program is given a directory")),
        }
        Ok(Tree { scope, subtree: path.normal().to_owned(), top })
    }
}

impl Tree {
    /// Whether anything in it can be changed.
    pub fn is_writable(&self) -> bool {
        self.scope.writable
    }

    /// Its path below the workspace, as it was asked for; empty for all of it.
    pub fn subtree(&self) -> &str {
        &self.subtree
    }

    /// All of it.
    pub fn top(&self) -> Directory {
        Directory(self.top.clone())
    }

    /// Opens what a path below a directory leads to.
    ///
    /// # Errors
    ///
    /// As its variants say; [`TreeError::Access`] for what a rule closes.
    pub fn open(&self, base: &Directory, path: &str, how: How) -> Result<Node, TreeError> {
        if how.directory && (how.create || how.exclusive || how.truncate) {
            return Err(TreeError::Invalid);
        }
        match self.find(base, path, how.follow) {
            Ok(_) if how.create && how.exclusive => Err(TreeError::Exist),
            Ok(real) => self.open_found(real, how, path.ends_with('/')),
            Err(TreeError::NoEntry) if how.create => match self.create(base, path, how) {
                // Somebody else has made it meanwhile.
                Err(TreeError::Exist) if !how.exclusive => {
                    self.open_found(self.find(base, path, how.follow)?, how, false)
                }
                made => made,
            },
            Err(error) => Err(error),
        }
    }

    /// What is known of what a path leads to.
    ///
    /// # Errors
    ///
    /// As its variants say.
    pub fn stat(&self, base: &Directory, path: &str, follow: bool) -> Result<NodeStat, TreeError> {
        let real = self.find(base, path, follow)?;
        let stat = NodeStat::of(&self.scope.stat(&real)?);
        if path.ends_with('/') && stat.kind != NodeKind::Directory {
            return Err(TreeError::NotDirectory);
        }
        Ok(stat)
    }

    /// What is known of a directory.
    ///
    /// # Errors
    ///
    /// When it is gone, or the operating system fails.
    pub fn stat_directory(&self, directory: &Directory) -> Result<NodeStat, TreeError> {
        self.stat(directory, ".", true)
    }

    /// Lists a directory.
    ///
    /// # Errors
    ///
    /// When it is gone or can't be listed.
    pub fn list(&self, directory: &Directory) -> Result<Listing, TreeError> {
        let real = self.scope.follow(&directory.0, ".")?;
        let dir = self.scope.shared.workspace.open_dir(&real)?;
        Listing::new(&self.scope, real, dir, self.scope.slot()?)
    }

    /// Makes a directory.
    ///
    /// # Errors
    ///
    /// As its variants say.
    pub fn create_directory(&self, base: &Directory, path: &str) -> Result<(), TreeError> {
        let mut spent = self.writing();
        let Spot { real, .. } = self.scope.locate(&base.0, path)?;
        self.scope.check_write_directory(&real)?;
        let after = spent.with(0, 1, &self.scope.shared.config)?;
        let (above, name) = self.above(&real)?;
        above.create_dir(name)?;
        *spent = after;
        Ok(())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// As its variants say.
    pub fn remove_directory(&self, base: &Directory, path: &str) -> Result<(), TreeError> {
        let _writing = self.writing();
        let Spot { real, .. } = self.scope.locate(&base.0, path)?;
        self.scope.check_write_directory(&real)?;
        if NodeKind::of(&self.scope.stat(&real)?) != NodeKind::Directory {
            return Err(TreeError::NotDirectory);
        }
        let (above, name) = self.above(&real)?;
        Ok(above.remove_dir(name)?)
    }

    /// Removes a file, or a symbolic link.
    ///
    /// # Errors
    ///
    /// As its variants say; one that is read-only stays.
    pub fn unlink(&self, base: &Directory, path: &str) -> Result<(), TreeError> {
        let _writing = self.writing();
        let spot = self.scope.locate(&base.0, path)?;
        self.scope.check_write(&spot.real)?;
        let stat = self.scope.stat(&spot.real)?;
        if NodeKind::of(&stat) != NodeKind::Symlink {
            check_file(&stat)?;
        }
        check_no_slash(&spot)?;
        let (above, name) = self.above(&spot.real)?;
        Ok(above.remove_file(name)?)
    }

    /// Gives a file another name, in the place of the file that has it. What
    /// is open for writing under the old one is not written any more.
    ///
    /// # Errors
    ///
    /// As its variants say; [`TreeError::CrossDevice`] for a directory.
    pub fn rename(
        &self,
        (base, path): (&Directory, &str),
        (new_base, new_path): (&Directory, &str),
    ) -> Result<(), TreeError> {
        let _writing = self.writing();
        let from = self.scope.locate(&base.0, path)?;
        let to = self.scope.locate(&new_base.0, new_path)?;
        self.scope.check_write(&from.real)?;
        self.scope.check_write(&to.real)?;
        let stat = self.scope.stat(&from.real)?;
        if NodeKind::of(&stat) == NodeKind::Directory {
            return Err(TreeError::CrossDevice);
        }
        check_file(&stat)?;
        if !self.scope.is_free(&to.real)? {
            check_file(&self.scope.stat(&to.real)?)?;
        }
        check_no_slash(&from).and_then(|()| check_no_slash(&to))?;
        let (old, new) = (self.above(&from.real)?, self.above(&to.real)?);
        Ok(old.0.rename(old.1, &new.0, new.1)?)
    }

    /// Where a symbolic link leads, when that is in the tree.
    ///
    /// # Errors
    ///
    /// [`TreeError::Invalid`] for what is no link; [`TreeError::NotPermitted`]
    /// for one that leads out. An absolute one always does, and would name a
    /// path of the host.
    pub fn read_link(&self, base: &Directory, path: &str) -> Result<String, TreeError> {
        let spot = self.scope.locate(&base.0, path)?;
        if NodeKind::of(&self.scope.stat(&spot.real)?) != NodeKind::Symlink {
            return Err(TreeError::Invalid);
        }
        self.scope.follow(&base.0, path)?;
        let (above, name) = self.above(&spot.real)?;
        let target = above.read_link_contents(name)?.into_os_string();
        target.into_string().map_err(|_| TreeError::Invalid)
    }

    /// Sets when something was last read and changed.
    ///
    /// # Errors
    ///
    /// As its variants say.
    pub fn set_times(
        &self,
        (base, path): (&Directory, &str),
        follow: bool,
        (read, changed): (NewTime, NewTime),
    ) -> Result<(), TreeError> {
        let _writing = self.writing();
        let real = self.find(base, path, follow)?;
        let stat = self.scope.stat(&real)?;
        self.scope.check_write(&real)?;
        match NodeKind::of(&stat) {
            NodeKind::Directory => self.scope.check_write_directory(&real)?,
            _ if stat.st_nlink > 1 => return Err(TreeError::NotPermitted),
            _ => check_file(&stat)?,
        }
        let file = self.scope.shared.workspace.open_real(&real, OFlags::empty())?;
        open_file::set_times(&file.into_std(), read, changed)
    }

    /// The real path of what is there.
    fn find(&self, base: &Directory, path: &str, follow: bool) -> Result<PathBuf, TreeError> {
        // What ends in no name is a directory, and no link.
        let ends_in_dots = Path::new(path).file_name().is_none() || path.ends_with("/.");
        if follow || ends_in_dots || path.ends_with('/') {
            return self.scope.follow(&base.0, path);
        }
        let spot = self.scope.locate(&base.0, path)?;
        self.scope.stat(&spot.real)?;
        Ok(spot.real)
    }

    /// Opens what is at a real path.
    fn open_found(&self, real: PathBuf, how: How, slash: bool) -> Result<Node, TreeError> {
        let workspace = &self.scope.shared.workspace;
        match NodeKind::of(&self.scope.stat(&real)?) {
            NodeKind::Directory if how.write || how.truncate => Err(TreeError::IsDirectory),
            NodeKind::Directory => {
                // Not across a mount.
                workspace.open_real(&real, OFlags::PATH | OFlags::DIRECTORY)?;
                Ok(Node::Directory(Directory(real)))
            }
            NodeKind::File if how.directory || slash => Err(TreeError::NotDirectory),
            NodeKind::File if how.write || how.truncate => self.open_to_write(real, how, false),
            NodeKind::File => {
                self.scope.check_read(&real)?;
                let slot = self.scope.slot()?;
                let file = workspace.open_real(&real, OFlags::empty())?;
                if !file.metadata()?.is_file() {
                    return Err(TreeError::NoDevice);
                }
                Ok(Node::File(OpenFile::to_read(&self.scope, real, file.into_std(), slot)))
            }
            NodeKind::Symlink => Err(TreeError::Loop),
            NodeKind::Other => Err(TreeError::NoDevice),
        }
    }

    /// Makes the file at a path where nothing is. A link that leads nowhere is
    /// something.
    fn create(&self, base: &Directory, path: &str, how: How) -> Result<Node, TreeError> {
        let spot = self.scope.locate(&base.0, path)?;
        if spot.is_directory {
            return Err(TreeError::IsDirectory);
        }
        self.open_to_write(spot.real, how, true)
    }

    fn open_to_write(&self, real: PathBuf, how: How, new: bool) -> Result<Node, TreeError> {
        let mut spent = self.writing();
        self.scope.check_write(&real)?;
        let after = spent.with(0, u64::from(new), &self.scope.shared.config)?;
        let slot = self.scope.slot()?;
        let file = self.scope.shared.workspace.open_to_write(&real, how.read, new)?;
        *spent = after;
        Ok(Node::File(OpenFile::to_write(&self.scope, real, file.into_std(), how, slot)?))
    }

    /// The directory that a real path is in, and its name there.
    fn above<'a>(&self, real: &'a Path) -> Result<(Dir, &'a Path), TreeError> {
        let name = real.file_name().ok_or(TreeError::Invalid)?;
        Ok((self.scope.shared.workspace.above(real)?, Path::new(name)))
    }

    /// Held while something is changed, as by the file tools.
    fn writing(&self) -> MutexGuard<'_, Spent> {
        self.scope.shared.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slash at the end means a directory.
fn check_no_slash(spot: &Spot) -> Result<(), TreeError> {
    if spot.is_directory { Err(TreeError::NotDirectory) } else { Ok(()) }
}
