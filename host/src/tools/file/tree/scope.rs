//! The one way from a program's path to a real one, and what is asked of each.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use rustix::{fs::Stat, io::Errno};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{error::TreeError, stat::NodeKind};
use crate::tools::{
    file::{
        Shared, bytes,
        path::{MAX_PATH_BYTES, WorkspacePath},
    },
    git::is_git,
    names::fold_name,
};

/// Files, listings and streams that are open at once. A file takes a
/// descriptor of the host's process, which has some thousand for everything,
/// and a stream what it reads ahead.
pub(super) const MAX_OPEN: usize = 128;

/// Permissions of which a file that is changed has one at least.
const WRITABLE: u32 = 0o222;

/// A name in a directory.
pub(super) struct Spot {
    /// The real path of both; the name may be that of a symbolic link.
    pub(super) real: PathBuf,
    /// A slash behind it says that it is a directory.
    pub(super) is_directory: bool,
}

/// A directory of the workspace, what may be done in it, and its rules.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) shared: Arc<Shared>,
    pub(super) writable: bool,
    slots: Arc<Semaphore>,
}

impl Scope {
    pub(super) fn new(shared: &Arc<Shared>, writable: bool) -> Self {
        let slots = Arc::new(Semaphore::new(MAX_OPEN));
        Self { shared: Arc::clone(shared), writable, slots }
    }

    /// The right to have one thing more open, until it is dropped.
    pub(super) fn slot(&self) -> Result<OwnedSemaphorePermit, TreeError> {
        Arc::clone(&self.slots).try_acquire_owned().map_err(|_| TreeError::TooManyOpen)
    }

    /// Where a path below the directory `base` leads, links followed.
    pub(super) fn follow(&self, base: &Path, path: &str) -> Result<PathBuf, TreeError> {
        self.check_text(path)?;
        let real = self.shared.workspace.resolve(&base.join(path))?;
        self.check_below(base, &real)?;
        Ok(real)
    }

    /// The name that a path below `base` ends with, and the directory that it
    /// is in. Links are followed as far as there.
    pub(super) fn locate(&self, base: &Path, path: &str) -> Result<Spot, TreeError> {
        self.check_text(path)?;
        let text = path.trim_end_matches('/');
        let (above, name) = text.rsplit_once('/').unwrap_or((".", text));
        let mut names = Path::new(name).components();
        let (Some(Component::Normal(name)), None) = (names.next(), names.next()) else {
            return Err(TreeError::Invalid);
        };
        let above = self.shared.workspace.resolve(&base.join(above))?;
        let real = above.join(name);
        self.check_below(base, &real)?;
        Ok(Spot { real, is_directory: text.len() < path.len() })
    }

    /// Refuses what no path is, and what leads out by its words alone: whether
    /// there is something out there is not told.
    fn check_text(&self, path: &str) -> Result<(), TreeError> {
        if path.is_empty() {
            return Err(TreeError::NoEntry);
        }
        if path.len() > MAX_PATH_BYTES {
            return Err(TreeError::NameTooLong);
        }
        if path.contains('\0') {
            return Err(TreeError::Invalid);
        }
        let mut depth = 0_u64;
        for name in Path::new(path).components() {
            depth = match name {
                Component::CurDir => depth,
                Component::Normal(_) => depth.saturating_add(1),
                Component::ParentDir => depth.checked_sub(1).ok_or(TreeError::NotPermitted)?,
                Component::RootDir | Component::Prefix(_) => return Err(TreeError::NotPermitted),
            };
        }
        Ok(())
    }

    /// Refuses a real path that is not below `base`, and what is not even
    /// seen: the host's own files, and git's. What is in there, old secrets
    /// included, no file tool shows as text; a program could unpack it.
    fn check_below(&self, base: &Path, real: &Path) -> Result<(), TreeError> {
        if !real.starts_with(base) {
            return Err(TreeError::NotPermitted);
        }
        if bytes(real.components().count()) > u64::from(self.shared.config.max_depth) {
            return Err(TreeError::NameTooLong);
        }
        match self.is_hidden(real) {
            true => Err(TreeError::Access),
            false => Ok(()),
        }
    }

    /// Whether a real path is one that programs don't see.
    pub(super) fn is_hidden(&self, real: &Path) -> bool {
        let is_git = |name: &std::ffi::OsStr| is_git(&fold_name(&name.to_string_lossy()));
        self.shared.closed.is_own(real) || real.iter().any(is_git)
    }

    /// Refuses a secret.
    pub(super) fn check_read(&self, real: &Path) -> Result<(), TreeError> {
        Ok(self.shared.check_read(&self.words(real)?, real)?)
    }

    /// Refuses everything where nothing is changed, and what no child changes.
    pub(super) fn check_write(&self, real: &Path) -> Result<(), TreeError> {
        if !self.writable {
            return Err(TreeError::ReadOnly);
        }
        Ok(self.shared.check_write(&self.words(real)?, real)?)
    }

    /// The same of a directory, which rules of its own are for.
    pub(super) fn check_write_directory(&self, real: &Path) -> Result<(), TreeError> {
        self.check_write(&as_directory(real))
    }

    /// What is at a real path.
    pub(super) fn stat(&self, real: &Path) -> Result<Stat, TreeError> {
        Ok(self.shared.workspace.stat(real)?)
    }

    /// Whether nothing is at a real path.
    pub(super) fn is_free(&self, real: &Path) -> Result<bool, TreeError> {
        match self.stat(real) {
            Ok(_) => Ok(false),
            Err(TreeError::NoEntry) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// A real path as the words of an error have it.
    fn words(&self, real: &Path) -> Result<WorkspacePath, TreeError> {
        let text = real.to_str().ok_or(TreeError::Invalid)?;
        let text = if text.is_empty() { "." } else { text };
        Ok(WorkspacePath::parse(text, &self.shared.config)?)
    }
}

/// A path as one that is of a directory in any case: with a slash at its end.
pub(super) fn as_directory(real: &Path) -> PathBuf {
    real.join("")
}

/// Refuses what is no regular file, and one that its permissions close.
pub(super) fn check_file(stat: &Stat) -> Result<(), TreeError> {
    match NodeKind::of(stat) {
        NodeKind::File if stat.st_mode & WRITABLE == 0 => Err(TreeError::Access),
        NodeKind::File => Ok(()),
        NodeKind::Directory => Err(TreeError::IsDirectory),
        NodeKind::Symlink => Err(TreeError::NotPermitted),
        NodeKind::Other => Err(TreeError::NoDevice),
    }
}

impl From<Errno> for TreeError {
    fn from(errno: Errno) -> Self {
        std::io::Error::from(errno).into()
    }
}
