//! The messages API of Anthropic, and of servers that speak it too.

mod answer;
mod request;
mod stream;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{Call, ChatResponse, ProviderError, service::Wire};

/// The version of the API that is spoken.
pub(super) const VERSION: &str = "2023-06-01";

/// The messages API.
pub(super) struct Anthropic;

impl Wire for Anthropic {
    type Merged = stream::Blocks;

    fn body(call: &Call, stream: bool, _host: &str) -> Result<Value, ProviderError> {
        request::body(call, stream)
    }

    fn is_answer(of: &Map<String, Value>) -> bool {
        of.get("content").is_some_and(|it| it.is_array() || it.is_string())
    }

    fn read(answer: Map<String, Value>, call: &Call) -> Result<ChatResponse, ProviderError> {
        answer::read(answer, call)
    }
}
