//! The web tools as a whole, against servers of this process that speak the
//! wire themselves, so that they can break every rule of it.

use std::{
    io::{self, Write as _},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::*;
use crate::{session::Session, setting::built_in, toolset::Tool as _};

mod body;
mod corpus;
mod find;
mod outgoing;
mod redirect;
mod resolve;
mod slow;

/// Limits that no test of a well-behaved server meets.
pub(super) fn config(rules: &[&str]) -> WebConfig {
    WebConfig {
        allow: rules.iter().map(|it| it.parse().unwrap()).collect(),
        connect_timeout: Duration::from_secs(10),
        header_timeout: Duration::from_secs(10),
        total_timeout: Duration::from_secs(30),
        min_bytes_per_second: 1_024,
        rate_window: Duration::from_secs(10),
        max_redirects: 5,
        max_body_bytes: 4 << 20,
        max_page_bytes: 1 << 20,
        max_ratio: 100,
        max_text_bytes: 64 << 10,
        max_hits: 20,
        user_agent: "hermitage-test".to_owned(),
        ..built_in()
    }
}

fn tools(rules: &[&str]) -> WebTools {
    WebTools::new(config(rules))
}

fn caller() -> Caller {
    Caller::of("child", Session::Local)
}

async fn extract(tools: &WebTools, url: &str) -> Result<WebPage, ToolError> {
    WebExtract { url: url.to_owned() }.call(tools, &caller()).await
}

/// A server on an address of this machine, that answers as a closure says.
struct Server {
    port: u16,
    /// Connections taken so far.
    connects: Arc<AtomicUsize>,
    /// Heads of requests, to the letter.
    heads: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Server {
    /// The closure gets the head of a request, and what to answer on.
    async fn start<F, Fut>(address: &str, answer: F) -> Self
    where
        F: Fn(String, TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self::at(address, 0, answer).await.unwrap()
    }

    /// On a port that may be taken.
    async fn at<F, Fut>(address: &str, port: u16, answer: F) -> io::Result<Self>
    where
        F: Fn(String, TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((address, port)).await?;
        let port = listener.local_addr()?.port();
        let connects = Arc::new(AtomicUsize::new(0));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let mut serving = JoinSet::new();
        let (counted, kept) = (Arc::clone(&connects), Arc::clone(&heads));
        serving.spawn(async move {
            let mut answers = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let Ok(head) = head(&mut stream).await else { continue };
                kept.lock().unwrap().push(head.clone());
                let answer = answer(head, stream);
                // A client that has seen enough hangs up.
                answers.spawn(async move { drop(answer.await) });
            }
        });
        Ok(Self { port, connects, heads, _serving: serving })
    }

    /// Answers every request with the same bytes, and hangs up.
    async fn fixed(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start("127.0.0.1", move |_, mut stream| {
            let answer = Arc::clone(&answer);
            async move { stream.write_all(&answer).await }
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// With a rule for it.
    fn tools(&self) -> WebTools {
        tools(&[&self.url()])
    }

    async fn extract(&self) -> Result<WebPage, ToolError> {
        extract(&self.tools(), &self.url()).await
    }

    fn connects(&self) -> usize {
        self.connects.load(Ordering::SeqCst)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// As gzip.
pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The begin of a gzip with `bytes` in it, and a block with them that may
/// follow as often as wanted.
fn packed_blocks(bytes: &[u8]) -> [Vec<u8>; 2] {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let mut next = || {
        encoder.write_all(bytes).unwrap();
        encoder.flush().unwrap();
        std::mem::take(encoder.get_mut())
    };
    [next(), next()]
}

/// A megabyte of zeros in a kilobyte: 10 GiB after 10,240 blocks.
pub(super) fn bomb() -> [Vec<u8>; 2] {
    packed_blocks(&vec![0; 1 << 20])
}

async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head).unwrap())
}

/// A whole answer.
fn answer(content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_page_is_fetched_and_read() {
    let server = Server::fixed(answer("text/html", "<title>t</title><p>Hi <b>you</b>")).await;
    let url = server.url();
    let page = server.extract().await;
    let (title, text) = (Some("t".to_owned()), "Hi **you**".to_owned());
    assert_eq!(page, Ok(WebPage { url, title, text, truncated: false }));
}

#[tokio::test]
async fn a_request_says_what_is_needed_and_no_more() {
    let server = Server::fixed(answer("text/plain", "x")).await;
    extract(&server.tools(), &format!("{}ä?b=%0d%0aX:%20y#frag", server.url())).await.unwrap();
    let port = server.port;
    let accepted = "text/html, application/xhtml+xml, text/markdown, text/plain, \
                    application/json, application/xml;q=0.9, text/*;q=0.8";
    assert_eq!(
        server.heads(),
        [format!(
            "GET /%C3%A4?b=%0d%0aX:%20y HTTP/1.1\r\naccept: {accepted}\r\n\
             accept-encoding: gzip\r\nuser-agent: hermitage-test\r\nhost: 127.0.0.1:{port}\r\n\r\n"
        )]
    );
}

#[tokio::test]
async fn two_calls_share_nothing() {
    let server = Server::start("127.0.0.1", |_, mut stream| async move {
        // Would take another request on this connection.
        loop {
            let page = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nETag: \"c\"\r\n\
                        Cache-Control: max-age=600\r\nConnection: keep-alive\r\n\
                        Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx";
            stream.write_all(page.as_bytes()).await?;
            head(&mut stream).await?;
        }
    })
    .await;
    let tools = server.tools();
    for _ in 0..2 {
        extract(&tools, &server.url()).await.unwrap();
    }
    let heads = server.heads();
    assert_eq!((server.connects(), heads.len()), (2, 2));
    assert_eq!(heads[0], heads[1]);
}

#[tokio::test]
async fn what_no_rule_allows_is_denied_and_says_how_to_allow_it() {
    let server = Server::fixed(answer("text/plain", "x")).await;
    for rules in [&[][..], &["https://127.0.0.1"], &["http://127.0.0.1"], &["*"]] {
        let error = extract(&tools(rules), &server.url()).await.unwrap_err();
        let origin = format!("http://127.0.0.1:{}", server.port);
        assert_eq!(
            error,
            ToolError::Denied(format!(
                "no rule of `tools.web.allow` covers this page of `{origin}`\n\
                 hint: `GET {origin}/` among them would"
            ))
        );
    }
    let below = format!("{}docs/", server.url());
    let tools = tools(&[&below]);
    assert!(extract(&tools, &below).await.is_ok());
    let res = extract(&tools, &format!("{below}%2e%2e/")).await;
    assert!(matches!(res, Err(ToolError::Denied(_))), "{res:?}");
    assert_eq!(server.connects(), 1);
}

#[tokio::test]
async fn a_malformed_address_is_an_argument_that_is_wrong() {
    for url in ["", "docs.rs", "file:///etc/passwd", "http://docs.rs/\r\nX: y", "http://u@docs.rs"]
    {
        let res = extract(&tools(&["*"]), url).await;
        let Err(ToolError::InvalidArguments(text)) = res else { panic!("{url}: {res:?}") };
        assert!(text.starts_with("`url` is no address: "), "{text}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_page_names_its_status() {
    for (status, expect) in [
        ("404 Gone fishing", "404 Not Found"),
        ("500 x", "500 Internal Server Error"),
        ("204 No Content", "204 No Content"),
        ("304 Not Modified", "304 Not Modified"),
        ("299 x", "299 <unknown status code>"),
    ] {
        let server = Server::fixed(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).await;
        let expect = format!("`127.0.0.1` answered {expect}");
        assert_eq!(server.extract().await, Err(ToolError::Failed(expect)));
    }
}

#[tokio::test]
async fn a_cancelled_call_ends_at_once() {
    let server = Server::start("127.0.0.1", |_, _stream| std::future::pending()).await;
    let caller = caller();
    let (tools, url) = (server.tools(), server.url());
    let cancel = async {
        while server.heads().is_empty() {
            task::yield_now().await;
        }
        caller.cancelled.cancel();
    };
    let (res, ()) = tokio::join!(WebExtract { url }.call(&tools, &caller), cancel);
    assert_eq!(res, Err(ToolError::Interrupted));
}

/// The environment of a process can't be changed safely while threads run, so
/// another process of this test does the fetching.
#[tokio::test]
async fn proxies_of_the_environment_are_not_asked() {
    let proxy = Server::fixed(answer("text/plain", "of the proxy")).await;
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tools::web::tests::a_page_is_fetched_and_read"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, proxy.url());
    }
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}");
    assert_eq!(proxy.connects(), 0);
}
