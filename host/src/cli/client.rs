//! The service as this command line asks it: HTTP over its socket.

use std::time::Duration;

use futures_util::{Stream, stream};
use reqwest::{RequestBuilder, StatusCode, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Exit,
    error::CliError,
    place::{Found, Holder},
};
use crate::{
    completion::sanitize::clean_line,
    http,
    serve::{
        mcp::{Answer, Call},
        wire::{Refused, Retiring, Why},
    },
};

/// How long an answer may take that needs no work. A service that is stopped
/// (`kill -STOP`) must not hold up whoever only looks.
const ANSWER: Duration = Duration::from_secs(5);

/// How long a request may take whose components are built first.
const WORK: Duration = Duration::from_secs(15 * 60);

/// How long it may take to say that it is there.
const HEALTH: Duration = Duration::from_secs(2);

/// The header by which a call that is repeated is known.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Characters of a message: parts of it can come from a file or a model.
const MAX_MESSAGE_CHARS: usize = 1_000;

/// A way to ask the service of one store.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    found: Found,
}

impl Client {
    /// Of a service that was found, whether or not it is still there.
    pub(super) fn of(found: Found) -> Result<Self, CliError> {
        let builder = http::plain_client_builder().map_err(CliError::host)?;
        // Each request has a connection of its own, so that none finds one that
        // has just been closed.
        let builder = builder.unix_socket(found.socket()).pool_max_idle_per_host(0);
        let http = builder.build().map_err(CliError::host)?;
        Ok(Self { http, found })
    }

    /// What it says of itself.
    pub(super) fn holder(&self) -> &Holder {
        &self.found.holder
    }

    /// Asks it to leave its place to another one.
    pub(super) async fn retire(&self) -> Result<Retiring, ClientError> {
        self.ask(self.http.post(url("/v1/retire")).timeout(ANSWER)).await
    }

    /// Whether there is one, well or not: what ails it, it tells whoever asks it
    /// for something.
    pub(super) async fn is_answered(&self) -> bool {
        self.http.get(url("/healthz")).timeout(HEALTH).send().await.is_ok()
    }

    /// What needs no work.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(self.http.get(url(path)).timeout(ANSWER)).await
    }

    /// A stream of news, for whoever looks again with each.
    pub(super) async fn bell(&self, path: &str) -> Result<Bell, ClientError> {
        Ok(Bell(self.answered(self.http.get(url(path))).await?))
    }

    /// A call that was made elsewhere, and its answer as it is.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, ClientError> {
        let mut request = self.http.request(call.method.clone(), url(&call.path)).timeout(WORK);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some(key) = &call.key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let response = request.send().await?;
        Ok((response.status(), response.bytes().await?))
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.ask(self.http.post(url(path)).json(body).timeout(WORK)).await
    }

    /// What may be asked again with the same key, and is done once.
    pub(super) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        key: &str,
    ) -> Result<T, ClientError> {
        let request = self.http.post(url(path)).header(IDEMPOTENCY_KEY, key);
        self.ask(request.json(body).timeout(WORK)).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let bytes = self.answered(request).await?.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|it| self.strange(it))
    }

    async fn answered(&self, request: RequestBuilder) -> Result<reqwest::Response, ClientError> {
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let bytes = response.bytes().await?;
        let body: Refused = serde_json::from_slice(&bytes).map_err(|it| self.strange(it))?;
        // What it does not know it may learn with another version.
        let other = self.other_version().filter(|_| body.error.hint.is_none());
        let hint = other.map(|it| format!("{}: {}", it.versions(), it.how_to_restart()));
        let error = Why { hint: hint.or(body.error.hint), ..body.error };
        Err(ClientError::Refused { status, error })
    }

    fn strange(&self, error: serde_json::Error) -> ClientError {
        match self.other_version() {
            Some(it) => ClientError::OtherVersion(it.clone()),
            None => ClientError::Strange(error),
        }
    }

    fn other_version(&self) -> Option<&Holder> {
        Some(self.holder()).filter(|it| !it.is_of_this_version())
    }
}

/// Rings with every piece of news.
pub(super) struct Bell(reqwest::Response);

impl Bell {
    /// Waits for the next; `false` when there will be none.
    pub(super) async fn rung(&mut self) -> bool {
        matches!(self.0.chunk().await, Ok(Some(_)))
    }

    /// Every piece, until there will be none.
    pub(super) fn rings(self) -> impl Stream<Item = ()> + Send {
        stream::unfold(self, |mut bell| async move { bell.rung().await.then_some(((), bell)) })
    }
}

fn url(path: &str) -> String {
    format!("http://localhost{path}")
}

/// Why the service gave no answer.
#[derive(Debug)]
pub(super) enum ClientError {
    /// There is none, or it went away.
    Gone(reqwest::Error),
    /// It can't do that.
    Refused { status: StatusCode, error: Why },
    /// It answers what this program does not understand.
    Strange(serde_json::Error),
    /// The same, and it is of another version.
    OtherVersion(Holder),
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        Self::Gone(error)
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Gone(error) => CliError::host(error)
                .context("the service gave no answer")
                .hint("`hermitage list` tells what it had taken"),
            ClientError::Strange(error) => CliError::host(error)
                .context("the service gave an answer that is none of the API")
                .hint("end it (`kill`, or `systemctl --user restart hermitage`) and try again"),
            ClientError::OtherVersion(holder) => {
                let error = anyhow::Error::msg(holder.versions());
                CliError::host(error).hint(holder.how_to_restart())
            }
            ClientError::Refused { status, error } => refused(status, error),
        }
    }
}

fn refused(status: StatusCode, error: Why) -> CliError {
    let text = clean_line(&error.message, MAX_MESSAGE_CHARS);
    let exit = match status {
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => {
            Exit::Usage
        }
        _ => Exit::NotCompleted,
    };
    let res = CliError::host(anyhow::Error::msg(text)).exiting(exit);
    match error.hint {
        Some(hint) => res.hint(clean_line(&hint, MAX_MESSAGE_CHARS)),
        None => res,
    }
}
