//! A copy of a database whose file nobody will find any more.

use std::{
    ffi::OsString,
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{Failure, execute};
use crate::store::{StoreError, open_error};

/// Times that another name is tried.
const NAMES: u32 = 100;

/// Writes all that this connection can read into a file beside the one that is
/// gone (mode 0600), and returns its name.
pub(super) fn rescue(db: &Connection, path: &Path) -> Result<PathBuf, StoreError> {
    let copy = make_beside(path).map_err(|err| open_error(path, &err))?;
    let name = copy.to_str().ok_or_else(|| open_error(&copy, &"its name is not UTF-8"))?;
    execute(db, "VACUUM INTO ?1", [name]).map_err(|it: Failure| StoreError::from(it))?;
    Ok(copy)
}

/// An empty file: SQLite would make one that everybody may read.
fn make_beside(path: &Path) -> io::Result<PathBuf> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    for number in 1..=NAMES {
        let mut name: OsString = path.as_os_str().to_owned();
        name.push(format!(".rescued-{number}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&name) {
            Ok(_) => return Ok(name.into()),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => (),
            Err(err) => return Err(err),
        }
    }
    Err(io::Error::other("every name for a copy is taken"))
}
