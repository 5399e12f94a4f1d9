//! What outlives a host: dispatched units, the results of their children, and
//! the queue of events.

mod tables;

pub use self::tables::*;

use std::path::PathBuf;

/// Why the store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file, or its directory, can't be used.
    #[error("the store `{}` can't be opened: {why}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        why: String,
    },
    /// Made by a newer version of this program.
    #[error("the store `{}` has the format {found}: this version knows {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest one that this program knows.
        known: u32,
    },
    /// No room is left; nothing was written, and it may be tried again.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Another process holds the store for too long; nothing was written.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// Reading or writing failed. After a failed write the store takes no
    /// other one: what reached the disk is not known.
    #[error("the store failed: {0}")]
    Io(String),
    /// A row can't be read.
    #[error("{row} can't be read: {why}")]
    Corrupt {
        /// Which table and which row.
        row: String,
        /// What is wrong with it.
        why: String,
    },
    /// The id is in use.
    #[error("`{0}` was dispatched before")]
    Exists(String),
    /// The store's thread is gone.
    #[error("the store is closed")]
    Closed,
}
