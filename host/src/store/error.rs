//! Why a store does not do what it is asked to.

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
    #[error(
        "the store `{}` was made by a newer version of this program: it has the format {found}, \
            and this one knows {known}",
        path.display()
    )]
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
    /// The file takes no writes, although the disk has room: a quota or a
    /// limit, or the disk itself. Nothing was written, and it may be tried
    /// again.
    #[error("the store can't be written to: {0}")]
    Unwritable(String),
    /// Another process holds the store for too long; nothing was written.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// Reading or writing failed. After a failed write the store takes no
    /// other one: what reached the disk is not known.
    #[error("the store failed: {0}")]
    Io(String),
    /// The file is no database any more, or not a whole one. What is written
    /// to it could be lost.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A row can't be read.
    #[error("{row} can't be read: {why}")]
    Corrupt {
        /// Which table and which row.
        row: String,
        /// What is wrong with it.
        why: String,
    },
    /// A record is larger than what is kept.
    #[error("{what} has {bytes} bytes: {most} are kept")]
    TooLarge {
        /// Which record.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The most that is taken.
        most: usize,
    },
    /// The id is in use.
    #[error("`{0}` was dispatched before")]
    Exists(String),
    /// What was to end is not there.
    #[error("`{0}` is not in the store")]
    Missing(String),
    /// The file is no longer what it was when it was opened. Nothing more is
    /// written: nobody would find it.
    #[error("the store `{}` {why}, while it is in use{}", path.display(), rescued_text(rescued))]
    Lost {
        /// The file.
        path: PathBuf,
        /// What became of it.
        why: String,
        /// Where what was in it is kept.
        rescued: Option<PathBuf>,
    },
    /// It was opened to be read alone.
    #[error("the store `{}` is open for reading alone", .0.display())]
    ReadOnly(PathBuf),
    /// The store's thread is gone.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// How to mend what is wrong with the file itself, whoever asked.
    pub(crate) fn how_to_mend(&self) -> Option<&'static str> {
        let damaged = "end what uses it, move it aside together with its `-wal` and `-shm`, and \
                       start again with a new one; `sqlite3 FILE .recover` reads what is left in it";
        matches!(self, Self::Damaged(_)).then_some(damaged)
    }

    /// Whether nothing was written, and a later try may be taken.
    pub(crate) fn leaves_all_as_it_was(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Unwritable(_) | Self::Busy(_))
    }
}

fn rescued_text(rescued: &Option<PathBuf>) -> String {
    let text = |it: &PathBuf| format!("; what was in it is kept in `{}`", it.display());
    rescued.as_ref().map(text).unwrap_or_default()
}
