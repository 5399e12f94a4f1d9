//! What the bundled agent `react` makes of answers as servers really send
//! them, over a socket: those of `host/src/provider/answers`, and messages
//! that have to come back to their provider to the letter.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use hermitage::{
    event::{ChildResult, Status},
    provider::{Kind, Model, Patience, ProviderSpec, Timeouts},
    session::Session,
};
use hermitage_tests::{TestHost, TestTask, checkout, models::models, plugin};
use serde_json::{Value, json};

/// What a conversation ends with, once a tool was called.
const LAST: &str = "It says hello.";

/// What stands before the name of an answer in a goal.
const CASE: &str = "case:";

/// An answer, and what is expected of it.
struct Case {
    wire: &'static str,
    reply: Vec<u8>,
    expect: Value,
}

/// A service of both wires: the first answer of a conversation is that of its
/// case, each later one the last.
struct Service {
    url: String,
    /// What was asked, by case.
    asked: Arc<Mutex<BTreeMap<String, Vec<Value>>>>,
}

impl Service {
    fn new(cases: Arc<BTreeMap<String, Case>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<BTreeMap<String, Vec<Value>>>>::default();
        let log = Arc::clone(&asked);
        // Ends with the process: nobody connects after its test.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let body = request(&stream);
                let text = body.to_string();
                let name = text.split(CASE).nth(1).unwrap();
                let name: String =
                    name.chars().take_while(|it| it.is_alphanumeric() || *it == '-').collect();
                let is_first = !text.contains(r#""role":"assistant""#);
                let case = &cases[&name];
                let reply = if is_first { case.reply.clone() } else { last(case.wire) };
                log.lock().unwrap().entry(name).or_default().push(body);
                // A client that is content with less has gone.
                let _ = stream.write_all(&reply);
            }
        });
        Self { url, asked }
    }

    fn model(&self, wire: &str) -> Model {
        let (kind, base) = match wire {
            "anthropic" => (Kind::Anthropic, self.url.clone()),
            _ => (Kind::OpenAi, format!("{}/v1", self.url)),
        };
        let long = Duration::from_secs(20);
        let spec = ProviderSpec {
            name: "local".to_owned(),
            kind,
            base_url: Some(base),
            key: None,
            stream: true,
            headers: BTreeMap::new(),
            timeouts: Timeouts { connect: long, silence: long },
            cassette: None,
        };
        let pause = Duration::from_millis(1);
        Model {
            name: wire.to_owned(),
            id: "m-1".to_owned(),
            provider_name: "local".to_owned(),
            provider: spec.build().unwrap(),
            context_tokens: None,
            max_output_tokens: None,
            temperature: None,
            price: None,
            patience: Patience {
                max_attempts: 1,
                first_pause: pause,
                max_pause: pause,
                timeout: long,
            },
        }
    }
}

fn request(stream: &TcpStream) -> Value {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn reply(status: u64, headers: &[String], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|it| format!("{it}\r\n")).collect();
    let length = body.len();
    format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

fn last(wire: &str) -> Vec<u8> {
    let body = match wire {
        "anthropic" => json!({
            "type": "message", "role": "assistant", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": LAST}],
        }),
        _ => json!({"choices": [{"message": {"content": LAST}, "finish_reason": "stop"}]}),
    };
    reply(200, &["content-type: application/json".to_owned()], &body.to_string())
}

/// The answers of `host/src/provider/answers`, by name.
fn cases() -> BTreeMap<String, Case> {
    let folder = checkout().join("host/src/provider/answers");
    let files = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path());
    let bodies = files.filter(|it| !it.to_str().unwrap().ends_with(".expect.json"));
    let case = |body: std::path::PathBuf| {
        let name = body.file_stem().unwrap().to_str().unwrap().to_owned();
        let expect = fs::read_to_string(folder.join(format!("{name}.expect.json"))).unwrap();
        let expect: Value = serde_json::from_str(&expect).unwrap();
        let is_stream = body.extension().unwrap() == "sse";
        let default = if is_stream { "text/event-stream" } else { "application/json" };
        let mut headers =
            vec![format!("content-type: {}", expect["type"].as_str().unwrap_or(default))];
        let more = expect["headers"].as_array().into_iter().flatten();
        headers.extend(more.map(|it| it.as_str().unwrap().to_owned()));
        headers.retain(|it| it != "content-type: ");
        let status = expect["status"].as_u64().unwrap_or(200);
        let reply = reply(status, &headers, &fs::read_to_string(body).unwrap());
        let wire = if expect["wire"] == "anthropic" { "anthropic" } else { "openai" };
        (name, Case { wire, reply, expect })
    };
    bodies.map(case).collect()
}

/// What the agent reports of a conversation that begins with an answer, and
/// what its provider was asked.
async fn run(
    host: &TestHost,
    service: &Service,
    name: &str,
    wire: &str,
) -> (ChildResult, Vec<Value>) {
    let goal = format!("read the file, {CASE}{name}");
    let task = TestTask::of_bytes("react", plugin("react")).goal(&goal);
    let mut request = host.request(&[task]).await;
    request.tasks[0].model = Some(wire.to_owned());
    let answer = host.host().await.delegate(&Session::Local, request).await.unwrap();
    let res = answer.finished().unwrap().results.remove(0);
    (res, service.asked.lock().unwrap().remove(name).unwrap())
}

fn host(service: &Service) -> TestHost {
    let both = models(["openai", "anthropic"].map(|it| service.model(it)));
    TestHost::new().built(move |it| it.models(both.clone()))
}

#[tokio::test]
async fn the_agent_makes_of_each_answer_what_it_means() {
    let cases = Arc::new(cases());
    let service = Service::new(Arc::clone(&cases));
    let host = host(&service);
    for (name, case) in cases.iter() {
        let (res, asked) = run(&host, &service, name, case.wire).await;
        check(name, case, &res, &asked);
    }
    host.assert_nothing_in_use();
}

#[track_caller]
fn check(name: &str, case: &Case, res: &ChildResult, asked: &[Value]) {
    let react = &case.expect["react"];
    let text = |field: &str| react[field].as_str();
    let summary = res.summary.as_deref().unwrap_or_default();
    if let Some(why) = text("fails") {
        assert_eq!(res.status, Status::Failed, "{name}: {res:?}");
        let told = format!("{summary} {}", res.error.as_deref().unwrap_or_default());
        assert!(told.contains(why), "{name}: {res:?}");
        return;
    }
    assert_eq!(res.status, Status::Completed, "{name}: {res:?}");
    assert_eq!(summary, text("says").unwrap_or(LAST), "{name}");
    if text("says").is_some() {
        assert_eq!((asked.len(), res.tool_calls), (1, 0), "{name}");
        return;
    }
    let [_, second] = asked else { panic!("{name}: {} requests", asked.len()) };
    if let Some(told) = text("feeds") {
        let last = second["messages"].as_array().unwrap().last().unwrap();
        assert!(last.to_string().contains(&told.replace('"', "\\\"")), "{name}: {last}");
        return;
    }
    let calls = react["calls"].as_array().unwrap();
    assert_eq!(res.tool_calls, calls.len() as u64, "{name}: {res:?}");
    check_kept(name, case, second, calls.len());
}

/// The model's message is there as it came, and each call has its result.
#[track_caller]
fn check_kept(name: &str, case: &Case, asked: &Value, calls: usize) {
    let messages = asked["messages"].as_array().unwrap();
    let results = if case.wire == "anthropic" { 1 } else { calls };
    let (before, results) = messages.split_at(messages.len() - results);
    let own = before.last().unwrap();
    for (place, value) in case.expect["kept"].as_object().into_iter().flatten() {
        assert_eq!(own.pointer(place), Some(value), "{name}: {place} of {own}");
    }
    let results = Value::from(results).to_string();
    assert_eq!(results.matches("hello").count(), calls, "{name}: {results}");
    let ids = case.expect["calls"].as_array().into_iter().flatten().map(|it| it[0].to_string());
    // Those that the host gave say how long the conversation was.
    for id in ids.filter(|it| !it.contains("call_1_")) {
        assert!(own.to_string().contains(&id) && results.contains(&id), "{name}: {own} {results}");
    }
}

/// What a service of a wire sends first, and what has to come back.
async fn check_letter(wire: &'static str, message: Value, answer: Value) {
    let json = ["content-type: application/json".to_owned()];
    let case = Case { wire, reply: reply(200, &json, &answer.to_string()), expect: json!({}) };
    let service = Service::new(Arc::new(BTreeMap::from([("letter".to_owned(), case)])));
    let (res, asked) = run(&host(&service), &service, "letter", wire).await;
    assert_eq!(res.summary.as_deref(), Some(LAST), "{res:?}");
    let messages = asked[1]["messages"].as_array().unwrap();
    let own = messages.iter().find(|it| it["role"] == "assistant").unwrap();
    assert_eq!(*own, message);
}

#[tokio::test]
async fn reasoning_comes_back_to_its_provider_to_the_letter() {
    let function = json!({"name": "functions.read_file", "arguments": "{ \"path\" : \"hello.txt\",\n\"limit\": \"5\" }"});
    let message = json!({
        "role": "assistant",
        "content": "\n<think>so</think> I look. \n",
        "reasoning_content": " I look.\n",
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "c2VhbGVk"}],
        "tool_calls": [{"id": "call_a", "type": "function", "function": function,
            "extra_content": {"google": {"thought_signature": "c2lnbmF0dXJl"}}}],
    });
    let answer = json!({"choices": [{"message": message, "finish_reason": "tool_calls"}]});
    check_letter("openai", message, answer).await;
    let blocks = json!([
        {"type": "thinking", "thinking": "I look. ", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "c2VhbGVk"},
        {"type": "text", "text": "\n\nI look. \n"},
        {"type": "tool_use", "id": "toolu_a", "name": "read_file",
            "input": {"path": "hello.txt", "limit": null}},
    ]);
    let answer = json!({"type": "message", "role": "assistant", "content": blocks, "stop_reason": "tool_use"});
    check_letter("anthropic", json!({"role": "assistant", "content": blocks}), answer).await;
}
