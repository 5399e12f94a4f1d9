//! The file before SQLite sees it: private from its first byte, and never one
//! that is something else.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{
    plain_file,
    store::{StoreError, open_error},
};

/// What a database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What SQLite puts behind the name of a database for its side files.
const SIDE_FILES: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Makes the file if it is not there (mode 0600; SQLite gives its side files
/// the same), and its directory (0700). Returns its one true path, so that
/// every host finds the same locks beside it.
pub(in crate::store) fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    make(path).and_then(|()| fs::canonicalize(path)).map_err(|err| open_error(path, &err))
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
    let file = plain_file::open(path)?;
    let mut head = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut head)?;
    // Zeros are what a crash leaves of a file that was just made: SQLite
    // knows from its journal.
    let is_database = head == MAGIC || head.iter().all(|it| *it == 0);
    if is_database { Ok(()) } else { Err(io::Error::other("it is no database")) }
}
