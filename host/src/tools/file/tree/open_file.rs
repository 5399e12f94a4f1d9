//! An open file: read, and written where it is.
//!
//! The file tools replace a file as a whole; a program changes one in place,
//! through a handle that it holds. So each change looks again at what the
//! handle is: a file with a second name, or one whose name leads elsewhere by
//! now, is changed no more. Otherwise a command that moves it meanwhile would
//! have the program write into what is closed.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    sync::{MutexGuard, PoisonError},
};

use rustix::fs::{Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat, futimens};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    error::TreeError,
    how::How,
    scope::{Scope, check_file},
    stat::{NewTime, NodeStat},
};
use crate::tools::file::{bytes, length, quota::Spent};

/// Permissions of a program that runs as somebody else.
const SPECIAL: u32 = 0o7000;

/// An open regular file of a [`super::Tree`].
#[derive(Debug)]
pub struct OpenFile {
    scope: Scope,
    file: File,
    real: PathBuf,
    readable: bool,
    writable: bool,
    _slot: OwnedSemaphorePermit,
}

impl OpenFile {
    /// For reading alone.
    pub(super) fn to_read(
        scope: &Scope,
        real: PathBuf,
        file: File,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let scope = scope.clone();
        Self { scope, file, real, readable: true, writable: false, _slot: slot }
    }

    /// One that was opened or made to be changed; checked as before each
    /// change. The caller holds the lock of all writing.
    pub(super) fn to_write(
        scope: &Scope,
        real: PathBuf,
        file: File,
        how: How,
        slot: OwnedSemaphorePermit,
    ) -> Result<Self, TreeError> {
        let (scope, readable) = (scope.clone(), how.read);
        let this = Self { scope, file, real, readable, writable: true, _slot: slot };
        this.check_change()?;
        if how.truncate {
            this.file.set_len(0)?;
        }
        Ok(Self { writable: how.write, ..this })
    }

    /// Up to `max` bytes from an offset on; none at the end of the file.
    ///
    /// # Errors
    ///
    /// When it is not open for reading, and when the operating system fails.
    pub fn read(&self, offset: u64, max: u64) -> Result<Vec<u8>, TreeError> {
        if !self.readable {
            return Err(TreeError::BadDescriptor);
        }
        let size = self.stat()?.size;
        let mut buffer = vec![0; length(max.min(size.saturating_sub(offset)))];
        let read = read_at(&self.file, &mut buffer, offset)?;
        buffer.truncate(read);
        Ok(buffer)
    }

    /// Writes all of `content` at an offset.
    ///
    /// # Errors
    ///
    /// When it is not open for writing, when the file would be too large or
    /// the quota is spent, when the file is no longer the one that was
    /// opened, and when the operating system fails.
    pub fn write(&self, content: &[u8], offset: u64) -> Result<(), TreeError> {
        let mut spent = self.writing();
        let stat = self.check_change()?;
        self.write_at(&mut spent, &stat, content, offset)
    }

    /// Writes all of `content` at the end.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn append(&self, content: &[u8]) -> Result<(), TreeError> {
        let mut spent = self.writing();
        let stat = self.check_change()?;
        self.write_at(&mut spent, &stat, content, NodeStat::of(&stat).size)
    }

    /// Cuts the file, or fills it up with zeroes.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn set_size(&self, size: u64) -> Result<(), TreeError> {
        let mut spent = self.writing();
        let stat = self.check_change()?;
        self.pay(&mut spent, &stat, size)?;
        Ok(self.file.set_len(size)?)
    }

    /// Sets when it was last read and changed.
    ///
    /// # Errors
    ///
    /// When it is not open for writing, or no longer the one that was opened.
    pub fn set_times(&self, read: NewTime, changed: NewTime) -> Result<(), TreeError> {
        let _writing = self.writing();
        self.check_change()?;
        set_times(&self.file, read, changed)
    }

    /// What is known of it.
    ///
    /// # Errors
    ///
    /// When the operating system fails.
    pub fn stat(&self) -> Result<NodeStat, TreeError> {
        Ok(NodeStat::of(&fstat(&self.file)?))
    }

    /// Waits until what was written is on the disk.
    ///
    /// # Errors
    ///
    /// When the operating system fails.
    pub fn sync(&self) -> Result<(), TreeError> {
        Ok(self.file.sync_all()?)
    }

    /// The right to one stream of it, until that is dropped.
    ///
    /// # Errors
    ///
    /// When too much is open in its tree.
    pub fn stream(&self) -> Result<OwnedSemaphorePermit, TreeError> {
        self.scope.slot()
    }

    /// Whether it can be read.
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// Whether it can be written.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    fn writing(&self) -> MutexGuard<'_, Spent> {
        self.scope.shared.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_at(
        &self,
        spent: &mut Spent,
        stat: &Stat,
        content: &[u8],
        offset: u64,
    ) -> Result<(), TreeError> {
        let end = offset.checked_add(bytes(content.len())).ok_or(TreeError::FileTooLarge)?;
        self.pay(spent, stat, end)?;
        Ok(self.file.write_all_at(content, offset)?)
    }

    /// Pays for a file that reaches to `end`, before that is written: a disk
    /// that is full in the midst of it has taken some.
    fn pay(&self, spent: &mut Spent, stat: &Stat, end: u64) -> Result<(), TreeError> {
        let config = &self.scope.shared.config;
        let growth = end.saturating_sub(NodeStat::of(stat).size);
        if growth > 0 && end > config.max_write_bytes {
            return Err(TreeError::FileTooLarge);
        }
        *spent = spent.with(growth, 0, config)?;
        Ok(())
    }

    /// Refuses to change what is not the file that was opened to be changed.
    fn check_change(&self) -> Result<Stat, TreeError> {
        if !self.writable {
            return Err(TreeError::BadDescriptor);
        }
        let stat = fstat(&self.file)?;
        check_file(&stat)?;
        match stat.st_nlink {
            _ if stat.st_mode & SPECIAL != 0 => Err(TreeError::NotPermitted),
            // It has no name any more, and never will.
            0 => Ok(stat),
            1 if self.has_name(&stat) => Ok(stat),
            1 => Err(TreeError::BadDescriptor),
            _ => Err(TreeError::NotPermitted),
        }
    }

    fn has_name(&self, stat: &Stat) -> bool {
        let there = self.scope.stat(&self.real);
        there.is_ok_and(|it| (it.st_dev, it.st_ino) == (stat.st_dev, stat.st_ino))
    }
}

/// Reads until the buffer is full or the file ends.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = buffer.get_mut(read..).filter(|it| !it.is_empty()) {
        match file.read_at(rest, offset.saturating_add(bytes(read))) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Sets the times of an open file or directory.
pub(super) fn set_times(file: &File, read: NewTime, changed: NewTime) -> Result<(), TreeError> {
    let times = Timestamps { last_access: timespec(read)?, last_modification: timespec(changed)? };
    Ok(futimens(file, &times)?)
}

fn timespec(time: NewTime) -> Result<Timespec, TreeError> {
    let (tv_sec, tv_nsec) = match time {
        NewTime::Keep => (0, UTIME_OMIT),
        NewTime::Now => (0, UTIME_NOW),
        NewTime::At((seconds, nanos)) if nanos < 1_000_000_000 => (seconds, nanos.into()),
        NewTime::At(_) => return Err(TreeError::Invalid),
    };
    Ok(Timespec { tv_sec, tv_nsec })
}
