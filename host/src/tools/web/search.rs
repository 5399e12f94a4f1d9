//! `web_search`: what a search engine finds.
//!
//! The engine stands where the operator says, so nothing is checked about its
//! address; what it answers is as untrusted as a page.

use dom_query::Document;
use reqwest::{
    RequestBuilder, StatusCode, Url,
    header::{ACCEPT, HeaderValue},
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::{
    Search, SearchKind, WebTools, body, failed,
    fetch::{client, headers},
    target::Target,
    text::line,
    web_search::{WebHit, WebSearch},
    within,
};
use crate::{completion::sanitize::is_blank, redact::Redactor, toolset::ToolError};

/// Characters of a query; Brave takes 400.
const MAX_QUERY_CHARS: usize = 400;

/// Hits when the caller names no number.
const DEFAULT_HITS: u32 = 10;

/// Bytes of a title or snippet that are looked at, and characters that stay.
const MAX_RAW_BYTES: usize = 8 << 10;
const MAX_TITLE_CHARS: usize = 200;
const MAX_SNIPPET_CHARS: usize = 1_000;

impl WebTools {
    /// Asks the search engine.
    pub(super) async fn find(&self, call: &WebSearch) -> Result<Vec<WebHit>, ToolError> {
        let search = self.search.as_ref().ok_or_else(no_engine)?;
        let query = query(call)?;
        let limit = call.limit.unwrap_or(DEFAULT_HITS).min(self.config.max_hits);
        let redactor = redactor(search);
        let (begin, ask) = (Instant::now(), self.ask(search, query, limit, &redactor));
        let found = within(begin, self.config.total_timeout, ask).await.map_err(|it| match it {
            ToolError::Failed(text) => failed(redactor.text(&text).into_owned()),
            other => other,
        })?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(found.into_iter().filter_map(|it| hit(it, &redactor)).take(limit).collect())
    }

    async fn ask(
        &self,
        search: &Search,
        query: &str,
        limit: u32,
        redactor: &Redactor,
    ) -> Result<Vec<Found>, ToolError> {
        let is_plain = search.url.scheme() == "http";
        let client = client(if is_plain { self.plain_builder() } else { self.builder() }?)?;
        let request = match search.kind {
            SearchKind::Searxng => client.get(searxng(&search.url, query)),
            SearchKind::Brave => with_key(client.get(brave(&search.url, query, limit)), search)?,
        };
        let request = request.header(ACCEPT, "application/json");
        let response = headers(request, ENGINE, &self.config).await?;
        if response.status() != StatusCode::OK {
            // A redirect too: it could lead the key anywhere.
            return Err(failed(format!("`{ENGINE}` answered {}", response.status())));
        }
        let body = body::read(response, &self.config).await?;
        match search.kind {
            SearchKind::Searxng => parse::<Results>(&body.bytes, redactor).map(|it| it.results),
            SearchKind::Brave => parse::<Brave>(&body.bytes, redactor).map(|it| it.web.results),
        }
    }
}

/// An engine has its key, and may repeat it.
fn redactor(search: &Search) -> Redactor {
    let mut res = Redactor::default();
    res.add_address(&search.url);
    if let Some(key) = &search.key {
        res.add(key.expose_secret());
    }
    res
}

fn no_engine() -> ToolError {
    ToolError::Denied(
        "no search engine is configured\n\
         hint: set `tools.web.search_url` to a SearXNG instance, or to Brave's API"
            .to_owned(),
    )
}

fn query(call: &WebSearch) -> Result<&str, ToolError> {
    let query = call.query.trim();
    if is_blank(query) {
        return Err(ToolError::InvalidArguments("`query` has nothing to search for".to_owned()));
    }
    let chars = query.chars().count();
    if (1..=MAX_QUERY_CHARS).contains(&chars) {
        return Ok(query);
    }
    let text = format!("`query` has {chars} characters, and must have 1 to {MAX_QUERY_CHARS}");
    Err(ToolError::InvalidArguments(text))
}

/// What it is called in errors: where it stands is the operator's business.
const ENGINE: &str = "search engine";

fn searxng(base: &Url, query: &str) -> Url {
    let mut url = base.clone();
    if !base.path().ends_with("/search") {
        let path = format!("{}/search", base.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    url.query_pairs_mut().append_pair("q", query).append_pair("format", "json");
    url
}

fn brave(base: &Url, query: &str, limit: u32) -> Url {
    let mut url = base.clone();
    if base.path() == "/" {
        url.set_path("/res/v1/web/search");
    }
    url.query_pairs_mut().append_pair("q", query).append_pair("count", &limit.to_string());
    url
}

fn with_key(request: RequestBuilder, search: &Search) -> Result<RequestBuilder, ToolError> {
    let Some(key) = &search.key else { return Ok(request) };
    let mut value = HeaderValue::from_str(key.expose_secret())
        .map_err(|_| failed("the search engine's key can't be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(request.header("x-subscription-token", value))
}

#[derive(Deserialize)]
struct Brave {
    #[serde(default)]
    web: Results,
}

#[derive(Default, Deserialize)]
struct Results {
    #[serde(default)]
    results: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    title: String,
    #[serde(default)]
    url: String,
    #[serde(default, alias = "content")]
    description: Option<String>,
}

fn parse<T: DeserializeOwned>(bytes: &[u8], redactor: &Redactor) -> Result<T, ToolError> {
    serde_json::from_slice(bytes).map_err(|it| {
        let error = it.to_string();
        tracing::debug!(error = %redactor.text(&error), "a search engine's answer is malformed");
        failed(format!("`{ENGINE}` answered in another way than its API does"))
    })
}

/// What was found, if it is a page at all.
///
/// Secrets are cut out twice: before a text is cut, which could leave a part
/// of one, and when the elements are gone that may have split another.
fn hit(found: Found, redactor: &Redactor) -> Option<WebHit> {
    let target = Target::parse(&redactor.text(&found.url)).ok()?;
    let plain = |html: &str, max_chars| plain(&redactor.text(html), max_chars);
    let mut hit = WebHit {
        title: plain(&found.title, MAX_TITLE_CHARS),
        url: target.url().to_string(),
        snippet: plain(&found.description.unwrap_or_default(), MAX_SNIPPET_CHARS),
    };
    let texts = [&mut hit.title, &mut hit.url, &mut hit.snippet];
    texts.into_iter().for_each(|it| redactor.in_place(it));
    Some(hit)
}

/// The text of a piece of HTML.
fn plain(html: &str, max_chars: usize) -> String {
    let (html, _) = html.split_at(html.floor_char_boundary(MAX_RAW_BYTES));
    line(&Document::fragment(html).text(), max_chars)
}
