//! Bodies that lie, never end, or are not what they seem.

use super::*;

fn with_body(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

async fn check(headers: &str, body: &[u8], expect: Result<&str, &str>) {
    let server = Server::fixed(with_body(headers, body)).await;
    let res = server.extract().await.map(|it| it.text);
    let expect = expect.map(str::to_owned).map_err(|it| ToolError::Failed(it.to_owned()));
    assert_eq!(res, expect, "{headers}");
}

#[tokio::test]
async fn one_encoding_is_taken() {
    let page = packed(b"the page");
    check("Content-Encoding: gzip\r\n", &page, Ok("the page")).await;
    check("Content-Encoding: GZIP\r\n", &page, Ok("the page")).await;
    check("Content-Encoding: identity\r\n", b"the page", Ok("the page")).await;
    for (headers, shown) in [
        ("Content-Encoding: gzip, gzip\r\n", "gzip, gzip"),
        ("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", "gzip, gzip"),
        ("Content-Encoding: br\r\n", "br"),
        ("Content-Encoding: deflate\r\n", "deflate"),
        ("Content-Encoding: zstd\r\n", "zstd"),
    ] {
        let text = format!("the answer is encoded as `{shown}`: only `gzip`, once, was asked for");
        check(headers, &packed(&page), Err(&text)).await;
    }
    // Packed twice and said once: the inner one is no text, and stays packed.
    let text =
        "the answer says that it is `text/plain`, and holds gzip data: only text can be read";
    check("Content-Encoding: gzip\r\n", &packed(&page), Err(text)).await;
    let text = "the answer is encoded as `gzip, chunked` on its way";
    check("Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", Err(text)).await;
    let text = "the answer is no `gzip`: invalid gzip header";
    check("Content-Encoding: gzip\r\n", b"the page, in plain text", Err(text)).await;
}

/// A server that never stops sending the same bytes.
async fn endless(head: Vec<u8>, piece: Vec<u8>) -> Server {
    let (head, piece): (Arc<[u8]>, Arc<[u8]>) = (head.into(), piece.into());
    Server::start("127.0.0.1", move |_, mut stream| {
        let (head, piece) = (Arc::clone(&head), Arc::clone(&piece));
        async move {
            stream.write_all(&head).await?;
            loop {
                stream.write_all(&piece).await?;
            }
        }
    })
    .await
}

#[tokio::test]
async fn what_unpacks_to_gigabytes_ends_early() {
    let [begin, block] = bomb();
    let gzip = with_body("Content-Encoding: gzip\r\n", &begin);
    let server = endless(gzip, block).await;
    let text = "the answer unpacks to more than 100 times its size";
    assert_eq!(server.extract().await, Err(ToolError::Failed(text.to_owned())));
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    let chunk = [b"1000\r\n", &*vec![b'x'; 4_096], b"\r\n"].concat();
    let chunked = with_body("Transfer-Encoding: chunked\r\n", b"");
    let plain = with_body("", b"");
    let page = "the page is longer than 1048576 bytes";
    // What unpacks to nothing.
    let [begin, _] = packed_blocks(b"");
    let nothing = with_body("Content-Encoding: gzip\r\n", &begin);
    let block = [0, 0, 0, 0xff, 0xff].repeat(1_000);
    let answer = "the answer is longer than 4194304 bytes";
    for (head, piece, text) in
        [(chunked, chunk, page), (plain, vec![b'x'; 4_096], page), (nothing, block, answer)]
    {
        let res = endless(head, piece).await.extract().await;
        assert_eq!(res, Err(ToolError::Failed(text.to_owned())));
    }
}

#[tokio::test]
async fn a_length_that_lies_is_no_page() {
    check("Content-Length: 8\r\n", b"the page and more", Ok("the page")).await;
    let server = Server::fixed(with_body("Content-Length: 80\r\n", b"the page")).await;
    let res = server.extract().await;
    assert!(matches!(&res, Err(ToolError::Failed(it)) if it.contains("ended early")), "{res:?}");
    for length in ["4194305", "18446744073709551615"] {
        let headers = format!("Content-Length: {length}\r\n");
        let server = Server::fixed(with_body(&headers, b"x")).await;
        assert!(matches!(server.extract().await, Err(ToolError::Failed(_))), "{length}");
    }
    for headers in [
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    ] {
        let server = Server::fixed(with_body(headers, b"xy")).await;
        assert!(matches!(server.extract().await, Err(ToolError::Failed(_))), "{headers}");
    }
    let server = Server::fixed(with_body("Transfer-Encoding: chunked\r\n", b"zz\r\nx")).await;
    assert!(matches!(server.extract().await, Err(ToolError::Failed(_))));
}

#[tokio::test]
async fn what_is_no_http_is_no_page() {
    for bytes in [&b""[..], b"\0\0", b"SSH-2.0-x\r\n", b"HTTP/1.1 200", b"HTTP/9.9 200 OK\r\n\r\n"]
    {
        let res = Server::fixed(bytes).await.extract().await;
        assert!(matches!(&res, Err(ToolError::Failed(it)) if it.contains("no answer")), "{res:?}");
    }
}

#[tokio::test]
async fn a_page_of_another_type_is_not_read() {
    let server = Server::fixed(answer("application/octet-stream", "x")).await;
    let text = "the answer is `application/octet-stream`: only text can be read";
    assert_eq!(server.extract().await, Err(ToolError::Failed(text.to_owned())));
}
