//! Live news as server-sent events.
//!
//! Events of the queue have an id and are resumed by `Last-Event-ID`; progress
//! is of the moment. A listener that is too slow is told what it missed, and
//! gets every event of the queue all the same. Watching takes nothing: an event
//! is over when it is claimed and acknowledged (`events`).

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::{
        OwnedSemaphorePermit, Semaphore,
        broadcast::{Receiver, error::RecvError},
    },
    time::timeout,
};

use super::{
    Inner,
    body::Asked,
    caller::Caller,
    error::Refusal,
    tail::{Item, PAGE},
};
use crate::{session::Session, store::EventId};

/// Listeners at once. Each is a connection, which other calls need as well.
const MAX_LISTENERS: usize = 2_048;

/// A word to listeners while nothing happens, so that both ends notice when the
/// other is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a token that was taken away may still listen while nothing happens.
const RECHECK: Duration = Duration::from_secs(5);

/// When a listener asks anew whose connection was cut.
const RETRY: Duration = Duration::from_secs(1);

/// The places of listeners.
pub(super) struct Listeners(Arc<Semaphore>);

impl Default for Listeners {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LISTENERS)))
    }
}

impl Listeners {
    fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = Arc::clone(&self.0).try_acquire_owned();
        place.map_err(|_| Refusal::full(format!("{MAX_LISTENERS} listen already")))
    }
}

/// What is listened to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Watched {
    /// That session alone.
    #[serde(default)]
    session: Option<String>,
    /// The place in the queue to read on from, where a header can't be sent.
    #[serde(default)]
    after: Option<u64>,
}

/// `GET /v1/stream`.
pub(super) async fn stream(
    State(service): State<Arc<Inner>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<Watched>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let session = asked.session.as_deref().map(|it| caller.session(Some(it))).transpose()?;
    let after = last_event_id(&headers)?.or(asked.after).map(EventId);
    let mut listener = Listener {
        _place: service.listeners.place()?,
        last: after.unwrap_or(service.tail.newest()),
        news: service.tail.subscribe(),
        caller,
        session,
        // It listens by now: nothing falls between that and what is read.
        is_behind: after.is_some(),
        ready: VecDeque::new(),
        service: Arc::clone(&service),
    };
    // Whoever is cut off before the first event knows where to go on.
    let begin = Event::default().retry(RETRY).id(listener.last.0.to_string());
    listener.ready.push_back(begin);
    let closing = service.closing.clone();
    let events = stream::unfold(listener, move |mut listener| {
        let closing = closing.clone();
        async move {
            let next = closing.run_until_cancelled(listener.next()).await??;
            Some((Ok(next), listener))
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(given) = headers.get("last-event-id") else { return Ok(None) };
    let id = given.to_str().ok().and_then(|it| it.parse().ok());
    id.map(Some).ok_or_else(|| Refusal::bad("Last-Event-ID", "it is no number of an event"))
}

/// One who listens.
struct Listener {
    service: Arc<Inner>,
    news: Receiver<Arc<[Item]>>,
    caller: Caller,
    session: Option<Session>,
    /// The last event of the queue that was sent, or passed over.
    last: EventId,
    /// There may be events in the store that were not sent.
    is_behind: bool,
    ready: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// What is sent next; `None` when the service is gone, or the token.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_behind {
                self.read_on().await;
                continue;
            }
            let Ok(news) = timeout(RECHECK, self.news.recv()).await else {
                if self.caller.is_let_in(&self.service.tokens) { continue } else { return None }
            };
            if !self.caller.is_let_in(&self.service.tokens) {
                return None;
            }
            match news {
                Ok(items) => items.iter().for_each(|it| self.take(it)),
                Err(RecvError::Lagged(count)) => {
                    let data = json!({"count": count}).to_string();
                    self.ready.push_back(Event::default().event("missed").data(data));
                    self.is_behind = true;
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn take(&mut self, item: &Item) {
        if let Some(id) = item.id {
            if id <= self.last {
                return;
            }
            self.last = id;
        }
        let is_meant = self.session.as_ref().is_none_or(|it| *it == item.session);
        if is_meant && self.caller.sees(&item.session) {
            let event = Event::default().event(item.name).data(&item.data);
            let event = match item.id {
                Some(id) => event.id(id.0.to_string()),
                None => event,
            };
            self.ready.push_back(event);
        }
    }

    /// A page of what the store has.
    async fn read_on(&mut self) {
        match self.service.tail.after(self.last).await {
            Ok(rows) => {
                self.is_behind = rows.len() == PAGE;
                rows.iter().for_each(|row| self.take(&Item::of_event(row)));
            }
            Err(err) => {
                // It asks anew with the last id that it has.
                tracing::debug!(%err, "missed events were not read");
                self.is_behind = false;
            }
        }
    }
}
