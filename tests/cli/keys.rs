//! A service that repeats its key reaches nobody with it: not the child, not
//! its caller, not a log, a file or a later look at what was done.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    harness::{CONFIG, Cli, Ran},
    server::{Reply, Server, stream},
    wire::{CANARY, Wire, run},
};

/// Letters and digits in small ones, as a reader would compare them.
fn letters(bytes: &[u8]) -> String {
    let text = bytes.iter().map(|it| char::from(*it)).filter(char::is_ascii_alphanumeric);
    text.collect::<String>().to_lowercase()
}

/// Ways in which a service may write its key, as they stand in a text.
fn forms() -> [String; 7] {
    [
        CANARY.to_owned(),
        CANARY.chars().rev().collect(),
        CANARY.replace("can", "ca\u{200b}n"),
        CANARY.chars().map(|it| format!("%{:02X}", u32::from(it))).collect(),
        CANARY.chars().map(|it| format!("\\u{:04x}", u32::from(it))).collect(),
        CANARY.bytes().map(|it| format!("{it:02x}")).collect(),
        // Of the key, behind `user:`.
        "dXNlcjpzay1jYW5hcnktNXVwM3I1M2NyMzc=".to_owned(),
    ]
}

fn assert_clean(place: &str, bytes: &[u8]) {
    let found = letters(bytes);
    for form in forms() {
        assert!(!found.contains(&letters(form.as_bytes())), "{form} is in {place}");
    }
}

/// Every file below a directory but those of the tests' own.
fn files(dir: &Path, res: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()) {
        match entry.is_dir() {
            true => files(&entry, res),
            false if entry.is_file() => res.push(entry),
            false => (),
        }
    }
}

fn assert_nowhere(cli: &Cli, ran: &Ran) {
    let id = ran.json()["delegation_id"].as_str().unwrap_or_default().to_owned();
    let looks = [
        cli.run(&["show", &id]),
        cli.run(&["show", &id, "--json"]),
        cli.run(&["events"]),
        cli.run(&["events", "--json"]),
        cli.run(&["list", "--json"]),
    ];
    assert!(looks[0].stdout.contains("[key]"), "nothing to be seen: {}", looks[0]);
    for ran in looks.iter().chain([ran]) {
        assert_clean("standard output", ran.stdout.as_bytes());
        assert_clean("standard error", ran.stderr.as_bytes());
    }
    let mut all = Vec::new();
    ["", "home"].iter().for_each(|it| files(&cli.path(it), &mut all));
    assert!(all.iter().any(|it| it.ends_with("hermitage.db")), "{all:?}");
    for file in all.iter().filter(|it| !it.ends_with(CONFIG)) {
        assert_clean(&file.display().to_string(), &fs::read(file).unwrap());
    }
}

/// Which model answers.
fn by(model: &str, stream: &str) -> String {
    let model = json!(model).to_string();
    stream.replace("\"m-1-2026\"", &model)
}

#[test]
fn a_key_in_an_answer_reaches_nobody() {
    Wire::each(|wire| {
        for form in forms() {
            let write = json!({"path": "notes.txt", "content": format!("the key: {form}")});
            let replies = [wire.calls("write_file", &write), wire.says(&format!("It is {form}."))];
            let replies: Vec<Reply> = replies.iter().map(|it| stream(&by(&form, it))).collect();
            let server = Server::new(replies);
            let cli = wire.cli(&server.url, 1, "");
            let ran = run(&cli, &["--toolsets", "file"]);
            assert_eq!(ran.exit, Some(0), "{ran}");
            let res = &ran.json()["results"][0];
            let told = [&res["summary"], &res["model"]].map(|it| it.as_str().unwrap().to_owned());
            let written = fs::read_to_string(cli.path("notes.txt")).unwrap();
            for text in told.iter().chain([&written]) {
                assert!(text.contains("[key]"), "{text}");
            }
            assert_nowhere(&cli, &ran);
            let asked = server.asked();
            asked.iter().for_each(|it| wire.assert_key(it));
            assert_eq!(asked.len(), 2);
        }
    });
}

#[test]
fn a_key_in_an_error_reaches_nobody() {
    Wire::each(|wire| {
        for form in forms() {
            let body = wire.refusal("authentication_error", &format!("bad key {form}!"));
            let headers = format!("x-request-id: {CANARY}\r\n");
            let server =
                Server::new(vec![crate::server::reply("401 Unauthorized", &headers, &body)]);
            let cli = wire.cli(&server.url, 1, "");
            let ran = run(&cli, &[]);
            assert_eq!(ran.exit, Some(1), "{ran}");
            let told = ran.json()["results"][0]["error"].to_string();
            assert!(told.contains("bad key ") && told.contains("[key]"), "{told}");
            assert_nowhere(&cli, &ran);
        }
    });
}

#[test]
fn what_a_command_for_the_key_says_is_told_to_nobody() {
    let server = Server::new(vec![stream(&Wire::OpenAi.says("x"))]);
    let cli = Wire::OpenAi.cli(&server.url, 1, "");
    let config = fs::read_to_string(cli.path(CONFIG)).unwrap();
    let command = format!("api_key_cmd = 'set -x; echo {CANARY}; echo {CANARY} >&2; exit 3'");
    cli.config(&config.replace("api_key_env = 'LOCAL_KEY'", &command));
    let ran = run(&cli, &[]);
    assert_eq!(ran.exit, Some(1), "{ran}");
    let expect = "`/bin/sh` gave no key (exit status: 3)";
    assert!(ran.stderr.contains(expect) && ran.stderr.contains("local"), "{ran}");
    assert_clean("standard output", ran.stdout.as_bytes());
    assert_clean("standard error", ran.stderr.as_bytes());
    let told: Value = ran.json()["results"][0]["summary"].clone();
    assert!(!told.to_string().contains("/bin/sh"), "{told}");
}
