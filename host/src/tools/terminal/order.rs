//! One command on its way into a sandbox: what goes in, where it finds its
//! things there, and why it could not enter.

use std::{
    collections::BTreeMap,
    io::{self, PipeReader, PipeWriter},
    path::PathBuf,
    sync::Arc,
};

use tempfile::TempDir;

use super::{guard::Watch, home::Home};

/// One command.
pub(super) struct Order {
    /// A program of the sandbox by its absolute path, and its arguments.
    pub(super) arguments: Vec<String>,
    /// Relative to the workspace.
    pub(super) directory: PathBuf,
    pub(super) environment: BTreeMap<String, String>,
    /// Of this command alone: its script, and what it leaves.
    pub(super) scratch: TempDir,
    /// Of the session.
    pub(super) home: Arc<Home>,
    /// Looks after what git obeys in the workspace.
    pub(super) watch: Option<Watch>,
    /// What it reads and writes, of a program that the host talks with. Any
    /// other reads nothing, and both of its outputs are one.
    pub(super) ends: Option<Ends>,
}

/// A program's own ends of the pipes that it is talked with over.
pub(super) struct Ends {
    pub(super) input: PipeReader,
    pub(super) output: PipeWriter,
}

/// Where a command finds its directories.
pub(super) struct Places {
    pub(super) workspace: PathBuf,
    pub(super) scratch: PathBuf,
    pub(super) tmp: PathBuf,
    pub(super) home: PathBuf,
}

/// Why a command could not enter. For the operator: it may name host paths.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnterError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
}
