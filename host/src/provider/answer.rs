//! The body of an answer as it comes: bounded in bytes and in silence.

use std::{collections::VecDeque, time::Duration};

use reqwest::{Response, header::CONTENT_TYPE};
use tokio::time::timeout;

use super::{
    ProviderError,
    bounds::{MAX_BODY_BYTES, MAX_EVENT_BYTES, MAX_STREAM_BYTES},
    cause::root_cause,
    sse::{Event, Events},
};

/// How an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Json,
    Events,
}

/// Fields of a stream of events. Each is one, whatever its type says.
const FIELDS: [&str; 6] = ["data", "event", "error", "id", "retry", ""];

/// An answer that has begun.
pub(super) struct Answer {
    response: Response,
    silence: Duration,
    bytes: usize,
    /// What was read to see what it is.
    head: Vec<u8>,
    events: Events,
    ready: VecDeque<Event>,
}

impl Answer {
    pub(super) fn new(response: Response, silence: Duration) -> Self {
        let (head, events, ready) = Default::default();
        Self { response, silence, bytes: 0, head, events, ready }
    }

    /// By how it begins, since not every server streams when it is asked to,
    /// nor says so in the type of what it sends.
    ///
    /// Fails on what is none of both: the address is then one for people.
    pub(super) async fn shape(&mut self) -> Result<Shape, ProviderError> {
        while !is_telling(&self.head) {
            let Some(chunk) = self.chunk(MAX_BODY_BYTES).await? else { break };
            self.head.extend_from_slice(&chunk);
            // Blanks without end are looked at once.
            if start(&self.head).is_empty() {
                self.head.clear();
            }
        }
        let header = self.response.headers().get(CONTENT_TYPE);
        let kind = header.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let start = start(&self.head);
        match kind {
            _ if start.starts_with(b"{") || start.starts_with(b"[") => Ok(Shape::Json),
            _ if field(start).is_some_and(|it| FIELDS.contains(&it)) => Ok(Shape::Events),
            "text/event-stream" => Ok(Shape::Events),
            it if it.ends_with("json") || start.is_empty() => Ok(Shape::Json),
            _ => Err(ProviderError::Invalid(
                "the answer is neither JSON nor a stream of events; hint: is the address of the \
                 provider the one of its API?"
                    .to_owned(),
            )),
        }
    }

    /// The whole of it.
    pub(super) async fn text(mut self) -> Result<String, ProviderError> {
        let mut body = std::mem::take(&mut self.head);
        while let Some(chunk) = self.chunk(MAX_BODY_BYTES).await? {
            body.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// The next event; `None` at the end.
    pub(super) async fn event(&mut self) -> Result<Option<Event>, ProviderError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let chunk = match std::mem::take(&mut self.head) {
                head if head.is_empty() => self.chunk(MAX_STREAM_BYTES).await?,
                head => Some(head),
            };
            let Some(chunk) = chunk else { return Ok(None) };
            let events = self.events.push(&chunk).map_err(|_| too_long(MAX_EVENT_BYTES, "event"));
            self.ready.extend(events?);
        }
    }

    /// What stands after the last event, as one.
    pub(super) fn last_event(&mut self) -> Option<Event> {
        self.events.end()
    }

    /// Its first bytes, as many as come.
    pub(super) async fn start(mut self, max_bytes: usize) -> Vec<u8> {
        let mut res = Vec::new();
        // What came is quoted, whatever came after it.
        while let Ok(Some(chunk)) = self.chunk(max_bytes).await {
            res.extend_from_slice(&chunk);
        }
        res.truncate(max_bytes);
        res
    }

    async fn chunk(&mut self, max_bytes: usize) -> Result<Option<Vec<u8>>, ProviderError> {
        let chunk = timeout(self.silence, self.response.chunk()).await.map_err(|_| {
            let seconds = self.silence.as_secs_f64();
            ProviderError::Broken(format!("the answer was silent for {seconds} s"))
        })?;
        let chunk = chunk.map_err(|it| {
            let cause = root_cause(&it.without_url());
            ProviderError::Broken(format!("the answer broke off: {cause}"))
        })?;
        self.bytes += chunk.as_ref().map_or(0, |it| it.len());
        if max_bytes < self.bytes {
            return Err(too_long(max_bytes, "answer"));
        }
        Ok(chunk.map(Vec::from))
    }
}

/// Without what may stand before a text.
fn start(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

/// Whether this is enough to see what an answer is: its first line, or as much
/// of it as a name has.
fn is_telling(head: &[u8]) -> bool {
    let start = start(head);
    let is_json = start.first().is_some_and(|it| [b'{', b'['].contains(it));
    is_json || field(start).is_some() || LONGEST_FIELD < start.len()
}

/// More bytes than the name of a field has.
const LONGEST_FIELD: usize = 8;

/// The name of the field in the first line.
fn field(start: &[u8]) -> Option<&str> {
    let end = start.iter().position(|it| [b':', b'\n'].contains(it))?;
    std::str::from_utf8(start.get(..end)?).ok()
}

fn too_long(limit: usize, what: &str) -> ProviderError {
    ProviderError::Broken(format!("the provider sent an {what} of more than {limit} bytes"))
}
