//! A provider over HTTP: one chat is one request, whatever the wire.
//!
//! Here is the one place where a server's words enter, and where the secrets
//! that it was sent are cut out of them: of the whole answer once it is put
//! together and read as JSON, before anybody looks at it; of what the wire
//! joined of its parts; of every error; and of text that is told as it comes.

use std::{
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Map, Value};

use super::{
    Call, ChatFuture, ChatResponse, Partial, Provider, ProviderError,
    answer::{Answer, Shape},
    bounds::MAX_ERROR_CHARS,
    connection::Connection,
    merge::TooLarge,
    refusal::status_of,
    sse::Event,
};
use crate::{
    completion::sanitize::clean_line,
    redact::{Pieces, Redactor},
};

/// Told of text as it comes.
pub(super) type Told<'a> = Option<&'a (dyn Fn(&str) + Send + Sync)>;

/// How chats are written to a service, and its answers read.
pub(super) trait Wire: Send + Sync + 'static {
    /// A streamed answer that is being read.
    type Merged: Merged;

    /// A chat as the body of a request.
    fn body(call: &Call, stream: bool, host: &str) -> Result<Value, ProviderError>;

    /// An answer that came as a whole, or was merged into one.
    fn read(answer: Map<String, Value>, call: &Call) -> Result<ChatResponse, ProviderError>;
}

/// A streamed answer that is being read.
pub(super) trait Merged: Default + Send {
    /// Takes an event.
    fn event(&mut self, event: &Event, told: Told<'_>) -> Result<(), Damaged>;

    /// Whether nothing comes any more.
    fn is_done(&self) -> bool;

    /// Whether the model has ended; a count of tokens may still come.
    fn is_finished(&self) -> bool;

    /// The answer as it would have come at once.
    fn whole(self) -> Map<String, Value>;
}

/// Why an event can't be taken.
#[derive(Debug)]
pub(super) enum Damaged {
    NoJson(serde_json::Error),
    TooLarge,
}

impl From<TooLarge> for Damaged {
    fn from(TooLarge: TooLarge) -> Self {
        Self::TooLarge
    }
}

impl From<serde_json::Error> for Damaged {
    fn from(error: serde_json::Error) -> Self {
        Self::NoJson(error)
    }
}

impl From<Damaged> for ProviderError {
    fn from(it: Damaged) -> Self {
        broken(&match it {
            Damaged::NoJson(error) => format!("has an event that is no JSON object: {error}"),
            Damaged::TooLarge => "is larger than is taken".to_owned(),
        })
    }
}

/// An answer that is none.
pub(super) fn broken(what: &str) -> ProviderError {
    ProviderError::Broken(format!("the answer {what}"))
}

/// A service that speaks `W`.
pub(super) struct Service<W> {
    shared: Arc<Shared>,
    wire: PhantomData<W>,
}

struct Shared {
    connection: Connection,
    stream: bool,
}

impl<W: Wire> Service<W> {
    pub(super) fn new(connection: Connection, stream: bool) -> Self {
        Self { shared: Arc::new(Shared { connection, stream }), wire: PhantomData }
    }
}

impl<W: Wire> Provider for Service<W> {
    /// When it is cancelled its work is dropped, and with it the connection.
    fn chat(&self, call: Call) -> ChatFuture {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let cancelled = call.cancelled.clone();
            let answer = cancelled.run_until_cancelled(shared.clean_answer::<W>(&call)).await;
            answer.unwrap_or(Err(ProviderError::Cancelled))
        })
    }
}

impl Shared {
    async fn clean_answer<W: Wire>(&self, call: &Call) -> Result<ChatResponse, ProviderError> {
        let res = self.answer::<W>(call).await;
        let redactor = self.connection.redactor();
        match res {
            Ok(answer) => aside(move || redacted(answer, &redactor)).await,
            // Cut last: a part of a key is not found.
            Err(error) => {
                Err(error.map_text(|it| clean_line(&redactor.text(&it), MAX_ERROR_CHARS)))
            }
        }
    }

    async fn answer<W: Wire>(&self, call: &Call) -> Result<ChatResponse, ProviderError> {
        let body = W::body(call, self.stream, self.connection.host())?;
        let answer = self.connection.post(&body, &call.model).await?;
        let redactor = self.connection.redactor();
        let expected = if self.stream { Shape::Events } else { Shape::Json };
        let mut whole = match answer.shape(expected)? {
            Shape::Json => answer.json().await?,
            Shape::Events => heard::<W>(answer, &redactor, call.partial.as_ref()).await?,
        };
        let whole = aside(move || {
            redactor.fields(&mut whole);
            whole
        });
        W::read(self.accepted(whole.await?, &call.model)?, call)
    }

    /// Fails on an error in the answer's place.
    fn accepted(
        &self,
        answer: Map<String, Value>,
        model: &str,
    ) -> Result<Map<String, Value>, ProviderError> {
        let Some(error) = answer.get("error").filter(|it| !it.is_null()) else {
            return Ok(answer);
        };
        let status = status_of(error);
        Err(self.connection.refused_within(status, &Value::Object(answer).to_string(), model))
    }
}

/// Works where nobody waits for a timer: some megabytes take a while.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ProviderError> {
    let res = tokio::task::spawn_blocking(work).await;
    res.map_err(|_| ProviderError::Broken("the host could not read the answer".to_owned()))
}

/// What the wire put together of parts that are clean each for itself.
fn redacted(mut answer: ChatResponse, redactor: &Redactor) -> ChatResponse {
    redactor.in_place(&mut answer.text);
    redactor.in_place(&mut answer.model);
    for call in &mut answer.tool_calls {
        let texts = [&mut call.id, &mut call.name, &mut call.arguments];
        texts.into_iter().for_each(|it| redactor.in_place(it));
    }
    answer
}

/// Reads a stream, and tells `partial` of its text as it comes.
async fn heard<W: Wire>(
    answer: Answer,
    redactor: &Redactor,
    partial: Option<&Partial>,
) -> Result<Map<String, Value>, ProviderError> {
    let Some(partial) = partial else { return merged::<W>(answer, None).await };
    let tell = |text: String| {
        if !text.is_empty() {
            partial(&text)
        }
    };
    let pieces = Mutex::new(redactor.pieces());
    let told = |text: &str| tell(of(&pieces).push(text));
    let res = merged::<W>(answer, Some(&told)).await?;
    tell(pieces.into_inner().unwrap_or_else(PoisonError::into_inner).end());
    Ok(res)
}

/// Held for one piece.
fn of<'a, 'r>(pieces: &'a Mutex<Pieces<'r>>) -> std::sync::MutexGuard<'a, Pieces<'r>> {
    pieces.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a stream to its end.
///
/// Fails when it ends before the model did: what is there is no answer.
async fn merged<W: Wire>(
    mut answer: Answer,
    told: Told<'_>,
) -> Result<Map<String, Value>, ProviderError> {
    let mut merged = W::Merged::default();
    while !merged.is_done() {
        match answer.event().await {
            Ok(Some(event)) => merged.event(&event, told)?,
            Ok(None) => break,
            // At most a count of tokens is missing.
            Err(_) if merged.is_finished() => break,
            Err(error) => return Err(error),
        }
    }
    if merged.is_finished() { Ok(merged.whole()) } else { Err(broken("broke off")) }
}
