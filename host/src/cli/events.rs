//! `hermitage events`: the queue that all sessions and producers share.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    id::Named,
    list::told_apart,
    output::{self, say},
    setup::{Setup, block_on},
};
use crate::{
    clock::{Clock as _, SystemClock},
    completion::{sanitize::clean_line, text::age},
    session::Session,
    store::{
        EventBody, EventFilter, EventId, EventRow, EventState, StateFilter, Store, StoreError,
    },
};

/// The newest events that are listed.
const MAX_LISTED: usize = 50;

/// Characters of an event's own words on its line.
const MAX_TEXT_CHARS: usize = 100;

/// Characters of a note: parts of it can come from a damaged file.
const MAX_NOTE_CHARS: usize = 500;

pub(super) fn events(global: &Global, args: &args::Events) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    if let Some((id, change)) = change(args) {
        let target = Target::parse(id)?;
        let ended = setup.config.delegation.retained_records;
        block_on(async { change.apply(&setup.store().await?, id, target, ended).await })??;
        return Ok(Exit::Completed);
    }
    let filter = filter(args)?;
    let (rows, count, aside) = block_on(async {
        let store = setup.store_to_read().await?;
        let found = store.read(move |tables| {
            Ok((tables.events(&filter)?, tables.count_events(&filter)?, tables.set_aside()?))
        });
        Ok::<_, CliError>(found.await?)
    })??;
    let left = count.saturating_sub(rows.len());
    if left > 0 {
        let shown = rows.len();
        say(&format!("note: the newest {shown} of {count}: `--limit {count}` shows all"));
    }
    for row in aside {
        let text = format!("note: {} can't be read and was set aside: {}", row.row, row.why);
        say(&clean_line(&text, MAX_NOTE_CHARS));
    }
    if args.json {
        output::json(&rows.iter().map(Shown::new).collect::<Vec<_>>())?;
    } else if rows.is_empty() {
        say("no such events");
    } else {
        let now = SystemClock.now();
        output::result(&lines(&rows, now).join("\n"))?;
    }
    Ok(Exit::Completed)
}

fn filter(args: &args::Events) -> Result<EventFilter, CliError> {
    let session = args.session.as_deref().map(str::parse::<Session>).transpose();
    let session = session.map_err(|it| {
        let hint = it.hint();
        CliError::usage(it).hint(hint)
    })?;
    let state = match (args.pending, args.dead) {
        (true, _) => Some(StateFilter::Undelivered),
        (_, true) => Some(StateFilter::Dead),
        _ => None,
    };
    let limit = args.limit.map_or(MAX_LISTED, NonZeroUsize::get);
    Ok(EventFilter { session, state, limit })
}

/// What a person does to an event.
#[derive(Clone, Copy)]
enum Change {
    Acknowledge,
    /// Offer a dead one again.
    Retry,
}

/// What was asked for, and of which event.
fn change(args: &args::Events) -> Option<(&str, Change)> {
    let acknowledge = args.ack.as_deref().map(|it| (it, Change::Acknowledge));
    acknowledge.or_else(|| args.retry.as_deref().map(|it| (it, Change::Retry)))
}

/// What is meant.
enum Target {
    Event(EventId),
    /// Every event of it.
    Delegation(Named),
}

impl Target {
    fn parse(text: &str) -> Result<Self, CliError> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Event(EventId(id)));
        }
        Named::parse(text).map(Self::Delegation).map_err(|_| {
            let shown = clean_line(text, MAX_TEXT_CHARS);
            let error = CliError::usage(anyhow::anyhow!("`{shown}` is no event"));
            error.hint("give its number, or the id of its delegation: see `hermitage events`")
        })
    }
}

impl Change {
    async fn apply(
        self,
        store: &Store,
        name: &str,
        target: Target,
        ended: usize,
    ) -> Result<(), CliError> {
        let (event, delegation) = match target {
            Target::Event(id) => (Some(id), None),
            Target::Delegation(named) => (None, Some(named.find(store, ended).await?)),
        };
        let done = store.run(move |tables| {
            let ids = match (event, delegation) {
                (None, None) => None,
                (Some(id), _) => tables.event(id)?.map(|it| vec![it.id]),
                (None, Some(id)) => {
                    let ids: Vec<EventId> = tables.events_of(id)?.iter().map(|it| it.id).collect();
                    Some(ids).filter(|it| !it.is_empty())
                }
            };
            let apply = |ids: Vec<EventId>| {
                let one = |id| match self {
                    Change::Acknowledge => tables.ack_by_hand(id),
                    Change::Retry => tables.revive(id),
                };
                ids.into_iter().map(one).collect::<Result<Vec<_>, StoreError>>()
            };
            ids.map(apply).transpose()
        });
        match (done.await?, self) {
            (None, _) => {
                let error = CliError::usage(anyhow::anyhow!("there is no event `{name}`"));
                Err(error.hint("see `hermitage events`"))
            }
            (Some(done), Change::Acknowledge) if done.contains(&true) => {
                output::result(&format!("acknowledged {name}"))
            }
            (Some(_), Change::Acknowledge) => {
                output::result(&format!("{name} was acknowledged before"))
            }
            (Some(done), Change::Retry) if done.contains(&true) => {
                output::result(&format!("{name} is offered again"))
            }
            (Some(_), Change::Retry) => {
                let error = CliError::usage(anyhow::anyhow!("{name} is not dead"));
                Err(error.hint("see `hermitage events --dead`"))
            }
        }
    }
}

/// An event as JSON: where it stands, and its own public form.
#[derive(Serialize)]
struct Shown<'a> {
    id: u64,
    #[serde(rename = "type")]
    kind: &'a str,
    session_key: &'a Session,
    state: &'static str,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    created_at: f64,
    event: &'a EventBody,
}

impl<'a> Shown<'a> {
    fn new(row: &'a EventRow) -> Self {
        Self {
            id: row.id.0,
            kind: &row.event.kind,
            session_key: &row.event.session,
            state: state(&row.state),
            attempts: row.attempts,
            last_error: row.last_error.as_deref(),
            created_at: row.event.created_at,
            event: &row.event.body,
        }
    }
}

fn state(state: &EventState) -> &'static str {
    match state {
        EventState::Pending { .. } => "pending",
        EventState::Claimed { .. } => "claimed",
        EventState::Acked => "acknowledged",
        EventState::Dead { .. } => "dead",
    }
}

/// One line for each, in columns as wide as they have to be.
fn lines(rows: &[EventRow], now: f64) -> Vec<String> {
    let width = |texts: &[String]| texts.iter().map(|it| it.chars().count()).max().unwrap_or(0);
    let ids: Vec<String> = rows.iter().map(|it| it.id.0.to_string()).collect();
    let sessions: Vec<String> = rows.iter().map(session).collect();
    let (id_width, session_width) = (width(&ids), width(&sessions));
    let columns = rows.iter().zip(ids).zip(sessions);
    let line = |((row, id), session): ((&EventRow, String), String)| {
        let (state, age) = (state(&row.state), age(now - row.event.created_at));
        let text = says(row);
        format!("{id:>id_width$}  {state:<12}  {age:>6} ago  {session:<session_width$}  {text}")
    };
    columns.map(line).collect()
}

fn session(row: &EventRow) -> String {
    match &row.event.session {
        Session::Local => "local".to_owned(),
        session => clean_line(&session.to_string(), MAX_TEXT_CHARS),
    }
}

/// What happened, and why it is still here if an attempt failed.
fn says(row: &EventRow) -> String {
    let text = |it: &str| clean_line(it, MAX_TEXT_CHARS);
    let what = match &row.event.body {
        EventBody::Completion(it) => {
            let counts = told_apart(it.counts()).map(|it| format!("  {it}")).unwrap_or_default();
            let (status, goal) = (it.status.as_str(), text(&it.goal));
            format!("{}  {status:<11}  {goal}{counts}", it.delegation_id)
        }
        EventBody::Failure(it) => {
            let (status, goal) = (it.result.status.as_str(), text(&it.result.goal));
            format!("{}  {status:<11}  {goal}  (early notice of a child)", it.delegation_id)
        }
        EventBody::Other(json) => format!("{}  {}", text(&row.event.kind), text(json)),
    };
    match &row.last_error {
        Some(error) => format!("{what}  (attempt {}: {})", row.attempts, text(error)),
        None => what,
    }
}
