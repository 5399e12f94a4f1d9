//! The words for how a run ended, with those of the child in them.

use crate::{
    completion::sanitize::{clean_line, is_blank},
    event::Level,
    sandbox::{Outcome, Report, Traces},
};

/// Characters of a child's own words that stand in an error.
const MAX_QUOTE_CHARS: usize = 500;

/// Characters of the reason that a child gives for its failure, and of what a
/// model's provider said: whole messages of providers fit.
pub(super) const MAX_REASON_CHARS: usize = 2_000;

/// With the word of whoever asked for it.
pub(super) fn because(what: &str, reason: Option<&str>) -> String {
    reason.map_or_else(|| what.to_owned(), |it| format!("{what}: {it}"))
}

/// How a run broke off by itself, with the child's last words where they say
/// more. Empty for one that did not.
pub(super) fn broke_off(outcome: &Outcome, panicked: Option<String>) -> String {
    let text = match outcome {
        Outcome::Gave(text) => {
            let text = clean_line(text, MAX_REASON_CHARS);
            let text = if is_blank(&text) { "it does not say why".to_owned() } else { text };
            return format!("the agent gave up: {text}");
        }
        Outcome::Returned { report: Report { failed: Some(why), .. }, .. } => {
            return format!("the agent says: {}", reason_of(why));
        }
        Outcome::Trapped(text) => format!("trapped: {text}"),
        Outcome::Limit(limit) => limit.to_string(),
        _ => return String::new(),
    };
    match (outcome, panicked) {
        // How Rust ends a component says nothing besides.
        (Outcome::Trapped(_), Some(it)) => format!("trapped: {it}"),
        (_, Some(it)) => format!("{text}: {it}"),
        (_, None) => text,
    }
}

pub(super) fn calls_text(calls: u64) -> String {
    format!("all {calls} host calls are spent (`sandbox.host_calls`)")
}

/// Why it failed, in its own words.
pub(super) fn reason_of(why: &str) -> String {
    let why = clean_line(why, MAX_REASON_CHARS);
    if is_blank(&why) { "it failed, and does not say why".to_owned() } else { why }
}

/// The last line of the log with level error: the guest's panic hook writes
/// one, and a trap alone does not say what was wrong.
pub(super) fn last_error(traces: &Traces) -> Option<String> {
    let line = traces.log.iter().rev().find(|it| it.level == Level::Error)?;
    Some(clean_line(&line.text, MAX_QUOTE_CHARS))
}
