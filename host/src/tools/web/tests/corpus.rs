//! Pages as the web has them, over real sockets: `corpus/pages.txt` and
//! `corpus/locations.txt` say what is sent and what is read.

use super::*;

/// A part of a text file, between lines of four dashes.
fn cases(file: &str) -> impl Iterator<Item = &str> {
    file.split("\n---- ").skip(1)
}

/// Text with `\\xNN`, `\\n` and `\\\\` as bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut res = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            res.push(*byte);
            continue;
        }
        let (kind, after) = rest.split_first().unwrap();
        rest = after;
        match kind {
            b'n' => res.push(b'\n'),
            b'\\' => res.push(b'\\'),
            b'x' => {
                let (digits, after) = rest.split_at(2);
                res.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
                rest = after;
            }
            other => panic!("`\\{}`: {text}", char::from(*other)),
        }
    }
    res
}

/// What was read, or why not, on one line.
fn told(res: &Result<WebPage, ToolError>) -> String {
    match res {
        Ok(page) => format!("= {}", page.text.replace('\\', "\\\\").replace('\n', "\\n")),
        Err(ToolError::Failed(why)) => format!("! {why}"),
        Err(error) => format!("! {error}").replace('\n', " "),
    }
}

/// The first line names it, the next ones are headers, the last one is what
/// is expected, and between them stands the body.
#[tokio::test]
async fn pages_are_read_as_the_corpus_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases(include_str!("corpus/pages.txt")) {
        let (head, rest) = case.split_once("\n\n").unwrap();
        let (name, headers) = head.split_once('\n').unwrap_or((head, ""));
        let (body, expect) = rest.trim_end().rsplit_once('\n').unwrap();
        let headers: String = headers.lines().map(|it| format!("{it}\r\n")).collect();
        let body = bytes(&body.replace('\n', "\\n"));
        let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        let head = bytes(&head);
        let server = Server::start("127.0.0.1", move |request, mut stream| {
            let page = [&head[..], &body].concat();
            async move {
                // Where pages lead to.
                let is_first = request.starts_with("GET / ");
                let other = answer("text/plain", "the other page");
                stream.write_all(if is_first { &page } else { other.as_bytes() }).await
            }
        })
        .await;
        let seen = told(&server.extract().await);
        let seen = seen.replace(&server.url(), "http://HERE/");
        if seen.trim_end() != expect.trim_end() {
            wrong.push(format!("{name}\n  {expect}\n  {seen}"));
        }
        count += 1;
    }
    assert!(
        wrong.is_empty() && count > 40,
        "{} of {count} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A line each: what stands in `Location`, and which path is asked for then.
#[tokio::test]
async fn redirects_lead_where_the_corpus_says() {
    let mut wrong = Vec::new();
    for line in include_str!("corpus/locations.txt").lines().filter(|it| !it.is_empty()) {
        let (location, expect) = line.split_once(" => ").unwrap();
        let locations: String =
            location.split(" | ").map(|it| format!("Location: {it}\r\n")).collect();
        let head = format!("HTTP/1.1 302 Found\r\n{locations}Content-Length: 0\r\n\r\n");
        let head = bytes(&head);
        let server = Server::start("127.0.0.1", move |request, mut stream| {
            let redirect = head.clone();
            async move {
                let is_first = request.starts_with("GET / ");
                let page = answer("text/plain", "x");
                stream.write_all(if is_first { &redirect } else { page.as_bytes() }).await
            }
        })
        .await;
        let seen = match server.extract().await {
            Ok(_) => server.heads()[1].split(' ').nth(1).unwrap().to_owned(),
            Err(error) => format!("! {error}"),
        };
        if seen != expect {
            wrong.push(format!("{line}\n  {seen}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every rule looks at where a page leads to as if it had been asked for.
#[tokio::test]
async fn a_page_that_leads_on_is_a_redirect_to_every_rule() {
    let forbidden = Server::fixed(answer("text/plain", "secret")).await;
    let leads_to = |url: &str| {
        answer("text/html", &format!("<meta http-equiv=refresh content='0; url={url}'>x"))
    };
    let server = Server::fixed(leads_to(&forbidden.url())).await;
    let error = extract(&tools(&[&server.url(), "*"]), &server.url()).await.unwrap_err();
    assert!(matches!(&error, ToolError::Denied(_)), "{error}");
    let error = server.extract().await.unwrap_err();
    assert!(matches!(&error, ToolError::Denied(it) if it.contains("no rule")), "{error}");
    assert_eq!(forbidden.connects(), 0);
    for (target, next) in
        [("https://docs.rs/", "http://docs.rs/a"), ("https://a.test/", "http://b.test/")]
    {
        let [target, next] = [target, next].map(|it| Target::parse(it).unwrap());
        assert!(matches!(fetch::onward(&target, next), Err(ToolError::Denied(_))));
    }
}

#[tokio::test]
async fn pages_that_lead_on_without_end_are_counted_with_redirects() {
    let server = Server::start("127.0.0.1", |request, mut stream| async move {
        let at: u32 = request.split(['/', ' ']).nth(2).unwrap().parse().unwrap_or_default();
        let next = at + 1;
        let page =
            answer("text/html", &format!("<meta http-equiv=refresh content='0;url=/{next}'>"));
        let redirect = format!("HTTP/1.1 302 x\r\nLocation: /{next}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(if at.is_multiple_of(2) { page } else { redirect }.as_bytes()).await
    })
    .await;
    let res = server.extract().await;
    assert_eq!(res, Err(ToolError::Failed("more than 5 redirects".to_owned())));
    assert_eq!(server.connects(), 6);
}
