//! Tool plugins (TP): code of a stranger that others call, and callers that
//! would reach by it what they have not.
//!
//! The plugins are those of `attacked_host`; `csv` travels with the program.

use hermitage::defence::Defence;
use serde_json::json;

use crate::case::{Case, call, guest, plays};

pub(crate) fn cases() -> Vec<Case> {
    let cases = [approvals(), callers(), ends()].concat();
    cases.into_iter().map(|it| Case { plugins: true, ..it }).collect()
}

const ADD: &str = r#"{"a": 1, "b": 2}"#;

/// What was not agreed to.
fn approvals() -> Vec<Case> {
    vec![
        call("TP-1/imports-what-it-does-not-ask-for", "greedy", "greedy/add", ADD)
            .held_by(Defence::PluginAsks),
        call("TP-2/is-not-the-approved-component", "swapped", "swapped/add", ADD)
            .held_by(Defence::PluginDigest),
        call("TP-3/honest", "calc", "calc/add", ADD),
    ]
}

/// What the caller has not.
fn callers() -> Vec<Case> {
    let describe = r#"csv/describe {"path": "hello.txt"}"#.to_owned();
    vec![
        plays("TP-4/no-files-of-its-own", "csv", std::slice::from_ref(&describe))
            .held_by(Defence::CallersFiles),
        plays("TP-4/with-files", "csv", std::slice::from_ref(&describe))
            .toolsets(&["csv", "file_read"]),
        plays("TP-4/what-is-closed", "csv", &[r#"csv/describe {"path": ".env"}"#.to_owned()])
            .toolsets(&["csv", "file_read"]),
        three_hops(r#"csv/describe {"path": "hello.txt"}"#),
        call("TP-4/one-tool-is-not-all", "calc/add", "calc/count", "{}"),
        call("TP-4/not-granted", "file_read", "calc/add", ADD),
    ]
}

/// The parent of the caller has no files either, so asking for them gives none.
fn three_hops(line: &str) -> Case {
    let asked = json!([{
        "goal": "g",
        "agent": "plays",
        "toolsets": ["csv", "file_read"],
        "context": line,
    }]);
    guest("TP-4/three-hops", "delegates")
        .toolsets(&["csv"])
        .orchestrator()
        .also("plays")
        .context(&asked.to_string())
}

/// How a call ends.
fn ends() -> Vec<Case> {
    let ends = |tool: &str| call(format!("TP-5/{tool}"), "calc", &format!("calc/{tool}"), "{}");
    vec![
        ends("spin").config("sandbox.cpu_seconds", 1),
        ends("trap"),
        ends("recurse"),
        ends("shout"),
        call("TP-5/wrong-arguments", "calc", "calc/add", r#"{"a": -1}"#),
    ]
}
