//! Requests of tool plugins, by the contract and by `wasi:http`, against a
//! real server: one way out, whatever a component was built with.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use hermitage::{
    Binary, Session,
    config::{KeySource, PluginConfig},
    plugin::Manifest,
    toolset::ToolError,
};
use hermitage_tests::{TestHost, TestTask, checkout, guest};
use serde_json::{Value, json};

const KEY: &str = "sk-canary-5up3r53cr37-9f8e7d6c";

/// A server that remembers every request to the letter. Its thread ends with
/// the process.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The closure gets head and body of a request.
    fn new(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let request = whole(&mut stream);
                kept.lock().unwrap().push(request.clone());
                // Whoever has seen enough hangs up.
                let _ = stream.write_all(&answer(&request));
            }
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// One request, with the body that it announces or sends in chunks.
fn whole(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 1 << 16];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length = length.split_once("content-length: ").map_or("0", |it| it.1);
            let length = length.lines().next().unwrap().parse::<usize>().unwrap();
            if length <= body.len() {
                return text;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return text,
            Ok(count) => bytes.extend(&piece[..count]),
        }
    }
}

fn answer(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nX-Own: a\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Gives back what it was sent.
fn echo() -> Server {
    Server::new(answer)
}

/// A host with the plugin, which may ask the server and has a secret for it.
fn host(server: &Server, more: &str) -> TestHost {
    let url = server.url();
    let text = format!(
        "name = 'asks'\nversion = '0.1.0'\ndescription = 'd'\n\
         [[http]]\nurl = '{url}'\nmethods = ['GET', 'POST']\n\
         [secrets.token]\ndescription = 'd'\naudience = ['{url}']\nformat = 'Bearer {{}}'\n{more}"
    );
    let manifest = Manifest::parse("plugin.toml", &text).unwrap();
    let component = Binary::new(guest("asks_the_web"));
    let command = KeySource::Command(format!("echo {KEY}"));
    let settings = [("a", "of the person"), ("unasked", "x")];
    let settings = settings.map(|it| (it.0.to_owned(), it.1.to_owned())).into();
    let personal = PluginConfig { secrets: [("token".to_owned(), command)].into(), settings };
    let host = TestHost::with(move |config| {
        config.plugins.insert("asks".to_owned(), personal);
        config.tools.web.max_request_bytes = 300 << 10;
        config.tools.web.max_page_bytes = 100 << 10;
        config.tools.web.max_requests_at_once = 2;
    });
    host.built(move |it| it.vouched_plugin(manifest.clone(), component.clone()))
}

async fn call(host: &TestHost, tool: &str, arguments: Value) -> Result<String, ToolError> {
    let parent = host.host().await.parent(&Session::Local);
    let answer = parent.call(&format!("asks/{tool}"), &arguments.to_string()).await?;
    Ok(serde_json::from_str(&answer).unwrap_or(answer))
}

const BOTH: [&str; 2] = ["fetch", "wasi"];

#[tokio::test]
async fn a_request_has_the_secret_and_its_answer_has_it_not() {
    let server = echo();
    let host = host(&server, "");
    for tool in BOTH {
        let ask = json!({
            "method": "POST", "url": format!("{}a?b", server.url()),
            "headers": [["x-mine", "c"]], "body": "text",
        });
        let answer = call(&host, tool, ask).await.unwrap();
        assert!(answer.starts_with("200") && answer.contains("[key]"), "{answer}");
        assert!(answer.contains("POST /a?b HTTP/1.1\r\nx-mine: c\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\ntext") && !answer.contains("canary"), "{answer}");
    }
    let requests = server.requests();
    let has_key = |it: &String| it.contains(&format!("authorization: Bearer {KEY}\r\n"));
    assert!(requests.len() == 2 && requests.iter().all(has_key), "{requests:?}");
    let host_line = format!("host: {}\r\n", server.address);
    assert!(requests.iter().all(|it| it.matches("host: ").count() == 1 && it.contains(&host_line)));
}

#[tokio::test]
async fn what_no_rule_covers_is_refused_in_the_words_of_both() {
    let (server, other) = (echo(), echo());
    let host = host(&server, "");
    for (method, url) in [
        ("DELETE", server.url()),
        ("GET", other.url()),
        ("GET", format!("http://localhost:{}/", server.address.port())),
        ("GET", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("GET", "https://example.org/".to_owned()),
    ] {
        let ask = json!({ "method": method, "url": url });
        let error = call(&host, "fetch", ask.clone()).await.unwrap_err().to_string();
        assert!(error.contains("no HTTP rule of the plugin covers this"), "{url}: {error}");
        let answer = call(&host, "wasi", ask).await.unwrap();
        assert!(answer.contains("HttpRequestDenied"), "{url}: {answer}");
    }
    assert_eq!((server.requests().len(), other.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_redirect_is_followed_for_the_contract_and_given_to_wasi() {
    let other = echo();
    let away = other.url();
    let server = Server::new(move |request| {
        let location = match request.split(' ').nth(1) {
            Some("/away") => away.clone(),
            Some("/near") => "/end".to_owned(),
            _ => return answer("the end"),
        };
        format!("HTTP/1.1 302 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    let host = host(&server, "");
    let ask = |path: &str| json!({ "method": "GET", "url": format!("{}{path}", server.url()) });
    let answer = call(&host, "fetch", ask("near")).await.unwrap();
    assert!(answer.ends_with("the end"), "{answer}");
    let answer = call(&host, "wasi", ask("near")).await.unwrap();
    assert!(answer.starts_with("302\n") && answer.contains("location: /end"), "{answer}");
    let error = call(&host, "fetch", ask("away")).await.unwrap_err().to_string();
    assert!(error.contains("no HTTP rule of the plugin covers this"), "{error}");
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_goes_out_as_a_whole_or_not_at_all() {
    let server = Server::new(|request| answer(&request.len().to_string()));
    let host = host(&server, "");
    let ask = |kib: usize| {
        let body = "x".repeat(1 << 10);
        json!({ "method": "POST", "url": server.url(), "body": body, "times": kib })
    };
    for tool in BOTH {
        assert!(call(&host, tool, ask(256)).await.unwrap().starts_with("200"), "{tool}");
        assert!(server.requests().last().unwrap().ends_with(&"x".repeat(256 << 10)), "{tool}");
    }
    let error = call(&host, "fetch", ask(400)).await.unwrap_err();
    let text = "the body is longer than 307200 bytes".to_owned();
    assert_eq!(error, ToolError::InvalidArguments(text));
    let answer = call(&host, "wasi", ask(400)).await.unwrap();
    assert!(answer.contains("HttpRequestBodySize"), "{answer}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_cut_and_says_so() {
    let server = Server::new(|_| answer(&"x".repeat(200 << 10)));
    let host = host(&server, "");
    let ask = json!({ "method": "GET", "url": server.url() });
    let answer = call(&host, "fetch", ask.clone()).await.unwrap();
    let (head, body) = answer.split_once("\n\n").unwrap();
    assert_eq!((head, body.len()), ("200  cut: true", 100 << 10));
    let answer = call(&host, "wasi", ask).await.unwrap();
    let end = "\n\n102400 bytes\nbroken: HTTP response body size exceeds limit: 102400 bytes";
    assert!(answer.ends_with(end), "{answer}");
}

#[tokio::test]
async fn a_component_holds_so_many_answers_and_no_more() {
    let server = echo();
    let host = host(&server, "");
    let ask = |count: usize| json!({ "method": "GET", "url": server.url(), "at_once": count });
    let answer = call(&host, "wasi", ask(2)).await.unwrap();
    assert_eq!(answer.matches("200\n").count(), 2, "{answer}");
    let answer = call(&host, "wasi", ask(3)).await.unwrap();
    assert_eq!(answer.matches("200\n").count(), 2, "{answer}");
    assert_eq!(answer.matches("ConnectionLimitReached").count(), 1, "{answer}");
}

#[tokio::test]
async fn headers_of_the_host_are_refused_in_the_words_of_both() {
    let server = echo();
    let host = host(&server, "");
    for name in ["Authorization", "Host", "Connection", "Transfer-Encoding", "X-A\r\nHost"] {
        let ask = json!({ "method": "GET", "url": server.url(), "headers": [[name, "x"]] });
        let error = call(&host, "fetch", ask.clone()).await.unwrap_err();
        assert!(matches!(error, ToolError::InvalidArguments(_)), "{name}: {error}");
        let error = call(&host, "wasi", ask).await.unwrap_err().to_string();
        let is_refused = error.contains("Forbidden") || error.contains("InvalidSyntax");
        assert!(is_refused, "{name}: {error}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_setting_is_what_the_person_set_or_what_the_manifest_says() {
    let more = "[settings.a]\ndescription = 'd'\ndefault = 'of the manifest'\n\
                [settings.b]\ndescription = 'd'\ndefault = 'of the manifest'\n\
                [settings.c]\ndescription = 'd'\n";
    let host = host(&echo(), more);
    for (key, expect) in [
        ("a", r#"Some("of the person")"#),
        ("b", r#"Some("of the manifest")"#),
        ("c", "None"),
        ("unasked", "None"),
        ("token", "None"),
    ] {
        assert_eq!(call(&host, "setting", json!({ "key": key })).await.unwrap(), expect, "{key}");
    }
}

#[tokio::test]
async fn nothing_is_sent_without_a_secret_that_is_required() {
    let server = echo();
    let url = server.url();
    let more = format!(
        "[secrets.other]\ndescription = 'd'\nheader = 'x-other'\naudience = ['{url}b/']\nrequired = true\n"
    );
    let host = host(&server, &more);
    let ask = |path: &str| json!({ "method": "GET", "url": format!("{url}{path}") });
    let error = call(&host, "fetch", ask("b/c")).await.unwrap_err().to_string();
    assert_eq!(error, "the secret `other` of the plugin `asks` is not set");
    assert!(server.requests().is_empty());
    assert!(call(&host, "fetch", ask("a")).await.unwrap().starts_with("200"));
}

/// The plugin that travels with the program, against a server that stands in
/// for GitHub's.
fn github(server: &Server) -> TestHost {
    let (url, tools) = (server.url(), checkout().join("host/tools/github"));
    let text = std::fs::read_to_string(tools.join("plugin.toml")).unwrap();
    let text = text.replace("https://api.github.com", url.trim_end_matches('/'));
    let manifest = Manifest::parse("plugin.toml", &text).unwrap();
    let component = Binary::new(std::fs::read(tools.join("component.wasm")).unwrap());
    let command = KeySource::Command(format!("echo {KEY}"));
    let secrets = [("token".to_owned(), command)].into();
    let personal = PluginConfig { secrets, ..PluginConfig::default() };
    let host = TestHost::with(move |config| {
        config.plugins.insert("github".to_owned(), personal);
    });
    host.built(move |it| it.vouched_plugin(manifest.clone(), component.clone()))
}

#[tokio::test]
async fn an_agent_opens_an_issue_with_a_token_that_it_never_sees() {
    let server = Server::new(|request| {
        let bearer = request.lines().find(|it| it.starts_with("authorization: ")).unwrap_or("");
        let issue = json!({
            "number": 7, "title": "A", "state": "open", "body": null, "comments": 0,
            "html_url": bearer, "user": {"login": "octo"},
            "labels": [], "assignees": [], "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        });
        answer(&issue.to_string())
    });
    let host = github(&server);
    let issue = r#"github/create_issue {"repository": "octo/hello", "title": "A"}"#;
    let task = TestTask::new("calls_native").toolsets(&["github"]).context(issue);
    let res = host.run(&[task]).await.results.remove(0);
    let summary = res.summary.unwrap_or_default();
    assert!(summary.contains('7') && summary.contains("[key]"), "{summary}");
    assert!(!summary.contains("canary"), "{summary}");
    let request = server.requests().remove(0);
    assert!(request.starts_with("POST /repos/octo/hello/issues HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("authorization: Bearer {KEY}\r\n")), "{request}");
}
