//! The service as this command line asks it: HTTP over its socket.

use std::{path::Path, time::Duration};

use reqwest::{RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use super::{Exit, error::CliError};
use crate::{
    completion::sanitize::clean_line,
    http,
    serve::wire::{Refused, Why},
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
}

impl Client {
    /// Of the service behind this socket, whether or not there is one.
    pub(super) fn at(socket: &Path) -> Result<Self, CliError> {
        let builder = http::plain_client_builder().map_err(CliError::host)?;
        // Each request has a connection of its own, so that none finds one that
        // has just been closed.
        let builder = builder.unix_socket(socket).pool_max_idle_per_host(0);
        let http = builder.build().map_err(CliError::host)?;
        Ok(Self { http })
    }

    /// Whether there is one.
    pub(super) async fn is_answered(&self) -> bool {
        let asked = self.http.get(url("/healthz")).timeout(HEALTH).send().await;
        asked.is_ok_and(|it| it.status().is_success())
    }

    /// What needs no work.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        ask(self.http.get(url(path)).timeout(ANSWER)).await
    }

    /// A stream of news, for whoever looks again with each.
    pub(super) async fn bell(&self, path: &str) -> Result<Bell, ClientError> {
        Ok(Bell(answered(self.http.get(url(path)).send().await?).await?))
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        ask(self.http.post(url(path)).json(body).timeout(WORK)).await
    }

    /// What may be asked again with the same key, and is done once.
    pub(super) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        key: &str,
    ) -> Result<T, ClientError> {
        let request = self.http.post(url(path)).header(IDEMPOTENCY_KEY, key);
        ask(request.json(body).timeout(WORK)).await
    }
}

/// Rings with every piece of news.
pub(super) struct Bell(reqwest::Response);

impl Bell {
    /// Waits for the next; `false` when there will be none.
    pub(super) async fn rung(&mut self) -> bool {
        matches!(self.0.chunk().await, Ok(Some(_)))
    }
}

fn url(path: &str) -> String {
    format!("http://localhost{path}")
}

async fn ask<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ClientError> {
    let bytes = answered(request.send().await?).await?.bytes().await?;
    serde_json::from_slice(&bytes).map_err(ClientError::Strange)
}

async fn answered(response: reqwest::Response) -> Result<reqwest::Response, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let bytes = response.bytes().await?;
    let body: Refused = serde_json::from_slice(&bytes).map_err(ClientError::Strange)?;
    Err(ClientError::Refused { status, error: body.error })
}

/// Why the service gave no answer.
#[derive(Debug)]
pub(super) enum ClientError {
    /// There is none, or it went away.
    Gone(reqwest::Error),
    /// It can't do that.
    Refused { status: StatusCode, error: Why },
    /// It answers what this version does not understand.
    Strange(serde_json::Error),
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
                .context("the service is of another version")
                .hint("end it (`kill`, or `systemctl --user restart`) and try again"),
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
