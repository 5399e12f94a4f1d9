//! Which pages may be fetched, the limits of doing so, and whom a search asks.

use std::time::Duration;

use reqwest::Url;

use super::{Rule, SearchKind};
use crate::{
    defence::Defences,
    setting::{
        FromText, Reader, Section, Settings, Unfit, Wrong, count, kib, seconds, settings, text,
        texts, word,
    },
};

/// What web servers are told of who asks.
const USER_AGENT: &str = concat!("hermitage/", env!("CARGO_PKG_VERSION"));

settings! {
    /// The tools `web_extract` and `web_search`, and the requests of tool
    /// plugins, whose rules are in their manifests. Only public addresses are
    /// asked, whatever a name stands for.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct WebConfig in "tools.web" {
        /// Pages that `web_extract` may fetch: `*` for all, or any of a method,
        /// a scheme, a host, a port and the beginning of a path, such as
        /// `https://docs.rs/serde/`, `https://*.example.org` or `GET
        /// http://127.0.0.1:8080`.
        ///
        /// Rules. A rule that names an address which is not public allows just
        /// that one.
        pub allow: Vec<Rule> = texts(&["*"]), project: Subset;

        /// Until a server is found and has taken the connection.
        ///
        /// Bounds a server that never answers.
        pub connect_timeout as "connect_timeout_seconds": Duration =
            seconds(5, 1..=600), project: Lower;

        /// From the request until all headers are there.
        ///
        /// Bounds headers that come one byte at a time.
        pub header_timeout as "header_timeout_seconds": Duration =
            seconds(10, 1..=600), project: Lower;

        /// Of one call, redirects included.
        ///
        /// Bounds a chain of slow servers.
        pub total_timeout as "total_timeout_seconds": Duration =
            seconds(60, 1..=3_600), project: Lower;

        /// Bytes that a server has to send per second, over
        /// `rate_window_seconds`.
        ///
        /// Bounds a server that sends a byte now and then.
        pub min_bytes_per_second: u64 = count(1024, 1..=1_000_000_000), project: Higher;

        /// How long the rate is watched before it is judged.
        ///
        /// Shorter ones give up on servers that think.
        pub rate_window as "rate_window_seconds": Duration = seconds(10, 1..=600), project: Lower;

        /// Redirects that are followed; each is checked like the first address.
        ///
        /// Bounds a chain that has no end.
        pub max_redirects: u32 = count(5, 1..=50), project: Lower;

        /// Size of a page as it comes.
        ///
        /// Bounds a page that never ends.
        pub max_body_bytes as "max_body_kib": u64 = kib(2048, 1..=1_048_576), project: Lower;

        /// Size of a page, unpacked.
        ///
        /// Bounds the memory that a page takes.
        pub max_page_bytes as "max_page_kib": u64 = kib(2048, 1..=1_048_576), project: Lower;

        /// How many times larger a page may become by unpacking.
        ///
        /// Bounds a few bytes that stand for gigabytes.
        pub max_ratio: u32 = count(100, 2..=10_000), project: Lower;

        /// Body of one request of a plugin. What an answer may be, the keys
        /// above say of plugins, too; a longer one is cut.
        ///
        /// Bounds what one request can carry away.
        pub max_request_bytes as "max_request_kib": u64 = kib(1024, 1..=65_536), project: Lower;

        /// Headers of one request of a plugin.
        ///
        /// Bounds what a server has to read before it can refuse.
        pub max_header_bytes as "max_header_kib": u64 = kib(16, 1..=1_024), project: Lower;

        /// Requests of one call of a plugin that are under way or whose
        /// answers it still holds.
        ///
        /// Bounds the memory of answers that nobody reads.
        pub max_requests_at_once: u32 = count(8, 1..=1_000), project: Lower;

        /// Text that one call returns.
        ///
        /// Bounds what a page takes of a child's context.
        pub max_text_bytes as "max_text_kib": u64 = kib(64, 1..=65_536), project: Lower;

        /// Hits of one search, whatever the caller asks for.
        ///
        /// Bounds what an answer takes of a child's context.
        pub max_hits: u32 = count(20, 1..=1_000), project: Lower;
    } besides {
        /// What servers are told of who asks.
        pub user_agent: String = USER_AGENT.to_owned();

        /// All of them, but in tests.
        pub defences: Defences = Defences::ALL;
    }
}

/// A search engine. Its address is the operator's word: it may be private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchConfig {
    /// How it is spoken to.
    pub kind: SearchKind,
    /// Where it stands.
    pub url: Url,
    /// The variable that holds its key, if it needs one.
    pub key_env: Option<String>,
}

settings! {
    /// A search engine, as it is written down.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct SearchSettings in "tools.web" {
        /// Address of the search engine that `web_search` asks.
        ///
        /// An `http` or `https` address; an empty text means that there is
        /// none.
        // The query, which can hold anything, would go to another address.
        url as "search_url": String = text("").checked(address), project: Never;

        /// How the search engine is spoken to: `searxng` or `brave`.
        ///
        /// One of the two.
        kind as "search_kind": SearchKind = text("searxng"), project: Never;

        /// The variable of the environment that holds the key of the search
        /// engine.
        ///
        /// Name of a variable; an empty text means that it needs none.
        key_env as "search_key_env": String = text(""), project: Never;
    }
}

/// There is none when no address is set.
impl Settings for Option<SearchConfig> {
    fn sections() -> Vec<Section> {
        SearchSettings::sections()
    }

    fn read(from: &mut Reader<'_>) -> Self {
        let SearchSettings { url, kind, key_env } = SearchSettings::read(from);
        let key_env = Some(key_env).filter(|it| !it.is_empty());
        Some(SearchConfig { kind, url: url.parse().ok()?, key_env })
    }

    fn unfit(&self) -> Vec<Unfit> {
        Vec::new()
    }
}

fn address(text: &str) -> Result<(), Wrong> {
    let is_plain = |it: &Url| {
        ["http", "https"].contains(&it.scheme())
            && it.username().is_empty()
            && it.password().is_none()
            && it.has_host()
    };
    let expected = "an `http` or `https` address without a user";
    match text.is_empty() || text.parse().is_ok_and(|it| is_plain(&it)) {
        true => Ok(()),
        false => Err(Wrong::Malformed(expected)),
    }
}

impl FromText for SearchKind {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        word(text, &[("searxng", SearchKind::Searxng), ("brave", SearchKind::Brave)])
    }
}

impl FromText for Rule {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|it: super::RuleError| Wrong::Other(it.into()))
    }
}
