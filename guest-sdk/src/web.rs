//! Pages of the web. Toolset `web`.

pub use crate::bindings::hermitage::subagent::web::{WebHit, WebPage, web_extract, web_search};
