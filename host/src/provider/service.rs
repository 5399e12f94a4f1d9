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
    bounds::{MAX_ERROR_CHARS, MAX_QUOTE_CHARS},
    connection::Connection,
    json,
    merge::TooLarge,
    refusal::{is_error, message_of, status_of},
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

    /// Whether this can be an answer, whatever is in it.
    fn is_answer(of: &Map<String, Value>) -> bool;

    /// Reads an answer that came as a whole, or was merged into one.
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

/// An answer in whose place there is something else, of which a part is
/// quoted.
pub(super) fn no_answer(what: &str, found: &Map<String, Value>) -> ProviderError {
    let quote = Value::Object(found.clone()).to_string();
    match found.is_empty() {
        true => broken(what),
        false => broken(&format!("{what}: {}", clean_line(&quote, MAX_QUOTE_CHARS))),
    }
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
        let mut answer = self.connection.post(&body, &call.model).await?;
        let redactor = self.connection.redactor();
        let mut whole = match answer.shape().await? {
            Shape::Json => at_once::<W>(&answer.text().await?)?,
            Shape::Events => heard::<W>(answer, &redactor, call.partial.as_ref()).await?,
        };
        let whole = aside(move || {
            whole.values_mut().for_each(json::join);
            redactor.fields(&mut whole);
            whole
        });
        W::read(self.accepted::<W>(whole.await?, &call.model)?, call)
    }

    /// Fails on an error in the answer's place.
    fn accepted<W: Wire>(
        &self,
        answer: Map<String, Value>,
        model: &str,
    ) -> Result<Map<String, Value>, ProviderError> {
        let is_refused = is_error(&answer) || (!W::is_answer(&answer) && says_why(&answer));
        if !is_refused {
            return Ok(answer);
        }
        let answer = Value::Object(answer);
        let status = status_of(&answer);
        Err(self.connection.refused_within(status, &answer.to_string(), model))
    }
}

/// Whether words for people stand in an answer's place.
fn says_why(answer: &Map<String, Value>) -> bool {
    // The fields that are looked at are few, but the answer may be large.
    message_of(answer).is_some()
}

/// Reads an answer that is no stream: an object, a list of one, or the events
/// of a stream without what is around them.
pub(super) fn at_once<W: Wire>(text: &str) -> Result<Map<String, Value>, ProviderError> {
    let no_object = |it: serde_json::Error| {
        ProviderError::Broken(format!("the answer is no JSON object: {it}"))
    };
    if text.trim().is_empty() {
        return Err(broken("is empty"));
    }
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let objects = json::objects(text);
    let mut objects = match (objects, inner) {
        (Err(error), Some(inner)) => json::object(inner).map(|it| vec![it]).map_err(|_| error),
        (objects, _) => objects,
    }
    .map_err(no_object)?;
    match objects.pop() {
        Some(only) if objects.is_empty() => Ok(only),
        last => {
            objects.extend(last);
            let mut merged = W::Merged::default();
            for it in objects {
                let data = Value::Object(it).to_string();
                merged.event(&Event { data, ..Event::default() }, None)?;
            }
            ended(merged)
        }
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
pub(super) async fn merged<W: Wire>(
    mut answer: Answer,
    told: Told<'_>,
) -> Result<Map<String, Value>, ProviderError> {
    let mut merged = W::Merged::default();
    while !merged.is_done() {
        match answer.event().await {
            Ok(Some(event)) => merged.event(&event, told)?,
            Ok(None) => {
                // Only a whole event can be read.
                if let Some(last) = answer.last_event() {
                    let _ = merged.event(&last, told);
                }
                break;
            }
            // At most a count of tokens is missing.
            Err(_) if merged.is_finished() => break,
            Err(error) => return Err(error),
        }
    }
    ended(merged)
}

/// What a stream came to that says no more. One that was cut is no answer,
/// but may say why.
fn ended<M: Merged>(merged: M) -> Result<Map<String, Value>, ProviderError> {
    let is_finished = merged.is_finished();
    let whole = merged.whole();
    if is_finished || says_why(&whole) { Ok(whole) } else { Err(broken("broke off")) }
}
