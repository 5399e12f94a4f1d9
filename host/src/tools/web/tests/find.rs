//! `web_search`, against servers that answer as the engines do.

use serde_json::json;

use super::*;

const QUERY: &str = "wasm & wit?";

fn engine(server: &Server, kind: SearchKind, path: &str) -> WebTools {
    let url = server.url().parse::<Url>().unwrap().join(path).unwrap();
    let key = Some(SecretString::from("key-4711"));
    WebTools::new(config(&[])).with_search(Search { kind, url, key })
}

async fn find(tools: &WebTools, limit: Option<u32>) -> Result<Vec<WebHit>, ToolError> {
    WebSearch { query: QUERY.to_owned(), limit }.call(tools, &caller()).await
}

fn hit(title: &str, url: &str, snippet: &str) -> WebHit {
    let [title, url, snippet] = [title, url, snippet].map(str::to_owned);
    WebHit { title, url, snippet }
}

#[tokio::test]
async fn a_searxng_is_asked() {
    let body = r#"{"query":"x","results":[
        {"title":"One","url":"https://docs.rs/a#b","content":"first <b>hit</b>","score":1},
        {"title":"No page","url":"javascript:alert(1)"},
        {"title":"Two","url":"https://docs.rs/c","content":null},
        {"title":"Three","url":"https://docs.rs/d"}]}"#;
    let server = Server::fixed(answer("application/json", body)).await;
    let tools = engine(&server, SearchKind::Searxng, "/");
    let hits = find(&tools, Some(2)).await.unwrap();
    let expect =
        [hit("One", "https://docs.rs/a", "first hit"), hit("Two", "https://docs.rs/c", "")];
    assert_eq!(hits, expect);
    for path in ["/sx", "/sx/", "/sx/search"] {
        assert_eq!(find(&engine(&server, SearchKind::Searxng, path), None).await.unwrap().len(), 3);
    }
    let heads = server.heads();
    let asked = "?q=wasm+%26+wit%3F&format=json HTTP/1.1\r\n";
    assert!(heads[0].starts_with(&format!("GET /search{asked}")), "{}", heads[0]);
    for head in &heads[1..] {
        assert!(head.starts_with(&format!("GET /sx/search{asked}")), "{head}");
    }
    assert!(heads.iter().all(|it| !it.contains("key-4711")));
}

#[tokio::test]
async fn brave_is_asked_with_its_key() {
    let body = r#"{"web":{"results":[{"title":"One &amp; <strong>only</strong>",
        "url":"https://docs.rs/","description":"a\u001b[31m ![x](https://evil.org) <img src=//y>z"}]}}"#;
    let server = Server::fixed(answer("application/json", body)).await;
    let tools = engine(&server, SearchKind::Brave, "/");
    let hits = find(&tools, None).await.unwrap();
    assert_eq!(hits, [hit("One & only", "https://docs.rs/", "a x z")]);
    let heads = server.heads();
    let asked = "GET /res/v1/web/search?q=wasm+%26+wit%3F&count=10 HTTP/1.1\r\n";
    assert!(heads[0].starts_with(asked), "{}", heads[0]);
    assert!(heads[0].contains("x-subscription-token: key-4711\r\n"), "{}", heads[0]);
    assert!(!format!("{:?}", tools.search).contains("key-4711"));
    let none = Server::fixed(answer("application/json", "{}")).await;
    assert_eq!(find(&engine(&none, SearchKind::Brave, "/"), None).await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_engine_that_repeats_its_key_is_not_heard() {
    let key = "BSA-canary-5up3r53cr37";
    let split = "BSA-ca<b>nary</b>-5up3r5\u{200b}3cr37";
    let hits = json!([
        {"title": format!("It is {key}"), "url": "https://docs.rs/", "description": split},
        {"title": split, "url": format!("https://docs.rs/?q={key}"), "description": key},
        {"title": "x".repeat(195) + key, "url": "https://docs.rs/", "description": "x"},
    ]);
    let found = json!({"web": {"results": hits}}).to_string();
    let wrong = json!({"web": {"results": key}}).to_string();
    for body in [found, wrong] {
        let server = Server::fixed(answer("application/json", &body)).await;
        let (kind, url) = (SearchKind::Brave, server.url().parse().unwrap());
        let key = Some(SecretString::from(key));
        let tools = WebTools::new(config(&[])).with_search(Search { kind, url, key });
        let told = format!("{:?}", find(&tools, None).await);
        assert!(!told.contains("nary") && !told.contains("BSA"), "{told}");
        assert_eq!(told.matches("key]").count() + told.matches("key%5D").count(), {
            if told.starts_with("Ok") { 6 } else { 0 }
        });
    }
}

#[tokio::test]
async fn the_answer_of_an_engine_is_bounded() {
    let one = r#"{"title":"t","url":"https://docs.rs/"}"#;
    let many = vec![one; 100].join(",");
    let body = format!(r#"{{"results":[{many}]}}"#);
    let server = Server::fixed(answer("application/json", &body)).await;
    let tools = engine(&server, SearchKind::Searxng, "/");
    for (limit, expect) in [(None, 10), (Some(0), 0), (Some(7), 7), (Some(u32::MAX), 20)] {
        assert_eq!(find(&tools, limit).await.unwrap().len(), expect);
    }
    let long = format!(
        r#"{{"results":[{{"title":"{}","url":"https://docs.rs/","content":"{}"}}]}}"#,
        "a ".repeat(5_000),
        "<b>".repeat(5_000)
    );
    let server = Server::fixed(answer("application/json", &long)).await;
    let hits = find(&engine(&server, SearchKind::Searxng, "/"), None).await.unwrap();
    assert_eq!((hits[0].title.chars().count(), hits[0].snippet.as_str()), (200, ""));
}

#[tokio::test]
async fn an_engine_that_does_not_answer_as_it_should() {
    let redirect = "HTTP/1.1 302 x\r\nLocation: https://evil.org/\r\nContent-Length: 0\r\n\r\n";
    let malformed = "`search engine` answered in another way than its API does";
    for (answer, expect) in [
        (redirect.to_owned(), "`search engine` answered 302 Found"),
        ("HTTP/1.1 403 x\r\n\r\n".to_owned(), "`search engine` answered 403 Forbidden"),
        (answer("text/html", "<html>"), malformed),
        (answer("application/json", r#"{"results":{}}"#), malformed),
        (answer("application/json", &"[".repeat(100_000)), malformed),
        (
            answer("application/json", &" ".repeat((1 << 20) + 1)),
            "the page is longer than 1048576 bytes",
        ),
    ] {
        let server = Server::fixed(answer).await;
        let res = find(&engine(&server, SearchKind::Searxng, "/"), None).await;
        assert_eq!(res, Err(ToolError::Failed(expect.to_owned())));
        assert_eq!(server.connects(), 1);
    }
}

#[tokio::test]
async fn a_search_needs_an_engine_and_a_query() {
    let res = find(&tools(&["*"]), None).await;
    let Err(ToolError::Denied(text)) = res else { panic!("{res:?}") };
    assert!(text.contains("\nhint: set `tools.web.search_url`"), "{text}");
    let server = Server::fixed("").await;
    for query in ["", " \n", "\u{200b}", &"x".repeat(401)] {
        let call = WebSearch { query: query.to_owned(), limit: None };
        let res = call.call(&engine(&server, SearchKind::Searxng, "/"), &caller()).await;
        assert!(matches!(res, Err(ToolError::InvalidArguments(_))), "{res:?}");
    }
    assert_eq!(server.connects(), 0);
}
