//! The connection to one provider: where it is, who asks, and for how long
//! nothing may happen.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use reqwest::{
    Client, Response, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

use super::{
    ProviderError, answer::Answer, bounds::MAX_ERROR_BYTES, cause::root_cause, key::KeyCell,
    pause::retry_after, refusal::Refusal,
};
use crate::redact::Redactor;

/// How long a provider may be silent. How long one try takes as a whole is
/// [`Patience::timeout`](super::Patience).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Between two pieces of an answer, once it has begun. Bounds a stream
    /// that is neither ended nor goes on.
    pub silence: Duration,
}

/// In which header a key goes, and what stands before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyHeader {
    pub(super) name: &'static str,
    pub(super) prefix: &'static str,
}

pub(super) struct Connection {
    pub(super) client: Client,
    /// Of its chats.
    pub(super) url: Url,
    pub(super) key: KeyCell,
    pub(super) key_header: KeyHeader,
    /// Sent with each request; they may hold secrets too.
    pub(super) headers: HeaderMap,
    pub(super) timeouts: Timeouts,
}

impl fmt::Debug for Connection {
    /// Neither the address, which may hold a secret, nor headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.host())
    }
}

impl Connection {
    /// The name or address that is asked.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Sends `body`; gives the answer once it begins, when it is no refusal.
    pub(super) async fn post(&self, body: &Value, model: &str) -> Result<Answer, ProviderError> {
        let headers = self.all_headers().await?;
        let request = self.client.post(self.url.clone()).headers(headers).body(body.to_string());
        let response = request.send().await.map_err(|it| self.broken(it))?;
        if response.status().is_success() {
            return Ok(Answer::new(response, self.timeouts.silence));
        }
        Err(self.refused(response, model).await)
    }

    /// What a refusal that came in the middle of an answer means.
    pub(super) fn refused_within(&self, status: u16, body: &str, model: &str) -> ProviderError {
        Refusal { status, body, retry_after: None, model }.error()
    }

    /// Cuts what this connection sends and nobody may see out of what comes
    /// back: its key, its headers, and what is secret in its address. Keys of
    /// other providers can't come from here: this server was never sent one.
    pub(super) fn redactor(&self) -> Redactor {
        let mut res = Redactor::default();
        self.key.add_to(&mut res);
        res.add_address(&self.url);
        for (name, value) in &self.headers {
            if let Ok(value) = value.to_str()
                && !PUBLIC_HEADERS.contains(&name.as_str())
            {
                res.add(value);
                // `Bearer …` may come back without its first word.
                value.split_whitespace().filter(|it| *it != value).for_each(|it| res.add(it));
            }
        }
        res
    }

    async fn all_headers(&self) -> Result<HeaderMap, ProviderError> {
        let json = HeaderValue::from_static("application/json");
        let mut res = HeaderMap::from_iter([
            (CONTENT_TYPE, json),
            (ACCEPT, HeaderValue::from_static("application/json, text/event-stream")),
        ]);
        if let Some(key) = self.key.header(self.key_header.prefix).await? {
            res.insert(HeaderName::from_static(self.key_header.name), key);
        }
        for (name, value) in &self.headers {
            res.insert(name, value.clone());
        }
        Ok(res)
    }

    async fn refused(&self, response: Response, model: &str) -> ProviderError {
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), SystemTime::now());
        let body = Answer::new(response, self.timeouts.silence).start(MAX_ERROR_BYTES).await;
        // Before it is cut: a part of a key is not found.
        let redactor = self.redactor();
        let body = String::from_utf8_lossy(&body);
        let body = redactor.text(&body);
        Refusal { status, body: &body, retry_after, model }.error()
    }

    /// What failed below HTTP. Without the address, and with the innermost
    /// cause, which is the one that says something.
    fn broken(&self, error: reqwest::Error) -> ProviderError {
        let what = match &error {
            it if it.is_connect() => "cannot connect",
            _ => "the connection failed",
        };
        let error = error.without_url();
        ProviderError::Broken(format!("{what}: {}", root_cause(&error)))
    }
}

/// Headers whose values are no secrets, and may be words of any answer.
const PUBLIC_HEADERS: [&str; 12] = [
    "accept",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "http-referer",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "referer",
    "user-agent",
    "x-title",
];
