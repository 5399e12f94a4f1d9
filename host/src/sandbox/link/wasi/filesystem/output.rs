//! A file as a stream that is written.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi::{
    async_trait,
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

use crate::{
    sandbox::blocking::Blocking,
    tools::file::tree::{OpenFile, TreeError},
};

/// Bytes of one write: bounds what the host holds for a guest that does not
/// wait until they are written.
const MAX_CHUNK: usize = 64 << 10;

/// To one place of an open file and on, or always to its end.
pub(super) struct FileOutput {
    blocking: Blocking,
    file: Arc<OpenFile>,
    at: Option<u64>,
    state: State,
    _slot: OwnedSemaphorePermit,
}

enum State {
    Idle,
    Writing(BoxFuture<'static, Result<(), TreeError>>),
    Failed(TreeError),
    Ended,
}

impl FileOutput {
    /// Fails when too much is open.
    pub(super) fn new(
        blocking: Blocking,
        file: Arc<OpenFile>,
        at: Option<u64>,
    ) -> Result<Self, TreeError> {
        let slot = file.stream()?;
        Ok(Self { blocking, file, at, state: State::Idle, _slot: slot })
    }

    async fn finish(&mut self) {
        if let State::Writing(done) = &mut self.state {
            self.state = match done.await {
                Ok(()) => State::Idle,
                Err(error) => State::Failed(error),
            };
        }
    }

    /// Tells of a failure once.
    fn check(&mut self) -> StreamResult<()> {
        match self.state {
            State::Idle | State::Writing(_) => Ok(()),
            State::Ended => Err(StreamError::Closed),
            State::Failed(error) => {
                self.state = State::Ended;
                Err(StreamError::LastOperationFailed(error.into()))
            }
        }
    }
}

#[async_trait]
impl OutputStream for FileOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > self.check_write()? {
            return Err(StreamError::trap("more is written than `check-write` permits"));
        }
        let (file, at) = (Arc::clone(&self.file), self.at);
        self.at = at.map(|it| it.saturating_add(bytes.len() as u64));
        let done = self.blocking.start(move || match at {
            Some(offset) => file.write(&bytes, offset),
            None => file.append(&bytes),
        });
        self.state = State::Writing(Box::pin(done));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.check()?;
        Ok(if matches!(self.state, State::Idle) { MAX_CHUNK } else { 0 })
    }

    /// Otherwise streams that are dropped while they write would heap up work.
    async fn cancel(&mut self) {
        self.finish().await;
    }
}

#[async_trait]
impl Pollable for FileOutput {
    async fn ready(&mut self) {
        self.finish().await;
    }
}
