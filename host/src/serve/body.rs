//! What handlers take: JSON bodies and parameters, each wrong one with a word
//! on where it is wrong.

use std::{convert::Infallible, time::Duration};

use axum::{
    body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
        request::Parts,
    },
};
use http_body_util::LengthLimitError;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    caller::Caller,
    error::{Refusal, shown},
};
use crate::{id::DelegationId, store::EventId, telemetry::TraceParent};

/// Bytes of a body. Bounds what a call holds in memory; goals and contexts are
/// bounded further where they are read.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// The same for the owner, whose command line reads lists of tasks as long as
/// that.
const OWNERS_BODY_BYTES: usize = 16 << 20;

/// For the whole body. Bounds how long a caller that sends it slowly holds a
/// connection.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A JSON body.
pub(super) struct Given<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Given<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        check_is_json(request.headers())?;
        read(&whole(request).await?).map(Self)
    }
}

/// The same where it may be left out.
pub(super) struct MaybeGiven<T>(pub(super) T);

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for MaybeGiven<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let is_json = check_is_json(request.headers());
        let bytes = whole(request).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        is_json?;
        read(&bytes).map(Self)
    }
}

/// JSON in UTF-8, as it is. A browser sends other types without asking the
/// server first.
fn check_is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let unsupported = |message: &str, hint: &str| {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Err(Refusal::new(status, "media_type", message).hint(hint))
    };
    let text = |name| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    let mut parts = text(CONTENT_TYPE).unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if !essence.eq_ignore_ascii_case("application/json") {
        return unsupported("the body has to be JSON", "send `Content-Type: application/json`");
    }
    if !parts.filter_map(charset).all(|it| it.eq_ignore_ascii_case("utf-8")) {
        return unsupported("the body has to be UTF-8", "leave `charset` out");
    }
    match text(CONTENT_ENCODING) {
        Some(it) if !it.trim().eq_ignore_ascii_case("identity") => {
            unsupported("no encoding of a body is known", "leave `Content-Encoding` out")
        }
        _ => Ok(()),
    }
}

/// What a parameter of a type says about characters.
fn charset(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    let is_meant = name.trim().eq_ignore_ascii_case("charset");
    is_meant.then(|| value.trim().trim_matches('"'))
}

/// The body, within its bounds.
pub(super) async fn whole(request: Request) -> Result<body::Bytes, Refusal> {
    let max = match request.extensions().get() {
        Some(Caller::Owner) => OWNERS_BODY_BYTES,
        _ => MAX_BODY_BYTES,
    };
    let too_large = || {
        let message = format!("the body has more than {max} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    };
    let body = request.into_body();
    // What it says of its length is a promise that `hyper` holds it to.
    if usize::try_from(body.size_hint().lower()).map_or(true, |it| it > max) {
        return Err(too_large());
    }
    let read = timeout(BODY_TIME, body::to_bytes(body, max)).await;
    let read = read.map_err(|_| {
        let message = format!("the body did not come within {} s", BODY_TIME.as_secs());
        Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
    })?;
    read.map_err(|err| match err.into_inner().downcast::<LengthLimitError>() {
        Ok(_) => too_large(),
        Err(_) => Refusal::bad("body", "it did not come as a whole"),
    })
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|it| {
        let path = it.path().to_string();
        let field = if matches!(path.as_str(), "." | "?") { "body" } else { &path };
        Refusal::bad(field, it.inner())
    })?;
    json.end().map_err(|it| Refusal::bad("body", it))?;
    Ok(read)
}

/// The parameters behind the `?`.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let read = Query::try_from_uri(&parts.uri).map_err(|it| {
            let message =
                std::error::Error::source(&it).map_or(it.body_text(), |it| it.to_string());
            Refusal::bad("query", message)
        })?;
        Ok(Self(read.0))
    }
}

/// What tells a call that is repeated from a new one.
pub(super) struct RepeatKey(pub(super) Option<String>);

/// Its header. By the draft of the IETF (`draft-ietf-httpapi-idempotency-key-header`)
/// it is a string in quotes; most callers send it without.
pub(super) const REPEAT_KEY: &str = "idempotency-key";

impl<S: Sync> FromRequestParts<S> for RepeatKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut given = parts.headers.get_all(REPEAT_KEY).iter();
        let Some(first) = given.next() else { return Ok(Self(None)) };
        let text = first.to_str().ok().filter(|_| given.next().is_none());
        let text = text.ok_or_else(|| Refusal::bad("Idempotency-Key", "it is no single text"))?;
        let quoted = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        Ok(Self(Some(quoted.unwrap_or(text).to_owned())))
    }
}

/// Where the caller is in which trace. By the W3C's Trace Context a header that
/// can't be read is as if it were not there.
pub(super) struct Trace(pub(super) Option<TraceParent>);

/// Its header.
pub(super) const TRACE: &str = "traceparent";

impl<S: Sync> FromRequestParts<S> for Trace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut given = parts.headers.get_all(TRACE).iter();
        let only = given.next().filter(|_| given.next().is_none());
        Ok(Self(only.and_then(|it| it.to_str().ok()?.parse().ok())))
    }
}

/// The delegation in the path.
pub(super) struct OfDelegation(pub(super) DelegationId);

impl<S: Send + Sync> FromRequestParts<S> for OfDelegation {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let text = in_path(parts, state).await?;
        text.parse().map(Self).map_err(|_| Refusal::unknown("delegation", shown(&text)))
    }
}

/// The event in the path.
pub(super) struct OfEvent(pub(super) EventId);

impl<S: Send + Sync> FromRequestParts<S> for OfEvent {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let text = in_path(parts, state).await?;
        let id = text.parse().map(EventId);
        id.map(Self).map_err(|_| Refusal::unknown("event", shown(&text)))
    }
}

async fn in_path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, Refusal> {
    let path = Path::<String>::from_request_parts(parts, state).await;
    path.map(|it| it.0).map_err(|it| Refusal::bad("path", it.body_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&str, &str)], expect: Option<&str>) {
        let name = |it: &str| it.parse::<axum::http::HeaderName>().unwrap();
        let map = headers.iter().map(|(key, it)| (name(key), it.parse().unwrap())).collect();
        let refused = check_is_json(&map).err().map(|it| format!("{it:?}"));
        match (&refused, expect) {
            (None, None) => (),
            (Some(it), Some(expect)) => assert!(it.contains(expect), "{headers:?}: {it}"),
            _ => panic!("{headers:?}: {refused:?}"),
        }
    }

    #[test]
    fn a_body_is_json_in_utf_8_and_not_encoded() {
        let kind = |it| ("content-type", it);
        for it in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/json; profile=x",
        ] {
            check(&[kind(it)], None);
        }
        for it in ["application/json; charset=latin1", "application/json; x=y; CHARSET=utf-16"] {
            check(&[kind(it)], Some("UTF-8"));
        }
        for it in ["text/plain", "application/json-seq", ""] {
            check(&[kind(it)], Some("JSON"));
        }
        check(&[], Some("JSON"));
        let json = kind("application/json");
        check(&[json, ("content-encoding", "identity")], None);
        for it in ["gzip", "identity, gzip", "br", ""] {
            check(&[json, ("content-encoding", it)], Some("encoding"));
        }
    }
}
