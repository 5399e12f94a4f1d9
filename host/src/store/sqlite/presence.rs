//! Whether the files of a database are still those that were opened.
//!
//! A file that was deleted, renamed or replaced is written to all the same by
//! who has it open: everything would seem to go well, and nobody would find
//! any of it. So the names are looked at before every transaction.
//!
//! Nothing is opened here: to close a file of a database takes the locks of
//! this whole process on it away (POSIX), and with them the database itself.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::schema::LOG_LIMIT;

/// Whose the log is, and its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SideFiles {
    /// As they were made, as far as it can be seen.
    Own,
    /// Those of another database, or of none: this one has its name no more.
    OfAnother,
    /// Others made them for this database, after its own were deleted.
    OfOthers,
}

/// The files of one database.
#[derive(Debug)]
pub(super) struct Presence {
    files: Vec<Seen>,
}

/// One file as it was seen last.
#[derive(Debug)]
struct Seen {
    path: PathBuf,
    /// What it is called when something is wrong with it.
    what: &'static str,
    identity: (u64, u64),
    len: u64,
    /// It may be cut to this size by whoever empties it.
    may_shrink_to: u64,
}

impl Presence {
    /// As they are now.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let side = |suffix: &str| {
            let mut name = database.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let log = Seen::new(side("-wal"), "has lost its log, which", LOG_LIMIT)?;
        let index = Seen::new(side("-shm"), "has lost the index of its log, which", 0)?;
        let main = Seen::new(database.to_owned(), "", 0)?;
        Ok(Self { files: vec![main, log, index] })
    }

    /// What became of them, in words that follow "the store"; `None` when they
    /// are there. `is_shorter` says whether the database itself may be.
    pub(super) fn trouble(&mut self, is_shorter: impl Fn(u64) -> bool) -> Option<String> {
        self.files.iter_mut().find_map(|it| it.trouble(&is_shorter))
    }

    /// Whose the side files are that are found by the name of the database.
    pub(super) fn side_files(&self) -> SideFiles {
        let of = |it: &Seen| fs::metadata(&it.path).map(|found| identity(&found) == it.identity);
        let mut all = self.files.iter().map(of);
        match all.next() {
            Some(Ok(true)) if all.any(|it| matches!(it, Ok(false))) => SideFiles::OfOthers,
            Some(Ok(true)) => SideFiles::Own,
            Some(Err(err)) if err.kind() != io::ErrorKind::NotFound => SideFiles::Own,
            _ => SideFiles::OfAnother,
        }
    }
}

impl Seen {
    fn new(path: PathBuf, what: &'static str, may_shrink_to: u64) -> io::Result<Self> {
        let found = fs::metadata(&path)?;
        Ok(Self { path, what, identity: identity(&found), len: found.len(), may_shrink_to })
    }

    fn trouble(&mut self, is_shorter: impl Fn(u64) -> bool) -> Option<String> {
        let words = |became: &str| match self.what {
            "" => Some(became.to_owned()),
            what => Some(format!("{what} {became}")),
        };
        let found = match fs::metadata(&self.path) {
            Ok(found) => found,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                return words("was deleted or renamed");
            }
            // It can't be seen now, which is no proof of anything.
            Err(_) => return None,
        };
        if identity(&found) != self.identity {
            return words("was replaced by another file");
        }
        let len = found.len();
        let is_main = self.what.is_empty();
        let is_cut = len < self.len.min(if is_main { u64::MAX } else { self.may_shrink_to });
        if is_cut && (!is_main || !is_shorter(len)) {
            return words("was truncated");
        }
        self.len = len;
        None
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
