//! What a parent writes, until it leaves.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

/// Says when the input has ended. The protocol's own end comes later, when the
/// calls that are under way are cancelled, and by then nothing tells a parent
/// that left from one that cancels.
pub(super) struct UntilLeft<I> {
    pub(super) input: I,
    pub(super) left: CancellationToken,
}

impl<I: AsyncRead + Unpin> AsyncRead for UntilLeft<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.input).poll_read(cx, buf));
        let is_over = buf.filled().len() == before && buf.remaining() > 0;
        if is_over || read.is_err() {
            self.left.cancel();
        }
        Poll::Ready(read)
    }
}
