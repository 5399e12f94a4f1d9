//! Whether a model answers at all.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::{Author, ChatRequest, Message, Model, ProviderError};

/// Asks for one token: the cheapest request that proves the address, the key
/// and the model. Says in a line who answered, and how fast.
///
/// Costs that token, and what the provider takes for a request.
pub async fn check(model: &Model) -> Result<String, ProviderError> {
    let hello = Message {
        author: Author::User,
        text: "Say ok.".to_owned(),
        tool_calls: Vec::new(),
        answers: None,
        original: None,
    };
    let request =
        ChatRequest { messages: vec![hello], max_tokens: Some(1), ..ChatRequest::default() };
    let start = Instant::now();
    let answer = model.chat(request, CancellationToken::new(), None).await?;
    let millis = start.elapsed().as_millis();
    Ok(format!("`{}` of `{}` answered in {millis} ms", answer.model, model.provider_name))
}
