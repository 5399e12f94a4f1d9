//! Requests of one tool plugin, in the order in which a page is fetched: a
//! rule allows it, only then its host is looked up, every address is public,
//! and the connection goes to those. A redirect begins anew.
//!
//! What comes back has none of the secrets that were sent, before anything
//! else looks at it: not in a header, where a redirect leads, in the body, nor
//! in an error.

use std::{fmt, sync::Arc};

use reqwest::{
    Response,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Credential, HttpRule, OutgoingAnswer, OutgoingRequest, WebConfig, WebTools, blocking, body,
    fetch::{Hops, headers, redirect},
    request::{Step, is_refused, of_content},
    unless_cancelled, within,
};
use crate::{
    defence::Defence,
    redact::Redactor,
    toolset::{Caller, ToolError},
};

/// Bytes of a body that secrets are looked for in at once; more of them are
/// looked through where that holds nobody up.
const SMALL_BODY_BYTES: usize = 16 << 10;

/// What one plugin may send. Clones are one.
#[derive(Clone)]
pub struct Outgoing(Arc<Parts>);

struct Parts {
    web: WebTools,
    rules: Vec<HttpRule>,
    credentials: Vec<Credential>,
    /// Whom nothing is sent to, because a secret is missing there, and why.
    missing: Vec<(Vec<HttpRule>, String)>,
    redactor: Redactor,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { rules, credentials, .. } = &*self.0;
        let mut shown = f.debug_struct("Outgoing");
        shown.field("rules", rules).field("credentials", credentials).finish_non_exhaustive()
    }
}

impl Outgoing {
    /// What these rules allow, with these secrets for their audiences. To the
    /// audience of one that is `missing` nothing is sent: the text says why.
    pub fn new(
        web: &WebTools,
        rules: Vec<HttpRule>,
        credentials: Vec<Credential>,
        missing: Vec<(Vec<HttpRule>, String)>,
    ) -> Self {
        let mut redactor = Redactor::default();
        credentials.iter().for_each(|it| it.add_to(&mut redactor));
        Self(Arc::new(Parts { web: web.clone(), rules, credentials, missing, redactor }))
    }

    /// Sends a request, and gives its answer whatever that is: a status is no
    /// error.
    ///
    /// # Errors
    ///
    /// Malformed arguments; what no rule allows or does not stand in public;
    /// what a server does wrong, and every limit of
    /// [`WebConfig`] but those that cut a body. None names
    /// an address of the operator's network, or a secret.
    pub async fn send(
        &self,
        request: OutgoingRequest,
        caller: &Caller,
    ) -> Result<OutgoingAnswer, ToolError> {
        let (begin, limit) = (Instant::now(), self.config().total_timeout);
        let work = within(begin, limit, self.follow(request, &caller.cancelled));
        unless_cancelled(caller, work).await.map_err(|it| self.redacted(it))
    }

    /// What a plugin gave back, without the secrets.
    pub async fn redact_answer(
        &self,
        answer: Result<String, ToolError>,
    ) -> Result<String, ToolError> {
        let own = self.clone();
        match answer {
            Ok(text) if text.len() <= SMALL_BODY_BYTES => Ok(self.redact(text)),
            Ok(text) => blocking(&CancellationToken::new(), move |_| Ok(own.redact(text))).await,
            Err(error) => Err(self.redacted(error)),
        }
    }

    /// A text of the plugin, or a line of its log, without the secrets. JSON
    /// stays JSON.
    pub fn redact(&self, text: String) -> String {
        self.0.redactor.document(text)
    }

    /// An error of the plugin without the secrets.
    pub fn redacted(&self, error: ToolError) -> ToolError {
        let text = |it: String| self.0.redactor.text(&it).into_owned();
        match error {
            ToolError::Denied(it) => ToolError::Denied(text(it)),
            ToolError::InvalidArguments(it) => ToolError::InvalidArguments(text(it)),
            ToolError::Failed(it) => ToolError::Failed(text(it)),
            ToolError::Exhausted(it) => ToolError::Exhausted(text(it)),
            ToolError::Interrupted | ToolError::TimedOut => error,
        }
    }

    /// Whether a header is the host's to set, so that a request with it is
    /// refused. In lower case.
    pub fn sets(&self, header: &str) -> bool {
        is_refused(header, &self.credential_headers())
    }

    fn credential_headers(&self) -> Vec<&str> {
        self.0.credentials.iter().map(Credential::header).collect()
    }

    /// The limits that whoever hands requests over keeps to, too.
    pub fn config(&self) -> &WebConfig {
        &self.0.web.config
    }

    async fn follow(
        &self,
        request: OutgoingRequest,
        cancelled: &CancellationToken,
    ) -> Result<OutgoingAnswer, ToolError> {
        let (config, follows) = (self.config(), request.follow);
        let mut step = Step::of(request, &self.credential_headers(), config)?;
        let mut hops = Hops::new(config);
        loop {
            let response = self.ask(&step).await?;
            let (status, headers) = (response.status(), response.headers());
            let next = if follows { redirect(&step.target, status, headers)? } else { None };
            let Some(next) = next else { return self.answer(response, cancelled).await };
            hops.take()?;
            step = step.onward(status, next);
        }
    }

    /// Sends one request, with the secrets for its place, and waits for the
    /// headers. What comes back has none of the secrets from here on.
    async fn ask(&self, step: &Step) -> Result<Response, ToolError> {
        let Parts { web, credentials, .. } = &*self.0;
        let Step { method, target, headers: own, body } = step;
        self.allow(step)?;
        let is_meant = self.0.rules.iter().any(|it| it.names_address(method, target));
        let addresses = web.addresses(target, is_meant, "the plugin").await?;
        let client = web.client_for(target, &addresses)?;
        let mut all = own.clone();
        for (name, value) in credentials.iter().filter_map(|it| it.of(method, target)) {
            all.insert(name, value.clone());
        }
        let mut request = client.request(method.clone(), target.url().clone()).headers(all);
        if !body.is_empty() {
            request = request.body(body.clone());
        }
        let mut response = headers(request, target.host_text(), &web.config).await?;
        self.redact_headers(response.headers_mut());
        Ok(response)
    }

    fn allow(&self, step: &Step) -> Result<(), ToolError> {
        let Step { method, target, .. } = step;
        let covers = |rules: &[HttpRule]| rules.iter().any(|it| it.covers(method, target));
        if let Some((_, why)) = self.0.missing.iter().find(|it| covers(&it.0)) {
            return Err(ToolError::Failed(why.clone()));
        }
        if covers(&self.0.rules) || !self.config().defences.has(Defence::WebRules) {
            return Ok(());
        }
        let origin = target.origin();
        Err(ToolError::Denied(format!(
            "no HTTP rule of the plugin covers this `{method}` of `{origin}`\n\
             hint: `{method} {origin}/` in its manifest would ask for it"
        )))
    }

    async fn answer(
        &self,
        response: Response,
        cancelled: &CancellationToken,
    ) -> Result<OutgoingAnswer, ToolError> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (body, is_whole) = body::read_some(response, self.config()).await?;
        let body = self.redact_body(body, is_whole, cancelled).await?;
        let headers = of_content(headers);
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), value.as_bytes().to_vec())
        };
        let headers = headers.iter().map(header).collect();
        Ok(OutgoingAnswer { status, headers, body, truncated: !is_whole })
    }

    async fn redact_body(
        &self,
        body: Vec<u8>,
        is_whole: bool,
        cancelled: &CancellationToken,
    ) -> Result<Vec<u8>, ToolError> {
        if self.0.redactor.is_empty() || body.len() <= SMALL_BODY_BYTES {
            return Ok(self.0.redactor.bytes(body, is_whole));
        }
        let own = self.clone();
        blocking(cancelled, move |_| Ok(own.0.redactor.bytes(body, is_whole))).await
    }

    /// One whose name is a secret goes as a whole.
    fn redact_headers(&self, headers: &mut HeaderMap) {
        let redactor = &self.0.redactor;
        if redactor.is_empty() {
            return;
        }
        let mut kept = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers.iter() {
            if redactor.text(name.as_str()) != name.as_str() {
                continue;
            }
            let bytes = redactor.bytes(value.as_bytes().to_vec(), true);
            // What the mark stands beside was fit for a header.
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                kept.append(name, value);
            }
        }
        *headers = kept;
    }
}
