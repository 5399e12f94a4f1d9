//! What happens, for whoever watches: one reader of the queue and of every
//! host, and any number of listeners.
//!
//! Progress is news of the moment, and a listener that is too slow misses it.
//! Events of the queue are in the store, by their places, so one that was
//! missed, or came while nobody listened, is read there.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::{
    Notify,
    broadcast::{self, Receiver, Sender, error::RecvError},
};

use crate::{
    completion::{queue::FOREIGN_LOOK, sanitize::clean_line},
    delegation::{LiveChild, Progress, Update},
    event::{CompletionEvent, FailureNotice},
    host::Host,
    session::Session,
    store::{EventBody, EventFilter, EventId, EventRow, News, Store, StoreError},
};

/// Batches of news that a listener may be behind. All listeners share them.
const BEHIND: usize = 128;

/// Between two batches. Under load a thousand listeners wake so often, and not
/// for every piece; the first piece after a pause goes out at once.
const PACE: Duration = Duration::from_millis(50);

/// News of one batch. Bounds what is gathered meanwhile.
const MAX_BATCH: usize = 512;

/// Events that are read at once.
pub(super) const PAGE: usize = 64;

/// Characters of a goal that is told.
const MAX_GOAL_CHARS: usize = 200;

/// Characters of an error that is told.
const MAX_ERROR_CHARS: usize = 500;

/// One piece of news, written out once for all listeners.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Whose it is.
    pub(super) session: Session,
    /// What happened, in one word.
    pub(super) name: &'static str,
    /// Of an event: its place in the queue.
    pub(super) id: Option<EventId>,
    /// JSON on one line.
    pub(super) data: String,
}

/// The reader. Clones are the same one.
#[derive(Clone)]
pub(super) struct Tail {
    sender: Sender<Arc<[Item]>>,
    gathered: Arc<Mutex<Vec<Item>>>,
    is_due: Arc<Notify>,
    wake: Arc<Notify>,
    /// The last event that was read.
    newest: Arc<AtomicU64>,
    store: Store,
}

impl Tail {
    /// Reads on from the newest event, and passes on what that host tells, and
    /// those beside it.
    pub(super) async fn start(host: &Host) -> Result<Self, StoreError> {
        let (store, updates) = (host.store().clone(), host.subscribe());
        let filter = EventFilter { limit: 1, ..EventFilter::default() };
        let changes = store.changes_elsewhere();
        let newest = store.read(move |tables| tables.events(&filter)).await?;
        let last = newest.first().map_or(EventId(0), |it| it.id);
        let (sender, newest) = (broadcast::channel(BEHIND).0, Arc::new(AtomicU64::new(last.0)));
        let (gathered, is_due, wake) = Default::default();
        let tail = Self { sender, gathered, is_due, wake, newest, store };
        tokio::spawn(tail.clone().keep_pace());
        tokio::spawn(tail.clone().pass_on(updates));
        tokio::spawn(tail.clone().read_on(last, changes));
        Ok(tail)
    }

    /// News from now on.
    pub(super) fn subscribe(&self) -> Receiver<Arc<[Item]>> {
        self.sender.subscribe()
    }

    /// The event that was read last.
    pub(super) fn newest(&self) -> EventId {
        EventId(self.newest.load(Ordering::Acquire))
    }

    /// How many listen.
    pub(super) fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Events behind that place, of every session.
    pub(super) async fn after(&self, place: EventId) -> Result<Vec<EventRow>, StoreError> {
        self.store.read(move |tables| tables.events_after(place, PAGE)).await
    }

    fn tell(&self, update: &Update) {
        if matches!(update.progress, Progress::Ended { .. } | Progress::ChildEnded(_)) {
            self.wake.notify_one();
        }
        if self.listeners() > 0 {
            self.gather(Item::of_update(update));
        }
    }

    fn gather(&self, item: Item) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.push(item);
        if gathered.len() >= MAX_BATCH {
            self.send(&mut gathered);
        }
        self.is_due.notify_one();
    }

    /// In the order in which they were gathered: whoever calls has the lock.
    fn send(&self, gathered: &mut Vec<Item>) {
        if !gathered.is_empty() {
            // Nobody may listen.
            let _ = self.sender.send(std::mem::take(gathered).into());
        }
    }

    async fn keep_pace(self) {
        loop {
            self.is_due.notified().await;
            self.send(&mut self.gathered.lock().unwrap_or_else(PoisonError::into_inner));
            tokio::time::sleep(PACE).await;
        }
    }

    async fn pass_on(self, mut updates: Receiver<Update>) {
        loop {
            match updates.recv().await {
                Ok(update) => self.tell(&update),
                Err(RecvError::Lagged(_)) => self.wake.notify_one(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Ends when only it is left, which is with the process.
    async fn read_on(self, mut last: EventId, mut changes: News) {
        loop {
            match self.after(last).await {
                Ok(rows) => {
                    let is_full = rows.len() == PAGE;
                    for row in rows {
                        last = row.id;
                        self.newest.store(last.0, Ordering::Release);
                        self.gather(Item::of_event(&row));
                    }
                    if is_full {
                        continue;
                    }
                }
                Err(err) => tracing::debug!(%err, "new events were not read"),
            }
            tokio::select! {
                () = self.wake.notified() => (),
                () = changes.next_within(FOREIGN_LOOK) => (),
            }
        }
    }
}

impl Item {
    /// What a host tells of a delegation.
    fn of_update(update: &Update) -> Self {
        let id = update.delegation_id;
        let (name, data) = match &update.progress {
            Progress::Dispatched { count } => ("dispatched", json!({"count": count})),
            Progress::Started { task_index } => ("started", json!({"task_index": task_index})),
            Progress::Activity(child) => ("activity", activity(child)),
            Progress::Logged { task_index, lines } => {
                ("log", json!({"task_index": task_index, "lines": &lines[..]}))
            }
            Progress::Stalled { task_index, waits_for, quiet } => {
                let (waits_for, quiet) = (waits_for.to_string(), quiet.as_secs_f64());
                let data = json!({
                    "task_index": task_index, "waits_for": waits_for, "quiet_seconds": quiet,
                });
                ("stalled", data)
            }
            Progress::ChildEnded(result) => {
                ("child_ended", json!({"task_index": result.task_index, "status": result.status}))
            }
            Progress::Ended { group, status } => {
                ("ended", json!({"group": group, "status": status}))
            }
        };
        let mut data = data;
        if let Some(data) = data.as_object_mut() {
            data.insert("delegation_id".to_owned(), json!(id));
            data.insert("session_key".to_owned(), json!(update.session));
        }
        let (session, data) = (update.session.clone(), data.to_string());
        Self { session, name, id: None, data }
    }

    /// An event of the queue.
    pub(super) fn of_event(row: &EventRow) -> Self {
        let (name, event) = match &row.event.body {
            EventBody::Completion(it) => ("completion", completion(it)),
            EventBody::Failure(it) => ("failure", failure(it)),
            EventBody::Other(_) => ("event", Value::Null),
        };
        let data = json!({
            "id": row.id.0, "type": row.event.kind, "session_key": row.event.session, "event": event,
        });
        let (session, data) = (row.event.session.clone(), data.to_string());
        Self { session, name, id: Some(row.id), data }
    }
}

// What happened, and not all that came of it: an event can have megabytes,
// which a thousand listeners would be sent. Whoever needs them claims the event,
// or asks for the delegation.

fn completion(event: &CompletionEvent) -> Value {
    json!({
        "delegation_id": event.delegation_id, "group": event.group,
        "goal": clean_line(&event.goal, MAX_GOAL_CHARS), "status": event.status,
        "counts": event.counts(), "completed_at": event.completed_at,
    })
}

fn failure(event: &FailureNotice) -> Value {
    let FailureNotice { result, .. } = event;
    let error = result.error.as_deref().map(|it| clean_line(it, MAX_ERROR_CHARS));
    json!({
        "delegation_id": event.delegation_id, "goal": clean_line(&event.goal, MAX_GOAL_CHARS),
        "failed_at": event.failed_at, "remaining": event.remaining,
        "result": {"task_index": result.task_index, "status": result.status, "error": error},
    })
}

/// What a child does now, and used so far: by the names of a listing.
fn activity(child: &LiveChild) -> Value {
    let mut data = json!({
        "task_index": child.task_index, "activity": child.activity,
        "waits_for": child.waits_for.to_string(), "tool_calls": child.tool_calls,
        "api_calls": child.model_calls, "tokens": child.tokens,
        "elapsed_seconds": child.elapsed.as_secs_f64(),
    });
    if let (Some(data), Some(cost)) = (data.as_object_mut(), child.cost) {
        data.insert("cost_usd".to_owned(), json!(cost));
    }
    data
}
