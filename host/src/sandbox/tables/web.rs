// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.

//! The tools of interface `web` as typed imports.

use crate::{
    sandbox::{function::Entry, typed::TypedTool, wit::contract::web as wit},
    tools::web as tools,
};

pub(super) static FUNCTIONS: &[Entry] = &[
    Entry::of::<tools::WebSearch>(),
    Entry::of::<tools::WebExtract>(),
];

impl TypedTool for tools::WebSearch {
    const INTERFACE: &'static str = "hermitage:subagent/web@0.1.0";
    const FUNCTION: &'static str = "web-search";
    type Params = (String, Option<u32>);
    type Answer = Vec<wit::WebHit>;

    fn arguments(params: Self::Params) -> Self {
        let (query, limit) = params;
        Self { query, limit }
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output.into_iter().map(Into::into).collect()
    }
}

impl TypedTool for tools::WebExtract {
    const INTERFACE: &'static str = "hermitage:subagent/web@0.1.0";
    const FUNCTION: &'static str = "web-extract";
    type Params = (String,);
    type Answer = wit::WebPage;

    fn arguments(params: Self::Params) -> Self {
        let (url,) = params;
        Self { url }
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output.into()
    }
}

impl From<tools::WebHit> for wit::WebHit {
    fn from(it: tools::WebHit) -> Self {
        let tools::WebHit { title, url, snippet } = it;
        Self { title, url, snippet }
    }
}

impl From<tools::WebPage> for wit::WebPage {
    fn from(it: tools::WebPage) -> Self {
        let tools::WebPage { url, title, text, truncated } = it;
        Self {
            url,
            title,
            text,
            truncated,
        }
    }
}
