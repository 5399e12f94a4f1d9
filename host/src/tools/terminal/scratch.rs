//! Where commands have their own directories: one place for each terminal,
//! which nobody else may look into, and which is swept when its host is gone.
//!
//! What a session exported lies there while a command runs, and a host that is
//! killed takes nothing away. So each holds a lock on a file in its place, as
//! hosts do beside the store, and whoever opens a terminal takes away the
//! places without one.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;
use tempfile::TempDir;

/// How the names of all places begin.
const PREFIX: &str = "hermitage-terminal-";

/// Name of the file that is locked.
const LOCK: &str = "lock";

/// Times that a place is made: somebody may take a new one for that of a dead
/// host, before it is locked.
const TRIES: usize = 16;

/// The place of one terminal. It goes when this is dropped.
pub(super) struct Scratch {
    dir: PathBuf,
    /// Locked until it is closed.
    _lock: File,
}

impl Scratch {
    /// Makes one (mode 0700), and sweeps those that dead hosts left. Blocks.
    pub(super) fn new() -> io::Result<Self> {
        let above = env::temp_dir();
        sweep(&above);
        for _ in 0..TRIES {
            let dir = closed(PREFIX, &above)?.keep();
            if let Some(lock) = lock(&dir)? {
                return Ok(Self { dir, _lock: lock });
            }
        }
        Err(io::Error::other("the place for commands can't be locked"))
    }

    /// Where it is.
    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    /// A directory for the commands of one session (mode 0700).
    pub(super) fn home(&self) -> io::Result<TempDir> {
        closed("home-", &self.dir)
    }

    /// A directory for one command (mode 0700).
    pub(super) fn directory(&self) -> io::Result<TempDir> {
        closed("command-", &self.dir)
    }
}

fn closed(prefix: &str, above: &Path) -> io::Result<TempDir> {
    let permissions = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix(prefix).permissions(permissions).tempdir_in(above)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.dir);
    }
}

/// `None` when the place is another's, or gone.
fn lock(dir: &Path) -> io::Result<Option<File>> {
    let path = dir.join(LOCK);
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = match options.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let identity = |it: &fs::Metadata| (it.dev(), it.ino());
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
        Ok(()) => {
            let own = identity(&file.metadata()?);
            let is_there = fs::symlink_metadata(&path).is_ok_and(|it| identity(&it) == own);
            Ok(is_there.then_some(file))
        }
    }
}

/// A place that can't be swept now is swept another time.
pub(super) fn sweep(above: &Path) {
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        let is_place = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if is_place && is_ours(&entry.path()) && lock(&entry.path()).is_ok_and(|it| it.is_some()) {
            tracing::info!(place = %entry.path().display(), "swept what a host left");
            remove(&entry.path());
        }
    }
}

/// Others can make what looks like one.
fn is_ours(dir: &Path) -> bool {
    fs::symlink_metadata(dir).is_ok_and(|it| {
        it.is_dir() && it.uid() == geteuid().as_raw() && it.permissions().mode() & 0o077 == 0
    })
}

/// With all that is in it. A child can close its directories to their owner,
/// who is the host. Another host may sweep the same one at the same time.
pub(super) fn remove(dir: &Path) {
    if fs::remove_dir_all(dir).is_err() {
        open_up(dir);
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the directory of a command is left");
            }
            _ => (),
        }
    }
}

/// Makes every directory below one that its owner may change.
fn open_up(dir: &Path) {
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        let _ = fs::set_permissions(&dir, fs::Permissions::from_mode(0o700));
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        // A link is none of its directories.
        todo.extend(
            entries.filter(|it| it.file_type().is_ok_and(|it| it.is_dir())).map(|it| it.path()),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_place_of_a_dead_host_is_swept_and_no_other() {
        let above = tempfile::tempdir().unwrap();
        let place = |name: &str, mode: u32| {
            let dir = above.path().join(name);
            fs::create_dir_all(dir.join("command/closed")).unwrap();
            fs::write(dir.join("command/kept"), "A=secret").unwrap();
            let modes = [("command/closed", 0o000), ("command", 0o500), ("", mode)];
            for (below, mode) in modes {
                fs::set_permissions(dir.join(below), fs::Permissions::from_mode(mode)).unwrap();
            }
            dir
        };
        let dead = place("hermitage-terminal-dead", 0o700);
        let living = place("hermitage-terminal-living", 0o700);
        let held = lock(&living).unwrap().unwrap();
        let open = place("hermitage-terminal-open", 0o755);
        let other = place("other", 0o700);
        let linked = above.path().join("hermitage-terminal-linked");
        std::os::unix::fs::symlink(&other, &linked).unwrap();
        sweep(above.path());
        assert!(!dead.exists());
        for it in [&living, &open, &other, &linked] {
            assert!(it.exists(), "{}", it.display());
        }
        drop(held);
        // Another test that starts a program right now holds the lock, too,
        // until that program begins.
        let since = Instant::now();
        while living.exists() && since.elapsed() < Duration::from_secs(10) {
            sweep(above.path());
        }
        assert!(!living.exists());
        for it in [&open, &other] {
            open_up(it);
        }
    }

    #[test]
    fn a_place_is_closed_to_others_and_goes_with_its_terminal() {
        let scratch = Scratch::new().unwrap();
        let dir = scratch.dir.clone();
        let command = scratch.directory().unwrap();
        for it in [&dir, command.path()] {
            assert_eq!(fs::metadata(it).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert!(lock(&dir).unwrap().is_none());
        drop(scratch);
        assert!(!dir.exists());
    }
}
