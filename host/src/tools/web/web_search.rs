//! `web_search`: asks a search engine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{WebTools, unless_cancelled};
use crate::toolset::{Caller, Effect, Output, Tool, ToolError, reading::optional};

/// Asks a search engine, and gives titles, addresses and snippets of pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebSearch {
    /// What to look for.
    pub query: String,
    /// How many hits.
    #[serde(default, deserialize_with = "optional")]
    pub limit: Option<u32>,
}

/// One hit of a web search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebHit {
    /// Untrusted text.
    pub title: String,
    /// Address of the page.
    pub url: String,
    /// Untrusted text.
    pub snippet: String,
}

impl Tool for WebSearch {
    const NAME: &'static str = "web_search";
    const EFFECT: Effect = Effect::None;
    type Host = WebTools;
    type Output = Vec<WebHit>;

    fn bytes(&self) -> u64 {
        self.query.len() as u64
    }

    fn subject(&self) -> &str {
        &self.query
    }

    /// Denied when no engine is configured; fails when it does not answer as
    /// it should, and on every limit of [`super::WebConfig`].
    async fn call(self, web: &WebTools, caller: &Caller) -> Result<Vec<WebHit>, ToolError> {
        unless_cancelled(caller, web.find(&self)).await
    }
}

impl Output for WebHit {
    fn bytes(&self) -> u64 {
        (self.title.len() + self.url.len() + self.snippet.len()) as u64
    }
}
