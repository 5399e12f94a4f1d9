//! `web_extract`: fetches a page, and gives its readable part as Markdown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    WebTools, blocking,
    fetch::{self, Hops},
    page::WebPage,
    target::Target,
    text::{self, Read},
    unless_cancelled, within,
};
use crate::toolset::{Caller, Effect, Tool, ToolError};

/// Fetches a web page and gives its readable part as Markdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebExtract {
    /// Address of the page, with `https://` or `http://`.
    pub url: String,
}

impl Tool for WebExtract {
    const NAME: &'static str = "web_extract";
    const EFFECT: Effect = Effect::None;
    type Host = WebTools;
    type Output = WebPage;

    fn bytes(&self) -> u64 {
        self.url.len() as u64
    }

    fn subject(&self) -> &str {
        &self.url
    }

    /// Text that is no HTML stays as it is.
    ///
    /// Fails on a malformed address; is denied what no rule allows or does not
    /// stand in public; and fails on what a server does wrong, and on every
    /// limit of [`super::WebConfig`].
    async fn call(self, web: &WebTools, caller: &Caller) -> Result<WebPage, ToolError> {
        unless_cancelled(caller, page(web, &caller.cancelled, &self.url)).await
    }
}

async fn page(
    web: &WebTools,
    cancelled: &CancellationToken,
    url: &str,
) -> Result<WebPage, ToolError> {
    let target = Target::parse(url)
        .map_err(|it| ToolError::InvalidArguments(format!("`url` is no address: {it}")))?;
    let mut hops = Hops::new(&web.config);
    let (mut next, begin) = (target, Instant::now());
    loop {
        let fetched = web.fetch(next, &mut hops);
        let (target, body) = within(begin, web.config.total_timeout, fetched).await?;
        let (at, max_bytes) = (target.clone(), web.config.max_text_bytes);
        let read = move |is_wanted: &dyn Fn() -> bool| text::read(&at, &body, max_bytes, is_wanted);
        match blocking(cancelled, read).await? {
            Read::Page(page) => return Ok(page),
            Read::Onward(it) => {
                hops.take()?;
                next = fetch::onward(&target, it)?;
            }
        }
    }
}
