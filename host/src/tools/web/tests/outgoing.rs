//! Requests of plugins: what a rule does not cover is not asked for, and no
//! secret comes back.

use std::{collections::BTreeMap, net::Ipv4Addr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::redact::MARK;

const KEY: &str = "sk-canary-5up3r53cr37-9f8e7d6c";

fn rules(texts: &[&str]) -> Vec<HttpRule> {
    texts.iter().map(|it| it.parse().unwrap()).collect()
}

/// With the key for an audience.
fn outgoing(web: &WebTools, all: &[&str], audience: &[&str]) -> Outgoing {
    let credential = |it| Credential::new("authorization", "Bearer {}", KEY.into(), it).unwrap();
    let audience = Some(rules(audience)).filter(|it| !it.is_empty());
    Outgoing::new(web, rules(all), audience.map(credential).into_iter().collect(), Vec::new())
}

fn request(method: &str, url: &str) -> OutgoingRequest {
    let (method, url) = (method.to_owned(), url.to_owned());
    OutgoingRequest { method, url, follow: true, ..OutgoingRequest::default() }
}

async fn send(outgoing: &Outgoing, method: &str, url: &str) -> Result<OutgoingAnswer, ToolError> {
    outgoing.send(request(method, url), &caller()).await
}

impl Server {
    /// A rule for these methods here.
    fn rule(&self, methods: &str) -> String {
        format!("{methods} {}", self.url())
    }

    /// All of it, with the key.
    fn outgoing(&self) -> Outgoing {
        let rule = self.rule("GET, HEAD, POST, PUT, DELETE");
        outgoing(&tools(&[]), &[&rule], &[&rule])
    }
}

/// Answers with what a closure makes of the head.
async fn answering(answer: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static) -> Server {
    Server::start("127.0.0.1", move |head, mut stream| {
        let answer = answer(&head);
        async move { stream.write_all(&answer).await }
    })
    .await
}

/// An answer with this body, whatever it is.
fn whole(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The bytes as a text that a panic can show.
fn shown(answer: &OutgoingAnswer) -> String {
    let headers = answer
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)));
    let headers: Vec<String> = headers.collect();
    format!("{}\n\n{}", headers.join("\n"), String::from_utf8_lossy(&answer.body))
}

#[tokio::test]
async fn a_request_is_sent_and_answered() {
    let server = Server::start("127.0.0.1", |head, mut stream| async move {
        let length = head.split_once("content-length: ").unwrap().1.split_once("\r\n").unwrap().0;
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await?;
        let packed = packed(&[b"got ", &body[..]].concat());
        let head = format!(
            "HTTP/1.1 201 Created\r\nX-Made: a\r\nX-Made: b\r\nContent-Encoding: gzip\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            packed.len()
        );
        stream.write_all(&[head.as_bytes(), &packed].concat()).await
    })
    .await;
    let url = format!("{}a?b", server.url());
    let headers = vec![("X-Own".to_owned(), b"c".to_vec())];
    let request = OutgoingRequest { headers, body: b"text".to_vec(), ..request("post", &url) };
    let answer = server.outgoing().send(request, &caller()).await.unwrap();
    let expect = [("x-made", "a"), ("x-made", "b")];
    let expect = expect.map(|it| (it.0.to_owned(), it.1.into())).to_vec();
    let body = b"got text".to_vec();
    assert_eq!(answer, OutgoingAnswer { status: 201, headers: expect, body, truncated: false });
    assert_eq!(
        server.heads(),
        [format!(
            "POST /a?b HTTP/1.1\r\nx-own: c\r\nauthorization: Bearer {KEY}\r\n\
             accept-encoding: gzip\r\naccept: */*\r\nuser-agent: hermitage-test\r\n\
             host: 127.0.0.1:{}\r\ncontent-length: 4\r\n\r\n",
            server.port
        )]
    );
}

#[tokio::test]
async fn every_status_and_type_is_an_answer() {
    for (method, head, status, body) in [
        ("GET", "404 Not Found\r\nContent-Length: 4", 404, &b"none"[..]),
        ("GET", "500 x\r\nContent-Type: image/png\r\nContent-Length: 4", 500, b"\xff\0\xfea"),
        ("DELETE", "204 No Content", 204, b""),
        ("GET", "304 Not Modified", 304, b""),
        ("HEAD", "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 999999999", 200, b""),
    ] {
        let answer = [format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), body].concat();
        let server = Server::fixed(answer).await;
        let answer = send(&server.outgoing(), method, &server.url()).await.unwrap();
        assert_eq!((answer.status, &answer.body[..], answer.truncated), (status, body, false));
    }
}

#[tokio::test]
async fn what_no_rule_covers_is_not_asked_for() {
    let server = Server::fixed(whole("", b"x")).await;
    let below = format!("GET {}repos/", server.url());
    let outgoing = outgoing(&tools(&["*"]), &[&below, "GET https://api.test"], &[&below]);
    let (url, port) = (server.url(), server.port);
    for (method, url) in [
        ("GET", url.clone()),
        ("POST", format!("{url}repos/a")),
        ("DELETE", format!("{url}repos/a")),
        ("TRACE", format!("{url}repos/a")),
        ("GET", format!("{url}reposx")),
        ("GET", format!("{url}repos/../users")),
        ("GET", format!("{url}repos/%2e%2e/users")),
        ("GET", format!("{url}repos/..%2fusers")),
        ("GET", format!("{url}repos/a%2f..%2f..%2fusers")),
        ("GET", format!("{url}repos/..;/users")),
        ("GET", format!("http://localhost:{port}/repos/a")),
        ("GET", format!("http://[::ffff:127.0.0.1]:{port}/repos/a")),
        ("GET", "http://api.test/".to_owned()),
        ("GET", "https://api.test.evil.test/".to_owned()),
    ] {
        let res = send(&outgoing, method, &url).await;
        let Err(ToolError::Denied(text)) = res else { panic!("{method} {url}: {res:?}") };
        let expect = format!("no HTTP rule of the plugin covers this `{method}` of `http");
        assert!(text.starts_with(&expect), "{text}");
    }
    assert_eq!(server.connects(), 0);
    send(&outgoing, "GET", &format!("{url}repos/a")).await.unwrap();
    assert_eq!(server.connects(), 1);
}

#[tokio::test]
async fn nothing_is_sent_where_a_secret_is_missing() {
    let server = Server::fixed(whole("", b"x")).await;
    let (all, below) = (server.rule("GET"), format!("GET {}private/", server.url()));
    let missing = vec![(rules(&[&below]), "no secret".to_owned())];
    let outgoing = Outgoing::new(&tools(&[]), rules(&[&all]), Vec::new(), missing);
    let res = send(&outgoing, "GET", &format!("{}private/a", server.url())).await;
    assert_eq!(res, Err(ToolError::Failed("no secret".to_owned())));
    assert_eq!(server.connects(), 0);
    assert!(send(&outgoing, "GET", &server.url()).await.is_ok());
}

#[cfg(feature = "switches")]
#[tokio::test]
async fn without_its_rules_a_plugin_asks_anybody() {
    let server = Server::fixed(whole("", b"x")).await;
    let defences = crate::defence::Defences::ALL.without(Defence::WebRules);
    let web = WebTools::new(WebConfig { defences, ..config(&[]) });
    let web = WebTools { is_public: |_| true, ..web };
    let res = send(&outgoing(&web, &[], &[]), "GET", &server.url()).await;
    assert_eq!(res.unwrap().body, b"x");
}

/// One name for each address.
struct Names(BTreeMap<&'static str, IpAddr>);

impl Resolve for Names {
    fn resolve(&self, host: &str) -> ResolveFuture {
        let found = self.0.get(host).copied();
        Box::pin(async move { Ok(found.into_iter().collect()) })
    }
}

/// `good.test` is a public address of this machine, `bad.test` is none.
fn named() -> WebTools {
    const GOOD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let names = [("good.test", GOOD), ("bad.test", IpAddr::V4(Ipv4Addr::LOCALHOST))];
    let tools = tools(&[]).with_resolver(Arc::new(Names(names.into())));
    WebTools { is_public: |it| it == GOOD, ..tools }
}

#[tokio::test]
async fn a_name_of_a_private_address_is_denied_and_the_address_is_not_told() {
    let private = Server::fixed(whole("", b"private")).await;
    let url = format!("http://bad.test:{}/", private.port);
    let res = send(&outgoing(&named(), &[&format!("GET {url}")], &[]), "GET", &url).await;
    let text = "`bad.test` resolves to an address that is not public".to_owned();
    assert_eq!(res, Err(ToolError::Denied(text)));
    // Nor is an address itself, but by a rule that names it.
    let res =
        send(&outgoing(&named(), &["GET http://*:8080"], &[]), "GET", "http://10.0.0.1:8080").await;
    let text = "`10.0.0.1` is no public address\n\
                hint: only a rule of the plugin with this very address allows it";
    assert_eq!(res, Err(ToolError::Denied(text.to_owned())));
    assert_eq!(private.connects(), 0);
}

/// Redirects to a place, and counts who comes there.
async fn leading(status: u16, location: &str) -> Server {
    let answer =
        format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    Server::fixed(answer).await
}

#[tokio::test]
async fn a_redirect_is_followed_where_a_rule_allows_it() {
    let end = answering(|head| whole("", head.split(' ').next().unwrap().as_bytes())).await;
    for (status, methods, expect) in [
        (301, "POST", Err("GET")),
        (302, "POST", Err("GET")),
        (303, "PUT", Err("GET")),
        (307, "POST", Ok("POST")),
        (308, "PUT", Ok("PUT")),
        (303, "GET", Ok("GET")),
    ] {
        let begin = leading(status, &end.url()).await;
        let rules = [begin.rule(methods), end.rule(methods), end.rule("GET")];
        let web = tools(&[]);
        let both = outgoing(&web, &[&rules[0], &rules[1]], &[]);
        let res = send(&both, methods, &begin.url()).await;
        match expect {
            Ok(method) => assert_eq!(res.unwrap().body, method.as_bytes()),
            // The method changed, and has no rule.
            Err(method) => {
                let expect = format!("no HTTP rule of the plugin covers this `{method}`");
                assert!(res.unwrap_err().to_string().contains(&expect));
                let with_get = outgoing(&web, &[&rules[0], &rules[2]], &[]);
                assert_eq!(send(&with_get, methods, &begin.url()).await.unwrap().body, b"GET");
            }
        }
    }
}

#[tokio::test]
async fn a_redirect_that_is_not_followed_is_the_answer() {
    let server = leading(302, "https://elsewhere.test/").await;
    let own = OutgoingRequest { follow: false, ..request("GET", &server.url()) };
    let answer = server.outgoing().send(own, &caller()).await.unwrap();
    let location = ("location".to_owned(), b"https://elsewhere.test/".to_vec());
    assert_eq!((answer.status, answer.headers), (302, vec![location]));
}

#[tokio::test]
async fn a_redirect_out_of_the_rules_ends_there() {
    let other = Server::fixed(whole("", b"x")).await;
    let port = other.port;
    for location in [
        other.url(),
        format!("//127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://bad.test:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://evil.test/".to_owned(),
        "/a/..%2fb".to_owned(),
    ] {
        let begin = leading(302, &location).await;
        let rule = format!("GET {}a", begin.url());
        let more = format!("GET http://bad.test:{port}");
        let outgoing = outgoing(&named(), &[&rule, &more], &[&rule]);
        let res = send(&outgoing, "GET", &format!("{}a", begin.url())).await;
        assert!(matches!(res, Err(ToolError::Denied(_))), "{location}: {res:?}");
    }
    assert_eq!(other.connects(), 0);
}

#[tokio::test]
async fn a_secret_goes_to_its_audience_alone() {
    let other = Server::fixed(whole("", b"other")).await;
    // In every redirect, and without one.
    let begin = leading(307, &other.url()).await;
    let rules = [begin.rule("GET"), other.rule("GET")];
    let outgoing = outgoing(&tools(&[]), &[&rules[0], &rules[1]], &[&rules[0]]);
    for url in [begin.url(), other.url()] {
        assert_eq!(send(&outgoing, "GET", &url).await.unwrap().body, b"other");
    }
    let has_key = |server: &Server| server.heads().iter().all(|it| it.contains(KEY));
    assert!(has_key(&begin));
    assert!(
        !other.heads().iter().any(|it| it.contains("sk-canary") || it.contains("authorization"))
    );
    // And again where the way leads back to the audience.
    let end = Server::fixed(whole("", b"end")).await;
    let middle = leading(302, &end.url()).await;
    let begin = leading(302, &middle.url()).await;
    let all = [begin.rule("GET"), middle.rule("GET"), end.rule("GET")];
    let outgoing = self::outgoing(&tools(&[]), &[&all[0], &all[1], &all[2]], &[&all[0], &all[2]]);
    assert_eq!(send(&outgoing, "GET", &begin.url()).await.unwrap().body, b"end");
    assert!(has_key(&begin) && has_key(&end) && !middle.heads()[0].contains(KEY));
}

#[tokio::test]
async fn a_redirect_does_not_carry_a_secret_away() {
    let other = answering(|head| whole("", head.lines().next().unwrap().as_bytes())).await;
    let begin = leading(302, &format!("{}?stolen={KEY}", other.url())).await;
    let rules = [begin.rule("GET"), other.rule("GET")];
    let outgoing = outgoing(&tools(&[]), &[&rules[0], &rules[1]], &[&rules[0]]);
    let answer = send(&outgoing, "GET", &begin.url()).await.unwrap();
    assert_eq!(answer.body, b"GET /?stolen=[key] HTTP/1.1");
    assert!(!other.heads()[0].contains("canary"));
}

/// Each way in which a server could repeat the key.
fn echoes() -> Vec<Vec<u8>> {
    let split = KEY.chars().map(|it| format!("{it} ")).collect::<String>();
    let hex = KEY.bytes().map(|it| format!("{it:02X}:")).collect::<String>();
    let escaped = KEY.chars().map(|it| format!("\\u{:04x}", u32::from(it))).collect::<String>();
    let percent = KEY.bytes().map(|it| format!("%{it:02x}")).collect::<String>();
    let wide: Vec<u8> = KEY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut res: Vec<Vec<u8>> = [
        KEY.to_owned(),
        format!("Bearer {KEY}"),
        KEY.to_uppercase(),
        split,
        hex,
        KEY.chars().rev().collect(),
        escaped,
        percent,
        KEY.chars().map(|it| format!("&#{};", u32::from(it))).collect(),
        KEY.replace('-', "\u{1b}[0m-"),
    ]
    .map(String::into_bytes)
    .to_vec();
    for behind in 0..3 {
        let text = format!("{}{KEY}", "x".repeat(behind));
        res.push(STANDARD.encode(text).into_bytes());
    }
    res.push([b"\xff\xfe", &wide[..]].concat());
    res.push([b"\xff\0\x80", KEY.as_bytes()].concat());
    res
}

/// Whether so much of a text is left that the key could be read from it.
fn leaks(answer: &[u8]) -> bool {
    let text: String =
        String::from_utf8_lossy(answer).chars().filter(char::is_ascii_alphanumeric).collect();
    let text = text.to_lowercase();
    let parts =
        ["5up3r53cr37", "73rc35r3pu5", "357570337235336372333", "u0035u0075u0070", "257570"];
    let base64 = (0..3).map(|it| STANDARD.encode(format!("{}5up3r53cr37", "x".repeat(it + 1))));
    let base64 = base64.filter_map(|it| it.get(4..12).map(str::to_lowercase));
    parts.into_iter().any(|it| text.contains(it)) || base64.into_iter().any(|it| text.contains(&it))
}

#[tokio::test]
async fn no_form_of_a_secret_comes_back_in_a_body() {
    for echo in echoes() {
        for body in [echo.clone(), [&b"before "[..], &echo, b" after"].concat()] {
            let packed = packed(&body);
            for answer in [whole("", &body), whole("Content-Encoding: gzip\r\n", &packed)] {
                let server = Server::fixed(answer).await;
                let answer = send(&server.outgoing(), "GET", &server.url()).await.unwrap();
                let shown = shown(&answer);
                assert!(shown.contains(MARK) && !leaks(&answer.body), "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn no_form_of_a_secret_comes_back_in_a_header() {
    let is_of_header = |it: &u8| *it >= 0x20 && *it != 0x7f;
    for echo in echoes().into_iter().filter(|it| it.iter().all(is_of_header)) {
        let header = [b"X-Echo: ", &echo[..], b"\r\nX-Other: y\r\n"].concat();
        let server = Server::fixed([b"HTTP/1.1 200 OK\r\n", &header[..], b"\r\n"].concat()).await;
        let answer = send(&server.outgoing(), "GET", &server.url()).await.unwrap();
        assert!(answer.headers.iter().all(|it| !leaks(&it.1)), "{}", shown(&answer));
        assert!(answer.headers.contains(&("x-other".to_owned(), b"y".to_vec())));
    }
    let server = Server::fixed(whole(&format!("X-{KEY}: a\r\nX-B: c\r\n"), b"")).await;
    let answer = send(&server.outgoing(), "GET", &server.url()).await.unwrap();
    assert_eq!(answer.headers, [("x-b".to_owned(), b"c".to_vec())]);
}

#[tokio::test]
async fn no_form_of_a_secret_comes_back_in_an_error() {
    for headers in [
        format!("Content-Encoding: {KEY}\r\n"),
        // Longer than what an error quotes: a beginning must not stay.
        format!("Content-Encoding: {}{KEY}\r\n", "x".repeat(65)),
        format!("Transfer-Encoding: {KEY}, chunked\r\n"),
    ] {
        let server = Server::fixed(format!("HTTP/1.1 200 OK\r\n{headers}\r\n0\r\n\r\n")).await;
        let error = send(&server.outgoing(), "GET", &server.url()).await.unwrap_err();
        assert!(!leaks(error.to_string().as_bytes()), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    for location in
        [format!("http://{KEY}:80:90/"), format!("gopher://{KEY}/"), format!("https://{KEY}.test/")]
    {
        let server = leading(302, &location).await;
        let error = send(&server.outgoing(), "GET", &server.url()).await.unwrap_err();
        assert!(!leaks(error.to_string().as_bytes()), "{error}");
    }
    // Arguments that have it all the same.
    let server = Server::fixed(whole("", b"")).await;
    let error = send(&server.outgoing(), "GET", &format!("https://{KEY}.test/")).await.unwrap_err();
    assert!(error.to_string().contains("https://[key].test"), "{error}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut() {
    let server = Server::start("127.0.0.1", |_, mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n").await?;
        for _ in 0..1_600 {
            stream.write_all(&[b'x'; 64 << 10]).await?;
        }
        Ok(())
    })
    .await;
    let answer = send(&server.outgoing(), "GET", &server.url()).await.unwrap();
    assert_eq!((answer.body.len(), answer.truncated), (1 << 20, true));
    assert!(answer.body.capacity() <= 3 << 20);
    // By the bytes as they come, too.
    let web = WebTools::new(WebConfig { max_body_bytes: 1_000, ..config(&[]) });
    let outgoing = outgoing(&web, &[&server.rule("GET")], &[]);
    let answer = send(&outgoing, "GET", &server.url()).await.unwrap();
    assert_eq!((answer.body.len(), answer.truncated), (1_000, true));
}

#[tokio::test]
async fn a_packed_body_is_cut_where_it_is_unpacked() {
    let text: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
    let server = Server::fixed(whole("Content-Encoding: gzip\r\n", &packed(&text))).await;
    let outgoing = outgoing(&tools(&[]), &[&server.rule("GET")], &[]);
    let answer = send(&outgoing, "GET", &server.url()).await.unwrap();
    assert_eq!((answer.body.len(), answer.truncated), (1 << 20, true));
    assert_eq!(answer.body.as_slice(), text.get(..1 << 20).unwrap());
}

#[tokio::test]
async fn a_bomb_is_an_error() {
    let [begin, block] = bomb();
    let answer = [whole("Content-Encoding: gzip\r\n", b"").as_slice(), b""].concat();
    let head = String::from_utf8(answer).unwrap().replace("Content-Length: 0\r\n", "");
    let body = [head.as_bytes(), &begin, &block, &block].concat();
    let server = Server::fixed(body).await;
    let res = send(&server.outgoing(), "GET", &server.url()).await;
    let text = "the answer unpacks to more than 100 times its size".to_owned();
    assert_eq!(res, Err(ToolError::Failed(text)));
}

#[tokio::test]
async fn what_smuggles_is_refused_before_anybody_is_asked() {
    let server = Server::fixed(whole("", b"x")).await;
    for (name, value) in [
        ("X-A", "b\r\nHost: evil.test"),
        ("X-A\r\nHost", "evil.test"),
        ("Host", "evil.test"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
        ("Upgrade", "websocket"),
        ("Proxy-Authorization", "x"),
        ("Authorization", "Bearer own"),
    ] {
        let headers = vec![(name.to_owned(), value.into())];
        let request = OutgoingRequest { headers, ..request("GET", &server.url()) };
        let res = server.outgoing().send(request, &caller()).await;
        assert!(matches!(res, Err(ToolError::InvalidArguments(_))), "{name}: {res:?}");
    }
    for (method, url) in [
        ("GET / HTTP/1.1\r\nX: y\r\n\r\nGET", server.url()),
        ("G T", server.url()),
        ("", server.url()),
        ("GET", format!("{}\r\nX: y", server.url())),
        ("GET", "ftp://127.0.0.1/".to_owned()),
        ("GET", format!("http://user:pass@127.0.0.1:{}/", server.port)),
    ] {
        let res = send(&server.outgoing(), method, &url).await;
        assert!(matches!(res, Err(ToolError::InvalidArguments(_))), "{method} {url}: {res:?}");
    }
    assert_eq!(server.connects(), 0);
}

#[tokio::test]
async fn a_cancelled_request_ends_at_once() {
    let server = Server::start("127.0.0.1", |_, _stream| std::future::pending()).await;
    let (caller, outgoing) = (caller(), server.outgoing());
    let cancel = async {
        while server.heads().is_empty() {
            task::yield_now().await;
        }
        caller.cancelled.cancel();
    };
    let (res, ()) = tokio::join!(outgoing.send(request("GET", &server.url()), &caller), cancel);
    assert_eq!(res, Err(ToolError::Interrupted));
}

#[test]
fn what_a_plugin_says_has_no_secret() {
    let outgoing = outgoing(&tools(&[]), &[], &["GET https://a.test"]);
    for echo in echoes() {
        let text = format!("I know {}", String::from_utf8_lossy(&echo));
        let found = outgoing.redact(text.clone());
        assert!(found.contains(MARK) && !leaks(found.as_bytes()), "{text}: {found}");
        let json = serde_json::json!({ "a": text, "b": [1, "c"] }).to_string();
        let found: serde_json::Value = serde_json::from_str(&outgoing.redact(json)).unwrap();
        assert!(!leaks(found.to_string().as_bytes()), "{found}");
        assert_eq!(found["b"][1], "c");
        let error = outgoing.redacted(ToolError::Failed(text));
        assert!(!leaks(error.to_string().as_bytes()), "{error}");
    }
    let shown = format!("{outgoing:?}");
    assert!(!shown.contains("canary"), "{shown}");
}
