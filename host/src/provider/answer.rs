//! The body of an answer as it comes: bounded in bytes and in silence.

use std::{collections::VecDeque, time::Duration};

use reqwest::{Response, header::CONTENT_TYPE};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{
    ProviderError,
    bounds::{MAX_BODY_BYTES, MAX_EVENT_BYTES, MAX_STREAM_BYTES},
    connection::root_cause,
    sse::{Event, Events},
};

/// How an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Json,
    Events,
}

/// An answer that has begun.
pub(super) struct Answer {
    response: Response,
    silence: Duration,
    bytes: usize,
    events: Events,
    ready: VecDeque<Event>,
}

impl Answer {
    pub(super) fn new(response: Response, silence: Duration) -> Self {
        let (events, ready) = Default::default();
        Self { response, silence, bytes: 0, events, ready }
    }

    /// By its type, since not every server streams when it is asked to;
    /// `expected` when it says none.
    ///
    /// Fails on any other type: the address is then one for people.
    pub(super) fn shape(&self, expected: Shape) -> Result<Shape, ProviderError> {
        let header = self.response.headers().get(CONTENT_TYPE);
        let kind = header.and_then(|it| it.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "" => Ok(expected),
            "text/event-stream" => Ok(Shape::Events),
            it if it.ends_with("json") => Ok(Shape::Json),
            _ => Err(ProviderError::Invalid(
                "the answer is neither JSON nor a stream of events; hint: is the address of the \
                 provider the one of its API?"
                    .to_owned(),
            )),
        }
    }

    /// The whole of it, as a JSON object.
    pub(super) async fn json(mut self) -> Result<Map<String, Value>, ProviderError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(MAX_BODY_BYTES).await? {
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body)
            .map_err(|it| ProviderError::Broken(format!("the answer is no JSON object: {it}")))
    }

    /// The next event; `None` at the end.
    pub(super) async fn event(&mut self) -> Result<Option<Event>, ProviderError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(chunk) = self.chunk(MAX_STREAM_BYTES).await? else { return Ok(None) };
            let events = self.events.push(&chunk).map_err(|_| too_long(MAX_EVENT_BYTES, "event"));
            self.ready.extend(events?);
        }
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

fn too_long(limit: usize, what: &str) -> ProviderError {
    ProviderError::Broken(format!("the provider sent an {what} of more than {limit} bytes"))
}
