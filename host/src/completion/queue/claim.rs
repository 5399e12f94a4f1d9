//! An event in somebody's hands, and how it leaves them.

use super::{Queue, SettleError};
use crate::store::{ClaimFilter, ClaimToken, EventRow, EventState, Settled, StoreError, Tables};

/// What becomes of an event.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It was applied.
    Acked,
    /// The attempt failed.
    Failed {
        /// What is kept of it.
        why: String,
    },
    /// It was not looked at.
    PutBack,
}

/// A claimed event. Whatever happens to the value, its fate reaches the
/// store.
pub(super) struct Claim {
    queue: Queue,
    row: EventRow,
    token: ClaimToken,
    /// What a drop comes to; `None` once it is settled.
    if_dropped: Option<Fate>,
}

impl Claim {
    /// Claims the first event that there is. Part of an operation of the
    /// store.
    pub(super) fn first(
        queue: &Queue,
        filter: &ClaimFilter,
        now: f64,
        tables: &mut dyn Tables,
    ) -> Result<Option<Self>, StoreError> {
        let (host, config) = (queue.store().host(), queue.config());
        let until = now + config.lease().as_secs_f64();
        let claimed = tables.claim(filter, host, now, until, config.max_attempts())?;
        // The result of an operation whose caller is gone, or that could not
        // be committed, is dropped: nobody has seen the event.
        let if_dropped = Some(Fate::PutBack);
        Ok(claimed.map(|(row, token)| Self { queue: queue.clone(), row, token, if_dropped }))
    }

    /// That of somebody outside of every host, whose it stays when this is
    /// dropped.
    pub(super) fn lent(queue: &Queue, row: EventRow, token: ClaimToken) -> Self {
        Self { queue: queue.clone(), row, token, if_dropped: None }
    }

    /// Lends it to somebody outside of every host.
    pub(super) async fn lend(mut self) -> Result<ClaimToken, SettleError> {
        let (id, token) = (self.row.id, self.token);
        // Whoever it is for has not heard of it before this returns.
        self.if_dropped = Some(Fate::PutBack);
        let is_held = self.queue.store().run(move |tables| tables.lend(id, token)).await?;
        self.if_dropped = None;
        if is_held { Ok(token) } else { Err(SettleError::Lost(id)) }
    }

    /// From now on a drop is `fate`.
    pub(super) fn if_dropped(mut self, fate: Fate) -> Self {
        self.if_dropped = Some(fate);
        self
    }

    /// The event and its state.
    pub(super) fn row(&self) -> &EventRow {
        &self.row
    }

    /// The time of its queue, in epoch seconds.
    pub(super) fn now(&self) -> f64 {
        self.queue.now()
    }

    /// Begins its lease anew.
    pub(super) async fn prolong(&mut self) -> Result<(), SettleError> {
        let (id, token) = (self.row.id, self.token);
        let until = self.now() + self.queue.config().lease().as_secs_f64();
        let store = self.queue.store().clone();
        let is_held = store.run(move |tables| tables.prolong(id, token, until)).await?;
        if !is_held {
            return Err(SettleError::Lost(id));
        }
        if let EventState::Claimed { until: end, .. } = &mut self.row.state {
            *end = until;
        }
        Ok(())
    }

    /// Settles it. `or_else` is what it comes to if that can't be stored, or
    /// nobody waits for it any more.
    pub(super) async fn settle(
        mut self,
        fate: Fate,
        or_else: Fate,
    ) -> Result<Settled, SettleError> {
        // An acknowledgement changes nothing for those who wait.
        let is_offered = !matches!(fate, Fate::Acked);
        let waiters = self.queue.waiters();
        let _wake = is_offered.then(|| waiters.wake_at_end(&self.row.event.session));
        self.if_dropped = Some(or_else);
        let op = self.operation(fate);
        let settled = self.queue.store().run(op).await?;
        self.if_dropped = None;
        settled.ok_or(SettleError::Lost(self.row.id))
    }

    fn operation(
        &self,
        fate: Fate,
    ) -> impl FnOnce(&mut dyn Tables) -> Result<Option<Settled>, StoreError> + Send + use<> {
        let (id, token, attempts) = (self.row.id, self.token, self.row.attempts);
        let queue = self.queue.clone();
        move |tables| match fate {
            Fate::Acked => tables.ack(id, token),
            Fate::PutBack => tables.put_back(id, token),
            Fate::Failed { why } => {
                let config = queue.config();
                let not_before = queue.now() + config.delay_after(attempts).as_secs_f64();
                let settled = tables.retry(id, token, not_before, &why, config.max_attempts())?;
                if settled == Some(Settled::Dead) {
                    tracing::warn!(event = id.0, why, "an event failed for the last time");
                }
                Ok(settled)
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(fate) = self.if_dropped.take() else { return };
        let (id, state) = (self.row.id, self.row.state.clone());
        let op = self.operation(fate);
        let wake = self.queue.waiters().wake_at_end(&self.row.event.session);
        self.queue.store().send(move |tables| {
            // Those who are woken ask the store after this operation.
            let _wake = wake;
            // A claim whose commit failed was undone, and its token may be
            // another's by now.
            let is_held = tables.event(id)?.is_some_and(|it| it.state == state);
            if is_held { op(tables).map(drop) } else { Ok(()) }
        });
    }
}
