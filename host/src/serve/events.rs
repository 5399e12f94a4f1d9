//! The events of a session: claimed, applied by the caller, and settled.
//!
//! A claim is exclusive and has a lease, as everywhere on the queue. It is in
//! the store, and nothing of it here: whichever service there is settles it, and
//! none that ends takes it from whoever applies the event just now. One that is
//! lost on its way to the caller is offered again when its lease ends.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{FromRequest, FromRequestParts as _, Request, State},
};
use futures_util::future::join_all;
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
    completion::{Delivery, Queue, queue::SettleError},
    store::{ClaimFilter, ClaimToken, EventId, EventRow, EventState, NewEvent, Settled},
};

/// Longest wait for an event. Proxies and clients give up beyond it.
const MAX_WAIT_SECONDS: u64 = 60;

/// Events of one claim.
const MAX_CLAIMED: usize = 64;

/// No claim has that token.
const NO_CLAIM: ClaimToken = ClaimToken(0);

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
    let mut claimed = queue.drain(filter.clone(), max).await?;
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
    let lease = queue.lease_time();
    // They share one commit.
    let lent = join_all(claimed.into_iter().map(|it| lend(it, lease))).await;
    // A person may have acknowledged one just now.
    let lent = lent.into_iter().filter(|it| !matches!(it, Err(SettleError::Lost(_))));
    Ok(Json(Claims { events: lent.collect::<Result<_, _>>()? }))
}

/// What is told of an event that is the caller's from now on.
async fn lend(delivery: Delivery, lease: Duration) -> Result<Claim, SettleError> {
    let NewEvent { kind, body, .. } = delivery.event();
    let (kind, event) = (kind.clone(), json!(body));
    let (id, attempt, text) = (delivery.id().0, delivery.attempts(), delivery.text());
    let claim = delivery.lend().await?.into();
    Ok(Claim { id, kind, claim, attempt, lease_seconds: lease.as_secs_f64(), event, text })
}

/// `POST /v1/events/{id}/ack`.
pub(super) async fn ack(
    State(service): State<Arc<Inner>>,
    claimed: Claimed,
) -> Result<Json<Done>, Refusal> {
    match claimed.delivery {
        Some(delivery) => delivery.ack().await?,
        // It was applied, and its lease ended before that was said. Nobody is to
        // apply it again.
        None => drop(service.hosts.queue().ack_by_hand(claimed.id).await?),
    }
    Ok(done(Word::Acknowledged))
}

/// `POST /v1/events/{id}/release`.
pub(super) async fn release(claimed: Claimed) -> Result<Json<Done>, Refusal> {
    claimed.delivery()?.put_back().await?;
    Ok(done(Word::Released))
}

/// `POST /v1/events/{id}/retry`.
pub(super) async fn retry(mut claimed: Claimed) -> Result<Json<Done>, Refusal> {
    let why = claimed.reason.take();
    let settled = claimed.delivery()?.retry(why.as_deref().unwrap_or(NO_REASON)).await?;
    Ok(done(match settled {
        Settled::Done => Word::Failed,
        Settled::Dead => Word::Dead,
    }))
}

/// `POST /v1/events/{id}/prolong`.
pub(super) async fn prolong(claimed: Claimed) -> Result<Json<Done>, Refusal> {
    claimed.delivery()?.prolong().await?;
    Ok(done(Word::Prolonged))
}

fn done(status: Word) -> Json<Done> {
    Json(Done { status })
}

/// The event of a call that settles one, which is the caller's to see.
pub(super) struct Claimed {
    id: EventId,
    /// By the claim that the caller names. `None` when nobody has it any more,
    /// or it is settled already.
    delivery: Option<Delivery>,
    /// Why it failed, of a retry.
    reason: Option<String>,
}

impl Claimed {
    fn delivery(self) -> Result<Delivery, Refusal> {
        self.delivery.ok_or_else(|| SettleError::Lost(self.id).into())
    }
}

impl FromRequest<Arc<Inner>> for Claimed {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Arc<Inner>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let OfEvent(id) = OfEvent::from_request_parts(&mut parts, service).await?;
        let caller = parts.extensions.get::<Caller>().cloned();
        let request = Request::from_parts(parts, body);
        let MaybeGiven(asked) = MaybeGiven::<Settle>::from_request(request, service).await?;
        let row = service.hosts.store().read(move |tables| tables.event(id)).await?;
        let sees = |it: &EventRow| caller.is_some_and(|who| who.sees(&it.event.session));
        let row = row.filter(sees).ok_or_else(|| Refusal::unknown("event", id.0))?;
        let delivery = lent(service.hosts.queue(), &row, asked.claim.as_ref()).await?;
        Ok(Self { id, delivery, reason: asked.reason })
    }
}

async fn lent(
    queue: &Queue,
    row: &EventRow,
    claim: Option<&ClaimId>,
) -> Result<Option<Delivery>, Refusal> {
    // An id that no claim can have is another's, too.
    let token = claim.map(|it| it.token().unwrap_or(NO_CLAIM));
    let delivery = queue.lent(row.id, token).await?;
    let is_anothers = matches!(row.state, EventState::Claimed { .. });
    // One that nobody was ever given can't have been applied.
    if delivery.is_none() && (is_anothers || row.attempts == 0) {
        return Err(SettleError::Lost(row.id).into());
    }
    Ok(delivery)
}
