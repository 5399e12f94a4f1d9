//! Who has which event.

use super::{Event, Memory};
use crate::{
    id::HostId,
    session::Session,
    store::{
        CLOCK_SLACK, ClaimFilter, ClaimToken, EventFilter, EventId, EventRow, EventState,
        LONGEST_PAUSE, Settled, StateFilter,
        words::{HOST_GONE, USED_UP, lease_ended},
    },
};

impl Event {
    pub(super) fn is_for(&self, filter: &ClaimFilter, by: HostId) -> bool {
        let event = &self.row.event;
        let is_kind = filter.kinds.as_ref().is_none_or(|it| it.contains(&event.kind));
        let is_ours = filter.session != Session::Local || self.owner.is_none_or(|it| it == by);
        is_kind && is_ours && event.session == filter.session
    }

    pub(super) fn is_listed(&self, filter: &EventFilter) -> bool {
        let is_undelivered =
            matches!(self.row.state, EventState::Pending { .. } | EventState::Claimed { .. });
        let is_state = match filter.state {
            None => true,
            Some(StateFilter::Undelivered) => is_undelivered,
            Some(StateFilter::Claimed) => self.claimed_by().is_some(),
            Some(StateFilter::Dead) => matches!(self.row.state, EventState::Dead { .. }),
            Some(StateFilter::Acked) => self.is_acked(),
        };
        is_state && filter.session.as_ref().is_none_or(|it| *it == self.row.event.session)
    }

    /// When it can be claimed.
    pub(super) fn due(&self) -> Option<f64> {
        match self.row.state {
            EventState::Pending { not_before } => Some(not_before),
            EventState::Claimed { until, .. } => Some(until),
            EventState::Acked | EventState::Dead { .. } => None,
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.row.state, EventState::Pending { .. })
    }

    /// Whether it may be claimed at `now`. What was written before the clock
    /// was set back may be, too.
    fn is_due(&self, now: f64) -> bool {
        match self.row.state {
            EventState::Pending { not_before } => {
                not_before <= now || now + LONGEST_PAUSE.as_secs_f64() < not_before
            }
            EventState::Claimed { until, .. } => {
                until <= now || now + CLOCK_SLACK.as_secs_f64() < self.claimed_at
            }
            EventState::Acked | EventState::Dead { .. } => false,
        }
    }

    pub(super) fn claimed_by(&self) -> Option<HostId> {
        match self.row.state {
            EventState::Claimed { by, .. } => Some(by),
            _ => None,
        }
    }

    /// Pending again, unless that was the last attempt.
    pub(super) fn offer_again(&mut self, not_before: f64, max_attempts: u32) -> Settled {
        if max_attempts <= self.row.attempts {
            let reason = self.row.last_error.get_or_insert_with(|| USED_UP.to_owned()).clone();
            self.row.state = EventState::Dead { reason };
            return Settled::Dead;
        }
        self.not_before = not_before;
        self.row.state = EventState::Pending { not_before };
        Settled::Done
    }
}

impl Memory {
    pub(super) fn claim_first(
        &mut self,
        filter: &ClaimFilter,
        by: HostId,
        now: f64,
        until: f64,
        max_attempts: u32,
    ) -> Option<(EventRow, ClaimToken)> {
        loop {
            let mine = || self.waiting(&filter.session).filter(|it| it.is_for(filter, by));
            // A pending one keeps back what stands behind it until it is due.
            let is_next = |it: &&Event| it.is_due(now) || (it.is_pending() && !filter.overtake);
            let mut event = mine().find(is_next).filter(|it| it.is_due(now))?.clone();
            if let Some(holder) = event.claimed_by() {
                event.row.last_error = Some(lease_ended(holder));
            }
            let settled = event.offer_again(event.not_before, max_attempts);
            if settled == Settled::Done {
                event.row.attempts = event.row.attempts.saturating_add(1);
                event.row.state = EventState::Claimed { by, until };
                event.claims += 1;
                event.claimed_at = now;
            }
            let res = (event.row.clone(), ClaimToken(event.claims));
            self.events.set(event.row.id, Some(event));
            if settled == Settled::Done {
                return Some(res);
            }
        }
    }

    pub(super) fn settle(
        &mut self,
        id: EventId,
        token: ClaimToken,
        apply: impl FnOnce(&mut Event) -> Settled,
    ) -> Option<Settled> {
        let held = |it: &&Event| it.claimed_by().is_some() && it.claims == token.0;
        let mut event = self.events.get(&id).filter(held)?.clone();
        let res = apply(&mut event);
        self.events.set(id, Some(event));
        Some(res)
    }

    /// Frees what a dead host holds, and leaves its local events to anybody.
    /// Returns the number of claims.
    pub(super) fn free_claims(&mut self, dead: HostId) -> usize {
        let mut n_claims = 0;
        for mut event in self.events.values().cloned().collect::<Vec<_>>() {
            if event.claimed_by() == Some(dead) {
                event.row.last_error = Some(HOST_GONE.to_owned());
                event.row.state = EventState::Pending { not_before: event.not_before };
                n_claims += 1;
            }
            let is_local = event.row.event.session == Session::Local && !event.is_acked();
            if is_local && event.owner == Some(dead) {
                event.owner = None;
            }
            self.events.set(event.row.id, Some(event));
        }
        n_claims
    }
}
