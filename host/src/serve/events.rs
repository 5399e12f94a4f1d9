//! The events of a session: claimed, applied by the caller, and settled.
//!
//! A claim is exclusive and has a lease, as everywhere on the queue. One that
//! is lost on its way to the caller is offered again when its lease ends.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Json, extract::State};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::{
    Inner,
    body::{Asked, MaybeGiven, OfEvent},
    caller::Caller,
    error::Refusal,
    wire::{Claim, ClaimId, Claims, Done, Settle, Word},
};
use crate::{
    completion::{Delivery, queue::SettleError},
    store::{ClaimFilter, EventId, EventState, Settled},
};

/// Longest wait for an event. Proxies and clients give up beyond it.
const MAX_WAIT_SECONDS: u64 = 60;

/// Events of one claim.
const MAX_CLAIMED: usize = 64;

/// Why an attempt failed whose consumer does not say.
const NO_REASON: &str = "its consumer failed";

/// Which events are claimed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of that session.
    #[serde(default)]
    session: Option<String>,
    /// How long to wait for one, when there is none.
    #[serde(default)]
    #[schemars(range(max = MAX_WAIT_SECONDS))]
    wait_seconds: u64,
    /// At most so many; 1 when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = MAX_CLAIMED))]
    max: Option<usize>,
}

/// `GET /v1/events`.
pub(super) async fn claim(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<Wanted>,
) -> Result<Json<Claims>, Refusal> {
    let session = caller.session(asked.session.as_deref())?;
    let (wait, max) = (asked.wait_seconds, asked.max.unwrap_or(1));
    if wait > MAX_WAIT_SECONDS {
        return Err(Refusal::bad("wait_seconds", format!("`{wait}` is above {MAX_WAIT_SECONDS}")));
    }
    if !(1..=MAX_CLAIMED).contains(&max) {
        return Err(Refusal::bad("max", format!("`{max}` is not in 1 to {MAX_CLAIMED}")));
    }
    let (queue, filter) = (service.hosts.queue(), ClaimFilter::of(session));
    let mut claimed = queue.drain(filter.clone(), max.min(service.held.room()?)).await?;
    if claimed.is_empty() && wait > 0 {
        let mut deliveries = queue.deliveries(filter);
        let next = timeout(Duration::from_secs(wait), deliveries.next());
        let next = service.closing.run_until_cancelled(next).await;
        claimed.extend(next.and_then(Result::ok).transpose()?);
    }
    if !caller.is_let_in(&service.tokens) {
        for delivery in claimed {
            delivery.put_back().await?;
        }
        return Err(Refusal::unauthorized("the token was taken away"));
    }
    let hold = |it| claim_of(&service, it);
    Ok(Json(Claims { events: claimed.into_iter().map(hold).collect() }))
}

/// What is told of an event that is held from now on.
fn claim_of(service: &Inner, delivery: Delivery) -> Claim {
    let event = json!(delivery.event().body);
    let (kind, text) = (delivery.event().kind.clone(), delivery.text());
    let (id, attempt) = (delivery.id().0, delivery.attempts());
    let lease = service.hosts.queue().lease_time();
    let claim = service.held.hold(delivery, lease);
    Claim { id, kind, claim, attempt, lease_seconds: lease.as_secs_f64(), event, text }
}

/// `POST /v1/events/{id}/ack`.
pub(super) async fn ack(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfEvent(id): OfEvent,
    MaybeGiven(asked): MaybeGiven<Settle>,
) -> Result<Json<Done>, Refusal> {
    match take(&service, &caller, id, &asked).await {
        Ok((delivery, _)) => delivery.ack().await?,
        Err(Gone::Refused(refusal)) => return Err(refusal),
        // It was applied, and its claim ended before that was said: with the
        // lease, or with the service. Nobody is to apply it again.
        Err(Gone::Free) => drop(service.hosts.queue().ack_by_hand(id).await?),
    }
    Ok(Json(Done { status: Word::Acknowledged }))
}

/// `POST /v1/events/{id}/release`.
pub(super) async fn release(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfEvent(id): OfEvent,
    MaybeGiven(asked): MaybeGiven<Settle>,
) -> Result<Json<Done>, Refusal> {
    let (delivery, _) = take(&service, &caller, id, &asked).await.map_err(|it| it.lost(id))?;
    delivery.put_back().await?;
    Ok(Json(Done { status: Word::Released }))
}

/// `POST /v1/events/{id}/retry`.
pub(super) async fn retry(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfEvent(id): OfEvent,
    MaybeGiven(asked): MaybeGiven<Settle>,
) -> Result<Json<Done>, Refusal> {
    let (delivery, _) = take(&service, &caller, id, &asked).await.map_err(|it| it.lost(id))?;
    let settled = delivery.retry(asked.reason.as_deref().unwrap_or(NO_REASON)).await?;
    let status = match settled {
        Settled::Done => Word::Failed,
        Settled::Dead => Word::Dead,
    };
    Ok(Json(Done { status }))
}

/// `POST /v1/events/{id}/prolong`.
pub(super) async fn prolong(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    OfEvent(id): OfEvent,
    MaybeGiven(asked): MaybeGiven<Settle>,
) -> Result<Json<Done>, Refusal> {
    let taken = take(&service, &caller, id, &asked).await;
    let (mut delivery, claim) = taken.map_err(|it| it.lost(id))?;
    let prolonged = delivery.prolong().await;
    if !matches!(prolonged, Err(SettleError::Lost(_))) {
        service.held.hold_as(claim, delivery, service.hosts.queue().lease_time());
    }
    prolonged?;
    Ok(Json(Done { status: Word::Prolonged }))
}

/// Why a claim can't be settled.
enum Gone {
    /// Nobody has the event, or it is settled already.
    Free,
    Refused(Refusal),
}

impl Gone {
    fn lost(self, id: EventId) -> Refusal {
        match self {
            Gone::Free => SettleError::Lost(id).into(),
            Gone::Refused(refusal) => refusal,
        }
    }
}

/// The claim of an event that is the caller's to see.
async fn take(
    service: &Inner,
    caller: &Caller,
    id: EventId,
    asked: &Settle,
) -> Result<(Delivery, ClaimId), Gone> {
    let row = service.hosts.store().read(move |tables| tables.event(id)).await;
    let row = row.map_err(|it| Gone::Refused(it.into()))?;
    let row = row.filter(|it| caller.sees(&it.event.session));
    let row = row.ok_or_else(|| Gone::Refused(Refusal::unknown("event", id.0)))?;
    if let Some(taken) = service.held.take(id, asked.claim.as_ref()) {
        return Ok(taken);
    }
    Err(match row.state {
        EventState::Claimed { .. } => Gone::Refused(SettleError::Lost(id).into()),
        // One that nobody was ever given can't have been applied.
        _ if row.attempts == 0 => Gone::Refused(SettleError::Lost(id).into()),
        _ => Gone::Free,
    })
}
