//! What SQLite says, in the words of the store.

use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};
use rustix::fs::statvfs;

use super::holder;
use crate::store::{StoreError, codec::CodecError};

/// Why an operation failed.
#[derive(Debug)]
pub(super) struct Failure(StoreError);

impl From<StoreError> for Failure {
    fn from(err: StoreError) -> Self {
        Self(err)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<Error> for Failure {
    fn from(err: Error) -> Self {
        Self(store_error(&err))
    }
}

/// Without the name of the file.
pub(super) fn store_error(err: &Error) -> StoreError {
    let text = err.to_string();
    match err.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(text),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(text),
        Some(ErrorCode::ReadOnly) => StoreError::Unwritable(text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(text),
        Some(ErrorCode::SystemIoFailure) if is_write(err) => StoreError::Unwritable(text),
        _ => StoreError::Io(text),
    }
}

/// Whether a write failed, and not what makes writes durable: then nothing
/// counts of what was to be committed.
fn is_write(err: &Error) -> bool {
    let code = err.sqlite_error().map(|it| it.extended_code);
    code.is_some_and(|it| {
        [
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_SHMOPEN,
            ffi::SQLITE_IOERR_SHMSIZE,
            ffi::SQLITE_IOERR_SHMMAP,
        ]
        .contains(&it)
    })
}

/// Says what is full or failed, or who is in the way. `path` is that of the database.
pub(in crate::store) fn in_words(path: &Path, err: StoreError) -> StoreError {
    let name = path.display();
    let err = match err {
        StoreError::Unwritable(text) if is_full(path) => StoreError::Full(text),
        err => err,
    };
    match err {
        StoreError::Full(text) if !text.contains('`') => {
            StoreError::Full(format!("no room is left for `{name}` ({text})"))
        }
        StoreError::Unwritable(text) if !text.contains('`') => {
            StoreError::Unwritable(format!("`{name}`: {text}"))
        }
        StoreError::Damaged(text) if !text.contains('`') => {
            StoreError::Damaged(format!("`{name}`: {text}"))
        }
        StoreError::Io(text) if !text.contains('`') => StoreError::Io(format!("`{name}`: {text}")),
        StoreError::Busy(text) => StoreError::Busy(match holder::of(path) {
            Some(who) if !text.contains('`') => format!("{who} is in the middle of a write"),
            _ => text,
        }),
        err => err,
    }
}

/// Less than this is no room: the least that a write-ahead log takes.
const NO_ROOM: u64 = 64 << 10;

fn is_full(path: &Path) -> bool {
    let found = path.parent().map(statvfs);
    matches!(found, Some(Ok(it)) if it.f_bavail.saturating_mul(it.f_frsize) < NO_ROOM)
}

impl Failure {
    pub(super) fn is_too_large(&self) -> bool {
        matches!(self.0, StoreError::TooLarge { .. })
    }
}

/// Why one row can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Bad(pub(super) String);

impl From<CodecError> for Bad {
    fn from(err: CodecError) -> Self {
        Self(err.to_string())
    }
}

impl From<Error> for Bad {
    fn from(err: Error) -> Self {
        Self(err.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let check = |code, begin: &str, is_damaged: bool| {
            let err = store_error(&Error::SqliteFailure(ffi::Error::new(code), None));
            let err = in_words(Path::new("/nowhere/a.db"), err);
            let text = err.to_string();
            assert!(text.starts_with(begin) && text.contains("`/nowhere/a.db`"), "{text}");
            assert_eq!(err.how_to_mend().is_some(), is_damaged, "{text}");
        };
        check(ffi::SQLITE_CORRUPT, "the store is damaged: ", true);
        check(ffi::SQLITE_CORRUPT_INDEX, "the store is damaged: ", true);
        check(ffi::SQLITE_NOTADB, "the store is damaged: ", true);
        check(ffi::SQLITE_IOERR_READ, "the store failed: ", false);
    }
}
