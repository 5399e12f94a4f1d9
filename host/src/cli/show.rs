//! `hermitage show`: one delegation, whichever host ran it.

use jiff::tz::TimeZone;

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    id::Named,
    list::{child_line, lines, status},
    outcome::{self, took},
    output,
    paint::Paint,
    reach, seen,
    setup::{Setup, block_on},
    when,
};
use crate::{
    clock::{Clock as _, SystemClock},
    completion::{
        sanitize::{clean, clean_line},
        text::render,
    },
    event::CompletionEvent,
    host::Listing,
    store::{EventBody, EventRow, UnitRow},
};

/// Characters of a goal where nothing else bounds it.
const MAX_GOAL_CHARS: usize = 2_000;

pub(super) fn show(global: &Global, args: &args::Show) -> Result<Exit, CliError> {
    let named = Named::parse(&args.id)?;
    let task = args.summary.map(|it| it.checked_sub(1).ok_or_else(no_task_0)).transpose()?;
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    let found = block_on(async {
        let store = setup.store_to_read().await?;
        let id = named.find(&store, ended).await?;
        let unit = reach::unit(&store, id).await?;
        if let Some(task) = task {
            let whole = store.read(move |tables| tables.full_summary(id, task)).await?;
            return summary(&unit, task, whole).map(|()| None);
        }
        let found = store.read(move |tables| Ok((tables.events_of(id)?, tables.units_below(id)?)));
        let (events, below) = found.await?;
        Ok(Some(Found::new(&setup, unit, events, &below).await))
    })??;
    match found {
        None => (),
        Some(found) if args.json => output::json(&found.as_json())?,
        Some(found) if args.notice => output::result(&notices(&found.events))?,
        Some(found) => output::result(&text(&found))?,
    }
    Ok(Exit::Completed)
}

/// What is known of one delegation.
struct Found {
    unit: UnitRow,
    events: Vec<EventRow>,
    listing: Listing,
    /// What its children asked for.
    below: Vec<Listing>,
    now: f64,
}

impl Found {
    async fn new(setup: &Setup, unit: UnitRow, events: Vec<EventRow>, below: &[UnitRow]) -> Self {
        let now = SystemClock.now();
        let own = Listing::of_row(&unit, now);
        let mut all: Vec<Listing> = below.iter().map(|it| Listing::of_row(it, now)).collect();
        all.push(own.clone());
        seen::by_the_service(setup, &mut all).await;
        let listing = all.pop().unwrap_or(own);
        Self { unit, events, listing, below: all, now }
    }

    fn as_json(&self) -> Shown<'_> {
        let events = self.events.iter().filter_map(completion).collect();
        Shown { listing: &self.listing, events, below: &self.below }
    }
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
            let (number, count) = (task.saturating_add(1), unit.record.tasks.len());
            let error = match number > count {
                true => anyhow::anyhow!("there is no task {number}: the delegation has {count}"),
                false => anyhow::anyhow!("task {number} has no summary"),
            };
            Err(CliError::host(error))
        }
    }
}

/// A delegation as JSON.
#[derive(serde::Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listing: &'a Listing,
    events: Vec<&'a CompletionEvent>,
    /// What its children asked for.
    below: &'a [Listing],
}

fn completion(row: &EventRow) -> Option<&CompletionEvent> {
    match &row.event.body {
        EventBody::Completion(event) => Some(event),
        EventBody::Failure(_) | EventBody::Other(_) => None,
    }
}

/// Its events as their session reads them.
fn notices(events: &[EventRow]) -> String {
    let (now, zone) = (SystemClock.now(), TimeZone::system());
    let ended = events.iter().filter_map(completion);
    ended.map(|it| render(it, now, &zone).trim_end().to_owned()).collect::<Vec<_>>().join("\n\n")
}

/// What was asked, how far it is or what came of it, and what its children
/// asked for in turn.
fn text(found: &Found) -> String {
    let Found { unit, events, listing, below, now } = found;
    let paint = Paint::stdout();
    let mut parts = vec![head(unit, listing, *now)];
    for event in events.iter().filter_map(completion) {
        parts.extend(
            event.notes.iter().map(|it| format!("note: {}", clean_line(it, MAX_GOAL_CHARS))),
        );
        parts.push(outcome::blocks(&event.results, paint));
        let logs = event.results.iter().filter(|it| !it.log.is_empty());
        parts.extend(logs.map(|it| outcome::whole_log(it, event.results.len())));
    }
    if unit.ended.is_none() {
        let children = listing.children.iter().map(|it| child_line(it, listing.children.len()));
        parts.push(children.collect::<Vec<_>>().join("\n"));
    }
    if !below.is_empty() {
        let title = "Delegated by its children:".to_owned();
        parts.push([title].into_iter().chain(lines(below, *now)).collect::<Vec<_>>().join("\n"));
    }
    parts.join("\n\n")
}

/// A word and what it is about on each line.
fn head(unit: &UnitRow, listing: &Listing, now: f64) -> String {
    let record = &unit.record;
    let line = |it: &str| clean_line(it, MAX_GOAL_CHARS);
    let ended = match listing.completed_at {
        Some(_) => format!("{}, after {}", status(listing), took(listing.age_seconds)),
        None => listing.status.as_str().to_owned(),
    };
    let asked = format!(
        "{} ({})",
        when::date(listing.dispatched_at),
        when::ago(now - listing.dispatched_at)
    );
    let session = record.session.to_string();
    let rows = [
        ("delegation", Some(listing.delegation_id.to_string())),
        ("goal", Some(line(&listing.goal))),
        ("context", record.context.as_deref().map(line)),
        ("workspace", listing.workspace.as_deref().map(line)),
        ("toolsets", record.toolsets.as_ref().map(|it| line(&it.join(", ")))),
        ("model", record.model.as_deref().map(line)),
        ("session", Some(line(&session)).filter(|it| !it.is_empty())),
        ("asked", Some(asked)),
        ("status", Some(ended)),
    ];
    let rows = rows.into_iter().filter_map(|(word, it)| Some(format!("{word:<10}  {}", it?)));
    rows.collect::<Vec<_>>().join("\n")
}
