//! What SQLite says, in the words of the store.

use rusqlite::{Error, ErrorCode};

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
        let text = err.to_string();
        Self(match err.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full(text),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(text),
            _ => StoreError::Io(text),
        })
    }
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
