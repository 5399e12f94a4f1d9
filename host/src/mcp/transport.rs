//! Messages as lines, from a server that may be hostile: no line is longer than
//! a bound, and nobody floods the host with what it did not ask for.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{Transport, async_rw::AsyncRwTransport},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of one message: a result of 100 MB would be held in memory several
/// times before anybody could cut it.
pub(super) const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// Messages of a server after a request of the host's: each of them is work for
/// the host, and a server could send nothing else. A long call may have its
/// progress told often.
pub(super) const MAX_MESSAGES: usize = 10_000;

/// Why a connection ended, in the host's own words, where it knows.
pub(super) type Why = Arc<OnceLock<String>>;

/// A connection over two streams.
pub(super) struct Lines<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin + 'static> {
    inner: AsyncRwTransport<RoleClient, Bounded<R>, W>,
    /// Since the last request.
    messages: usize,
    why: Why,
}

impl<R, W> Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    pub(super) fn new(read: R, write: W, why: Why) -> Self {
        let read = Bounded { inner: read, line: 0, why: Arc::clone(&why) };
        Self { inner: AsyncRwTransport::new_client(read, write), messages: 0, why }
    }
}

impl<R, W> Transport<RoleClient> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        if matches!(item, TxJsonRpcMessage::<RoleClient>::Request(_)) {
            self.messages = 0;
        }
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let message = self.inner.receive().await?;
        self.messages = self.messages.saturating_add(1);
        if self.messages > MAX_MESSAGES {
            let _ = self.why.set(format!("it sent {MAX_MESSAGES} messages for one request"));
            return None;
        }
        Some(message)
    }

    async fn close(&mut self) -> io::Result<()> {
        self.inner.close().await
    }
}

/// Ends where a line is too long.
struct Bounded<R> {
    inner: R,
    /// Bytes of the line so far.
    line: usize,
    why: Why,
}

impl<R: AsyncRead + Unpin> AsyncRead for Bounded<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        self.line = match new.iter().rposition(|it| *it == b'\n') {
            Some(place) => new.len() - place - 1,
            None => self.line.saturating_add(new.len()),
        };
        if self.line > MAX_MESSAGE_BYTES {
            let why = format!("it sent a message of more than {} MiB", MAX_MESSAGE_BYTES >> 20);
            let _ = self.why.set(why);
            return Poll::Ready(Err(io::Error::other("a line is too long")));
        }
        Poll::Ready(Ok(()))
    }
}
