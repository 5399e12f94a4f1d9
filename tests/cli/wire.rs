//! [`Wire`]: what the two kinds of providers send and want, byte for byte as
//! their services do; and whole runs over both.

use std::{fs, thread};

use serde_json::{Value, json};

use crate::{
    harness::{CONFIG, Cli, Ran},
    server::{Asked, Reply, Server, stream},
};

/// The key of the tests. Nobody but the server may ever see it.
pub(crate) const CANARY: &str = "sk-canary-5up3r53cr37";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    OpenAi,
    Anthropic,
}

impl Wire {
    /// Does the same with both, side by side.
    pub(crate) fn each(test: impl Fn(Wire) + Sync) {
        thread::scope(|scope| {
            let other = scope.spawn(|| test(Wire::Anthropic));
            test(Wire::OpenAi);
            other.join().unwrap();
        });
    }

    /// A place whose default model is asked for here, with `more` about its
    /// provider. A pause between two tries is at most a second.
    pub(crate) fn cli(self, url: &str, attempts: u32, more: &str) -> Cli {
        let (kind, base) = match self {
            Wire::OpenAi => ("openai", "/v1"),
            Wire::Anthropic => ("anthropic", ""),
        };
        let cli = Cli::new(&[]);
        cli.config(&format!(
            "[model]
             default = 'mine'
             max_attempts = {attempts}
             max_pause_seconds = 1
             [providers.local]
             kind = '{kind}'
             base_url = '{url}{base}'
             api_key_env = 'LOCAL_KEY'
             {more}
             [models.mine]
             provider = 'local'
             id = 'm-1'
            "
        ));
        cli
    }

    /// An answer in words, piece by piece.
    pub(crate) fn says(self, text: &str) -> String {
        let (head, tail) = text.split_at(text.len() / 2);
        match self {
            Wire::OpenAi => data(&[
                chunk(json!({"role": "assistant", "content": ""}), None),
                chunk(json!({"content": head}), None),
                chunk(json!({"content": tail}), None),
                chunk(json!({}), Some("stop")),
                usage(),
            ]),
            Wire::Anthropic => {
                let piece = |text: &str| delta(0, json!({"type": "text_delta", "text": text}));
                let block = start(0, json!({"type": "text", "text": ""}));
                named(&[
                    vec![message(), block, json!({"type": "ping"}), piece(head), piece(tail)],
                    end("end_turn"),
                ])
            }
        }
    }

    /// An answer that calls a tool, its arguments in pieces.
    pub(crate) fn calls(self, tool: &str, arguments: &Value) -> String {
        let arguments = arguments.to_string();
        let (head, tail) = arguments.split_at(arguments.len() / 2);
        match self {
            Wire::OpenAi => {
                let call = |fields: Value| chunk(json!({"tool_calls": [fields]}), None);
                let function = json!({"name": tool, "arguments": ""});
                let piece = |text: &str| call(json!({"index": 0, "function": {"arguments": text}}));
                data(&[
                    call(json!({
                        "index": 0, "id": "call_1", "type": "function", "function": function
                    })),
                    piece(head),
                    piece(tail),
                    chunk(json!({}), Some("tool_calls")),
                    usage(),
                ])
            }
            Wire::Anthropic => {
                let piece = |text: &str| {
                    delta(0, json!({"type": "input_json_delta", "partial_json": text}))
                };
                let block = json!({"type": "tool_use", "id": "toolu_1", "name": tool, "input": {}});
                named(&[
                    vec![message(), start(0, block), piece(head), piece(tail)],
                    end("tool_use"),
                ])
            }
        }
    }

    /// What a service says of an error.
    pub(crate) fn refusal(self, kind: &str, message: &str) -> String {
        let error = json!({"type": kind, "message": message});
        match self {
            Wire::OpenAi => json!({"error": error}),
            Wire::Anthropic => json!({"type": "error", "error": error}),
        }
        .to_string()
    }

    /// The key is in the one header that it belongs in.
    pub(crate) fn assert_key(self, asked: &Asked) {
        let header = match self {
            Wire::OpenAi => format!("authorization: Bearer {CANARY}"),
            Wire::Anthropic => format!("x-api-key: {CANARY}"),
        };
        let holds: Vec<_> = asked.head.lines().filter(|it| it.contains(CANARY)).collect();
        assert_eq!(holds, [header]);
        assert!(!asked.body.to_string().contains(CANARY), "{}", asked.body);
    }
}

/// Runs a goal with the key in the environment, and everything in the log.
pub(crate) fn run(cli: &Cli, args: &[&str]) -> Ran {
    Ran::from(command(cli, args).output().unwrap())
}

pub(crate) fn command(cli: &Cli, args: &[&str]) -> std::process::Command {
    let mut command = cli.command(&[&["run", "read it", "--json"], args].concat());
    command.env("LOCAL_KEY", CANARY).env("HERMITAGE_LOG", "trace");
    command
}

fn data(events: &[Value]) -> String {
    let events: String = events.iter().map(|it| format!("data: {it}\n\n")).collect();
    format!("{events}data: [DONE]\n\n")
}

fn chunk(delta: Value, finish: Option<&str>) -> Value {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_763_719_200,
        "model": "m-1-2026", "choices": [choice], "usage": null,
    })
}

fn usage() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_763_719_200,
        "model": "m-1-2026", "choices": [], "usage":
            {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    })
}

fn named(events: &[Vec<Value>]) -> String {
    let event = |it: &Value| format!("event: {}\ndata: {it}\n\n", it["type"].as_str().unwrap());
    events.concat().iter().map(event).collect()
}

fn message() -> Value {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1-2026",
        "content": [], "stop_reason": null, "usage": {"input_tokens": 100, "output_tokens": 1},
    });
    json!({"type": "message_start", "message": message})
}

fn start(index: u32, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u32, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn end(reason: &str) -> Vec<Value> {
    let usage = json!({"output_tokens": 10});
    vec![
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}),
        json!({"type": "message_stop"}),
    ]
}

/// A child that reads the file, and says what it is told to.
pub(crate) fn reads_and_says(wire: Wire) -> Vec<Reply> {
    let read = wire.calls("read_file", &json!({"path": "hello.txt"}));
    [read, wire.says("It says hello.")].map(|it| stream(&it)).into()
}

#[test]
fn a_child_works_over_the_wire_of_a_service() {
    Wire::each(|wire| {
        let server = Server::new(reads_and_says(wire));
        let cli = wire.cli(&server.url, 1, "");
        let ran = run(&cli, &["--toolsets", "file_read"]);
        assert_eq!(ran.exit, Some(0), "{ran}");
        let res = &ran.json()["results"][0];
        let seen = ["summary", "api_calls", "model", "tool_calls"].map(|it| &res[it]);
        assert_eq!(json!(seen), json!(["It says hello.", 2, "m-1-2026", 1]));
        assert_eq!(res["tokens"], json!({"input": 200, "output": 20}));

        let asked = server.asked();
        let [first, second] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        asked.iter().for_each(|it| wire.assert_key(it));
        assert_sent(wire, first, second);
    });
}

/// What the service reads: the task and the tools, then the call with its
/// result.
fn assert_sent(wire: Wire, first: &Asked, second: &Asked) {
    let path = match wire {
        Wire::OpenAi => "POST /v1/chat/completions HTTP/1.1\r\n",
        Wire::Anthropic => "POST /v1/messages HTTP/1.1\r\n",
    };
    assert!(first.head.starts_with(path), "{}", first.head);
    assert_eq!((&first.body["model"], &first.body["stream"]), (&json!("m-1"), &json!(true)));
    let name = |it: &Value| match wire {
        Wire::OpenAi => it["function"]["name"].clone(),
        Wire::Anthropic => it["name"].clone(),
    };
    let tools: Value = first.body["tools"].as_array().unwrap().iter().map(name).collect();
    assert_eq!(tools, json!(["read_file", "search_files"]));
    assert!(first.body["messages"].to_string().contains("# Task\\n\\nread it"), "{}", first.body);
    let last = second.body["messages"].as_array().unwrap().last().unwrap();
    let (id, text) = match wire {
        Wire::OpenAi => (&last["tool_call_id"], &last["content"]),
        Wire::Anthropic => (&last["content"][0]["tool_use_id"], &last["content"][0]["content"]),
    };
    let expect = if wire == Wire::OpenAi { "call_1" } else { "toolu_1" };
    assert_eq!(id, expect, "{last}");
    assert!(text.to_string().contains(r#"\"text\":\"hello\""#), "{last}");
}

#[test]
fn a_service_that_does_not_stream_is_asked_for_the_whole() {
    let message = json!({"role": "assistant", "content": "All at once."});
    let answer = json!({
        "id": "x", "object": "chat.completion", "model": "m-1-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    });
    let json = "content-type: application/json\r\n";
    let server = Server::new(vec![crate::server::reply("200 OK", json, &answer.to_string())]);
    let cli = Wire::OpenAi.cli(&server.url, 1, "stream = false");
    let ran = run(&cli, &[]);
    assert_eq!(ran.json()["results"][0]["summary"], "All at once.", "{ran}");
    assert_eq!(server.next().body["stream"], false);
}

#[test]
fn a_command_gives_the_key_once_for_a_whole_batch() {
    let wire = Wire::OpenAi;
    let server = Server::new(vec![stream(&wire.says("Done."))]);
    let cli = wire.cli(&server.url, 1, "");
    let config = fs::read_to_string(cli.path(CONFIG)).unwrap();
    let (cmd, env) =
        (format!("api_key_cmd = 'echo >> runs; echo {CANARY}'"), "api_key_env = 'LOCAL_KEY'");
    cli.config(&config.replace(env, &cmd));
    cli.file("tasks.json", r#"[{"goal": "one"}, {"goal": "two"}, {"goal": "three"}]"#);
    let ran = Ran::from(cli.command(&["run", "--tasks", "tasks.json"]).output().unwrap());
    assert_eq!(ran.exit, Some(0), "{ran}");
    let asked = server.asked();
    asked.iter().for_each(|it| wire.assert_key(it));
    assert_eq!((asked.len(), fs::read_to_string(cli.path("runs")).unwrap().as_str()), (3, "\n"));
}
