//! Connections: taken one by one, bounded in number, and each given up that
//! does not get on.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, extract::Request};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::process::{Resource, geteuid, getrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::places::{Place, Places};

/// Connections at one door, and at most half of what the process may open.
/// Bounds descriptors and memory, whoever connects; those of the socket are
/// counted apart, so that the owner always gets in.
pub const MAX_CONNECTIONS: usize = 4_096;

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
                if stream.peer_cred().is_ok_and(|it| it.uid() == geteuid().as_raw()) {
                    return Ok(Stream::Socket(stream));
                }
            },
            Listener::Tcp(it, _) => {
                let stream = it.accept().await?.0;
                // Small answers and events go out at once. Where that can't be
                // had, the caller has gone.
                let _ = stream.set_nodelay(true);
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
pub(super) struct Connections {
    /// At one door.
    max: usize,
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

/// A connection is there until this is dropped.
struct Open(Arc<Use>);

impl Open {
    fn new(of: &Arc<Use>) -> Self {
        of.change(|it| it.open = it.open.saturating_add(1));
        Self(Arc::clone(of))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.change(|it| it.open = it.open.saturating_sub(1));
    }
}

/// What one door may take of the descriptors that the process may have: half
/// of them, since the other door, the store and the tools need some.
fn most(max: usize, descriptors: Option<u64>) -> usize {
    let half = descriptors.map_or(u64::MAX, |it| it / 2);
    max.min(usize::try_from(half).unwrap_or(usize::MAX)).max(1)
}

impl Connections {
    /// At most so many at each door.
    pub(super) fn new(max: usize) -> Self {
        Self { max, use_of: Arc::default() }
    }

    /// Takes connections until `closing`, and returns when the last is over.
    pub(super) async fn serve(
        &self,
        listener: Listener,
        routes: Router,
        closing: &CancellationToken,
    ) {
        let (tracker, mut is_told) = (TaskTracker::new(), false);
        let max = most(self.max, getrlimit(Resource::Nofile).current);
        let (places, routes) = (Places::new(max), TowerToHyperService::new(routes));
        while let Some(accepted) = closing.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok(stream) => {
                    // Without a word: whoever fills the places would be told
                    // nothing that helps anybody else.
                    let Some(place) = places.take() else {
                        if !std::mem::replace(&mut is_told, true) {
                            tracing::warn!(max, "connections are refused: all are taken");
                        }
                        continue;
                    };
                    let open = Open::new(&self.use_of);
                    let (routes, closing) = (routes.clone(), closing.clone());
                    tracker.spawn(async move {
                        match stream {
                            Stream::Socket(it) => one(it, routes, place, &closing).await,
                            Stream::Tcp(it) => one(it, routes, place, &closing).await,
                        }
                        drop(open);
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

/// Serves one connection to its end, or until its place is another's.
async fn one<S>(
    stream: S,
    routes: TowerToHyperService<Router>,
    place: Place,
    closing: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
    let io = TokioIo::new(Box::pin(stream));
    let lent = place.clone();
    let routes = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(lent.clone());
        routes.call(request)
    });
    let mut connection = Box::pin(http.serve_connection(io, routes));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = place.lost() => return,
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

#[cfg(test)]
mod tests {
    use axum::{Extension, body::Body, routing::get};
    use futures_util::stream;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        sync::oneshot,
        time,
    };

    use super::*;

    /// A door with so many places.
    async fn door(max: usize, routes: Router) -> (SocketAddr, Arc<Connections>, CancellationToken) {
        let listener = Listener::tcp(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
        let Door::Tcp(address) = listener.door() else { unreachable!() };
        let connections = Arc::new(Connections::new(max));
        let closing = CancellationToken::new();
        let (serving, ends) = (Arc::clone(&connections), closing.clone());
        tokio::spawn(async move { serving.serve(listener, routes, &ends).await });
        (address, connections, closing)
    }

    async fn connected(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.unwrap()
    }

    async fn asks(stream: &mut TcpStream) -> String {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut answer = vec![0; 1 << 10];
        let read = stream.read(&mut answer).await.unwrap_or_default();
        String::from_utf8_lossy(answer.get(..read).unwrap()).into_owned()
    }

    /// Answers, and knows its caller from then on.
    fn for_known_callers() -> Router {
        let known = async |Extension(place): Extension<Place>| {
            place.is_known(true);
            "here"
        };
        Router::new().route("/", get(known))
    }

    #[tokio::test]
    async fn a_place_that_is_taken_is_refused_and_one_that_is_left_is_free() {
        let (address, connections, _closing) = door(2, for_known_callers()).await;
        let (mut first, mut second) = (connected(address).await, connected(address).await);
        assert!(asks(&mut first).await.ends_with("here"));
        assert!(asks(&mut second).await.ends_with("here"));
        assert_eq!(asks(&mut connected(address).await).await, "", "it is closed at once");
        drop(first);
        while connections.open() > 1 {
            tokio::task::yield_now().await;
        }
        // Its place is free a moment after its connection is over.
        while asks(&mut connected(address).await).await.is_empty() {}
        assert!(asks(&mut second).await.ends_with("here"), "nobody else lost theirs");
    }

    #[test]
    fn a_door_takes_no_more_than_half_of_all_descriptors() {
        assert_eq!(most(4_096, Some(20_000)), 4_096);
        assert_eq!(most(4_096, Some(1_024)), 512);
        assert_eq!(most(4_096, Some(0)), 1);
        assert_eq!(most(4_096, None), 4_096);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_given_up() {
        struct Told(Option<oneshot::Sender<()>>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.take().unwrap().send(());
            }
        }
        let (sender, dropped) = oneshot::channel();
        let told = Arc::new(Mutex::new(Some(Told(Some(sender)))));
        let endless = get(async move || {
            let told = told.lock().unwrap().take();
            let more = move |told| async move {
                Some((Ok::<_, std::io::Error>("x".repeat(1 << 16)), told))
            };
            Body::from_stream(stream::unfold(told, more))
        });
        let (address, ..) = door(1, Router::new().route("/", endless)).await;
        let mut stream = connected(address).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let begin = time::Instant::now();
        dropped.await.unwrap();
        assert!(begin.elapsed() >= WRITE_TIME, "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn nor_is_an_answer_kept_that_nobody_reads() {
        let large = get(async || vec![b'x'; 64 << 20]);
        let (address, connections, _closing) = door(1, Router::new().route("/", large)).await;
        let mut stream = connected(address).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let begin = time::Instant::now();
        // It is being answered; as soon as that is given up, nobody is connected.
        stream.read_exact(&mut [0]).await.unwrap();
        connections.unused_for(Duration::from_millis(1)).await;
        assert!(begin.elapsed() >= WRITE_TIME, "{:?}", begin.elapsed());
        drop(stream);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_unused_when_nobody_was_there_for_that_long() {
        let (address, connections, _closing) =
            door(9, Router::new().route("/", get(async || "here"))).await;
        let mut stream = connected(address).await;
        assert!(asks(&mut stream).await.ends_with("here"));
        let idle = Duration::from_secs(5);
        let waits = time::timeout(Duration::from_secs(9), connections.unused_for(idle));
        assert!(waits.await.is_err(), "somebody is connected");
        drop(stream);
        let begin = time::Instant::now();
        connections.unused_for(idle).await;
        assert!(begin.elapsed() >= idle);
    }

    #[tokio::test]
    async fn it_ends_with_the_last_connection_once_it_is_closed() {
        let listener = Listener::tcp(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
        let Door::Tcp(address) = listener.door() else { unreachable!() };
        let (connections, closing) = (Connections::new(9), CancellationToken::new());
        let routes = Router::new().route("/", get(async || "here"));
        let serving = connections.serve(listener, routes, &closing);
        let asking = async {
            let mut stream = connected(address).await;
            assert!(asks(&mut stream).await.ends_with("here"));
            closing.cancel();
            // A connection that is kept has no answer to wait for.
            assert_eq!(asks(&mut stream).await, "");
        };
        tokio::join!(serving, asking);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
