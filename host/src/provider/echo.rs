//! A server that repeats its key: in every place of an answer, in every form,
//! over both wires, streamed and not. Nobody sees it.

mod replies;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{
    ChatResponse, Kind, ProviderError,
    testing::{self, CANARY, Server, Step, asking, call, reply, spec, stream},
};
use crate::{redact::MARK, secret::Source};
use replies::{DROPPED, PLACES, errors, escaped, forms, sent, streamed, take, whole, with};

/// Letters and digits in small ones, as a reader would compare them.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

/// Every text of a value.
fn texts(of: &Value, res: &mut Vec<String>) {
    match of {
        Value::String(it) => res.push(it.clone()),
        Value::Array(it) => it.iter().for_each(|it| texts(it, res)),
        Value::Object(it) => it.iter().for_each(|(name, it)| {
            res.push(name.clone());
            texts(it, res);
        }),
        _ => (),
    }
}

/// Every text that came out of a chat.
fn told(res: &Result<ChatResponse, ProviderError>) -> Vec<String> {
    let answer = match res {
        Ok(answer) => answer,
        Err(error) => return vec![error.to_string(), format!("{error:?}")],
    };
    let mut told = vec![answer.text.clone(), answer.model.clone(), format!("{answer:?}")];
    for it in &answer.tool_calls {
        told.extend([it.id.clone(), it.name.clone(), it.arguments.clone()]);
    }
    texts(answer.original.as_deref().unwrap(), &mut told);
    texts(&Value::Object(answer.extra.clone()), &mut told);
    told
}

/// What came of a chat with such a server, in all its texts: what it gave,
/// what it told as it came, and the log down to the last line.
async fn heard(kind: Kind, is_streamed: bool, reply: Vec<Step>) -> (Vec<String>, bool) {
    let server = Server::start(vec![reply]).await;
    let mut spec = spec(kind, &server.url, is_streamed);
    spec.key = Some(Source::Command(["echo", CANARY].map(str::to_owned).to_vec()));
    let provider = spec.build().unwrap();
    let live = Arc::<Mutex<String>>::default();
    let mut call = call(asking("hello"));
    let listener = Arc::clone(&live);
    call.partial = Some(Arc::new(move |it: &str| listener.lock().unwrap().push_str(it)));
    let (res, log) = testing::logged(provider.chat(call)).await;
    assert!(server.asked()[0].head.contains(CANARY));
    let mut texts = told(&res);
    texts.extend([live.lock().unwrap().clone(), log]);
    (texts, res.is_ok())
}

/// Asks such a server over both wires, streamed and not, and looks for the
/// key in all that came out; `is_cut` says whether something of it was told.
/// Gives how many cases there were.
async fn check(
    name: &str,
    form: &str,
    is_cut: bool,
    reply: impl Fn(Kind, bool) -> Vec<Step>,
) -> usize {
    for kind in [Kind::OpenAi, Kind::Anthropic] {
        for is_streamed in [false, true] {
            let case = format!("{name} over {kind:?}, streamed: {is_streamed}, {form:?}");
            let (texts, _) = heard(kind, is_streamed, reply(kind, is_streamed)).await;
            for text in &texts {
                let text = text.replace(MARK, "");
                assert!(!text.contains(form), "{case}: {text}");
                let is_ascii = form.chars().any(|it| it.is_ascii_alphanumeric());
                assert!(!is_ascii || !letters(&text).contains(&letters(form)), "{case}: {text}");
                assert!(!letters(&text).contains(&letters(CANARY)), "{case}: {text}");
            }
            assert_eq!(texts.iter().any(|it| it.contains(MARK)), is_cut, "{case}: {texts:?}");
        }
    }
    4
}

#[tokio::test]
async fn in_no_place_of_an_answer() {
    let mut count = 0;
    let forms = forms();
    for place in PLACES {
        let is_cut = !DROPPED.contains(&place.0);
        // Every form where it matters most.
        let all = ["text", "arguments"].contains(&place.0);
        for (name, form) in forms.iter().step_by(if all { 1 } else { 5 }) {
            let name = format!("{} ({name})", place.0);
            let reply = |kind, is_streamed| sent(kind, is_streamed, with(kind, place, form));
            count += check(&name, form, is_cut, reply).await;
        }
    }
    assert!(240 <= count, "{count}");
}

#[tokio::test]
async fn not_in_the_name_of_a_field() {
    for (name, form) in forms().iter().step_by(3) {
        let reply = |kind, is_streamed| {
            let mut whole = whole(kind);
            let path =
                if kind == Kind::OpenAi { "/choices/0/message/details/0" } else { "/content/2" };
            whole.pointer_mut(path).unwrap()[form] = json!(1);
            sent(kind, is_streamed, whole)
        };
        check(name, form, true, reply).await;
    }
}

#[tokio::test]
async fn not_when_the_json_itself_is_escaped() {
    for place in PLACES {
        let is_cut = !DROPPED.contains(&place.0);
        let reply = |kind, is_streamed: bool| {
            let whole = with(kind, place, CANARY);
            if !is_streamed {
                let body = escaped(&whole.to_string());
                return reply("200 OK", &["content-type: application/json"], &body);
            }
            let lines = streamed(kind, whole);
            let line = |it: &str| match it.strip_prefix("data: {") {
                Some(json) => format!("data: {}\n", escaped(&format!("{{{json}"))),
                None => format!("{it}\n"),
            };
            vec![stream(&lines.lines().map(line).collect::<String>())]
        };
        check(place.0, CANARY, is_cut, reply).await;
    }
}

#[tokio::test]
async fn not_in_parts_that_the_wire_joins() {
    let (head, tail) = CANARY.split_at(9);
    let parts = |text: fn(&str) -> Value| json!([text("It is "), text(head), text(tail)]);
    let reply = |kind, is_streamed| {
        let mut whole = whole(kind);
        let text = |it: &str| json!({"type": "text", "text": it});
        if kind == Kind::OpenAi {
            whole["choices"][0]["message"]["content"] = parts(text);
            // Only as a whole: a stream has the text as one.
            return testing::json("200 OK", &whole);
        }
        let calls = take(&mut whole, "content")[2].take();
        let mut blocks = parts(text);
        blocks.as_array_mut().unwrap().push(calls);
        whole["content"] = blocks;
        sent(kind, is_streamed, whole)
    };
    for kind in [Kind::OpenAi, Kind::Anthropic] {
        for is_streamed in [false, true] {
            let server = Server::start(vec![reply(kind, is_streamed)]).await;
            let mut spec = spec(kind, &server.url, is_streamed);
            spec.key = Some(Source::Command(["echo", CANARY].map(str::to_owned).to_vec()));
            let res = spec.build().unwrap().chat(call(asking("hello"))).await.unwrap();
            assert_eq!(res.text, "It is [key]");
        }
    }
}

#[tokio::test]
async fn in_no_error() {
    for (name, form) in forms() {
        for index in 0..errors(Kind::OpenAi, "").len() {
            let of = |kind| errors(kind, &form).swap_remove(index);
            let name = format!("{} ({name})", of(Kind::OpenAi).0);
            // Every form in one kind of error, some in the others.
            if index == 1
                || ["plain", "zero width", "base64", "escaped"]
                    .iter()
                    .any(|it| name.ends_with(&format!("({it})")))
            {
                check(&name, &form, true, |kind, _| of(kind).1).await;
            }
        }
    }
}

#[tokio::test]
async fn not_at_the_place_where_a_quote_is_cut() {
    for before in 270..300 {
        let body = json!({"error": {"message": format!("{} {CANARY}", "x".repeat(before))}});
        let (texts, _) = heard(Kind::OpenAi, true, testing::json("400 Bad", &body)).await;
        assert!(!texts.iter().any(|it| it.contains("sk-")), "{texts:?}");
    }
}

#[tokio::test]
async fn not_from_what_is_never_told() {
    let headers = |form: &str, status: &str| {
        let headers = [
            format!("x-request-id: {form}"),
            format!("retry-after: {form}"),
            format!("location: http://127.0.0.1/{form}"),
            format!("set-cookie: key={form}"),
            format!("x-{form}: 1"),
        ];
        reply(status, &headers.iter().map(String::as_str).collect::<Vec<_>>(), "")
    };
    for status in [&format!("401 {CANARY}"), "302 Found", "307 Temporary", "503 Busy"] {
        check(status, CANARY, false, |_, _| headers(CANARY, status)).await;
    }
    let kind = format!("content-type: text/{CANARY}");
    check("type", CANARY, false, |_, _| reply("200 OK", &[&kind], "x")).await;
    let noise =
        format!(": {CANARY}\nid: {CANARY}\nretry: {CANARY}\n{CANARY}: x\nevent: {CANARY}\n\n");
    check("comment", CANARY, false, |kind, _| {
        vec![stream(&format!("{noise}{}", streamed(kind, whole(kind))))]
    })
    .await;
}

#[tokio::test]
async fn what_is_no_key_comes_as_it_was_sent() {
    for kind in [Kind::OpenAi, Kind::Anthropic] {
        for is_streamed in [false, true] {
            let odd = "\u{feff}a\\u0041 %41 &amp; \u{200b} [key sk-canary-5up3r53c \u{1b}[31m";
            let place = PLACES[0];
            let sent_whole = with(kind, place, odd);
            let (texts, is_ok) =
                heard(kind, is_streamed, sent(kind, is_streamed, sent_whole)).await;
            assert!(is_ok && texts[0] == odd, "{texts:?}");
            // What was told as it came, which ends where a terminal is driven.
            let live = &texts[texts.len() - 2];
            assert!(!is_streamed || odd.starts_with(live) && live.ends_with(" [key "), "{live}");
        }
    }
}

#[tokio::test]
async fn nor_a_header_or_the_secret_of_an_address() {
    let secret = "h34d3r-v4lu3-0f-4-g4t3w4y";
    let body = json!({"error": {"message": format!("{secret} https://my.app/0123456789abcdef")}});
    let server = Server::start(vec![testing::json("400 Bad", &body)]).await;
    for (header, url) in [
        ("x-gateway", server.url.clone()),
        ("authorization", server.url.clone()),
        ("referer", format!("{}?api_key={secret}", server.url)),
    ] {
        let mut spec = spec(Kind::OpenAi, &url, true);
        let value = match header {
            "authorization" => format!("Basic {secret}"),
            "referer" => "https://my.app/0123456789abcdef".to_owned(),
            _ => secret.to_owned(),
        };
        spec.headers.insert(header.to_owned(), value);
        let err = spec.build().unwrap().chat(call(asking("hello"))).await.unwrap_err();
        assert!(err.to_string().ends_with("[key] https://my.app/0123456789abcdef"), "{err}");
    }
}
