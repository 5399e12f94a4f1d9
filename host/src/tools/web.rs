//! The toolset `web`: pages as Markdown, and what a search engine finds.
//!
//! An address is read once (`target`), a rule of the operator allows it
//! (`rule`), only then its host is looked up, every address that came back is
//! public (`address`), and the connection goes to those and to no other
//! (`fetch`). Redirects begin anew. Nothing is kept between calls: no
//! connection, cookie or cache, so that two callers share nothing.
//!
//! Must not look a host up that no rule allows, must not send a credential to
//! a page, and must not let an address of the operator's network into an
//! error. All text that comes back is cleaned (`text`, `neutral`), and stays
//! untrusted.

use std::{
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use reqwest::Url;
use secrecy::SecretString;
use tokio::{sync::Semaphore, task, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{OpenError, Opened, Opening, Toolset};
use crate::{
    defence::Defence,
    toolset::{Caller, ToolError, registry::Declaration},
};

mod target;

mod address;
mod resolve;

#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;

mod http_rule;
mod rule;

mod body;
mod fetch;

mod credential;
mod outgoing;
mod request;

mod blocks;
mod encoding;
mod html;
mod kind;
mod neutral;
mod page;
mod refresh;
mod text;

mod search;
mod settings;

mod web_extract;
mod web_search;

#[cfg(test)]
mod tests;

pub use credential::{Credential, CredentialError};
pub use http_rule::{HttpRule, HttpRuleError};
pub use outgoing::Outgoing;
pub use page::WebPage;
pub use request::{OutgoingAnswer, OutgoingRequest, is_of_wire};
pub use resolve::{Resolve, ResolveFuture};
pub use rule::{Rule, RuleError};
pub use settings::{SearchConfig, WebConfig};
pub use web_extract::WebExtract;
pub use web_search::{WebHit, WebSearch};

use body::Body;
use fetch::Hops;
use target::Target;

/// Pages that are read into Markdown at a time, in the whole process. Bounds
/// the memory of many calls at once: a page at all bounds takes some 50 MiB.
const MAX_READING: usize = 4;

/// A search engine. Its address is the operator's word: it may be private, no
/// rule has to allow it, and it is not looked at as that of a page is.
#[derive(Clone, Debug)]
pub struct Search {
    /// How it is spoken to.
    pub kind: SearchKind,
    /// Where it stands.
    pub url: Url,
    /// Sent to it, and to no other; Brave wants one.
    pub key: Option<SecretString>,
}

/// The search engines that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchKind {
    /// An instance of SearXNG whose format `json` is switched on.
    #[default]
    Searxng,
    /// Brave's Web Search API.
    Brave,
}

/// The web tools. Clones share their limits.
#[derive(Clone)]
pub struct WebTools {
    config: Arc<WebConfig>,
    search: Option<Arc<Search>>,
    resolver: Arc<dyn Resolve>,
    is_public: fn(IpAddr) -> bool,
}

impl WebTools {
    /// With the system's resolver.
    pub fn new(config: WebConfig) -> Self {
        let checks = config.defences.has(Defence::PublicAddresses);
        let is_public = if checks { address::is_public } else { |_| true };
        let (config, resolver) = (Arc::new(config), Arc::new(resolve::System));
        Self { config, search: None, resolver, is_public }
    }

    /// With a search engine for `web_search`.
    pub fn with_search(self, search: Search) -> Self {
        Self { search: Some(Arc::new(search)), ..self }
    }

    /// With another resolver. What it says is checked like the system's word.
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    async fn fetch(&self, target: Target, hops: &mut Hops) -> Result<(Target, Body), ToolError> {
        let (target, response) = self.follow(target, hops).await?;
        let body = body::read(response, &self.config).await?;
        Ok((target, body))
    }
}

const NO_SEARCH: &str = "no search engine is configured: `tools.web.search_url` would name one";

/// Pages and searches.
pub(super) struct Web;

impl Toolset for Web {
    const NAME: &'static str = "web";
    type Host = WebTools;
    const TOOLS: &'static [Declaration<WebTools>] =
        &[Declaration::of::<WebSearch>(), Declaration::of::<WebExtract>()];

    /// The key of the search engine is read here: like all of the environment,
    /// it is what it is when the host starts.
    async fn open(opening: &Opening<'_>) -> Result<Opened<WebTools>, OpenError> {
        let tools = WebTools::new(opening.config.web.clone());
        let Some(SearchConfig { kind, url, key_env }) = &opening.config.search else {
            return Ok(Opened::but::<WebSearch>(tools, NO_SEARCH));
        };
        let key = key_env.as_ref().and_then(|it| std::env::var(it).ok());
        let (kind, url, key) = (*kind, url.clone(), key.map(SecretString::from));
        Ok(Opened::Whole(tools.with_search(Search { kind, url, key })))
    }
}

/// Ends the call at once when nobody wants its answer.
async fn unless_cancelled<T>(
    caller: &Caller,
    work: impl Future<Output = Result<T, ToolError>>,
) -> Result<T, ToolError> {
    tokio::select! {
        biased;
        () = caller.cancelled.cancelled() => Err(ToolError::Interrupted),
        res = work => res,
    }
}

/// The limit of a call as a whole, which began at `begin`.
async fn within<T>(
    begin: Instant,
    limit: Duration,
    work: impl Future<Output = Result<T, ToolError>>,
) -> Result<T, ToolError> {
    let late = |_| ToolError::Failed(format!("the answer took longer than {limit:?} in all"));
    tokio::time::timeout_at(begin + limit, work).await.map_err(late)?
}

/// Runs `work` where it may block, few at a time.
///
/// The guard tells it when this future is dropped, since a blocking task
/// cannot be aborted.
async fn blocking<T: Send + 'static>(
    cancelled: &CancellationToken,
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    static READING: LazyLock<Arc<Semaphore>> =
        LazyLock::new(|| Arc::new(Semaphore::new(MAX_READING)));
    let stopped = || ToolError::Failed("the tool stopped unexpectedly".to_owned());
    let permit = Arc::clone(&READING).acquire_owned().await.map_err(|_| stopped())?;
    let cancelled = cancelled.child_token();
    let _guard = cancelled.clone().drop_guard();
    let outcome = task::spawn_blocking(move || {
        let _permit = permit;
        work(&|| !cancelled.is_cancelled())
    });
    outcome.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a page was not read to its end");
        Err(stopped())
    })
}

/// A limit as a length in memory, where it can only be smaller.
fn length(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn failed(text: String) -> ToolError {
    ToolError::Failed(text)
}
