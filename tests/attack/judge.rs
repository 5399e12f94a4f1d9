//! What is wrong with what a host says of itself.

use hermitage_tests::attack::{CANARY, End};
use serde_json::Value;

use crate::{
    case::Case,
    watcher::Complaints,
    world::{HELLO, IN_WORKSPACE},
};

/// How long an honest sibling may take, on a machine that is busy.
const SIBLING: f64 = 10.0;

/// All but the honest sibling, which is the last.
pub(crate) fn attacks(end: &End) -> &[Value] {
    let results = end.event["results"].as_array().map_or(&[][..], Vec::as_slice);
    results.split_last().map_or(&[], |(_, attacks)| attacks)
}

/// What is wrong with what the host says of itself.
pub(crate) fn judge(case: &Case, end: &End) -> Complaints {
    let results = end.event["results"].as_array().unwrap();
    let honest = results.last().filter(|_| !case.interrupt && !case.alone);
    let mut found: Complaints = honest.and_then(sibling).into_iter().collect();
    let ends: Vec<_> = end.events.iter().filter(|it| it[0] == end.delegation_id).collect();
    if ends.len() != 1 || ends[0][2] != "Acked" {
        found.push(format!("not one terminal event: {ends:?}"));
    }
    let others = end.events.iter().filter(|it| it[1].ends_with("dm:1"));
    if others.map(|it| it[2].as_str()).collect::<Vec<_>>() != ["Pending"] {
        found.push(format!("another session's events: {:?}", end.events));
    }
    found.extend(end.in_use.iter().map(|it| format!("still in use: {it}")));
    if !end.is_one_notice {
        found.push(format!("not one notice:\n{}", end.text));
    }
    if end.text.contains(|it: char| it.is_control() && it != '\n' && it != '\t') {
        found.push(format!("the text drives a terminal: {:?}", end.text));
    }
    let told = serde_json::to_string(end).unwrap();
    found.extend(secrets(case, "what the host says", told.as_bytes()));
    found
}

/// The outcome of a task in one text.
pub(crate) fn verdict(result: &Value) -> String {
    let text = |key: &str| result[key].as_str().unwrap_or_default();
    let mut res = format!("{}/{}", text("status"), text("exit_reason"));
    if result["truncated"] == true {
        res += " truncated";
    }
    if let Some(error) = result["error"].as_str() {
        res += &format!(": {error}");
    }
    if let Some(summary) = result["summary"].as_str() {
        res += &format!("\n{summary}");
    }
    res
}

fn sibling(result: &Value) -> Option<String> {
    let seconds = result["duration_seconds"].as_f64().unwrap_or(f64::MAX);
    let is_well = result["summary"].as_str() == Some(HELLO) && seconds < SIBLING;
    (!is_well).then(|| format!("the honest sibling: {result}"))
}

/// Secrets in something that nobody should find them in.
pub(crate) fn secrets(case: &Case, place: &str, bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let told = text.match_indices(CANARY).map(|(at, _)| &text[at..]);
    // What the other session was sent is its own.
    let own = format!("{CANARY}-of-another-session");
    let mut told = told.filter(|it| !it.starts_with(&own) || place != "the store");
    let is_secret = |it: &&str| !case.reads_all || !it.starts_with(IN_WORKSPACE);
    told.find(is_secret).map(|it| {
        let end = it.char_indices().nth(40).map_or(it.len(), |(at, _)| at);
        format!("a secret in {place}: {:?}", &it[..end])
    })
}
