//! Chat completions, the wire that most servers speak: OpenAI, OpenRouter,
//! llama.cpp, Ollama, vLLM, LM Studio.

mod answer;
mod calls;
mod content;
mod request;
mod stream;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{Call, ChatResponse, ProviderError, service::Wire};

/// Chat completions.
pub(super) struct OpenAi;

impl Wire for OpenAi {
    type Merged = stream::Chunks;

    fn body(call: &Call, stream: bool, host: &str) -> Result<Value, ProviderError> {
        request::body(call, stream, request::limit_field(host))
    }

    fn is_answer(of: &Map<String, Value>) -> bool {
        of.get("choices").and_then(Value::as_array).is_some_and(|it| !it.is_empty())
    }

    fn read(answer: Map<String, Value>, call: &Call) -> Result<ChatResponse, ProviderError> {
        answer::read(answer, call)
    }
}
