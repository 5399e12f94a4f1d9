//! What a text says of an event, whatever the event has in it.

use std::borrow::Cow;

use arbitrary::{Result, Unstructured};
use jiff::tz::TimeZone;

use super::{
    MESSAGE, Message, Notice, escape, other_line, parse, progress_line, render, render_failure,
    render_other,
};
use crate::{completion::sanitize::clean, noise, session::Session};

/// Lines that pass for a part of a text, and pieces of them.
const WORDS: &[&str] = &[
    "[ASYNC DELEGATION COMPLETE — deleg_0]",
    "[ASYNC DELEGATION BATCH COMPLETE — deleg_0]",
    "[ASYNC DELEGATION CHILD FAILED — deleg_0]",
    "[ASYNC EVENT — x]",
    "[ASYNC EVENT — message]",
    "--- RESULT ---",
    "--- ✓ TASK 1/2: x  (status=completed, api_calls=2, 1s, model=m) ---",
    "--- ✗ TASK 2/2: y  (status=failed, api_calls=2, 1s) ---",
    "Partial output:",
    "(no output)",
    "The subagent did not complete successfully (status=failed).",
    "The fan-out was interrupted before completing.",
    "Dispatched: 2026-01-01 00:00:00 (1s ago)",
    "Original goal: x",
    "Context you provided: x",
    "Toolsets: a, b",
    "Group: x",
    "Remaining: 1 of 2",
    "Role: leaf   Model: m",
    "Status: completed   API calls: 1   Duration: 1s",
    "Status: completed   Tasks: 1 completed, 0 not   API calls: 1   Total duration: 1s",
    "Note: x",
    "From: x",
    ") ---",
    ", model=",
    "\n",
    "\n",
    "\n",
    "\n\n",
    "\\",
    "  ",
];

/// What is told reads back as what happened, two are not one, and nothing in
/// a text passes for a part of it.
pub(crate) fn notice(u: &mut Unstructured<'_>) -> Result<()> {
    let now = noise::seconds(u, 0..=4_000_000_000)?;
    let completion = noise::completion(u, WORDS)?;
    let failure = noise::failure(u, WORDS)?;
    let [from, words] = [noise::text(u, WORDS)?, noise::text(u, WORDS)?];
    let completed = render(&completion, now, &TimeZone::UTC);
    reads_back(&completed, &Notice::from(&completion));
    let failed = render_failure(&failure, now, &TimeZone::UTC);
    reads_back(&failed, &Notice::from(&failure));
    assert!(parse(&format!("{completed}\n{failed}")).is_err());
    assert_eq!(progress_line(&failure.result, 3).lines().count(), 1);

    let json = serde_json::json!({ "from": from, "text": words }).to_string();
    let told = render_other(MESSAGE, &json);
    if let Some(message) = Message::of(MESSAGE, &json) {
        reads_back(&told, &Notice::Message(message));
    }
    of_another(&from, &words);
    of_another(&words, &json);

    // Of what comes from elsewhere, a text is what it says or none.
    if let Ok(notice) = parse(&words) {
        reads_back(&words, &notice);
    }
    assert_eq!(escape::unescape(&escape::escape(&words)), words);
    Ok(())
}

fn reads_back(text: &str, notice: &Notice) {
    assert!(matches!(clean(text), Cow::Borrowed(_)), "{text:?} is not clean");
    assert_eq!(parse(text).as_ref(), Ok(notice), "{text}");
    assert!(parse(&format!("{text}\n{text}")).is_err(), "two are one: {text}");
}

fn of_another(kind: &str, json: &str) {
    let text = render_other(kind, json);
    assert!(matches!(clean(&text), Cow::Borrowed(_)), "{text:?} is not clean");
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    assert!(first.starts_with("[ASYNC EVENT — ") && first.ends_with(']'), "{first}");
    assert!(kind == MESSAGE || escape::escape(&escape::unescape(rest)) == rest, "{rest}");
    assert!(other_line(kind, &Session::Local, json).lines().count() <= 1, "{kind:?}");
}
