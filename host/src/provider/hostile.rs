//! What a server may do, and what must not come of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    ChatResponse, Kind, ProviderError,
    bounds::{MAX_BODY_BYTES, MAX_ERROR_CHARS, MAX_EVENT_BYTES, MAX_QUOTE_CHARS},
    check,
    testing::{
        self, CANARY, Server, Step, answer, asking, call, events, model, reply, spec, stream,
    },
};

fn good() -> Vec<Step> {
    let choice = json!({"message": {"role": "assistant", "content": "hi"}});
    testing::json("200 OK", &json!({"choices": [choice], "model": "m-2"}))
}

/// Through all tries, with the number of requests that there were.
async fn chatted(replies: Vec<Vec<Step>>) -> (Result<ChatResponse, ProviderError>, usize) {
    let server = Server::start(replies).await;
    let model = model(spec(Kind::OpenAi, &server.url, true).build().unwrap());
    let res = model.chat(asking("hello"), CancellationToken::new(), None).await;
    (res, server.asked().len())
}

fn broken(res: Result<ChatResponse, ProviderError>) -> String {
    match res {
        Err(ProviderError::Broken(text)) => text,
        res => panic!("{res:?}"),
    }
}

#[tokio::test]
async fn what_passes_is_waited_for() {
    let loading = json!({"error": {"code": 503, "message": "Loading model"}});
    for replies in [
        vec![reply("429 Too Many Requests", &["retry-after: 0"], ""), good()],
        vec![reply("429 Too Many Requests", &["retry-after-ms: 2"], ""), good()],
        vec![reply("500 Oops", &[], ""), reply("502 Oops", &[], ""), good()],
        vec![testing::json("503 Service Unavailable", &loading), good()],
        vec![vec![], good()],
        vec![vec![stream("data: {\"choices\": []}\n\n")], good()],
    ] {
        let expect = replies.len();
        let (res, asked) = chatted(replies).await;
        assert_eq!((res.unwrap().text.as_str(), asked), ("hi", expect));
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_with_the_number_of_tries() {
    let (res, asked) = chatted(vec![reply("500 Oops", &[], "boom")]).await;
    let text = "model `fast` of provider `local` gave no answer after 3 tries: HTTP 500 Internal \
                Server Error: boom";
    assert_eq!((broken(res).as_str(), asked), (text, 3));
    let (res, asked) = chatted(vec![reply("429 Busy", &["retry-after: 3600"], "")]).await;
    let text = res.unwrap_err().to_string();
    assert!(text.contains("it wants to be left alone for 3600 s"), "{text}");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn what_would_not_help_is_asked_once() {
    let too_long = json!({"error": {"code": "context_length_exceeded", "message": "long"}});
    let check = async |reply, expect: fn(&ProviderError) -> bool| {
        let (res, asked) = chatted(vec![reply]).await;
        let error = res.unwrap_err();
        assert!(expect(&error), "{error:?}");
        assert_eq!(asked, 1, "{error:?}");
    };
    check(reply("401 Unauthorized", &[], ""), |it| matches!(it, ProviderError::Key(_))).await;
    check(testing::json("400 Bad", &too_long), |it| matches!(it, ProviderError::TooLong(_))).await;
    check(
        reply("404 Not Found", &[], "x"),
        |it| matches!(it, ProviderError::Invalid(text) if text.contains("`m-1`")),
    )
    .await;
    let page = reply("200 OK", &["content-type: text/html"], "<html>");
    check(page, |it| matches!(it, ProviderError::Invalid(_))).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start(vec![good()]).await;
    let location = format!("location: {}/chat/completions", other.url);
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let (res, asked) = chatted(vec![reply(status, &[&location], "")]).await;
        let text = res.unwrap_err().to_string();
        assert!(text.contains("redirects are not followed") && !text.contains("127."), "{text}");
        assert_eq!((asked, other.asked().len()), (1, 0));
    }
}

#[tokio::test]
async fn what_is_no_answer_is_broken() {
    let check = async |reply: Vec<Step>, expect: &str| {
        let text = broken(answer(Kind::OpenAi, true, reply).await);
        assert!(text.starts_with(expect), "{text}");
    };
    let json = |it: &str| reply("200 OK", &["content-type: application/json"], it);
    check(json("{\"choices\""), "the answer is no JSON object: ").await;
    check(json("[]"), "the answer is no JSON object: ").await;
    let long = answer(Kind::OpenAi, true, json(&format!("\"{}\"", "x".repeat(100_000)))).await;
    assert!(broken(long).chars().count() <= MAX_ERROR_CHARS);
    let deep = format!("{{\"choices\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    check(json(&deep), "the answer is no JSON object: recursion limit").await;
    check(vec![stream("data: nonsense\n\n")], "the answer has an event that is no JSON").await;
    check(vec![stream("\u{0}\u{1}nonsense\n\n")], "the answer broke off").await;
    let deep = format!("data: {deep}\n\n");
    check(vec![stream(&deep)], "the answer has an event that is no JSON").await;
    check(vec![Step::Send(b"no HTTP at all\r\n\r\n".to_vec())], "the connection failed").await;
    check(vec![Step::Send(b"HTTP/1.1 200 OK\r\ncontent-".to_vec())], "the connection failed").await;
    let short = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    check(vec![Step::Send(short.to_vec())], "the answer broke off: ").await;
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    let endless = |head: &str, piece: Vec<u8>| {
        vec![Step::Send(head.as_bytes().to_vec()), Step::Repeat(piece, Duration::ZERO)]
    };
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let too_long =
        |what, limit: usize| format!("the provider sent an {what} of more than {limit} bytes");
    let res = answer(Kind::OpenAi, true, endless(json, vec![b' '; 1 << 16])).await;
    assert_eq!(broken(res), too_long("answer", MAX_BODY_BYTES));
    let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let res = answer(Kind::OpenAi, true, endless(events, vec![b'x'; 1 << 16])).await;
    assert_eq!(broken(res), too_long("event", MAX_EVENT_BYTES));
    let text =
        testing::events(&[json!({"choices": [{"delta": {"content": "x".repeat(1 << 16)}}]})]);
    let res = answer(Kind::OpenAi, true, endless(events, text.into_bytes())).await;
    assert_eq!(broken(res), "the answer is larger than is taken");
    // An error page too: its start is quoted.
    let page = "HTTP/1.1 500 Oops\r\n\r\n";
    let text = broken(answer(Kind::OpenAi, true, endless(page, vec![b'x'; 1 << 16])).await);
    assert!(text.chars().count() < MAX_QUOTE_CHARS + 60, "{text}");
}

#[tokio::test]
async fn a_stream_of_nothing_is_ended() {
    let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let ping = format!(": {}\n\n", "x".repeat(1 << 16)).into_bytes();
    let reply = vec![Step::Send(events.as_bytes().to_vec()), Step::Repeat(ping, Duration::ZERO)];
    let text = broken(answer(Kind::OpenAi, true, reply).await);
    assert_eq!(text, "the provider sent an answer of more than 67108864 bytes");
}

/// With so long for a try and for silence, and a single try.
async fn hurried(reply: Vec<Step>, timeout: u64, silence: u64) -> String {
    let server = Server::start(vec![reply]).await;
    let mut spec = spec(Kind::OpenAi, &server.url, true);
    spec.timeouts.silence = Duration::from_millis(silence);
    let mut model = model(spec.build().unwrap());
    model.patience.timeout = Duration::from_millis(timeout);
    model.patience.max_attempts = 1;
    let start = Instant::now();
    let res = model.chat(asking("hello"), CancellationToken::new(), None).await;
    assert!(start.elapsed() < Duration::from_secs(5));
    broken(res)
}

#[tokio::test]
async fn silence_and_trickles_are_ended() {
    let first = events(&[json!({"choices": [{"delta": {"content": "h"}}]})]);
    let text = hurried(vec![stream(&first), Step::Hang], 10_000, 50).await;
    assert!(text.ends_with("the answer was silent for 0.05 s"), "{text}");
    let text = hurried(vec![Step::Hang], 50, 10_000).await;
    assert!(text.ends_with("no whole answer within 0.05 s"), "{text}");
    let half = Step::Send(b"HTTP/1.1 200 OK\r\ncontent-".to_vec());
    let text = hurried(vec![half, Step::Hang], 50, 10_000).await;
    assert!(text.ends_with("no whole answer within 0.05 s"), "{text}");
    let trickle = Step::Repeat(b":".to_vec(), Duration::from_millis(1));
    let text = hurried(vec![stream(&first), trickle], 100, 50_000).await;
    assert!(text.ends_with("no whole answer within 0.1 s"), "{text}");
}

#[tokio::test]
async fn a_chat_that_is_cancelled_or_dropped_closes_its_connection() {
    let first = events(&[json!({"choices": [{"delta": {"content": "h"}}]})]);
    let reply = vec![stream(&first), Step::Hang];
    let mut server = Server::start(vec![reply]).await;
    let provider = spec(Kind::OpenAi, &server.url, true).build().unwrap();
    let mut call = call(asking("hello"));
    let cancelled = call.cancelled.clone();
    call.partial = Some(Arc::new(move |_| cancelled.cancel()));
    assert_eq!(provider.chat(call.clone()).await, Err(ProviderError::Cancelled));
    server.closed().await;
    call.cancelled = CancellationToken::new();
    let told = Arc::new(tokio::sync::Notify::new());
    let heard = Arc::clone(&told);
    call.partial = Some(Arc::new(move |_| told.notify_one()));
    tokio::select! {
        res = provider.chat(call) => panic!("{res:?}"),
        () = heard.notified() => (),
    }
    server.closed().await;
}

#[tokio::test]
async fn nobody_at_the_address_is_said_without_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let provider = spec(Kind::OpenAi, &format!("http://{address}/v1"), true).build().unwrap();
    let text = broken(provider.chat(call(asking("hello"))).await);
    assert!(text.starts_with("cannot connect: "), "{text}");
    assert!(!text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn a_model_is_checked_with_a_token() {
    let server = Server::start(vec![good()]).await;
    let res = check(&model(spec(Kind::OpenAi, &server.url, false).build().unwrap())).await.unwrap();
    assert!(res.starts_with("`m-2` of `local` answered in "), "{res}");
    assert_eq!(server.asked().pop().unwrap().body["max_tokens"], 1);
}

/// All that a chat shows: its error, and every diagnostic down to the last.
#[cfg(feature = "cli")]
async fn shown(replies: Vec<Vec<Step>>) -> (String, Server) {
    let server = Server::start(replies).await;
    let mut spec = spec(Kind::OpenAi, &format!("{}?key={CANARY}", server.url), true);
    spec.key = Some(crate::secret::Source::Command(["echo", CANARY].map(str::to_owned).to_vec()));
    spec.headers.insert("x-secret".to_owned(), format!("more-{CANARY}"));
    let text = async {
        let model = model(spec.build().unwrap());
        let res = model.chat(asking("hello"), CancellationToken::new(), None).await;
        format!("{model:?} {res:?}")
    };
    let (text, log) = testing::logged(text).await;
    (format!("{text}\n{log}"), server)
}

#[cfg(feature = "cli")]
#[tokio::test]
async fn a_key_is_shown_nowhere_even_when_the_server_quotes_it() {
    let quoting = format!("no: {CANARY}, more-{CANARY}");
    let error: Value = json!({"error": {"code": 401, "message": quoting}});
    for replies in [
        vec![good()],
        vec![testing::json("401 Unauthorized", &error)],
        vec![testing::json("200 OK", &error)],
        vec![vec![stream(&events(std::slice::from_ref(&error)))]],
        vec![reply("500 Oops", &[], &quoting)],
        vec![vec![]],
        vec![reply("302 Found", &[&format!("location: http://127.0.0.1/{CANARY}")], "")],
    ] {
        let (shown, server) = shown(replies).await;
        let asked = server.asked().pop().unwrap().head;
        assert!(asked.contains(&format!("Bearer {CANARY}")), "{asked}");
        assert!(!shown.contains(CANARY), "{shown}");
    }
}
