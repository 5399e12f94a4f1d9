//! Configured addresses and headers, and the ones that can't be used.

use super::*;
use crate::provider::testing::spec;

fn check_url(kind: Kind, url: &str, expect: Result<&str, &str>) {
    let path: &[&str] = match kind {
        Kind::Anthropic => &["v1", "messages"],
        _ => &["chat", "completions"],
    };
    let res = spec(kind, url, true).url(path).map_err(|it| it.to_string());
    let first = |it: String| it.lines().next().unwrap_or_default().to_owned();
    let res = res.map(|it| it.to_string()).map_err(first);
    assert_eq!(res, expect.map(str::to_owned).map_err(str::to_owned), "{url}");
}

#[test]
fn an_address_is_where_chats_go() {
    let openai = |url, expect| check_url(Kind::OpenAi, url, Ok(expect));
    openai("http://[::1]:8089/v1", "http://[::1]:8089/v1/chat/completions");
    openai("https://x.org/v1//", "https://x.org/v1/chat/completions");
    openai("https://x.org", "https://x.org/chat/completions");
    openai("https://x.org/d/?version=1#f", "https://x.org/d/chat/completions?version=1");
    let anthropic = |url, expect| check_url(Kind::Anthropic, url, Ok(expect));
    anthropic("https://x.org", "https://x.org/v1/messages");
    anthropic("https://x.org/v1/", "https://x.org/v1/messages");
    anthropic("https://x.org/anthropic", "https://x.org/anthropic/v1/messages");
}

#[test]
fn an_address_that_is_none_is_said() {
    let refused = |url, reason: &str| {
        let text = format!("the address of provider `local` can't be used: {reason}");
        check_url(Kind::OpenAi, url, Err(&text));
    };
    refused("", "relative URL without a base");
    refused("localhost:1/v1", "`localhost` is neither http nor https");
    refused("file:///etc/passwd", "`file` is neither http nor https");
    refused("https://", "empty host");
    let credentials =
        "the address of provider `local` holds credentials, and addresses are shown in logs";
    check_url(Kind::OpenAi, "https://me:canary@x.org", Err(credentials));
}

#[test]
fn a_header_that_cannot_be_sent_is_said_without_its_value() {
    for (name, value) in [("x y", "canary"), ("x", "canary\r\nother: y"), ("", "canary")] {
        let mut spec = spec(Kind::OpenAi, "http://localhost/v1", true);
        spec.headers.insert(name.to_owned(), value.to_owned());
        let err = spec.build().err().unwrap().to_string();
        let start = format!("the header `{name}` of provider `local` can't be sent");
        assert!(err.starts_with(&start) && !err.contains("canary"), "{err}");
    }
}

#[test]
fn nothing_shows_secrets_of_the_configuration() {
    let mut spec = spec(Kind::OpenAi, "https://canary.example/canary?key=canary", true);
    spec.headers.insert("x-title".to_owned(), "canary".to_owned());
    spec.key = Some(crate::secret::Source::Command(["echo", "canary"].map(str::to_owned).to_vec()));
    let shown = format!("{spec:?}");
    assert!(shown.contains("x-title") && !shown.contains("canary"), "{shown}");
    spec.base_url = Some("https://localhost/canary?key=canary".to_owned());
    let connection = spec.connection(&["chat"]).unwrap();
    assert_eq!(format!("{connection:?}"), "Connection(localhost)");
    assert!(connection.headers["x-title"].is_sensitive());
}

#[test]
fn loopback_is_told_from_the_network() {
    let check = |url: &str, expect| {
        assert_eq!(is_loopback(&Url::parse(url).unwrap()), expect, "{url}");
    };
    check("http://localhost:1/", true);
    check("http://127.1.2.3/", true);
    check("http://[::1]/", true);
    check("http://localhost.example.org/", false);
    check("http://192.168.0.1/", false);
}

#[test]
fn a_cassette_has_to_be_named() {
    let err = spec(Kind::Scripted, "", true).build().err().unwrap().to_string();
    assert_eq!(err, "provider `local` has no cassette\nhint: name the file that it plays");
}
