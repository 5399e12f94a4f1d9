//! Delegations: asked for, listed, stopped and steered.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Inner,
    body::{Asked, Given, MaybeGiven, OfDelegation, RepeatKey, Trace},
    caller::Caller,
    error::Refusal,
    wire::{Delegation, Delegations, Dispatch, Dispatched, Done, FollowUp, Log, Steer, Stop, Word},
};
use crate::{
    completion::{sanitize::clean_line, text::render},
    delegation::{self, OnCapacity, Request},
    host::{Host, Listing},
    id::DelegationId,
    session::Session,
    store::{EventBody, EventRow, StoreError, Tables, UnitRow},
};

/// Delegations of one list.
const MAX_LISTED: usize = 1_000;

/// Characters of a goal in a list.
const MAX_GOAL_CHARS: usize = 200;

/// Those of a list that names no number.
const LISTED: usize = 50;

/// `POST /v1/delegations`.
pub(super) async fn dispatch(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    RepeatKey(key): RepeatKey,
    Trace(traceparent): Trace,
    Given(asked): Given<Dispatch>,
) -> Result<(StatusCode, Json<Dispatched>), Refusal> {
    let session = caller.session(asked.session.as_deref())?;
    let own = service.hosts.workspace();
    let workspace = caller.workspace(asked.workspace.as_deref(), own)?;
    let host = service.hosts.at(&workspace).await?;
    let written_by = caller.written_by(asked.written_by);
    let request = asked.into_request(written_by);
    let request = Request { idempotency_key: key, traceparent, ..request };
    dispatched(&host, &session, request).await
}

async fn dispatched(
    host: &Host,
    session: &Session,
    request: Request,
) -> Result<(StatusCode, Json<Dispatched>), Refusal> {
    let prepared = host.prepare(session, request).await?;
    match host.dispatch(prepared).await? {
        delegation::Dispatched::Background(handle) => {
            Ok((StatusCode::ACCEPTED, Json(Dispatched::of(&handle.record))))
        }
        // What is asked for in the background is refused or waits instead.
        delegation::Dispatched::Foreground(_) => Err(Refusal::full("every slot is taken")),
    }
}

/// Which are listed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// Of that session alone.
    #[serde(default)]
    session: Option<String>,
    /// The newest so many of those that ended.
    #[serde(default)]
    #[schemars(range(min = 1, max = MAX_LISTED))]
    limit: Option<usize>,
}

/// `GET /v1/delegations`.
pub(super) async fn list(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<Listed>,
) -> Result<Json<Delegations>, Refusal> {
    let session = asked.session.as_deref().map(|it| caller.session(Some(it))).transpose()?;
    let limit = asked.limit.unwrap_or(LISTED);
    if !(1..=MAX_LISTED).contains(&limit) {
        return Err(Refusal::bad("limit", format!("`{limit}` is not in 1 to {MAX_LISTED}")));
    }
    // Those of others are left out behind this, so more are read.
    let rows = service.hosts.store().read(move |tables| tables.units(MAX_LISTED)).await?;
    let running = service.hosts.running().await;
    let is_meant = |it: &UnitRow| {
        let of = &it.record.session;
        caller.sees(of) && session.as_ref().is_none_or(|it| it == of)
    };
    let mut ended = 0;
    let rows: Vec<UnitRow> = rows
        .into_iter()
        .filter(is_meant)
        .filter(|it| {
            ended += usize::from(it.ended.is_some());
            ended <= limit
        })
        .collect();
    let mut delegations = Listing::all(rows, running, service.hosts.now());
    delegations.iter_mut().for_each(shorten);
    Ok(Json(Delegations { delegations }))
}

/// A goal can have a megabyte, and a list a thousand of them.
fn shorten(listing: &mut Listing) {
    let goals = listing.children.iter_mut().map(|it| &mut it.goal).chain([&mut listing.goal]);
    goals.for_each(|it| *it = clean_line(it, MAX_GOAL_CHARS));
}

/// `GET /v1/delegations/{id}`.
pub(super) async fn show(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfDelegation(id): OfDelegation,
) -> Result<Json<Delegation>, Refusal> {
    let found =
        service.hosts.store().read(move |tables| Ok((tables.unit(id)?, tables.events_of(id)?)));
    let (unit, events) = found.await?;
    let unit = unit.filter(|it| caller.sees(&it.record.session));
    let unit = unit.ok_or_else(|| Refusal::unknown("delegation", id))?;
    let (results, now) = (unit.results.clone(), service.hosts.now());
    let running = service.hosts.running().await;
    let mut listings = Listing::all(vec![unit], running, now);
    let delegation = listings.pop().ok_or_else(|| Refusal::unknown("delegation", id))?;
    let texts = events.iter().filter_map(|it| text(it, now)).collect();
    Ok(Json(Delegation { delegation, results, texts }))
}

fn text(row: &EventRow, now: f64) -> Option<String> {
    match &row.event.body {
        EventBody::Completion(event) => Some(render(event, now, &TimeZone::system())),
        _ => None,
    }
}

/// Which lines of a log.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Logged {
    /// Of the child with that place, from 0.
    #[serde(default)]
    task_index: usize,
    /// Without the first so many.
    #[serde(default)]
    after: usize,
}

/// `GET /v1/delegations/{id}/log`.
pub(super) async fn log(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfDelegation(id): OfDelegation,
    Asked(asked): Asked<Logged>,
) -> Result<Json<Log>, Refusal> {
    let unit = theirs(&service, &caller, id).await?;
    let Logged { task_index, after } = asked;
    let log = service.hosts.own().log(id, task_index).await?;
    let lines = log.lines.into_iter().skip(after).collect();
    let has_ended = unit.results.iter().any(|it| it.task_index == task_index);
    let ended = has_ended || unit.ended.is_some();
    Ok(Json(Log { lines, dropped: log.dropped, ended }))
}

/// `POST /v1/delegations/{id}/stop`.
pub(super) async fn stop(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfDelegation(id): OfDelegation,
    MaybeGiven(asked): MaybeGiven<Stop>,
) -> Result<Json<Done>, Refusal> {
    theirs(&service, &caller, id).await?;
    let (host, reason) = (service.hosts.own(), asked.reason.as_deref());
    match asked.task_index {
        Some(task_index) => host.stop_child(id, task_index, reason).await?,
        None if host.interrupt(id, reason).await => (),
        None => return Err(Refusal::conflict("too_late", format!("`{id}` has ended"))),
    }
    Ok(Json(Done { status: Word::Stopping }))
}

/// `POST /v1/delegations/{id}/ack`: its caller has the results, by its id.
pub(super) async fn ack(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfDelegation(id): OfDelegation,
) -> Result<Json<Done>, Refusal> {
    let unit = theirs(&service, &caller, id).await?;
    if unit.ended.is_none() {
        return Err(Refusal::conflict("running", format!("`{id}` has not ended")));
    }
    acknowledge(&service, id).await?;
    Ok(Json(Done { status: Word::Acknowledged }))
}

/// Acknowledges every event of it, whoever holds it.
pub(super) async fn acknowledge(service: &Inner, id: DelegationId) -> Result<(), StoreError> {
    let acknowledge = move |tables: &mut dyn Tables| {
        for row in tables.events_of(id)? {
            tables.ack_by_hand(row.id)?;
        }
        Ok(())
    };
    service.hosts.store().run(acknowledge).await
}

/// `POST /v1/delegations/{id}/steer`.
pub(super) async fn steer(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfDelegation(id): OfDelegation,
    Given(asked): Given<Steer>,
) -> Result<Json<Done>, Refusal> {
    theirs(&service, &caller, id).await?;
    service.hosts.own().steer(id, asked.task_index, &asked.text).await?;
    Ok(Json(Done { status: Word::Queued }))
}

/// `POST /v1/delegations/{id}/follow-up`. It belongs to the session of the one
/// that has ended.
pub(super) async fn follow_up(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfDelegation(id): OfDelegation,
    RepeatKey(key): RepeatKey,
    Trace(traceparent): Trace,
    Given(asked): Given<FollowUp>,
) -> Result<(StatusCode, Json<Dispatched>), Refusal> {
    let unit = theirs(&service, &caller, id).await?;
    let own = service.hosts.workspace();
    let workspace = caller.workspace(unit.record.workspace.as_deref(), own)?;
    let host = service.hosts.at(&workspace).await?;
    let mut request = host.follow_up(id, asked.task_index, &asked.text).await?;
    if let Some(agent) = asked.agent {
        request.tasks.iter_mut().for_each(|it| it.agent = Some(agent.clone()));
    }
    let written_by = caller.written_by(None);
    let request = Request {
        on_capacity: OnCapacity::Queue,
        written_by,
        idempotency_key: key,
        traceparent,
        ..request
    };
    dispatched(&host, &unit.record.session, request).await
}

/// The delegation, if it is theirs; otherwise it is refused as if it were not
/// there.
async fn theirs(service: &Inner, caller: &Caller, id: DelegationId) -> Result<UnitRow, Refusal> {
    let unit = service.hosts.store().read(move |tables| tables.unit(id)).await?;
    let unit = unit.filter(|it| caller.sees(&it.record.session));
    unit.ok_or_else(|| Refusal::unknown("delegation", id))
}
