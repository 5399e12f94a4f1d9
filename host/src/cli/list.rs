//! `hermitage list` and `hermitage show`: the delegations of every host on
//! the store.

use jiff::tz::TimeZone;

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    output::{self, say},
    setup::{Setup, block_on},
};
use crate::{
    clock::{Clock as _, SystemClock},
    completion::{
        sanitize::{clean, clean_line},
        text::{age, render},
    },
    event::{CompletionEvent, Counts, LABEL_GOAL_CHARS},
    host::{ChildListing, Listing},
    id::DelegationId,
    store::{EventBody, EventRow, UnitRow},
};

/// Characters of a label on its line.
const MAX_LABEL_CHARS: usize = 100;

pub(super) fn list(global: &Global, args: &args::List) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    let rows = block_on(async {
        let store = setup.store_to_read().await?;
        Ok::<_, CliError>(store.read(move |tables| tables.units(ended)).await?)
    })??;
    let now = SystemClock.now();
    let listings: Vec<Listing> = rows.iter().map(|it| Listing::of_row(it, now)).collect();
    if args.json {
        output::json(&listings)?;
    } else if listings.is_empty() {
        say("no delegations: `hermitage run` records them");
    } else {
        let lines: Vec<String> = listings.iter().flat_map(|it| lines(it, now)).collect();
        output::result(&lines.join("\n"))?;
    }
    Ok(Exit::Completed)
}

pub(super) fn show(global: &Global, args: &args::Show) -> Result<Exit, CliError> {
    let id: DelegationId =
        args.id.parse().map_err(|it| CliError::usage(it).hint("see `hermitage list`"))?;
    let setup = Setup::new(global, None)?;
    let task = args.summary.map(|it| it.checked_sub(1).ok_or_else(no_task_0)).transpose()?;
    let found = block_on(async {
        let store = setup.store_to_read().await?;
        let found = store.read(move |tables| {
            let whole = task.map(|it| tables.full_summary(id, it)).transpose()?.flatten();
            let below = tables.units_below(id)?;
            Ok((tables.unit(id)?, tables.events_of(id)?, below, whole))
        });
        Ok::<_, CliError>(found.await?)
    })??;
    let (Some(unit), events, below, whole) = found else {
        let error = CliError::usage(anyhow::anyhow!("there is no delegation `{id}`"));
        return Err(error.hint("see `hermitage list`"));
    };
    match task {
        Some(task) => summary(&unit, task, whole)?,
        None if args.json => output::json(&Shown::new(&unit, &events, &below))?,
        None => output::result(&text(&unit, &events, &below))?,
    }
    Ok(Exit::Completed)
}

fn no_task_0() -> CliError {
    CliError::usage(anyhow::anyhow!("`--summary 0` is no task: they are counted from 1"))
}

/// The whole summary of one task: what an event may have only a part of.
fn summary(unit: &UnitRow, task: usize, whole: Option<String>) -> Result<(), CliError> {
    let result = unit.results.iter().find(|it| it.task_index == task);
    match whole.as_deref().or(result.and_then(|it| it.summary.as_deref())) {
        Some(summary) => output::result(&clean(summary)),
        None => {
            let error = anyhow::anyhow!("task {} has no summary", task.saturating_add(1));
            Err(CliError::host(error))
        }
    }
}

/// A delegation as JSON.
#[derive(serde::Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listing: Listing,
    events: Vec<&'a CompletionEvent>,
    /// What its children asked for.
    below: Vec<Listing>,
}

impl<'a> Shown<'a> {
    fn new(unit: &UnitRow, events: &'a [EventRow], below: &[UnitRow]) -> Self {
        let now = SystemClock.now();
        Self {
            listing: Listing::of_row(unit, now),
            events: events.iter().filter_map(completion).collect(),
            below: below.iter().map(|it| Listing::of_row(it, now)).collect(),
        }
    }
}

fn completion(row: &EventRow) -> Option<&CompletionEvent> {
    match &row.event.body {
        EventBody::Completion(event) => Some(event),
        EventBody::Failure(_) | EventBody::Other(_) => None,
    }
}

/// What came of it, as its session reads it; how far it is, when it runs.
fn text(unit: &UnitRow, events: &[EventRow], below: &[UnitRow]) -> String {
    let now = SystemClock.now();
    let ended = events.iter().filter_map(completion);
    let mut parts: Vec<String> =
        ended.map(|it| render(it, now, &TimeZone::system()).trim_end().to_owned()).collect();
    if unit.ended.is_none() {
        let listing = Listing::of_row(unit, now);
        let children = listing.children.iter().map(|it| child_line(it, unit.record.tasks.len()));
        parts
            .push([line(&listing, now)].into_iter().chain(children).collect::<Vec<_>>().join("\n"));
    }
    if !below.is_empty() {
        let lines = below.iter().map(|it| line(&Listing::of_row(it, now), now));
        let title = "Delegated by its children:".to_owned();
        parts.push([title].into_iter().chain(lines).collect::<Vec<_>>().join("\n"));
    }
    parts.join("\n\n")
}

fn lines(listing: &Listing, now: f64) -> Vec<String> {
    let mut res = vec![line(listing, now)];
    if listing.completed_at.is_none() && listing.children.len() > 1 {
        let total = listing.children.len();
        res.extend(listing.children.iter().map(|it| child_line(it, total)));
    }
    res
}

fn line(listing: &Listing, now: f64) -> String {
    let Listing { delegation_id, status, .. } = listing;
    let goal = clean_line(&listing.goal, MAX_LABEL_CHARS);
    let when = match listing.completed_at {
        Some(at) => format!("{} ago", age(now - at)),
        None => format!("for {}", age(listing.age_seconds)),
    };
    let counts = listing.completed_at.and_then(|_| told_apart(listing.counts)).unwrap_or_default();
    let nested = if listing.parent.is_some() { "  (of a child)" } else { "" };
    format!("{delegation_id}  {status:<11}  {when:>9}  {goal}{counts}{nested}")
}

/// What tells a batch in which some tasks did not complete from one in which
/// all did.
pub(super) fn told_apart(counts: Counts) -> Option<String> {
    let is_told = counts.total() > 1 && counts.not_completed > 0;
    is_told.then(|| format!("  ({} of {} completed)", counts.completed, counts.total()))
}

fn child_line(child: &ChildListing, total: usize) -> String {
    let ChildListing { status, agent, .. } = child;
    let number = child.task_index.saturating_add(1);
    let goal = clean_line(&child.goal, LABEL_GOAL_CHARS);
    let agent = clean_line(agent, LABEL_GOAL_CHARS);
    let mark = mark(status);
    format!("  {mark} [{number}/{total}] {status:<11}  {goal}  ({agent})")
}

fn mark(status: &str) -> char {
    match status {
        "completed" => '✓',
        "waiting" | "running" => '·',
        _ => '✗',
    }
}
