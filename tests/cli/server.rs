//! [`Server`]: a provider of the tests on a socket of its own. It answers
//! exactly the bytes that a test wants, and keeps what it was asked.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Barrier,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long a test waits for what has to come.
const SOON: Duration = Duration::from_secs(20);

/// What happens on one connection once the request is there.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Sends these bytes, and closes.
    Bytes(Vec<u8>),
    /// Says nothing until the client closes.
    Silence,
    /// Sends these bytes once the test has come to the barrier, too.
    Held(Arc<Barrier>, Vec<u8>),
}

/// What a client asked, or that it went away.
pub(crate) struct Asked {
    /// The request line and the headers.
    pub(crate) head: String,
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

/// Answers one connection after the other, each with the next reply, the last
/// one again and again.
pub(crate) struct Server {
    /// `http://ADDRESS`.
    pub(crate) url: String,
    asked: Receiver<Asked>,
    left: Receiver<()>,
}

impl Server {
    pub(crate) fn new(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ((asks, asked), (leaves, left)) = (channel(), channel());
        let mut replies = VecDeque::from(replies);
        // Ends with the process: nobody connects after its test.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let next = if replies.len() > 1 { replies.pop_front() } else { None };
                let reply = next.or_else(|| replies.front().cloned());
                let (asks, leaves) = (asks.clone(), leaves.clone());
                thread::spawn(move || serve(stream.ok()?, &reply?, &asks, &leaves));
            }
        });
        Self { url, asked, left }
    }

    /// Waits for the next request.
    pub(crate) fn next(&self) -> Asked {
        self.asked.recv_timeout(SOON).expect("a request")
    }

    /// Waits until a client has gone that had no answer.
    pub(crate) fn left(&self) {
        self.left.recv_timeout(SOON).expect("a client that goes");
    }

    /// What was asked, without what was taken before.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.try_iter().collect()
    }
}

/// `None` for a client that does not go on.
fn serve(
    mut stream: TcpStream,
    reply: &Reply,
    asks: &Sender<Asked>,
    leaves: &Sender<()>,
) -> Option<()> {
    // The test may be over.
    let _ = asks.send(request(&stream)?);
    match reply {
        Reply::Bytes(bytes) => stream.write_all(bytes).ok(),
        Reply::Held(barrier, bytes) => {
            barrier.wait();
            stream.write_all(bytes).ok()
        }
        Reply::Silence => {
            // It ends, or is reset.
            let _ = stream.read(&mut [0]);
            leaves.send(()).ok()
        }
    }
}

fn request(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.split_once("content-length: ")?.1.lines().next()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { head, body: serde_json::from_slice(&body).ok()?, at: Instant::now() })
}

/// What is sent once the test lets it.
pub(crate) fn held(reply: Reply) -> (Arc<Barrier>, Reply) {
    let Reply::Bytes(bytes) = reply else { panic!("only bytes can be held") };
    let barrier = Arc::new(Barrier::new(2));
    (Arc::clone(&barrier), Reply::Held(barrier, bytes))
}

/// A whole answer.
pub(crate) fn reply(status: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n");
    Reply::Bytes(format!("{head}connection: close\r\n\r\n{body}").into_bytes())
}

/// A stream of events, which the end of the connection ends.
pub(crate) fn stream(text: &str) -> Reply {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Reply::Bytes(format!("{head}{text}").into_bytes())
}
