//! Statuses and amounts, short and clean enough for a cell of a table.

use ratatui::{
    style::{Color, Style, Stylize as _},
    text::{Line, Span},
};

use crate::{
    cli::when,
    completion::sanitize::clean_line,
    event::{Status, Tokens},
    host::{ChildListing, Listing},
};

/// Characters of a text from outside where nothing else bounds it: more than
/// the widest terminal has.
const MAX_CHARS: usize = 500;

/// A text from outside, on one line.
pub(super) fn line(text: &str) -> String {
    clean_line(text, MAX_CHARS)
}

/// Where a child stands, in a word.
pub(super) fn status_of(child: &ChildListing) -> &'static str {
    if child.stalled { "stalled" } else { child.status.as_str() }
}

/// A word, a sign and a colour.
pub(super) fn status(word: &str) -> Span<'static> {
    let (sign, style) = match word {
        "completed" => ('✓', Style::new().green()),
        "running" => ('●', Style::new().fg(Color::Blue)),
        "stalled" => ('!', Style::new().yellow()),
        "waiting" => ('○', Style::new().dim()),
        "interrupted" => ('■', Style::new().yellow()),
        _ => ('✗', Style::new().red()),
    };
    Span::styled(format!("{sign} {word}"), style)
}

/// What it does at the moment, if that is known.
pub(super) fn doing(child: &ChildListing) -> Option<String> {
    let waits = child.waits_for.as_deref().filter(|_| child.stalled);
    let quiet = when::span(child.quiet_seconds.unwrap_or_default());
    match waits {
        Some(it) => Some(format!("quiet for {quiet}, waits for {}", line(it))),
        None => child.activity.as_deref().map(line).filter(|it| !it.is_empty()),
    }
}

/// `2/4`: how many have ended, and `✗1` behind it where some of several did not
/// complete: a person wants to know that while the others still run.
pub(super) fn done(unit: &Listing) -> Line<'static> {
    let (ended, failed) = counts(unit);
    let mut res = Line::from(format!("{ended}/{}", unit.children.len()));
    if failed > 0 && unit.children.len() > 1 {
        res.push_span(Span::from(format!(" ✗{failed}")).red());
    }
    res
}

/// The same in words, of a batch.
pub(super) fn ended(unit: &Listing) -> Option<String> {
    let ((ended, failed), count) = (counts(unit), unit.children.len());
    let failed = Some(failed).filter(|it| *it > 0).map(|it| format!(", {it} not completed"));
    (count > 1).then(|| format!("{ended} of {count} ended{}", failed.unwrap_or_default()))
}

fn counts(unit: &Listing) -> (usize, usize) {
    let ended = || unit.children.iter().filter_map(|it| it.status.ended());
    (ended().count(), ended().filter(|it| *it != Status::Completed).count())
}

/// `48.3k tokens in, 2.9k out`.
pub(super) fn tokens(it: Tokens) -> Option<String> {
    let is_some = it.input > 0 || it.output > 0;
    is_some.then(|| format!("{} tokens in, {} out", short(it.input), short(it.output)))
}

pub(super) fn dollars(amount: f64) -> String {
    if amount < 0.1 { format!("${amount:.4}") } else { format!("${amount:.2}") }
}

/// Three digits or so.
pub(super) fn short(amount: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let float = amount as f64;
    match amount {
        0..1_000 => amount.to_string(),
        1_000..1_000_000 => format!("{:.1}k", float / 1e3),
        _ => format!("{:.1}M", float / 1e6),
    }
}

/// A status, and what else there is to say on its line.
pub(super) fn facts_line(
    status: Span<'static>,
    facts: impl Iterator<Item = String>,
) -> Line<'static> {
    let rest = facts.map(|it| Span::from(format!("   {it}")));
    Line::from([status].into_iter().chain(rest).collect::<Vec<_>>())
}
