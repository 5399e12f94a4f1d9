//! Waiting for events.

use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::time::{self, Instant};

use super::{Queue, claim::Claim, delivery::Delivery, pause::Pause, waiters::Subscription};
use crate::store::{ClaimFilter, News, StoreError, Tables};

/// How long an event that another process queued may go unseen, where the
/// kernel does not tell of writes to a file: each look is a transaction.
pub const FOREIGN_LOOK: Duration = Duration::from_secs(5);

/// How long the store is left alone after it failed.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// Shortest wait for an event that is due: clocks and timers are not exact,
/// and this is what keeps a difference between them from being a busy loop.
const MIN_WAIT: Duration = Duration::from_millis(5);

/// Deliveries of one session, in order; each is claimed when it is asked for.
///
/// Waits without polling: it is woken by what this process queues, by writes
/// of other processes, and by timers for leases and pauses that end. Where
/// such writes can't be seen, it looks every [`FOREIGN_LOOK`].
pub struct Deliveries {
    queue: Queue,
    filter: ClaimFilter,
    waiting: Subscription,
    elsewhere: News,
    pause: Pause,
}

impl Deliveries {
    pub(super) fn new(queue: Queue, filter: ClaimFilter) -> Self {
        let waiting = queue.waiters().subscribe(&filter.session);
        let elsewhere = queue.store().changes_elsewhere();
        Self { queue, filter, waiting, elsewhere, pause: Pause::default() }
    }

    /// The next event, when there is one. The future may be dropped at any
    /// point: an event that it was about to hand out is put back.
    ///
    /// # Errors
    ///
    /// That of the store. It may be asked again; after an error it looks only
    /// after a pause.
    pub async fn next(&mut self) -> Result<Delivery, StoreError> {
        loop {
            self.pause.over().await;
            self.waiting.mark_seen();
            let looked = self.look().await;
            match looked.inspect_err(|_| self.pause.begin(ERROR_PAUSE))? {
                Look::Claimed(claim) => return Ok(Delivery::new(*claim, self.pause.clone())),
                Look::Nothing { wait } => self.wait(wait).await,
            }
        }
    }

    /// The same as a stream. It has no end: events of another host may come
    /// at any time, also when this one takes no calls any more. Whoever leaves
    /// drops it.
    pub fn into_stream(self) -> impl Stream<Item = Result<Delivery, StoreError>> + Send {
        stream::unfold(self, |mut deliveries| async {
            let item = deliveries.next().await;
            Some((item, deliveries))
        })
    }

    /// Claims an event, or tells how long there will be none.
    async fn look(&self) -> Result<Look, StoreError> {
        let (queue, filter) = (self.queue.clone(), self.filter.clone());
        let look = move |tables: &mut dyn Tables| {
            let now = queue.now();
            if let Some(claim) = Claim::first(&queue, &filter, now, tables)? {
                return Ok(Look::Claimed(Box::new(claim)));
            }
            let due = tables.next_due(&filter, queue.store().host())?;
            let wait = due.map_or(FOREIGN_LOOK, |due| wait_until(due, now));
            Ok(Look::Nothing { wait })
        };
        self.queue.store().run(look).await
    }

    async fn wait(&mut self, wait: Duration) {
        let end = Instant::now() + wait;
        loop {
            tokio::select! {
                () = self.waiting.woken() => return,
                () = time::sleep_until(end) => return,
                () = self.elsewhere.next() => {}
            }
            // Most of what others write is not for this one, and a look that
            // claims is a transaction.
            if self.is_due().await {
                return;
            }
        }
    }

    async fn is_due(&self) -> bool {
        let (host, filter) = (self.queue.store().host(), self.filter.clone());
        let due = self.queue.store().read(move |tables| tables.next_due(&filter, host)).await;
        // What is wrong is for the look to tell.
        due.map_or(true, |due| due.is_some_and(|at| at <= self.queue.now()))
    }
}

enum Look {
    Claimed(Box<Claim>),
    Nothing { wait: Duration },
}

fn wait_until(due: f64, now: f64) -> Duration {
    let wait = (due - now).clamp(MIN_WAIT.as_secs_f64(), FOREIGN_LOOK.as_secs_f64());
    Duration::try_from_secs_f64(wait).unwrap_or(FOREIGN_LOOK)
}
