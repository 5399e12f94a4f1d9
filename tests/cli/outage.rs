//! Providers that fail: what is tried again, what is told of the rest, and
//! that the key stays where it belongs.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    harness::{Cli, Ran},
    server::{Reply, Server, reply, stream},
    wire::{CANARY, Wire, command, reads_and_says, run},
};

/// Longer than a command takes to end after Ctrl-C, on a busy machine.
const SOON: Duration = Duration::from_secs(3);

/// Files below a directory with the key in them.
fn holders(dir: &Path) -> Vec<String> {
    let mut res = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let holds = |it: &[u8]| it.windows(CANARY.len()).any(|it| it == CANARY.as_bytes());
        if path.is_dir() {
            res.append(&mut holders(&path));
        } else if holds(&fs::read(&path).unwrap()) {
            res.push(path.display().to_string());
        }
    }
    res
}

/// The key is nowhere: not in what is printed, with everything logged, and in
/// no file.
fn assert_no_key(cli: &Cli, ran: &Ran) {
    assert!(ran.stderr.contains("TRACE"), "the log is off: {}", ran.stderr);
    assert!(!ran.stdout.contains(CANARY) && !ran.stderr.contains(CANARY), "{ran}");
    assert!(cli.path("home/state/hermitage/hermitage.db").exists());
    assert_eq!(holders(&cli.path("")), [""; 0]);
}

/// A child that gets its answer after all. How often was asked, and the
/// shortest time between two requests.
fn check_mended(wire: Wire, failures: Vec<Reply>) -> (usize, Duration) {
    let failed = failures.len();
    let server = Server::new([failures, reads_and_says(wire)].concat());
    let cli = wire.cli(&server.url, 3, "");
    let ran = run(&cli, &[]);
    assert_eq!(ran.exit, Some(0), "{ran}");
    let res = &ran.json()["results"][0];
    // A chat is one call of the child, however often it is tried.
    let seen = ["summary", "api_calls", "tool_calls"].map(|it| &res[it]);
    assert_eq!(json!(seen), json!(["It says hello.", 2, 1]), "{ran}");
    assert_no_key(&cli, &ran);
    let asked = server.asked();
    asked.iter().for_each(|it| wire.assert_key(it));
    let pauses = asked.windows(2).take(failed).map(|it| it[1].at - it[0].at);
    (asked.len(), pauses.min().unwrap())
}

#[test]
fn a_busy_service_is_asked_again_when_it_says() {
    Wire::each(|wire| {
        let body = wire.refusal("rate_limit_error", "slow down");
        let busy = reply("429 Too Many Requests", "retry-after: 1\r\n", &body);
        let (count, pause) = check_mended(wire, vec![busy]);
        assert_eq!(count, 3);
        assert!(pause >= Duration::from_secs(1), "{pause:?}");
    });
}

#[test]
fn a_broken_service_is_asked_again_after_a_pause() {
    Wire::each(|wire| {
        let broken = reply("500 Internal Server Error", "", "<html>oops</html>");
        // After the answer has begun, and with what has no place in a log.
        let message = format!("too much to do for {CANARY}");
        let later = format!("data: {}\n\n", wire.refusal("overloaded_error", &message));
        let (count, pause) = check_mended(wire, vec![broken, stream(&later)]);
        assert_eq!(count, 4);
        // At least half of a second.
        assert!(pause >= Duration::from_millis(500), "{pause:?}");
    });
}

#[test]
fn an_answer_that_breaks_off_or_is_none_is_asked_for_again() {
    Wire::each(|wire| {
        let whole = wire.calls("write_file", &json!({"path": "bad.txt", "content": "half"}));
        let cut = stream(&whole[..whole.len() / 2]);
        let garbage = stream("data: {\"never\": \u{1b}]}\n\n\u{0}\u{0}");
        let (count, _) = check_mended(wire, vec![cut, garbage]);
        assert_eq!(count, 4);
    });
}

/// A run that fails for good: what it tells, without what no child is to
/// read; and how often was asked.
fn check_failed(wire: Wire, attempts: u32, replies: Vec<Reply>, more: &str, expect: &str) -> usize {
    let server = Server::new(replies);
    let cli = wire.cli(&server.url, attempts, more);
    let ran = run(&cli, &[]);
    assert_eq!(ran.exit, Some(1), "{ran}");
    let res = &ran.json()["results"][0];
    assert_eq!((&res["status"], &res["exit_reason"]), (&json!("failed"), &json!("error")));
    assert_eq!(res["summary"], json!(null), "{ran}");
    let told = res["error"].as_str().unwrap();
    assert!(told.contains("model `mine` of provider `local` gave no answer"), "{told}");
    assert!(told.contains(expect), "{told}");
    let address = server.url.strip_prefix("http://").unwrap();
    assert!(!ran.stdout.contains(address) && !ran.stdout.contains("127.0.0.1"), "{ran}");
    assert_no_key(&cli, &ran);
    let asked = server.asked();
    asked.iter().for_each(|it| wire.assert_key(it));
    asked.len()
}

#[test]
fn a_key_that_is_refused_is_not_tried_again_and_not_repeated() {
    Wire::each(|wire| {
        let message = format!("invalid key: {CANARY}");
        let no = reply("401 Unauthorized", "", &wire.refusal("authentication_error", &message));
        let expect = "HTTP 401 Unauthorized: invalid key: [key]";
        assert_eq!(check_failed(wire, 3, vec![no], "", expect), 1);
    });
}

#[test]
fn garbage_for_ever_is_given_up() {
    Wire::each(|wire| {
        let garbage = stream("data: ][\n\n");
        let expect = "after 2 tries: the answer has an event that is no JSON object";
        assert_eq!(check_failed(wire, 2, vec![garbage], "", expect), 2);
    });
}

#[test]
fn silence_is_given_up() {
    Wire::each(|wire| {
        let expect = "no whole answer within 1 s";
        let asked = check_failed(wire, 1, vec![Reply::Silence], "timeout_seconds = 1", expect);
        assert_eq!(asked, 1);
    });
}

#[test]
fn a_redirect_takes_the_key_nowhere() {
    Wire::each(|wire| {
        for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
            let thief = Server::new(vec![Reply::Silence]);
            let there = reply(status, &format!("location: {}/v1\r\n", thief.url), "");
            let expect = "redirects are not followed, a key would go along";
            assert_eq!(check_failed(wire, 3, vec![there], "", expect), 1);
            assert_eq!(thief.asked().len(), 0);
        }
    });
}

#[test]
fn a_service_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let cli = Wire::OpenAi.cli(&url, 1, "");
    let ran = run(&cli, &[]);
    assert_eq!(ran.exit, Some(1), "{ran}");
    let event = ran.json();
    let told = event["results"][0]["error"].as_str().unwrap();
    assert!(told.contains("cannot connect: Connection refused"), "{told}");
}

#[test]
fn ctrl_c_ends_a_child_that_waits_for_a_silent_service() {
    Wire::each(|wire| {
        let server = Server::new(vec![Reply::Silence]);
        let cli = wire.cli(&server.url, 3, "");
        let mut command = command(&cli, &[]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wire.assert_key(&server.next());
        let asked = Instant::now();
        let pid = libc::pid_t::try_from(child.id()).unwrap();
        // SAFETY: sends a signal to a child that was not waited for yet.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
        // The request is given up with it.
        server.left();
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert!(asked.elapsed() < SOON, "took {:?}", asked.elapsed());
        assert_eq!(ran.exit, Some(130), "{ran}");
        let res: &Value = &ran.json()["results"][0];
        assert_eq!((&res["status"], &res["api_calls"]), (&json!("interrupted"), &json!(1)));
        assert_no_key(&cli, &ran);
        assert_eq!(server.asked().len(), 0);
    });
}
