//! Servers that stall or drip, at every stage: each is ended by the limit that
//! is meant for it, which the error names.

use std::time::Instant;

use futures_util::future::join_all;

use super::*;

/// What a limit of a test is; servers are slower by far.
const SHORT: Duration = Duration::from_millis(150);

/// Sends `head`, and then `piece` every few milliseconds for ever.
async fn dripping(head: &str, piece: &'static [u8]) -> Server {
    let head = head.to_owned();
    Server::start("127.0.0.1", move |_, mut stream| {
        let head = head.clone();
        async move {
            stream.write_all(head.as_bytes()).await?;
            let mut interval = tokio::time::interval(Duration::from_millis(10));
            loop {
                interval.tick().await;
                stream.write_all(piece).await?;
            }
        }
    })
    .await
}

async fn check(server: &Server, config: WebConfig, expect: &str) {
    let url = server.url();
    check_at(&url, WebConfig { allow: vec![url.parse().unwrap()], ..config }, expect).await;
}

async fn check_at(url: &str, config: WebConfig, expect: &str) {
    let begin = Instant::now();
    let res = extract(&WebTools::new(config), url).await;
    assert_eq!(res, Err(ToolError::Failed(expect.to_owned())));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

/// One server for each head and piece, all at once.
async fn check_all(
    servers: &[(&str, &'static [u8])],
    config: impl Fn() -> WebConfig,
    expect: &str,
) {
    let check = async |head, piece| check(&dripping(head, piece).await, config(), expect).await;
    join_all(servers.iter().map(|(head, piece)| check(*head, *piece))).await;
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

#[tokio::test]
async fn headers_that_stall_drip_or_never_end() {
    let config = || WebConfig { connect_timeout: SHORT, header_timeout: SHORT, ..config(&[]) };
    let text = "`127.0.0.1` sent no headers within 150ms";
    let servers: [(&str, &[u8]); 6] = [
        ("", b""),
        ("HTTP/1.1 2", b""),
        (OK, b""),
        ("HTTP/1.1 200 OK\r\nX: ", b""),
        (OK, b"X"),
        ("", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ];
    check_all(&servers, config, text).await;
}

#[tokio::test]
async fn headers_without_bounds() {
    let flood = |line: &str| Server::fixed(format!("{OK}{}", line.repeat(400_000 / line.len())));
    for line in ["X: y\r\n", "X: a header that is somewhat longer\r\n", "x"] {
        let res = flood(line).await.extract().await;
        assert!(matches!(&res, Err(ToolError::Failed(it)) if it.contains("no answer")), "{res:?}");
    }
}

#[tokio::test]
async fn a_tls_handshake_that_stalls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let config = WebConfig { connect_timeout: SHORT, ..config(&[&url]) };
    check_at(&url, config, "`127.0.0.1` took no connection within 150ms").await;
}

#[tokio::test]
async fn a_look_up_that_stalls() {
    struct Never;
    impl Resolve for Never {
        fn resolve(&self, _: &str) -> ResolveFuture {
            Box::pin(std::future::pending())
        }
    }
    let config = WebConfig { connect_timeout: SHORT, ..config(&["*"]) };
    let tools = WebTools::new(config).with_resolver(Arc::new(Never));
    let text = "`docs.test` was not found within 150ms";
    let res = extract(&tools, "https://docs.test/").await;
    assert_eq!(res, Err(ToolError::Failed(text.to_owned())));
}

#[tokio::test]
async fn a_body_that_stalls_or_drips() {
    let config = || WebConfig { rate_window: SHORT, ..config(&[]) };
    let text = "the answer came slower than 1024 bytes a second";
    let [plain, length, chunked, chunk] = [
        format!("{OK}\r\n"),
        format!("{OK}Content-Length: 100\r\n\r\n"),
        format!("{OK}Transfer-Encoding: chunked\r\n\r\n"),
        format!("{OK}Transfer-Encoding: chunked\r\n\r\nffff\r\n"),
    ];
    let servers: [(&str, &[u8]); 6] = [
        (&plain, b""),
        (&length, b""),
        (&chunked, b""),
        (&chunk, b""),
        (&plain, b"x"),
        (&chunked, b"1\r\nx\r\n"),
    ];
    check_all(&servers, config, text).await;
}

#[tokio::test]
async fn a_page_that_comes_fast_enough_and_still_too_long() {
    let config = || WebConfig {
        total_timeout: 3 * SHORT,
        min_bytes_per_second: 0,
        rate_window: SHORT,
        ..config(&[])
    };
    let text = "the answer took longer than 450ms in all";
    check(&dripping(&format!("{OK}\r\n"), b"x").await, config(), text).await;
    let redirect = Server::start("127.0.0.1", |_, mut stream| async move {
        tokio::time::sleep(SHORT).await;
        stream.write_all(b"HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").await
    });
    check(&redirect.await, config(), text).await;
}
