//! Redirects: each is a page of its own to every rule.

use reqwest::{
    StatusCode,
    header::{HeaderMap, LOCATION},
};

use super::*;

/// Redirects from `/` to `location`, and from `/n` to `/n+1` without end;
/// anything else is a page.
async fn redirecting(location: &str) -> Server {
    let location = location.to_owned();
    Server::start("127.0.0.1", move |head, mut stream| {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let location = match path.trim_start_matches('/') {
            "" => Some(location.clone()),
            "page" => None,
            number => Some(format!("/{}", number.parse::<u32>().unwrap_or_default() + 1)),
        };
        async move {
            let answer = match location {
                Some(it) => format!(
                    "HTTP/1.1 302 Found\r\nLocation: {it}\r\nSet-Cookie: a=b\r\n\
                     WWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
                ),
                None => answer("text/plain", "the page"),
            };
            stream.write_all(answer.as_bytes()).await
        }
    })
    .await
}

#[tokio::test]
async fn a_redirect_is_followed_with_nothing_taken_along() {
    let server = redirecting("page#frag").await;
    let page = server.extract().await.unwrap();
    assert_eq!((page.text.as_str(), page.url), ("the page", format!("{}page", server.url())));
    let heads = server.heads();
    assert_eq!(heads[1], heads[0].replace("GET / ", "GET /page "));
    assert_eq!(server.connects(), 2);
}

#[tokio::test]
async fn a_redirect_to_what_is_not_allowed_ends_there() {
    let forbidden = Server::fixed(answer("text/plain", "secret")).await;
    let port = forbidden.port;
    let denied = [
        format!("http://127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://0:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://[64:ff9b::7f00:1]/".to_owned(),
        "http://127.0.0.1/".to_owned(),
        "https://evil.test/".to_owned(),
    ];
    let failed = [
        "file:///etc/passwd".to_owned(),
        "ftp://127.0.0.1/".to_owned(),
        "data:text/plain,x".to_owned(),
        "gopher://127.0.0.1:80/_".to_owned(),
        format!("http://user:pass@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}\\@evil.test/"),
        "http://evil.test/\tx".to_owned(),
        "http://[fe80::1%25eth0]/".to_owned(),
        format!("/{}", "x".repeat(3_000)),
    ];
    let check = async |location: &str, expect: fn(&ToolError) -> bool| {
        let server = redirecting(location).await;
        // `*` too: neither does it make a private address good.
        let tools = tools(&[&server.url(), "*"]);
        let error = extract(&tools, &server.url()).await.unwrap_err();
        assert!(expect(&error), "{location}: {error:?}");
        assert_eq!(server.connects(), 1);
    };
    for location in &denied[..13] {
        check(location, |it| matches!(it, ToolError::Denied(_))).await;
    }
    for location in &failed {
        check(location, |it| matches!(it, ToolError::Failed(_))).await;
    }
    let server = redirecting(&denied[13]).await;
    let error = server.extract().await.unwrap_err();
    assert!(matches!(&error, ToolError::Denied(it) if it.contains("https://evil.test")), "{error}");
    assert_eq!(forbidden.connects(), 0);
}

#[test]
fn a_redirect_back_to_plain_http_is_denied() {
    // A server with TLS needs certificates, so this step alone.
    let redirect = |location: &str| {
        let target = Target::parse("https://docs.rs/").unwrap();
        let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
        fetch::redirect(&target, StatusCode::FOUND, &headers)
    };
    assert!(matches!(redirect("https://docs.rs/a"), Ok(Some(_))));
    assert!(matches!(redirect("a"), Ok(Some(_))));
    let res = redirect("http://docs.rs/a");
    assert!(matches!(&res, Err(ToolError::Denied(it)) if it.contains("to `http`")), "{res:?}");
}

#[tokio::test]
async fn redirects_without_end_are_counted() {
    for location in ["/", "/1", "?again"] {
        let server = redirecting(location).await;
        let res = server.extract().await;
        assert_eq!(res, Err(ToolError::Failed("more than 5 redirects".to_owned())), "{location}");
        assert_eq!(server.connects(), 6);
    }
}

#[tokio::test]
async fn a_redirect_without_a_place_fails() {
    let server = Server::fixed("HTTP/1.1 301 x\r\nContent-Length: 0\r\n\r\n").await;
    let text = "`127.0.0.1` redirects, and does not say where to";
    assert_eq!(server.extract().await, Err(ToolError::Failed(text.to_owned())));
}
