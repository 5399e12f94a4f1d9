//! Telemetry, as a collector sees it that a host sends its spans to.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use hermitage::event::Role;
use hermitage_tests::{
    TestHost, TestTask, checkout, guest, helper,
    models::{model, models, says},
    service::TestService,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as AnyValue},
    trace::v1::{Span, span::SpanKind},
};
use prost::Message as _;
use reqwest::Method;
use serde_json::json;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// What stands in prompts, arguments and results, and in no span.
const SECRET: &str = "xyzzy";

/// What a collector was sent.
#[derive(Default)]
struct Sent {
    spans: Vec<Span>,
    services: Vec<KeyValue>,
    /// First lines and headers, in lower case.
    heads: Vec<String>,
    bodies: Vec<Vec<u8>>,
}

/// Takes spans over HTTP, as OTLP has it.
struct Collector {
    address: SocketAddr,
    sent: Arc<Mutex<Sent>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::<Mutex<Sent>>::default();
        let keep = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming() {
                take(&stream.unwrap(), &keep);
            }
        });
        Self { address, sent }
    }
}

/// One request of one connection.
fn take(stream: &TcpStream, sent: &Mutex<Sent>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let head = head.to_lowercase();
    let (_, length) = head.split_once("content-length: ").unwrap();
    let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let request = ExportTraceServiceRequest::decode(&*body).unwrap();
    let mut sent = sent.lock().unwrap();
    for of_resource in request.resource_spans {
        sent.services.extend(of_resource.resource.unwrap().attributes);
        sent.spans.extend(of_resource.scope_spans.into_iter().flat_map(|it| it.spans));
    }
    sent.heads.push(head);
    sent.bodies.push(body);
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    (&*stream).write_all(answer.as_bytes()).unwrap();
}

/// Runs a test of this file in a process of its own, whose environment says
/// where spans go.
fn run(test: &str, environment: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).envs(environment.iter().copied());
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    assert!(String::from_utf8_lossy(&ran.stdout).contains("1 passed"), "{said}");
}

/// A parent that chats and has its child read a file that is not there.
async fn work(traceparent: &str) {
    let answers = models([model("small", |_| Ok(says(SECRET)))]);
    let host = TestHost::new().built(move |it| it.models(answers.clone()));
    let service = TestService::on(&host).await;
    let reads = TestTask::new("calls_native")
        .goal(SECRET)
        .context(&format!("read_file {}", json!({"path": SECRET})));
    let plan = json!([{
        "goal": SECRET, "agent": "calls_native", "toolsets": ["file_read"],
        "context": format!("read_file {}", json!({"path": SECRET})),
    }]);
    let delegates = TestTask::new("delegates")
        .toolsets(&["file_read", "delegation"])
        .role(Role::Orchestrator)
        .goal(SECRET)
        .context(&plan.to_string());
    let chats = TestTask::new("chats").goal(SECRET).context("2");
    host.request(&[reads]).await;
    let tasks = host.request(&[delegates, chats]).await.tasks;
    let alice = service.token("alice");
    let call = alice.call(Method::POST, "/v1/delegations").header("traceparent", traceparent);
    let answer = call.json(&json!({"tasks": tasks, "completion": "together"})).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    let (_, claimed) = alice.get("/v1/events?wait_seconds=60").await;
    let results = &claimed["events"][0]["event"]["results"];
    assert!(results[0]["summary"].as_str().unwrap().starts_with("0 completed"), "{results}");
    assert_eq!(results[1]["summary"], format!("{SECRET}\n{SECRET}"), "{results}");
    host.host().await.shutdown().await;
}

/// Where no environment says where to, the same, and nothing is sent.
#[tokio::test]
async fn a_host_works_for_a_caller_that_is_traced() {
    work(&format!("00-{TRACE}-{CALLER}-01")).await;
}

#[tokio::test]
async fn a_host_works_for_a_caller_that_keeps_no_spans() {
    work(&format!("00-{TRACE}-{CALLER}-00")).await;
}

#[tokio::test]
async fn a_host_works_for_a_caller_of_nonsense() {
    work("00-nonsense").await;
}

fn text(value: &KeyValue) -> String {
    match value.value.as_ref().unwrap().value.as_ref().unwrap() {
        AnyValue::StringValue(it) => it.clone(),
        AnyValue::IntValue(it) => it.to_string(),
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

/// Spans as a tree: each in its parent, with what it says of itself, but that
/// ids are only known to be there.
fn tree(spans: &[Span], parent: &[u8], depth: usize, res: &mut String) {
    let mut below: Vec<&Span> = spans.iter().filter(|it| it.parent_span_id == parent).collect();
    below.sort_by_key(|it| (it.name.clone(), it.start_time_unix_nano));
    for span in below {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        let kind = if span.kind == SpanKind::Client as i32 { " (client)" } else { "" };
        writeln!(res, "{}{}{kind}", "  ".repeat(depth), span.name).unwrap();
        let attributes: BTreeMap<&str, String> =
            span.attributes.iter().map(|it| (it.key.as_str(), text(it))).collect();
        for (key, value) in attributes {
            let value = if key.ends_with(".id") { "ID" } else { &value };
            writeln!(res, "{}- {key}: {value}", "  ".repeat(depth)).unwrap();
        }
        tree(spans, &span.span_id, depth + 1, res);
    }
}

#[test]
fn a_delegation_is_one_trace_below_its_caller() {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.address);
    let environment =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_EXPORTER_OTLP_HEADERS", "key=abc")];
    run("a_host_works_for_a_caller_that_is_traced", &environment);
    let sent = collector.sent.lock().unwrap();
    assert!(sent.spans.iter().all(|it| hex(&it.trace_id) == TRACE), "{:?}", sent.spans);
    let root = sent.spans.iter().find(|it| hex(&it.parent_span_id) == CALLER).unwrap();
    let mut seen = String::new();
    tree(&sent.spans, &root.parent_span_id, 0, &mut seen);
    insta::assert_snapshot!(seen, @"
    invoke_workflow
    - gen_ai.operation.name: invoke_workflow
    - hermitage.delegation.id: ID
    - hermitage.delegation.tasks: 2
      invoke_agent chats
      - gen_ai.agent.name: chats
      - gen_ai.operation.name: invoke_agent
      - gen_ai.request.model: small-id
      - gen_ai.usage.input_tokens: 200
      - gen_ai.usage.output_tokens: 20
      - hermitage.child.id: ID
        chat small-id (client)
        - gen_ai.operation.name: chat
        - gen_ai.provider.name: canned
        - gen_ai.request.model: small-id
        - gen_ai.response.model: canned-1
        - gen_ai.usage.input_tokens: 100
        - gen_ai.usage.output_tokens: 10
        chat small-id (client)
        - gen_ai.operation.name: chat
        - gen_ai.provider.name: canned
        - gen_ai.request.model: small-id
        - gen_ai.response.model: canned-1
        - gen_ai.usage.input_tokens: 100
        - gen_ai.usage.output_tokens: 10
      invoke_agent delegates
      - gen_ai.agent.name: delegates
      - gen_ai.operation.name: invoke_agent
      - gen_ai.request.model: small-id
      - gen_ai.usage.input_tokens: 0
      - gen_ai.usage.output_tokens: 0
      - hermitage.child.id: ID
        execute_tool delegate_task
        - gen_ai.operation.name: execute_tool
        - gen_ai.tool.name: delegate_task
        - gen_ai.tool.type: function
          invoke_workflow
          - gen_ai.operation.name: invoke_workflow
          - hermitage.delegation.id: ID
          - hermitage.delegation.tasks: 1
            invoke_agent calls_native
            - gen_ai.agent.name: calls_native
            - gen_ai.operation.name: invoke_agent
            - gen_ai.request.model: small-id
            - gen_ai.usage.input_tokens: 0
            - gen_ai.usage.output_tokens: 0
            - hermitage.child.id: ID
              execute_tool read_file
              - error.type: failed
              - gen_ai.operation.name: execute_tool
              - gen_ai.tool.name: read_file
              - gen_ai.tool.type: function
    ");
    for (head, body) in sent.heads.iter().zip(&sent.bodies) {
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nkey: abc\r\n"), "{head}");
        let is_secret = |it: &[u8]| it == SECRET.as_bytes() || it == b"alice";
        assert!(!body.windows(5).any(is_secret), "{}", String::from_utf8_lossy(body));
    }
    let service = |key: &str| sent.services.iter().find(|it| it.key == key).map(text);
    assert_eq!(service("service.name").as_deref(), Some("hermitage"));
    assert_eq!(service("service.version").as_deref(), Some("0.1.0"));
}

#[test]
fn what_nobody_wants_is_not_sent() {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.address);
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint)];
    run("a_host_works_for_a_caller_that_keeps_no_spans", &environment);
    for (variable, value) in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
    ] {
        let environment = [environment[0], (variable, value)];
        run("a_host_works_for_a_caller_that_is_traced", &environment);
    }
    assert!(collector.sent.lock().unwrap().heads.is_empty());
}

#[test]
fn a_traceparent_that_is_none_begins_a_trace() {
    let collector = Collector::start();
    let endpoint = format!("http://{}/v1/traces", collector.address);
    let environment =
        [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*endpoint), ("OTEL_SERVICE_NAME", "mine")];
    run("a_host_works_for_a_caller_of_nonsense", &environment);
    let sent = collector.sent.lock().unwrap();
    let roots = sent.spans.iter().filter(|it| it.parent_span_id.is_empty());
    assert_eq!(roots.map(|it| &*it.name).collect::<Vec<_>>(), ["invoke_workflow"]);
    let service = sent.services.iter().rfind(|it| it.key == "service.name").map(text);
    assert_eq!(service.as_deref(), Some("mine"));
}

#[test]
fn a_collector_that_is_not_there_holds_nothing_up() {
    // Nobody listens at a port that was just given back.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let endpoint = format!("http://{free}");
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint)];
    run("a_host_works_for_a_caller_that_is_traced", &environment);
}

#[test]
fn a_command_sends_its_spans_before_it_ends() {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let workspace = dir.path().join("work");
    fs::create_dir(&workspace).unwrap();
    fs::write(workspace.join("hello.txt"), "hello").unwrap();
    fs::write(workspace.join("honest.wasm"), guest("honest")).unwrap();
    let mut command = Command::new(helper());
    for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env(variable, dir.path().join("home"));
    }
    command
        .args(["run", "--agent", "./honest.wasm", "read it"])
        .current_dir(&workspace)
        .env("XDG_CACHE_HOME", checkout().join("target/components/cache"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address));
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let sent = collector.sent.lock().unwrap();
    let mut names: Vec<&str> = sent.spans.iter().map(|it| &*it.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["execute_tool read_file", "invoke_agent honest", "invoke_workflow"]);
}
