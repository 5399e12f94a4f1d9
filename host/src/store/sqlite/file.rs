//! The file before SQLite sees it: private from its first byte, and never one
//! that is something else.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::rights;
use crate::store::{StoreError, open_error};

/// Bytes of the smallest database: one page.
const LEAST: u64 = 512;

/// What SQLite puts behind the name of a database for its side files.
const SIDE_FILES: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Makes the file if it is not there (mode 0600; SQLite gives its side files
/// the same), and its directory (0700). Returns its one true path, so that
/// every host finds the same locks beside it.
pub(in crate::store) fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    if let Some(why) = special(path) {
        return Err(open_error(path, &why));
    }
    make(path).and_then(|()| fs::canonicalize(path)).map_err(|err| failed(path, &err))
}

/// Whether there is one. Who may not look is told so.
pub(in crate::store) fn is_there(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|err| failed(path, &err))
}

/// Why it can't be opened: whose it is, where that is why.
pub(in crate::store) fn failed(path: &Path, err: &io::Error) -> StoreError {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let is_of_rights = matches!(err.kind(), PermissionDenied | ReadOnlyFilesystem);
    match rights::missing(path).filter(|_| is_of_rights) {
        Some(why) => open_error(path, &why),
        None => open_error(path, err),
    }
}

/// Names that mean something else to SQLite, and to whoever knows it: a file
/// of that name would surprise them.
fn special(path: &Path) -> Option<&'static str> {
    let name = path.to_str()?;
    match name {
        "" => Some("it has no name"),
        ":memory:" => Some("it is no file: a host that keeps nothing is made another way"),
        _ if name.starts_with("file:") => Some("addresses are not taken: give the path of a file"),
        _ => None,
    }
}

fn make(path: &Path) -> io::Result<()> {
    let dir = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // The name is on disk before anything relies on it.
        Ok(_) => File::open(dir)?.sync_all(),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => check(path),
        Err(err) => Err(err),
    }
}

fn check(path: &Path) -> io::Result<()> {
    // SQLite opens its side files by itself, and would wait for a pipe.
    for suffix in SIDE_FILES {
        let mut side = path.as_os_str().to_owned();
        side.push(suffix);
        let is_irregular = fs::metadata(&side).is_ok_and(|it| !it.is_file());
        if is_irregular {
            return Err(io::Error::other(format!("beside it, `*{suffix}` is no regular file")));
        }
    }
    // It is not opened here: to close a file of a database takes the locks of
    // this whole process on it away (POSIX), and another store may have them.
    let found = fs::metadata(path)?;
    match found.len() {
        _ if !found.is_file() => Err(io::Error::other("it is no regular file")),
        // SQLite takes it for an empty one, and would write over it.
        1..LEAST => Err(io::Error::other("it is no database, or a damaged one")),
        _ => Ok(()),
    }
}
