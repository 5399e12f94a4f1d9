//! A server of the tests, on a socket of its own: it answers exactly the bytes
//! that a test wants, and keeps what it was asked.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{
    Author, Call, ChatRequest, ChatResponse, Kind, Message, Model, Patience, Provider,
    ProviderError, ProviderSpec, Timeouts, ToolCall, ToolSpec,
};

/// The key of the tests. Nobody but the server may ever see it.
pub(super) const CANARY: &str = "sk-canary-5up3r53cr37";

/// What a server does on one connection once the request is there.
#[derive(Clone)]
pub(super) enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits until the client closes.
    Hang,
    /// Sends these bytes again and again, until the client closes.
    Repeat(Vec<u8>, Duration),
}

/// What a client asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) head: String,
    pub(super) body: Value,
}

/// Answers one connection after the other, each with the next reply, the last
/// one again and again.
pub(super) struct Server {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    closed: mpsc::UnboundedReceiver<()>,
}

impl Server {
    pub(super) async fn start(replies: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (ended, closed) = mpsc::unbounded_channel();
        let mut replies = VecDeque::from(replies);
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let reply =
                    if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
                let (log, ended) = (Arc::clone(&log), ended.clone());
                tokio::spawn(async move {
                    serve(stream, reply.unwrap_or_default(), &log).await;
                    // Nobody may be interested.
                    let _ = ended.send(());
                });
            }
        });
        Self { url, asked, closed }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Until the next connection is over, seen from here.
    pub(super) async fn closed(&mut self) {
        self.closed.recv().await.unwrap();
    }
}

async fn serve(mut stream: TcpStream, reply: Vec<Step>, log: &Mutex<Vec<Asked>>) {
    let Some(asked) = request(&mut stream).await else { return };
    log.lock().unwrap().push(asked);
    for step in reply {
        let res = match step {
            Step::Send(bytes) => stream.write_all(&bytes).await,
            Step::Hang => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.map(|_| ())
            }
            Step::Repeat(bytes, pause) => loop {
                if let Err(error) = stream.write_all(&bytes).await {
                    break Err(error);
                }
                tokio::time::sleep(pause).await;
            },
        };
        if res.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if let Some(asked) = whole(&bytes) {
            return Some(asked);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn whole(bytes: &[u8]) -> Option<Asked> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1)?.lines().next()?.parse::<usize>().ok()?;
    let body = serde_json::from_str(body.get(..length)?).unwrap();
    Some(Asked { head: text.split_once("\r\n\r\n")?.0.to_owned(), body })
}

/// A whole answer that ends the connection.
pub(super) fn reply(status: &str, headers: &[&str], body: &str) -> Vec<Step> {
    let headers: String = headers.iter().map(|it| format!("{it}\r\n")).collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n");
    vec![Step::Send(format!("{head}connection: close\r\n\r\n{body}").into_bytes())]
}

/// An answer in JSON.
pub(super) fn json(status: &str, body: &Value) -> Vec<Step> {
    reply(status, &["content-type: application/json"], &body.to_string())
}

/// The start of a stream that lasts until the connection ends.
pub(super) fn stream(text: &str) -> Step {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Step::Send(format!("{head}{text}").into_bytes())
}

/// Events of a stream, as they go over the wire.
pub(super) fn events(of: &[Value]) -> String {
    of.iter().map(|it| format!("data: {it}\n\n")).collect()
}

/// A provider at this address, with nothing else set.
pub(super) fn spec(kind: Kind, url: &str, stream: bool) -> ProviderSpec {
    ProviderSpec {
        name: "local".to_owned(),
        kind,
        base_url: Some(url.to_owned()),
        key: None,
        stream,
        headers: BTreeMap::new(),
        timeouts: Timeouts { connect: Duration::from_secs(10), silence: Duration::from_secs(10) },
        cassette: None,
    }
}

/// A model that waits a millisecond between its three tries.
pub(super) fn model(provider: Arc<dyn Provider>) -> Model {
    Model {
        name: "fast".to_owned(),
        id: "m-1".to_owned(),
        provider_name: "local".to_owned(),
        provider,
        context_tokens: None,
        max_output_tokens: None,
        temperature: None,
        price: None,
        patience: Patience {
            max_attempts: 3,
            first_pause: Duration::from_millis(1),
            max_pause: Duration::from_millis(50),
            timeout: Duration::from_secs(20),
        },
    }
}

pub(super) fn said(author: Author, text: &str) -> Message {
    let text = text.to_owned();
    Message { author, text, tool_calls: Vec::new(), answers: None, original: None }
}

pub(super) fn tool_call(id: &str, name: &str, arguments: &str) -> ToolCall {
    let [id, name, arguments] = [id, name, arguments].map(str::to_owned);
    ToolCall { id, name, arguments }
}

/// A question of the user's.
pub(super) fn asking(text: &str) -> ChatRequest {
    ChatRequest { messages: vec![said(Author::User, text)], ..ChatRequest::default() }
}

/// A conversation with everything in it.
pub(super) fn conversation() -> ChatRequest {
    let mut calling = said(Author::Assistant, "I look.");
    calling.tool_calls = vec![tool_call("c1", "read_file", r#"{"path":"a"}"#)];
    calling.tool_calls.push(tool_call("c2", "read_file", "{cut"));
    let mut results = ["c1", "c2"].map(|id| {
        let answers = Some(id.to_owned());
        Message { answers, ..said(Author::Tool, &format!("result {id}")) }
    });
    results[1].text.clear();
    let tool = ToolSpec {
        name: "read_file".to_owned(),
        description: "Reads.".to_owned(),
        parameters: r#"{"type":"object"}"#.to_owned(),
    };
    let mut messages = vec![said(Author::System, "Be brief."), said(Author::User, "Read a.")];
    messages.push(calling);
    messages.extend(results);
    ChatRequest { messages, tools: vec![tool], ..ChatRequest::default() }
}

pub(super) fn call(request: ChatRequest) -> Call {
    Call {
        model: "m-1".to_owned(),
        request: Arc::new(request),
        cancelled: CancellationToken::new(),
        partial: None,
    }
}

/// The output of `work`, and every diagnostic of it down to the last.
#[cfg(feature = "cli")]
pub(super) async fn logged<T>(work: impl Future<Output = T>) -> (T, String) {
    use tracing::instrument::WithSubscriber;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let work = async {
        tracing::trace!("the log is on");
        work.await
    };
    let res = work.with_subscriber(subscriber).await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the log is on"));
    (res, log)
}

#[cfg(feature = "cli")]
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

#[cfg(feature = "cli")]
impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One attempt at an answer of a server that replies like this.
pub(super) async fn answer(
    kind: Kind,
    stream: bool,
    reply: Vec<Step>,
) -> Result<ChatResponse, ProviderError> {
    let server = Server::start(vec![reply]).await;
    let provider = spec(kind, &server.url, stream).build().unwrap();
    provider.chat(call(asking("hello"))).await
}
