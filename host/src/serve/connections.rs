//! Connections: taken one by one, bounded in number, and each given up that
//! does not get on.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::process::geteuid;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at one door. Bounds descriptors and memory, whoever connects;
/// those of the socket are counted apart, so that the owner always gets in.
const MAX_CONNECTIONS: usize = 4_096;

/// For the head of a request, and until one comes on a connection that is kept.
/// Bounds how long an idle or a slow caller holds its place.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// Bytes of a head, and of what is read ahead.
const HEAD_BYTES: usize = 64 << 10;

/// Until a reader takes a byte. Bounds how long one that has stopped reading
/// holds its place, and what is kept for it.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// A listener is left alone for that long after it failed, as it does when the
/// process has no descriptors left.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// By which way a call comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The owner's socket: whoever connects to it as another user is let go
    /// without an answer.
    Socket,
    /// A port, at that address: anybody on this machine.
    Tcp(SocketAddr),
}

/// What a service listens at.
pub enum Listener {
    /// The owner's socket.
    Socket(UnixListener),
    /// A port on loopback, and its address.
    Tcp(TcpListener, SocketAddr),
}

impl Listener {
    /// A port that is bound already.
    ///
    /// # Errors
    ///
    /// Its address can't be asked for.
    pub fn tcp(listener: TcpListener) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self::Tcp(listener, address))
    }

    /// Which way it is.
    pub fn door(&self) -> Door {
        match self {
            Listener::Socket(_) => Door::Socket,
            Listener::Tcp(_, address) => Door::Tcp(*address),
        }
    }

    async fn accept(&self) -> std::io::Result<Stream> {
        match self {
            Listener::Socket(it) => loop {
                let stream = it.accept().await?.0;
                // Its directory keeps others out. Should somebody have opened
                // that to them, it is still the owner's alone.
                if stream.peer_cred()?.uid() == geteuid().as_raw() {
                    return Ok(Stream::Socket(stream));
                }
            },
            Listener::Tcp(it, _) => {
                let stream = it.accept().await?.0;
                // Small answers and events go out at once.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

enum Stream {
    Socket(tokio::net::UnixStream),
    Tcp(tokio::net::TcpStream),
}

/// How many there are, and when the last one was there.
#[derive(Default)]
pub(super) struct Connections {
    use_of: Arc<Use>,
}

#[derive(Default)]
struct Use {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    open: usize,
    last: Option<Instant>,
}

impl Use {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.last = Some(Instant::now());
        drop(state);
        self.changed.notify_waiters();
    }
}

/// One connection's place. Dropping it gives the place back.
struct Place(Arc<Use>);

impl Place {
    fn new(of: &Arc<Use>) -> Self {
        of.change(|it| it.open = it.open.saturating_add(1));
        Self(Arc::clone(of))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.change(|it| it.open = it.open.saturating_sub(1));
    }
}

impl Connections {
    /// Takes connections until `closing`, and returns when the last is over.
    pub(super) async fn serve(
        &self,
        listener: Listener,
        routes: Router,
        closing: &CancellationToken,
    ) {
        let (tracker, mut is_told) = (TaskTracker::new(), false);
        while let Some(accepted) = closing.run_until_cancelled(listener.accept()).await {
            match accepted {
                // Without a word: whoever fills the place would be told nothing
                // that helps anybody else.
                Ok(_) if tracker.len() >= MAX_CONNECTIONS => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(MAX_CONNECTIONS, "connections are refused: all are taken");
                    }
                }
                Ok(stream) => {
                    let place = Place::new(&self.use_of);
                    let (routes, closing) = (routes.clone(), closing.clone());
                    tracker.spawn(async move {
                        match stream {
                            Stream::Socket(it) => one(it, routes, &closing).await,
                            Stream::Tcp(it) => one(it, routes, &closing).await,
                        }
                        drop(place);
                    });
                }
                Err(err) => {
                    tracing::warn!(%err, "a connection was not taken");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
        drop(listener);
        tracker.close();
        tracker.wait().await;
    }

    /// How many there are.
    pub(super) fn open(&self) -> usize {
        self.use_of.state().open
    }

    /// As if there had been one just now.
    pub(super) fn used(&self) {
        self.use_of.change(|_| ());
    }

    /// Returns when there was none for that long.
    pub(super) async fn unused_for(&self, idle: Duration) {
        let begin = Instant::now();
        loop {
            let changed = self.use_of.changed.notified();
            let (open, last) = {
                let state = self.use_of.state();
                (state.open, state.last.unwrap_or(begin))
            };
            if open > 0 {
                changed.await;
                continue;
            }
            tokio::select! {
                () = changed => (),
                () = sleep_until(last + idle) => return,
            }
        }
    }
}

/// Serves one connection to its end.
async fn one<S>(stream: S, routes: Router, closing: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
    let io = TokioIo::new(Box::pin(stream));
    let mut connection = Box::pin(http.serve_connection(io, TowerToHyperService::new(routes)));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(err) = ended {
        // Callers leave at any time.
        tracing::debug!(%err, "a connection ended early");
    }
}
