//! Which hosts are alive: each holds a lock on a file of its own for as long
//! as it may write.
//!
//! The kernel gives the lock back when a process ends, however it ends, so
//! that no clock and no heartbeat decides who is dead. A host locks its file
//! before it writes anything to the database: whoever finds a row without a
//! locked file knows that its owner is gone.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::fs::OFlags;

use crate::{id::HostId, plain_file};

/// Times that a lock is tried whose file vanishes: somebody took it for that
/// of a dead host between its creation and its lock.
const TRIES: usize = 16;

/// Between two tries: whoever looks at the file has to get its turn.
const PAUSE: Duration = Duration::from_millis(2);

/// The locks beside one database.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    dir: PathBuf,
}

impl Hosts {
    /// Makes the directory (mode 0700).
    pub(super) fn beside(database: &Path) -> io::Result<Self> {
        let mut name = database.file_name().unwrap_or_default().to_owned();
        name.push(".hosts");
        let dir = database.with_file_name(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Self { dir })
    }

    /// Where they are.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Locks the file of this host.
    pub(super) fn enter(&self, host: HostId) -> io::Result<Held> {
        for _ in 0..TRIES {
            let path = self.path(host);
            if let Some(held) = lock(make(&path)?, path)? {
                return Ok(held);
            }
            thread::sleep(PAUSE);
        }
        Err(io::Error::other("the lock of this host can't be taken"))
    }

    /// Locks the file of a host that is gone, which need not exist. `None`
    /// when the host lives, or another one is at it.
    pub(super) fn take_over(&self, host: HostId) -> io::Result<Option<Held>> {
        let path = self.path(host);
        // Opened for writing only where it has to be made: that a file which
        // was open for writing is closed tells others that its host is gone.
        let file = match open(OpenOptions::new().read(true), &path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => make(&path)?,
            opened => opened?,
        };
        lock(file, path)
    }

    /// Whether a host is gone. Changes nothing that others watch.
    pub(super) fn is_gone(&self, host: HostId) -> io::Result<bool> {
        let file = match open(OpenOptions::new().read(true), &self.path(host)) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(true),
            opened => opened?,
        };
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(err)) => Err(err),
        }
    }

    fn path(&self, host: HostId) -> PathBuf {
        self.dir.join(format!("{host}.lock"))
    }

    /// Hosts with a file, alive or not.
    pub(super) fn known(&self) -> io::Result<Vec<HostId>> {
        let mut res = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let host = name.to_str().and_then(|it| it.strip_suffix(".lock"));
            res.extend(host.and_then(|it| it.parse::<HostId>().ok()));
        }
        Ok(res)
    }
}

fn make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    open(&mut options, path)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    plain_file::open_with(options, path, OFlags::NOFOLLOW)
}

/// Locks a file that was opened by that name. `None` when another one has the
/// lock, or the name is another file's by now: files are removed by who holds
/// them, and that one may be a living host's.
fn lock(file: File, path: PathBuf) -> io::Result<Option<Held>> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(err)) => return Err(err),
        Ok(()) => (),
    }
    // Made only when it is: dropping one removes the file.
    Ok(if is_same(&file.metadata()?, &path)? { Some(Held { file, path }) } else { None })
}

fn is_same(opened: &Metadata, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(it) => Ok((it.dev(), it.ino()) == (opened.dev(), opened.ino())),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

/// A held lock. Its file goes with it.
#[derive(Debug)]
pub(super) struct Held {
    /// Locked until it is closed.
    file: File,
    path: PathBuf,
}

impl Held {
    /// Whether the name is still that of the file which is locked.
    fn is_there(&self) -> io::Result<bool> {
        is_same(&self.file.metadata()?, &self.path)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Before the lock is given back: afterwards the file may be another's.
        let removed = match self.is_there() {
            Ok(true) => fs::remove_file(&self.path),
            there => there.map(drop),
        };
        if let Err(err) = removed {
            tracing::warn!(%err, file = %self.path.display(), "the lock of a host is left");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::host;

    fn hosts(dir: &tempfile::TempDir) -> Hosts {
        Hosts::beside(&dir.path().join("store.db")).unwrap()
    }

    #[test]
    fn a_host_lives_while_its_lock_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir);
        let held = hosts.enter(host(1)).unwrap();
        assert!(hosts.take_over(host(1)).unwrap().is_none());
        assert!(hosts.enter(host(1)).is_err());
        assert_eq!(hosts.known().unwrap(), [host(1)]);
        drop(held);
        assert_eq!(hosts.known().unwrap(), []);
        let settling = hosts.take_over(host(1)).unwrap();
        assert!(settling.is_some());
        assert!(hosts.take_over(host(1)).unwrap().is_none(), "another one settles it");
    }

    #[test]
    fn a_host_that_starts_waits_for_whoever_looks_at_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir);
        let looking = hosts.take_over(host(1)).unwrap().unwrap();
        let looks = thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            drop(looking);
        });
        hosts.enter(host(1)).unwrap();
        looks.join().unwrap();
    }

    #[test]
    fn a_lock_on_a_removed_file_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let file = make(&path).unwrap();
        assert!(is_same(&file.metadata().unwrap(), &path).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!is_same(&file.metadata().unwrap(), &path).unwrap());
        let _other = make(&path).unwrap();
        assert!(!is_same(&file.metadata().unwrap(), &path).unwrap());
    }

    #[test]
    fn whoever_looks_at_a_removed_lock_leaves_that_of_the_living_alone() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir);
        let path = hosts.path(host(1));
        // Opened by one that looks for the dead, before it was removed and
        // the host made its own.
        let opened = make(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let alive = hosts.enter(host(1)).unwrap();
        assert!(lock(opened, path).unwrap().is_none());
        assert_eq!(hosts.known().unwrap(), [host(1)]);
        assert!(hosts.take_over(host(1)).unwrap().is_none());
        drop(alive);
        assert_eq!(hosts.known().unwrap(), []);
    }

    #[test]
    fn a_lock_whose_file_is_another_s_by_now_leaves_that_alone() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir);
        let first = hosts.enter(host(1)).unwrap();
        fs::remove_file(hosts.path(host(1))).unwrap();
        let second = hosts.enter(host(1)).unwrap();
        drop(first);
        assert!(hosts.take_over(host(1)).unwrap().is_none(), "the second one lives");
        drop(second);
    }

    #[test]
    fn what_is_no_lock_of_a_host_is_not_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir);
        for name in ["host_1.lock", "notes.txt", "deleg_01010101010101010101010101010101.lock"] {
            fs::write(hosts.dir.join(name), "").unwrap();
        }
        assert_eq!(hosts.known().unwrap(), []);
    }
}
