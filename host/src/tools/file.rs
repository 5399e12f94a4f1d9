//! The toolset `file`: reads, writes, patches and searches the workspace.
//!
//! Owns the one handle on the workspace directory. Every path of a call is
//! checked (`path`) and then opened below that handle (`workspace`), so
//! that neither a `..` nor a symbolic link leads out of it. Must not open
//! anything by an ambient path after [`FileTools::open`], must not open
//! anything but regular files and directories, and must not let a path of the
//! host into an error.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use cap_std::fs::{File, Metadata};
use tokio::task;
use tokio_util::sync::CancellationToken;

use super::closed::Closed;
use super::{NO_WORKSPACE, OpenError, Opened, Opening, Toolset};
use crate::toolset::{Caller, ToolError, registry::Declaration};

#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;
mod path;
mod quota;
mod repository;
mod rules;
mod settings;
mod workspace;

mod encoding;
mod text;
pub mod tree;

mod read_file;

mod write;
mod write_file;

mod diff;
mod patch;
mod replacement;

mod cursor;
mod grep;
mod hit;
mod ignored;
mod search_files;
mod skipped;
mod walk;

#[cfg(test)]
mod tests;

use path::{Quoted, WorkspacePath};
use quota::Spent;
use repository::Repositories;
use rules::Rules;
use workspace::{HOSTS_OWN, Workspace};

pub use hit::{EntryKind, SearchHit};
pub use patch::{Patch, Patched};
pub use read_file::{FileSlice, ReadFile};
pub use rules::{PROTECTED_GLOBS, SECRET_GLOBS};
pub use search_files::{SearchFiles, SearchPage};
pub use settings::FileConfig;
pub use skipped::Skipped;
pub use tree::Tree;
pub use write_file::{WriteFile, Written};

/// All of them.
pub(super) struct Files;

impl Toolset for Files {
    const NAME: &'static str = "file";
    type Host = FileTools;
    const TOOLS: &'static [Declaration<FileTools>] = &[
        Declaration::of::<ReadFile>(),
        Declaration::of::<WriteFile>(),
        Declaration::of::<Patch>(),
        Declaration::of::<SearchFiles>(),
    ];

    async fn open(opening: &Opening<'_>) -> Result<Opened<FileTools>, OpenError> {
        let Some(dir) = opening.workspace else {
            return Ok(Opened::withheld_quietly(NO_WORKSPACE));
        };
        let (config, closed) = (opening.config.file.clone(), Arc::clone(opening.closed));
        Ok(Opened::Whole(FileTools::open_closed(dir, config, closed)?))
    }
}

/// Those that change nothing.
pub(super) struct FilesRead;

impl Toolset for FilesRead {
    const NAME: &'static str = "file_read";
    type Host = FileTools;
    const TOOLS: &'static [Declaration<FileTools>] =
        &[Declaration::of::<ReadFile>(), Declaration::of::<SearchFiles>()];
}

/// Why a workspace cannot be used. For the operator: it names a host path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    /// The directory is missing, is not one, or is closed to this process.
    #[error("cannot open the workspace `{}`", path.display())]
    Open {
        /// As it was configured.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// One of the rules that close files.
    #[error("`{glob}` of `{key}` is no pattern of a `.gitignore`")]
    Glob {
        /// Of the configuration.
        key: &'static str,
        /// As it was given; empty when all of them together are too much.
        glob: String,
        /// What is wrong with it.
        #[source]
        source: Box<ignore::Error>,
    },
}

impl FileConfig {
    /// Whether the globs are ones, before a workspace is opened with them.
    ///
    /// # Errors
    ///
    /// [`WorkspaceError::Glob`] for the first that is none.
    pub fn check_globs(&self) -> Result<(), WorkspaceError> {
        Rules::new(self).map(|_| ())
    }
}

/// The file tools of one workspace. Clones share the same handle on it.
#[derive(Clone, Debug)]
pub struct FileTools {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    workspace: Workspace,
    config: FileConfig,
    rules: Rules,
    /// Held from the reading of a file until its replacement: two children
    /// that patch one file at a time both keep their change.
    writing: Mutex<Spent>,
    /// Files of the host.
    closed: Arc<Closed>,
    repositories: Repositories,
}

impl Shared {
    /// Refuses a secret, and what is the host's own.
    fn check_read(&self, path: &WorkspacePath, real: &Path) -> Result<(), ToolError> {
        self.check_listed(path, real)?;
        self.rules.check_read(path, real)
    }

    /// Refuses what is not even listed.
    fn check_listed(&self, path: &WorkspacePath, real: &Path) -> Result<(), ToolError> {
        match self.closed.is_own(real) {
            true => Err(ToolError::Failed(format!("{} {HOSTS_OWN}", Quoted(path.given())))),
            false => Ok(()),
        }
    }

    /// Refuses what is not read, and what is protected.
    fn check_write(&self, path: &WorkspacePath, real: &Path) -> Result<(), ToolError> {
        self.check_read(path, real)?;
        if self.closed.is_personal(real) {
            let path = Quoted(path.given());
            return Err(ToolError::Denied(format!(
                "{path} is closed: in a home directory only names without a dot are written, and \
                 none where programs are"
            )));
        }
        self.rules.check_write(path, real)?;
        match self.repositories.close(self.workspace.root(), real) {
            None => Ok(()),
            Some(closed) => {
                Err(ToolError::Denied(format!("{} {}", Quoted(path.given()), closed.text())))
            }
        }
    }
}

/// One call on the thread that does its blocking work.
struct Job {
    shared: Arc<Shared>,
    cancelled: CancellationToken,
}

impl FileTools {
    /// Opens the directory `workspace` once; everything later goes through the
    /// held handle, even when the directory is moved or its path is replaced.
    ///
    /// Fails when it is not a directory that this process may open, and when a
    /// glob is none.
    pub fn open(workspace: &Path, config: FileConfig) -> Result<Self, WorkspaceError> {
        Self::open_closed(workspace, config, Arc::default())
    }

    /// The same, and what is `closed` is neither read, written nor listed.
    pub fn open_closed(
        workspace: &Path,
        config: FileConfig,
        closed: Arc<Closed>,
    ) -> Result<Self, WorkspaceError> {
        let error = |source| WorkspaceError::Open { path: workspace.to_owned(), source };
        let real = workspace.canonicalize().map_err(error)?;
        let repositories = Repositories::new(&real);
        let workspace = Workspace::open(workspace, Arc::clone(&closed)).map_err(error)?;
        let (rules, writing) = (Rules::new(&config)?, Mutex::default());
        let shared = Shared { workspace, config, rules, writing, closed, repositories };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Runs `work` where it may block.
    ///
    /// The guard cancels it when this future is dropped, since a blocking task
    /// cannot be aborted.
    async fn blocking<T: Send + 'static>(
        &self,
        caller: &Caller,
        work: impl FnOnce(&Job) -> Result<T, ToolError> + Send + 'static,
    ) -> Result<T, ToolError> {
        let cancelled = caller.cancelled.child_token();
        let _guard = cancelled.clone().drop_guard();
        let job = Job { shared: Arc::clone(&self.shared), cancelled };
        let outcome = task::spawn_blocking(move || job.check().and_then(|()| work(&job))).await;
        outcome.unwrap_or_else(|error| {
            tracing::error!(child = %caller.child, %error, "a file tool did not end");
            Err(ToolError::Failed("the tool stopped unexpectedly".to_owned()))
        })
    }
}

impl Job {
    fn workspace(&self) -> &Workspace {
        &self.shared.workspace
    }

    /// Opens a regular file that is no secret.
    fn open_file(&self, path: &WorkspacePath) -> Result<(File, Metadata), ToolError> {
        let real = self.workspace().real(path)?;
        self.shared.check_read(path, &real)?;
        self.workspace().open_file(path, &real)
    }

    fn config(&self) -> &FileConfig {
        &self.shared.config
    }

    /// Ends the call when its answer is no longer wanted.
    fn check(&self) -> Result<(), ToolError> {
        if self.cancelled.is_cancelled() { Err(ToolError::Interrupted) } else { Ok(()) }
    }
}

/// A limit as a length in memory, where it can only be smaller.
fn length(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// A length in memory as a number of bytes.
fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
