//! What each way in adds to a dispatch: from a request to its handle, as the
//! crate's own call does it, over the API, and by a tool over MCP.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout},
    time::{Duration, Instant},
};

use hermitage::{
    Host,
    config::{Config, Layers},
    delegation::Request,
    sandbox::Binary,
    session::Session,
};
use serde_json::{Value, json};

use crate::{Times, caller::Caller, service::Service};

/// Handles of each way.
const ROUNDS: usize = 500;

/// A bundled agent, which does the calls that its context lists: here none.
const STEPS: &[u8] = include_bytes!("../../agents/steps.wasm");
const CONTEXT: &str = "[]";

/// Each way in turn, so that all have the same machine.
pub(crate) async fn measure(service: &Service) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let host = Host::builder()
        .config(Config::load(&Layers::default()).unwrap())
        .store_at(dir.path().join("hermitage.db"))
        .workspace(dir.path())
        .agent("steps", Binary::new(STEPS))
        .build()
        .await
        .unwrap();
    host.warm_up(&["steps"]).await.unwrap();
    let (caller, mut parent) = (service.caller(), Parent::start(service));
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let [crates, api, http, stdio] = &mut times;
        crates.push(own(&host).await);
        api.push(over_api(&caller).await);
        http.push(over_http(&caller).await);
        stdio.push(parent.dispatch());
    }
    host.shutdown().await;
    let [crates, api, http, stdio] = times.map(Times);
    let floor = crates.middle();
    println!("from a request to its handle: the crate's own call {crates}");
    for (way, times) in [("the API", api), ("MCP over HTTP", http), ("MCP over stdio", stdio)] {
        println!("  by {way} {times}, {:.1} times that", times.middle() / floor);
    }
}

async fn own(host: &Host) -> Duration {
    let session: Session = "agent:main:telegram:dm:1".parse().unwrap();
    let request = Request {
        goal: Some("nothing".to_owned()),
        context: Some(CONTEXT.to_owned()),
        agent: Some("steps".to_owned()),
        background: true,
        ..Request::default()
    };
    let begin = Instant::now();
    host.delegate(&session, request).await.unwrap();
    let time = begin.elapsed();
    host.completions(&session).next().await.unwrap().ack().await.unwrap();
    time
}

async fn over_api(caller: &Caller) -> Duration {
    let body = json!({"goal": "nothing", "agent": "steps", "context": CONTEXT});
    let begin = Instant::now();
    let (status, text) = caller.post("/v1/delegations", &body).await;
    let time = begin.elapsed();
    assert_eq!(status, 202, "{text}");
    caller.claim().await;
    time
}

async fn over_http(caller: &Caller) -> Duration {
    let begin = Instant::now();
    let handle = handle(&caller.tool(&delegate()).await);
    let time = begin.elapsed();
    ended(&caller.tool(&wait(&handle)).await);
    time
}

/// A request of the protocol.
fn tool(name: &str, arguments: &Value) -> Value {
    let params = json!({"name": name, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

fn delegate() -> Value {
    let asked =
        json!({"goal": "nothing", "agent": "steps", "context": CONTEXT, "background": true});
    tool("delegate_task", &asked)
}

fn wait(handle: &str) -> Value {
    tool("wait_delegation", &json!({"delegation_ids": [handle]}))
}

fn handle(answer: &Value) -> String {
    answer["result"]["structuredContent"]["delegation_id"].as_str().unwrap().to_owned()
}

fn ended(answer: &Value) {
    let told = &answer["result"]["structuredContent"]["delegations"][0];
    assert_eq!(told["status"], "completed", "{answer}");
}

/// A program that has started `hermitage mcp`.
struct Parent {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Parent {
    fn start(service: &Service) -> Self {
        let mut process = service.parent();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut parent = Self { process, input, output };
        let client = json!({"name": "bench", "version": "1"});
        let params =
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        parent.ask(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        let begun = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        writeln!(parent.input, "{begun}").unwrap();
        parent
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.input, "{request}").unwrap();
        serde_json::from_str(&self.output.next().unwrap().unwrap()).unwrap()
    }

    fn dispatch(&mut self) -> Duration {
        let begin = Instant::now();
        let handle = handle(&self.ask(&delegate()));
        let time = begin.elapsed();
        ended(&self.ask(&wait(&handle)));
        time
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
