//! A plugin that asks the web: by the contract, and as programs of other tool
//! chains do, by `wasi:http`. Each tool gives what it got as one text: status,
//! headers, an empty line, body.

use hermitage_guest::{
    ToolError, tool,
    tool::{http, settings},
    tools,
};
use schemars::JsonSchema;
use serde::Deserialize;
use wasip2::{
    http::{
        outgoing_handler::handle,
        types::{
            Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody,
            OutgoingRequest, Scheme,
        },
    },
    io::streams::StreamError,
};

/// Bytes that one write to a stream may carry.
const MAX_WRITE: usize = 4_096;

#[derive(Deserialize, JsonSchema)]
struct Ask {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    /// How often the body is sent.
    #[serde(default = "once")]
    times: usize,
    /// How many requests are under way at once.
    #[serde(default = "once")]
    at_once: usize,
}

fn once() -> usize {
    1
}

/// By the contract.
#[tool]
fn fetch(ask: Ask) -> Result<String, ToolError> {
    let mut request = http::request(ask.method, ask.url).body(ask.body.repeat(ask.times));
    for (name, value) in ask.headers {
        request = request.header(name, value);
    }
    let answer = request.send()?;
    let location = answer.header("location").unwrap_or_default();
    let (status, cut) = (answer.status(), answer.is_truncated());
    Ok(format!("{status} {location} cut: {cut}\n\n{}", answer.text()))
}

/// By WASI.
#[tool]
fn wasi(ask: Ask) -> Result<String, ToolError> {
    let mut under_way = Vec::new();
    for _ in 0..ask.at_once {
        under_way.push(send(&ask).map_err(ToolError::failed)?);
    }
    let answers = under_way.into_iter().map(|future| {
        future.subscribe().block();
        let answer = future.get().ok_or("no answer")?.map_err(|()| "taken before")?;
        answer.map_err(|it| it.to_string())
    });
    // All of them are there before the first one is read.
    let answers: Vec<Result<IncomingResponse, String>> = answers.collect();
    let texts: Vec<String> =
        answers.into_iter().map(|it| it.map_or_else(|it| it, |it| read(&it))).collect();
    Ok(texts.join("\n"))
}

/// What the person set.
#[tool]
fn setting(Key { key }: Key) -> Result<String, ToolError> {
    Ok(format!("{:?}", settings::get(&key)))
}

#[derive(Deserialize, JsonSchema)]
struct Key {
    key: String,
}

tools![fetch, wasi, setting];

fn send(ask: &Ask) -> Result<FutureIncomingResponse, String> {
    let fields = Fields::new();
    for (name, value) in &ask.headers {
        fields.append(name, value.as_bytes()).map_err(|it| format!("{name}: {it}"))?;
    }
    let (scheme, rest) = ask.url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let request = OutgoingRequest::new(fields);
    let method = match ask.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => Method::Other(other.to_owned()),
    };
    let wrong = |()| "malformed".to_owned();
    request.set_method(&method).map_err(wrong)?;
    request.set_scheme(Some(&scheme)).map_err(wrong)?;
    request.set_authority(Some(authority)).map_err(wrong)?;
    request.set_path_with_query(Some(path)).map_err(wrong)?;
    let body = request.body().map_err(wrong)?;
    let future = handle(request, None).map_err(|it| it.to_string())?;
    let stream = body.write().map_err(wrong)?;
    for piece in ask.body.repeat(ask.times).as_bytes().chunks(MAX_WRITE) {
        // Nobody may listen any more: the answer says why.
        if stream.blocking_write_and_flush(piece).is_err() {
            break;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
    Ok(future)
}

fn read(answer: &IncomingResponse) -> String {
    let mut res = answer.status().to_string();
    for (name, value) in answer.headers().entries() {
        res += &format!("\n{name}: {}", String::from_utf8_lossy(&value));
    }
    let (mut bytes, mut end) = (Vec::new(), String::new());
    if let Ok(body) = answer.consume() {
        let Ok(stream) = body.stream() else { return "no stream".to_owned() };
        loop {
            match stream.blocking_read(1 << 16) {
                Ok(piece) => bytes.extend(piece),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(it)) => {
                    end = format!("\nbroken: {}", it.to_debug_string());
                    break;
                }
            }
        }
    }
    let text = match bytes.len() {
        0..10_000 => String::from_utf8_lossy(&bytes).into_owned(),
        long => format!("{long} bytes"),
    };
    format!("{res}\n\n{text}{end}")
}
