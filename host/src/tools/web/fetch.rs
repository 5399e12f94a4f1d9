//! One page: allowed, looked up, checked, connected to; and again for each
//! redirect.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, LOCATION},
};
use tokio::time::timeout;

use super::{
    WebConfig, WebTools, failed,
    resolve::Nobody,
    target::{Host, Target},
};
use crate::{
    completion::sanitize::clean_line,
    defence::Defence,
    http::{self, HttpError},
    toolset::ToolError,
};

/// What is asked for, first what is read best.
const ACCEPTED: &str = "text/html, application/xhtml+xml, text/markdown, text/plain, \
                        application/json, application/xml;q=0.9, text/*;q=0.8";

/// Addresses of a host that are tried. A name can have thousands.
const MAX_ADDRESSES: usize = 16;

/// Headers of an answer; the client refuses more, and more than 400 KiB.
const MAX_HEADERS: usize = 100;

/// Characters of what a library says of an error.
const MAX_REASON_CHARS: usize = 200;

/// How often a call may still be led on, by a redirect or by a page.
pub(super) struct Hops {
    left: u32,
    most: u32,
}

impl Hops {
    pub(super) fn new(config: &WebConfig) -> Self {
        let most = config.max_redirects;
        Self { left: most, most }
    }

    pub(super) fn take(&mut self) -> Result<(), ToolError> {
        let more = || failed(format!("more than {} redirects", self.most));
        self.left = self.left.checked_sub(1).ok_or_else(more)?;
        Ok(())
    }
}

impl WebTools {
    /// Asks for the page, and for those that it redirects to.
    pub(super) async fn follow(
        &self,
        target: Target,
        hops: &mut Hops,
    ) -> Result<(Target, Response), ToolError> {
        let mut target = target;
        loop {
            let addresses = self.admit(&target).await?;
            let response = self.get(&target, &addresses).await?;
            match redirect(&target, response.status(), response.headers())? {
                Some(next) => target = next,
                None => return checked(&target, response).map(|it| (target, it)),
            }
            hops.take()?;
        }
    }

    /// The addresses that the page may be fetched from. Looks nothing up
    /// before a rule allows it: a name alone can carry out a secret.
    async fn admit(&self, target: &Target) -> Result<Vec<IpAddr>, ToolError> {
        let is_allowed = self.config.allow.iter().any(|it| it.covers(target));
        if !is_allowed && self.config.defences.has(Defence::WebRules) {
            let origin = target.origin();
            return Err(ToolError::Denied(format!(
                "no rule of `tools.web.allow` covers this page of `{origin}`\n\
                 hint: `GET {origin}/` among them would"
            )));
        }
        let is_meant = self.config.allow.iter().any(|it| it.names_address(target));
        self.addresses(target, is_meant, "`tools.web.allow`").await
    }

    /// The addresses of what a rule covers. One that is not public has to be
    /// meant: named by a rule of theirs.
    pub(super) async fn addresses(
        &self,
        target: &Target,
        is_meant: bool,
        theirs: &str,
    ) -> Result<Vec<IpAddr>, ToolError> {
        match target.host() {
            Host::Address(it) if is_meant || (self.is_public)(*it) => Ok(vec![*it]),
            Host::Address(_) => Err(ToolError::Denied(format!(
                "`{}` is no public address\n\
                 hint: only a rule of {theirs} with this very address allows it",
                target.host_text()
            ))),
            Host::Name(name) => self.admit_name(name).await,
        }
    }

    /// All addresses of a name are public, or none of them is used.
    async fn admit_name(&self, name: &str) -> Result<Vec<IpAddr>, ToolError> {
        let limit = self.config.connect_timeout;
        let found = timeout(limit, self.resolver.resolve(name)).await;
        let found =
            found.map_err(|_| failed(format!("`{name}` was not found within {limit:?}")))?;
        let mut addresses = found.unwrap_or_default();
        if addresses.is_empty() {
            return Err(failed(format!("`{name}` can't be found: no address has that name")));
        }
        // One text for all of them: it must not tell what stands where in the
        // operator's network.
        if !addresses.iter().all(|it| (self.is_public)(*it)) {
            let text = format!("`{name}` resolves to an address that is not public");
            return Err(ToolError::Denied(text));
        }
        addresses.truncate(MAX_ADDRESSES);
        Ok(addresses)
    }

    /// For a client of one request, so that no two have a connection in common.
    pub(super) fn builder(&self) -> Result<ClientBuilder, ToolError> {
        self.bounded(http::client_builder())
    }

    /// The same for a server that is known to speak no TLS.
    pub(super) fn plain_builder(&self) -> Result<ClientBuilder, ToolError> {
        self.bounded(http::plain_client_builder())
    }

    fn bounded(
        &self,
        builder: Result<ClientBuilder, HttpError>,
    ) -> Result<ClientBuilder, ToolError> {
        let mut builder = builder.map_err(|it| failed(it.to_string()))?;
        if !self.config.defences.has(Defence::Redirects) {
            builder = builder.redirect(reqwest::redirect::Policy::default());
        }
        Ok(builder
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .pool_max_idle_per_host(0)
            .connect_timeout(self.config.connect_timeout)
            .user_agent(&self.config.user_agent))
    }

    /// A client that can connect to one of `addresses` and to nothing else.
    pub(super) fn client_for(
        &self,
        target: &Target,
        addresses: &[IpAddr],
    ) -> Result<Client, ToolError> {
        let mut builder = self.builder()?.dns_resolver(Arc::new(Nobody));
        if let Host::Name(name) = target.host() {
            let port = target.port();
            let sockets: Vec<SocketAddr> = addresses.iter().map(|it| (*it, port).into()).collect();
            builder = builder.resolve_to_addrs(name, &sockets);
        }
        client(builder)
    }

    /// Asks for a page, and waits for the headers.
    async fn get(&self, target: &Target, addresses: &[IpAddr]) -> Result<Response, ToolError> {
        let client = self.client_for(target, addresses)?;
        let request = client.get(target.url().clone()).header(ACCEPT, ACCEPTED);
        headers(request, target.host_text(), &self.config).await
    }
}

pub(super) fn client(builder: ClientBuilder) -> Result<Client, ToolError> {
    builder.build().map_err(|it| failed(format!("no HTTP client: {}", reason(&it))))
}

/// Sends a request and waits for the headers of its answer.
pub(super) async fn headers(
    request: RequestBuilder,
    host: &str,
    config: &WebConfig,
) -> Result<Response, ToolError> {
    let WebConfig { connect_timeout, header_timeout, .. } = config;
    // The first covers the connection, which has a limit of its own.
    let limit: Duration = connect_timeout.saturating_add(*header_timeout);
    match timeout(limit, request.header(ACCEPT_ENCODING, "gzip").send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) if error.is_timeout() => {
            Err(failed(format!("`{host}` took no connection within {connect_timeout:?}")))
        }
        Ok(Err(error)) if error.is_connect() => {
            Err(failed(format!("no connection to `{host}`: {}", reason(&error))))
        }
        Ok(Err(error)) => Err(failed(format!("`{host}` gave no answer: {}", reason(&error)))),
        Err(_) => Err(failed(format!("`{host}` sent no headers within {header_timeout:?}"))),
    }
}

/// The innermost cause, which is the only one that says something, and names
/// no address.
pub(super) fn reason(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    clean_line(&cause.to_string(), MAX_REASON_CHARS)
}

/// Where the answer leads, if it is a redirect. Whether that may be fetched is
/// decided as for the first page.
pub(super) fn redirect(
    target: &Target,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Target>, ToolError> {
    const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];
    if !REDIRECTS.contains(&status.as_u16()) {
        return Ok(None);
    }
    let host = target.host_text();
    let mut places = headers.get_all(LOCATION).iter();
    let Some(place) = places.next() else {
        return Err(failed(format!("`{host}` redirects, and does not say where to")));
    };
    if places.any(|it| it != place) {
        return Err(failed(format!("`{host}` redirects to several places at once")));
    }
    let next = target
        .leads_to_bytes(place.as_bytes())
        .map_err(|it| failed(format!("`{host}` redirects to what is no address: {it}")))?;
    onward(target, next).map(Some)
}

/// Where one page leads to, unless others could read it on the way.
pub(super) fn onward(from: &Target, next: Target) -> Result<Target, ToolError> {
    if from.is_https() && !next.is_https() {
        let host = from.host_text();
        let text = format!("`{host}` redirects from `https` to `http`, which anybody can read");
        return Err(ToolError::Denied(text));
    }
    Ok(next)
}

fn checked(target: &Target, response: Response) -> Result<Response, ToolError> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(response);
    }
    Err(failed(format!("`{}` answered {status}", target.host_text())))
}
