//! The API of the service, as the tools of a parent call it.
//!
//! A parent speaks MCP with a program of the user's (`hermitage mcp`), which
//! reaches the service over its socket, or with the service itself. Both end
//! in the same calls: what a parent over MCP may do is what a caller over HTTP
//! may.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{Method, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, future::BoxFuture, stream::BoxStream};
use serde::{Serialize, de::DeserializeOwned};
use tower_service::Service as _;

use crate::{
    id::DelegationId,
    serve::{
        Inner,
        body::REPEAT_KEY,
        caller::Caller,
        error::Refusal,
        wire::{
            Claims, Delegation, Delegations, Dispatch, Dispatched, Done, Refused, Settle, Steer,
            Stop, Why,
        },
    },
};

/// One call of the API.
#[derive(Clone, Debug)]
pub struct Call {
    /// `GET` or `POST`.
    pub method: Method,
    /// With its parameters.
    pub path: String,
    /// JSON.
    pub body: Option<Vec<u8>>,
    /// By which a call that is sent again is known (`Idempotency-Key`).
    pub key: Option<String>,
}

/// The status of an answer, and its body.
pub type Answer = (StatusCode, Bytes);

/// Why there is no answer, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service can't be reached: {message}")]
pub struct Unreachable {
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// The way to a service.
pub trait Reach: Send + Sync {
    /// Sends a call and waits for its answer. A call that changes something
    /// twice when it is sent twice has a key; so one that found the service
    /// gone is sent again to the next.
    ///
    /// # Errors
    ///
    /// There is no service, and none can be started.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Unreachable>>;

    /// Opens a stream of news; each piece is only a sign to look again.
    ///
    /// # Errors
    ///
    /// As above, and where the service has no place for a listener.
    fn news(&self, path: String) -> BoxFuture<'_, Result<BoxStream<'static, ()>, Unreachable>>;
}

/// A call that was not answered as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ApiError {
    Refused(Why),
    Unreachable(Unreachable),
}

impl ApiError {
    pub(super) fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused(why) if why.code == code)
    }

    /// There is none, or it is another's: the parent can't tell which.
    pub(super) fn unknown(id: DelegationId) -> Self {
        let message = format!("there is no delegation `{id}`");
        Self::Refused(Why { code: "not_found".to_owned(), message, hint: None })
    }

    pub(super) fn text(&self) -> String {
        let (message, hint) = match self {
            Self::Refused(it) => (it.message.clone(), it.hint.as_ref()),
            Self::Unreachable(it) => (it.to_string(), it.hint.as_ref()),
        };
        hint.map_or_else(|| message.clone(), |hint| format!("{message}\nhint: {hint}"))
    }
}

impl From<Unreachable> for ApiError {
    fn from(it: Unreachable) -> Self {
        Self::Unreachable(it)
    }
}

/// The calls.
#[derive(Clone)]
pub(super) struct Api(Arc<dyn Reach>);

impl Api {
    pub(super) fn new(reach: Arc<dyn Reach>) -> Self {
        Self(reach)
    }

    pub(super) async fn dispatch(
        &self,
        asked: &Dispatch,
        key: String,
    ) -> Result<Dispatched, ApiError> {
        self.post("/v1/delegations".to_owned(), asked, Some(key)).await
    }

    pub(super) async fn show(&self, id: DelegationId) -> Result<Delegation, ApiError> {
        self.get(format!("/v1/delegations/{id}")).await
    }

    pub(super) async fn list(&self, session: &str, limit: usize) -> Result<Delegations, ApiError> {
        self.get(format!("/v1/delegations?session={}&limit={limit}", escaped(session))).await
    }

    pub(super) async fn stop(&self, id: DelegationId, asked: &Stop) -> Result<Done, ApiError> {
        self.post(format!("/v1/delegations/{id}/stop"), asked, None).await
    }

    pub(super) async fn steer(&self, id: DelegationId, asked: &Steer) -> Result<Done, ApiError> {
        self.post(format!("/v1/delegations/{id}/steer"), asked, None).await
    }

    /// What there is now, at most so many.
    pub(super) async fn claim(&self, session: &str, max: usize) -> Result<Claims, ApiError> {
        self.get(format!("/v1/events?session={}&max={max}", escaped(session))).await
    }

    pub(super) async fn ack(&self, event: u64, asked: &Settle) -> Result<Done, ApiError> {
        self.post(format!("/v1/events/{event}/ack"), asked, None).await
    }

    pub(super) async fn release(&self, event: u64, asked: &Settle) -> Result<Done, ApiError> {
        self.post(format!("/v1/events/{event}/release"), asked, None).await
    }

    /// All that a delegation that has ended told of itself.
    pub(super) async fn ack_of(&self, id: DelegationId) -> Result<Done, ApiError> {
        self.post(format!("/v1/delegations/{id}/ack"), &(), None).await
    }

    pub(super) async fn news(&self, session: &str) -> Result<BoxStream<'static, ()>, Unreachable> {
        self.0.news(format!("/v1/stream?session={}", escaped(session))).await
    }

    async fn get<T: DeserializeOwned>(&self, path: String) -> Result<T, ApiError> {
        self.ask(Call { method: Method::GET, path, body: None, key: None }).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: String,
        body: &impl Serialize,
        key: Option<String>,
    ) -> Result<T, ApiError> {
        let body = serde_json::to_vec(body).map_err(strange)?;
        // Nothing is asked for: the body is left out.
        let body = Some(body).filter(|it| it != b"null");
        self.ask(Call { method: Method::POST, path, body, key }).await
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, ApiError> {
        let (status, body) = self.0.call(call).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(strange);
        }
        let refused: Refused = serde_json::from_slice(&body).map_err(strange)?;
        Err(ApiError::Refused(refused.error))
    }
}

fn strange(err: serde_json::Error) -> ApiError {
    let message = format!("it is of another version ({err})");
    ApiError::Unreachable(Unreachable { message, hint: None })
}

/// A session's name as a parameter.
fn escaped(text: &str) -> String {
    let mut res = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => res.push(byte.into()),
            _ => res.push_str(&format!("%{byte:02X}")),
        }
    }
    res
}

/// The service itself, without a connection: its routes behind the checks of
/// its doors.
pub(in crate::serve) struct Inside {
    pub(in crate::serve) service: Arc<Inner>,
    pub(in crate::serve) routes: Router,
    pub(in crate::serve) caller: Caller,
}

impl Inside {
    async fn send(&self, call: Call) -> Result<Response, Unreachable> {
        let mut request = Request::builder().method(call.method).uri(call.path);
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(key) = call.key {
            request = request.header(REPEAT_KEY, key);
        }
        // It may have been taken away since the call of the protocol came in.
        if !self.caller.is_let_in(&self.service.tokens) {
            return Ok(Refusal::unauthorized("the token was taken away").into_response());
        }
        let body = call.body.map_or_else(Body::empty, Body::from);
        let mut request = request.body(body).map_err(unreachable)?;
        request.extensions_mut().insert(self.caller.clone());
        let Ok(response) = self.routes.clone().call(request).await;
        Ok(response)
    }
}

impl Reach for Inside {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Unreachable>> {
        Box::pin(async move {
            let response = self.send(call).await?;
            let status = response.status();
            // It is of our own making, and bounded there.
            let body = to_bytes(response.into_body(), usize::MAX).await.map_err(unreachable)?;
            Ok((status, body))
        })
    }

    fn news(&self, path: String) -> BoxFuture<'_, Result<BoxStream<'static, ()>, Unreachable>> {
        Box::pin(async move {
            let call = Call { method: Method::GET, path, body: None, key: None };
            let response = self.send(call).await?;
            if !response.status().is_success() {
                return Err(unreachable("there is no place to listen"));
            }
            let pieces = response.into_body().into_data_stream();
            Ok(pieces.take_while(|it| std::future::ready(it.is_ok())).map(|_| ()).boxed())
        })
    }
}

fn unreachable(err: impl std::fmt::Display) -> Unreachable {
    Unreachable { message: err.to_string(), hint: None }
}
