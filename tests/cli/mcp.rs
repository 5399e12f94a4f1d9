//! `mcp`: a parent over stdio, which outlives services and is outlived by its
//! work.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use hermitage_tests::guest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    background::service,
    harness::{Cli, NOTHING_GOES_ON},
};

/// One child that never ends by itself, and one that does.
fn endless() -> Value {
    json!({"tasks": [
        {"goal": "never ends", "agent": "ignores_interruption"},
        {"goal": "read it", "agent": "honest"},
    ]})
}

/// A place with agents that have names: a model gives no paths.
fn place() -> Cli {
    let cli = Cli::new(&[]);
    cli.config(&format!("{NOTHING_GOES_ON}\ninterrupt_grace_seconds = 1"));
    for name in ["honest", "ignores_interruption"] {
        cli.file(&format!("home/data/hermitage/plugins/{name}.wasm"), guest(name));
    }
    cli
}

/// What the revision of the day has with every request.
fn modern(tasks: bool) -> Value {
    let extensions = if tasks { json!({"io.modelcontextprotocol/tasks": {}}) } else { json!({}) };
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"extensions": extensions},
    })
}

fn with_version(mut message: Value) -> Value {
    message["jsonrpc"] = "2.0".into();
    message
}

/// A program that has started `hermitage mcp`.
struct Parent {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    meta: Value,
    asked: u64,
    /// What came besides answers.
    told: Vec<Value>,
}

impl Parent {
    /// With what stands in every request; the older revisions begin with a
    /// handshake instead.
    fn start(cli: &Cli, options: &[&str], meta: Value) -> Self {
        let mut command = cli.command(&[&["mcp"], options].concat());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let input = process.stdin.take();
        let mut parent = Self { process, input, output, meta, asked: 0, told: Vec::new() };
        if parent.meta.is_null() {
            let client = json!({"name": "test", "version": "1"});
            let params = json!({
                "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client,
            });
            assert_eq!(parent.ask("initialize", params).unwrap()["protocolVersion"], "2025-06-18");
            parent.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        }
        parent
    }

    fn write(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    /// Sends a request, and gives its number.
    fn send(&mut self, method: &str, mut params: Value) -> u64 {
        if let Value::Object(meta) = &self.meta {
            for (name, value) in meta {
                params["_meta"][name] = value.clone();
            }
        }
        self.asked += 1;
        let id = self.asked;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The next message, whatever it is.
    fn read(&mut self) -> Value {
        serde_json::from_str(&self.output.next().expect("a message").unwrap()).unwrap()
    }

    /// The next word that is no answer.
    fn hear(&mut self) -> Value {
        if self.told.is_empty() { self.read() } else { self.told.remove(0) }
    }

    /// What answers that request.
    fn answer(&mut self, id: u64) -> Result<Value, Value> {
        loop {
            let mut message = self.read();
            if message["id"] != id {
                assert!(message.get("id").is_none(), "answered twice: {message}");
                self.told.push(message);
                continue;
            }
            return match message.get_mut("error") {
                Some(error) => Err(error.take()),
                None => Ok(message["result"].take()),
            };
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send(method, params);
        self.answer(id)
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments})).unwrap()
    }

    /// Begins to wait for work, and returns once its children run.
    fn begin(&mut self, arguments: &Value) -> u64 {
        let meta = json!({"progressToken": 1});
        let params = json!({"name": "delegate_task", "arguments": arguments, "_meta": meta});
        let id = self.send("tools/call", params);
        let word = self.hear();
        assert_eq!(word["method"], "notifications/progress", "{word}");
        id
    }

    /// The ids of what it has not been told yet, and is now.
    fn unread(&mut self) -> Vec<String> {
        let listed = self.call("list_delegations", json!({}));
        let unread = listed["structuredContent"]["unread"].as_array();
        let id = |it: &Value| it["delegation_id"].as_str().unwrap().to_owned();
        unread.into_iter().flatten().map(id).collect()
    }

    /// Closes its end, and waits for the program: it has said all by then.
    fn leave(mut self) -> Vec<Value> {
        drop(self.input.take());
        let rest = self.output.by_ref().map(|it| serde_json::from_str(&it.unwrap()).unwrap());
        let rest = rest.collect();
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        rest
    }
}

impl Drop for Parent {
    /// It must not begin a service when its test is over.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn kill(cli: &Cli) {
    kill_process(service(cli), Signal::KILL).unwrap();
}

/// What became of all events.
fn states(cli: &Cli) -> Vec<String> {
    let events = cli.run(&["events", "--json"]).json();
    let state = |it: &Value| it["state"].as_str().unwrap().to_owned();
    events.as_array().unwrap().iter().map(state).collect()
}

/// Waits until there is a delegation, and the newest has ended.
fn until_ended(cli: &Cli) {
    let has_ended = |it: &Value| !it.is_null() && *it != "waiting" && *it != "running";
    while !has_ended(&cli.run(&["list", "--json"]).json()[0]["status"]) {}
}

/// Work that has ended by now, and that this parent has not been told of.
fn ended(cli: &Cli, parent: &mut Parent) -> String {
    let mut asked = endless();
    asked["background"] = true.into();
    let begun = parent.call("delegate_task", asked);
    assert_eq!(cli.run(&["stop", "latest"]).exit, Some(0));
    until_ended(cli);
    begun["structuredContent"]["delegation_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_call_that_waits_while_the_service_is_killed_has_its_one_completion() {
    for meta in [Value::Null, modern(false)] {
        let cli = place();
        let mut parent = Parent::start(&cli, &[], meta);
        let id = parent.begin(&endless());
        kill(&cli);
        let result = parent.answer(id).unwrap();
        let told = &result["structuredContent"];
        assert_eq!(told["children"][0]["status"], "unknown", "{result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("nobody saw how it ended"), "{text}");
        // It was told, once: the next call says that it was.
        assert_eq!(parent.unread(), [""; 0]);
        assert_eq!(states(&cli), ["acknowledged"]);
        // The service that followed works on for it.
        let next = parent.call("delegate_task", json!({"goal": "read it", "agent": "honest"}));
        assert_eq!(next["structuredContent"]["children"][0]["summary"], "hello", "{next}");
    }
}

#[test]
fn a_task_outlives_its_service() {
    let cli = place();
    let mut parent = Parent::start(&cli, &[], modern(true));
    let task = parent.call("delegate_task", endless());
    assert_eq!((&task["resultType"], &task["status"]), (&json!("task"), &json!("working")));
    kill(&cli);
    let asked = json!({"taskId": task["taskId"]});
    let mut got = parent.ask("tasks/get", asked.clone()).unwrap();
    while got["status"] == "working" {
        got = parent.ask("tasks/get", asked.clone()).unwrap();
    }
    assert_eq!(got["status"], "completed", "{got}");
    assert_eq!(got["result"]["structuredContent"]["children"][0]["status"], "unknown");
    assert_eq!(states(&cli), ["acknowledged"]);
    assert_eq!(parent.unread(), [""; 0], "it was polled, and rides on nothing");
}

#[test]
fn what_nobody_waits_for_while_the_service_is_killed_rides_once() {
    let cli = place();
    let mut parent = Parent::start(&cli, &[], Value::Null);
    let mut asked = endless();
    asked["background"] = true.into();
    let begun = parent.call("delegate_task", asked);
    kill(&cli);
    assert_eq!(parent.unread(), [begun["structuredContent"]["delegation_id"].as_str().unwrap()]);
    assert_eq!(parent.unread(), [""; 0]);
    assert_eq!(states(&cli), ["acknowledged"]);
}

#[test]
fn the_end_of_a_parent_ends_no_work() {
    for meta in [Value::Null, modern(false)] {
        let cli = place();
        let mut parent = Parent::start(&cli, &[], meta);
        let id = parent.begin(&endless());
        // The call is answered all the same, should anybody read it.
        let rest = parent.leave();
        let answer = rest.iter().find(|it| it["id"] == id).unwrap();
        assert_eq!(answer["result"]["structuredContent"]["status"], "running", "{answer}");
        assert_eq!(cli.run(&["list", "--json"]).json()[0]["status"], "running");
        assert_eq!(cli.run(&["stop", "latest", "--reason", "no need"]).exit, Some(0));
        let ran = cli.run(&["wait", "latest", "--json"]);
        assert_eq!(ran.json()["results"][0]["error"], "interrupted: no need", "{ran}");
    }
}

#[test]
fn a_parent_that_cancels_its_call_ends_the_work() {
    // Its children run, or it has no id yet.
    for at_once in [false, true] {
        let cli = place();
        let mut parent = Parent::start(&cli, &[], Value::Null);
        let asked = json!({"name": "delegate_task", "arguments": endless()});
        let id = if at_once { parent.send("tools/call", asked) } else { parent.begin(&endless()) };
        let cancelled = json!({"method": "notifications/cancelled", "params": {"requestId": id}});
        parent.write(&with_version(cancelled));
        until_ended(&cli);
        let ended = cli.run(&["wait", "latest", "--json"]).json();
        let error = &ended["results"][0]["error"];
        assert_eq!(error, "interrupted: the parent cancelled its call", "{ended}");
    }
}

#[test]
fn a_parent_that_uses_an_id_twice_has_later_calls_answered() {
    let cli = place();
    let mut parent = Parent::start(&cli, &[], Value::Null);
    let id = parent.begin(&endless());
    let params = json!({"name": "list_delegations", "arguments": {}});
    let again = json!({"id": id, "method": "tools/call", "params": params});
    parent.write(&with_version(again));
    // One of the two is answered, and which one is the parent's own affair.
    parent.answer(id).unwrap();
    let listed = parent.call("list_delegations", json!({}));
    assert_eq!(listed["structuredContent"]["delegations"].as_array().unwrap().len(), 1);
}

#[test]
fn a_parent_that_waits_without_end_is_told_to_wait_for_one() {
    let cli = place();
    let mut parent = Parent::start(&cli, &[], Value::Null);
    parent.begin(&endless());
    let wait = json!({"name": "wait_delegation", "arguments": {"wait_s": 50}});
    // With the call that began it, these are all that may wait.
    for _ in 1..64 {
        parent.send("tools/call", wait.clone());
    }
    parent.send("tools/call", wait);
    // Which of them has no place is nobody's affair.
    let refused = loop {
        let message = parent.read();
        if message.get("id").is_some() {
            break message["result"].clone();
        }
    };
    assert_eq!(refused["isError"], true, "{refused}");
    assert!(refused["content"][0]["text"].as_str().unwrap().contains("too many calls"));
}

#[test]
fn a_signal_ends_a_parent_that_still_listens() {
    let cli = place();
    let mut parent = Parent::start(&cli, &[], Value::Null);
    parent.begin(&endless());
    let process = Pid::from_raw(i32::try_from(parent.process.id()).unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    assert!(parent.process.wait().unwrap().success());
    assert_eq!(cli.run(&["list", "--json"]).json()[0]["status"], "running");
}

#[test]
fn two_parents_never_see_each_others() {
    let cli = place();
    // They call themselves the same, and work in the same directory.
    let [mut one, mut other] = [(); 2].map(|()| Parent::start(&cli, &[], Value::Null));
    let id = ended(&cli, &mut one);
    let listed = other.call("list_delegations", json!({}));
    assert_eq!(listed["structuredContent"], json!({"delegations": []}));
    let shown = other.call("get_delegation", json!({"delegation_id": id}));
    assert_eq!(shown["content"][0]["text"], format!("there is no delegation `{id}`"));
    let read = other.ask("resources/read", json!({"uri": format!("delegation://{id}")}));
    assert!(read.is_err());
    assert_eq!(one.unread(), [id]);
}

#[test]
fn a_session_with_a_name_goes_on_with_the_next_program() {
    let cli = place();
    let named = ["--session", "editor"];
    let start = || Parent::start(&cli, &named, Value::Null);
    let mut first = start();
    let id = ended(&cli, &mut first);
    first.leave();
    let mut second = start();
    assert_eq!(second.unread(), [id]);
    // It has it when it leaves: nobody is told again.
    second.leave();
    assert_eq!(start().unread(), [""; 0]);
    assert_eq!(states(&cli), ["acknowledged"]);
    let ran = cli.run(&["mcp", "--session", ""]);
    assert_eq!(ran.exit, Some(2), "{ran}");
    assert!(ran.stderr.starts_with("error: `--session ` is no name"), "{ran}");
}

#[test]
fn changes_of_a_delegation_are_told_to_who_subscribed() {
    let cli = place();
    let mut parent = Parent::start(&cli, &[], Value::Null);
    let mut asked = endless();
    asked["background"] = true.into();
    let begun = parent.call("delegate_task", asked);
    let id = begun["structuredContent"]["delegation_id"].clone();
    let uri = format!("delegation://{}", id.as_str().unwrap());
    parent.ask("resources/subscribe", json!({"uri": uri})).unwrap();
    assert!(parent.ask("resources/subscribe", json!({"uri": "file:///etc/passwd"})).is_err());
    parent.call("stop_delegation", json!({"delegation_id": id}));
    let update = json!({
        "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri},
    });
    loop {
        assert_eq!(parent.hear(), update);
        let read = parent.ask("resources/read", json!({"uri": uri})).unwrap();
        let read: Value =
            serde_json::from_str(read["contents"][0]["text"].as_str().unwrap()).unwrap();
        if read["status"] == "interrupted" {
            break;
        }
    }
    parent.ask("resources/unsubscribe", json!({"uri": uri})).unwrap();
}
