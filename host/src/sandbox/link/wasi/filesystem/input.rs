//! A file as a stream that is read.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi::{
    async_trait,
    p2::{InputStream, Pollable, StreamError, StreamResult},
};

use crate::{
    sandbox::blocking::Blocking,
    tools::file::tree::{OpenFile, TreeError},
};

/// Bytes that are read at a time, and held until the guest takes them.
const MAX_CHUNK: usize = 64 << 10;

/// From one place of an open file on.
pub(super) struct FileInput {
    blocking: Blocking,
    file: Arc<OpenFile>,
    position: u64,
    state: State,
    _slot: OwnedSemaphorePermit,
}

enum State {
    Idle,
    Reading(BoxFuture<'static, Result<Vec<u8>, TreeError>>),
    Has(Bytes),
    Failed(TreeError),
    Ended,
}

impl FileInput {
    /// Fails when too much is open.
    pub(super) fn new(
        blocking: Blocking,
        file: Arc<OpenFile>,
        position: u64,
    ) -> Result<Self, TreeError> {
        let slot = file.stream()?;
        Ok(Self { blocking, file, position, state: State::Idle, _slot: slot })
    }

    /// Begins to read unless there is something to be had.
    fn start(&mut self, size: usize) {
        if !matches!(self.state, State::Idle) {
            return;
        }
        let (file, position) = (Arc::clone(&self.file), self.position);
        let max = size.min(MAX_CHUNK) as u64;
        let done = self.blocking.start(move || file.read(position, max));
        self.state = State::Reading(Box::pin(done));
    }

    async fn finish(&mut self) {
        if let State::Reading(done) = &mut self.state {
            self.state = match done.await {
                Ok(read) if read.is_empty() => State::Ended,
                Ok(read) => {
                    self.position = self.position.saturating_add(read.len() as u64);
                    State::Has(read.into())
                }
                Err(error) => State::Failed(error),
            };
        }
    }
}

#[async_trait]
impl InputStream for FileInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match &mut self.state {
            State::Idle | State::Reading(_) => {
                if size > 0 {
                    self.start(size);
                }
                Ok(Bytes::new())
            }
            State::Has(bytes) => {
                let taken = bytes.split_to(size.min(bytes.len()));
                if bytes.is_empty() {
                    self.state = State::Idle;
                }
                Ok(taken)
            }
            State::Failed(error) => {
                let error = StreamError::LastOperationFailed((*error).into());
                self.state = State::Ended;
                Err(error)
            }
            State::Ended => Err(StreamError::Closed),
        }
    }

    /// Reads no more than was asked for: programs read a part, and then go
    /// elsewhere with another stream.
    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size > 0 {
            self.start(size);
            self.finish().await;
        }
        self.read(size)
    }

    /// Otherwise streams that are dropped while they read would heap up work.
    async fn cancel(&mut self) {
        self.finish().await;
    }
}

#[async_trait]
impl Pollable for FileInput {
    async fn ready(&mut self) {
        self.start(MAX_CHUNK);
        self.finish().await;
    }
}
