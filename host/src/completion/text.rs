//! The text of an event that re-enters a conversation (SEMANTICS.md §7), and
//! the line of a child that ended (§5).
//!
//! What children and callers wrote is data here. It is cleaned, and it can't
//! pass for a part of the text: further lines of a header field are indented
//! by [`INDENT`], and a line that looks like one of our markers gets a `\`
//! in front. So one text holds one notice:
//!
//! **Invariant:** `parse(&render(e, now, tz)) == Ok(Notice::from(e))` for any
//! completion, the same for [`render_failure`] and for a [`Message`], and
//! `parse` takes a text only if laying out what it read gives that text
//! again.

mod block;
mod cut;
mod escape;
mod layout;
mod message;
mod notice;
#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;
mod parse;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

pub use cut::{MAX_SUMMARY_CHARS, cut_summary};
pub(crate) use escape::escaped;
pub use message::{MESSAGE, Message};
pub use notice::{Body, ChildFailed, Ended, Notice, Outcome, TaskNotice};
pub use parse::{ParseError, parse};

use super::sanitize::clean_line;
use crate::{
    event::{ChildResult, CompletionEvent, FailureNotice, LABEL_GOAL_CHARS},
    session::Session,
};

/// What stands before the second and further lines of a header field.
pub const INDENT: &str = "  ";

/// Longest type of an event that is shown.
const MAX_KIND_CHARS: usize = 64;

/// Longest session key in a listing: those of real platforms are shorter.
const MAX_SESSION_CHARS: usize = 100;

/// How much of an event's JSON stands in a listing, which is for choosing and
/// not for reading.
const MAX_LISTED_CHARS: usize = 160;

/// The event as a text that explains itself. `now` is in epoch seconds: the
/// age of the request counts to the moment of telling, not of ending.
pub fn render(event: &CompletionEvent, now: f64, tz: &TimeZone) -> String {
    layout::compose(&Notice::from(event), &dispatched(event.dispatched_at, now, tz))
}

/// The early notice of a child that failed while its siblings run, as a text
/// that explains itself (SEMANTICS.md §7). `now` is in epoch seconds.
pub fn render_failure(event: &FailureNotice, now: f64, tz: &TimeZone) -> String {
    layout::compose(&Notice::from(event), &dispatched(event.dispatched_at, now, tz))
}

/// An event of another producer as a text: a marker with its type, and its
/// JSON, in which nothing can pass for a marker. A [`Message`] is told as one.
pub fn render_other(kind: &str, json: &str) -> String {
    if let Some(message) = Message::of(kind, json) {
        return layout::compose(&Notice::Message(message), "");
    }
    let body = block::block(json).unwrap_or_default();
    layout::compose_other(&clean_line(kind, MAX_KIND_CHARS), &body)
}

/// An event of another producer on one line, for listings.
pub fn other_line(kind: &str, session: &Session, json: &str) -> String {
    let session = match session {
        Session::Local => "local".to_owned(),
        chat => clean_line(&chat.to_string(), MAX_SESSION_CHARS),
    };
    let kind = clean_line(kind, MAX_KIND_CHARS);
    format!("{kind}  {session}  {}", clean_line(json, MAX_LISTED_CHARS))
}

/// The line that is printed when a child of a batch in the foreground ends.
pub fn progress_line(result: &ChildResult, total: usize) -> String {
    let mark = layout::mark(result.status);
    let number = result.task_index.saturating_add(1);
    let goal = clean_line(&result.goal, LABEL_GOAL_CHARS);
    let seconds = notice::seconds(result.duration_seconds);
    format!("{mark} [{number}/{total}] {goal}  ({seconds}s)")
}

/// `YYYY-MM-DD HH:MM:SS (<age> ago)`; `unknown` for what is no time.
fn dispatched(at: f64, now: f64, tz: &TimeZone) -> String {
    let time = SignedDuration::try_from_secs_f64(at).and_then(Timestamp::from_duration);
    let Ok(time) = time else { return "unknown".to_owned() };
    let time = time.to_zoned(tz.clone()).strftime("%Y-%m-%d %H:%M:%S");
    format!("{time} ({} ago)", age(now - at))
}

/// `45s`, `18m`, `18m5s`, `2h3m`: two units at most, and none of them zero.
pub fn age(seconds: f64) -> String {
    let seconds = SignedDuration::try_from_secs_f64(seconds).map_or(0, |it| it.as_secs().max(0));
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, seconds) {
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h{m}m"),
    }
}

#[cfg(test)]
mod tests;
