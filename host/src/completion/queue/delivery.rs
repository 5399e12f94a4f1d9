//! An event in the hands of its consumer.

use std::fmt;

use jiff::tz::TimeZone;

use super::{
    SettleError,
    claim::{Claim, Fate},
    pause::Pause,
};
use crate::{
    completion::{
        sanitize::clean_line,
        text::{render, render_failure, render_other},
    },
    event::{CompletionEvent, FailureNotice},
    store::{ClaimToken, EventBody, EventId, NewEvent, Settled},
};

/// The reason that is kept of a delivery that was dropped.
const DROPPED: &str = "dropped by its consumer";

/// Longest reason of a failed attempt that is kept.
const MAX_REASON_CHARS: usize = 500;

/// A claimed event, which its consumer applies and then settles with
/// [`Delivery::ack`], [`Delivery::retry`] or [`Delivery::put_back`].
///
/// The claim is exclusive until its lease ends. Dropped without a word, it is
/// a failed attempt: a consumer that crashes has failed.
#[must_use = "dropped, it is a failed attempt"]
pub struct Delivery {
    claim: Claim,
    pause: Pause,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Delivery").field(self.claim.row()).finish()
    }
}

impl Delivery {
    pub(super) fn new(claim: Claim, pause: Pause) -> Self {
        let claim = claim.if_dropped(Fate::Failed { why: DROPPED.to_owned() });
        Self { claim, pause }
    }

    pub(super) fn lent(claim: Claim) -> Self {
        Self { claim, pause: Pause::default() }
    }

    /// Lends the claim to a consumer outside of this process, under the token
    /// that comes back: it holds until its lease ends, also when this host is
    /// gone by then, and any host on the store settles it ([`Queue::lent`]).
    ///
    /// # Errors
    ///
    /// [`SettleError::Lost`] when the claim is another's by now, or that of
    /// the store; then the event is where it was.
    ///
    /// [`Queue::lent`]: super::Queue::lent
    pub async fn lend(self) -> Result<ClaimToken, SettleError> {
        self.claim.lend().await
    }

    /// Its place in the queue.
    pub fn id(&self) -> EventId {
        self.claim.row().id
    }

    /// Which attempt this is, from 1.
    pub fn attempts(&self) -> u32 {
        self.claim.row().attempts
    }

    /// The event.
    pub fn event(&self) -> &NewEvent {
        &self.claim.row().event
    }

    /// How a delegation ended, if it tells that.
    pub fn completion(&self) -> Option<&CompletionEvent> {
        match &self.event().body {
            EventBody::Completion(event) => Some(event),
            _ => None,
        }
    }

    /// Which child failed while its siblings run, if it tells that.
    pub fn failure(&self) -> Option<&FailureNotice> {
        match &self.event().body {
            EventBody::Failure(event) => Some(event),
            _ => None,
        }
    }

    /// What re-enters the conversation, as a turn of its own (SEMANTICS.md §7,
    /// §8), with the time of now in this machine's time zone.
    pub fn text(&self) -> String {
        self.text_at(self.claim.now(), &TimeZone::system())
    }

    /// The same for another time and zone. `now` is in epoch seconds.
    pub fn text_at(&self, now: f64, tz: &TimeZone) -> String {
        match &self.event().body {
            EventBody::Completion(event) => render(event, now, tz),
            EventBody::Failure(event) => render_failure(event, now, tz),
            EventBody::Other(json) => render_other(&self.event().kind, json),
        }
    }

    /// It was applied. Durable when this returns: only then does it count.
    ///
    /// # Errors
    ///
    /// [`SettleError::Lost`] when the claim is another's by now: the event is
    /// or was delivered once more. A failure of the store is a failed attempt.
    pub async fn ack(self) -> Result<(), SettleError> {
        let why = "the acknowledgement did not reach the store".to_owned();
        self.claim.settle(Fate::Acked, Fate::Failed { why }).await.map(drop)
    }

    /// Applying it takes longer: the lease begins anew. To be called again
    /// before that one ends, too.
    ///
    /// # Errors
    ///
    /// [`SettleError::Lost`] when the claim is another's by now, or that of
    /// the store; then the lease is what it was.
    pub async fn prolong(&mut self) -> Result<(), SettleError> {
        self.claim.prolong().await
    }

    /// The attempt failed. It is offered again after a pause that doubles
    /// each time; the last attempt is the event's end, which the answer says.
    ///
    /// # Errors
    ///
    /// [`SettleError::Lost`] when the claim is another's by now, or that of
    /// the store.
    pub async fn retry(self, why: &str) -> Result<Settled, SettleError> {
        let failed = Fate::Failed { why: clean_line(why, MAX_REASON_CHARS) };
        self.claim.settle(failed.clone(), failed).await
    }

    /// The consumer is busy: the event is where it was, the attempt did not
    /// count, and the next who asks gets it. The [`Deliveries`] that this came
    /// from asks again only after a moment, so that a busy consumer that asks
    /// in a loop does not spin.
    ///
    /// # Errors
    ///
    /// [`SettleError::Lost`] when the claim is another's by now, or that of
    /// the store.
    ///
    /// [`Deliveries`]: super::Deliveries
    pub async fn put_back(self) -> Result<(), SettleError> {
        self.pause.begin_busy();
        self.claim.settle(Fate::PutBack, Fate::PutBack).await.map(drop)
    }
}
