//! Models that answer what a test says.

use std::{future::ready, sync::Arc, time::Duration};

use hermitage::provider::{
    Call, ChatFuture, ChatRequest, ChatResponse, Finish, Model, Models, Patience, Price, Provider,
    ProviderError, ToolCall, Usage,
};

/// What a model says to a conversation.
pub type Answer = Result<ChatResponse, ProviderError>;

struct Canned<F>(F);

impl<F: Fn(&ChatRequest) -> Answer + Send + Sync> Provider for Canned<F> {
    fn chat(&self, call: Call) -> ChatFuture {
        Box::pin(ready((self.0)(&call.request)))
    }
}

/// A model of that name, tried once, at two dollars and ten for a million
/// tokens.
pub fn model(name: &str, answer: impl Fn(&ChatRequest) -> Answer + Send + Sync + 'static) -> Model {
    Model {
        name: name.to_owned(),
        id: format!("{name}-id"),
        provider_name: "canned".to_owned(),
        provider: Arc::new(Canned(answer)),
        context_tokens: None,
        max_output_tokens: None,
        temperature: None,
        price: Some(Price { input: 2.0, output: 10.0 }),
        patience: Patience {
            max_attempts: 1,
            first_pause: Duration::from_millis(1),
            max_pause: Duration::from_millis(1),
            timeout: Duration::from_secs(60),
        },
    }
}

/// The first one is the default.
pub fn models(list: impl IntoIterator<Item = Model>) -> Models {
    let mut models = Models::default();
    list.into_iter().for_each(|it| models.add(it));
    models
}

/// An answer in words, which took 100 tokens and 10.
pub fn says(text: impl Into<String>) -> ChatResponse {
    ChatResponse {
        text: text.into(),
        tool_calls: Vec::new(),
        finish: Finish::Stop,
        usage: Usage { input_tokens: 100, output_tokens: 10 },
        cost: None,
        model: "canned-1".to_owned(),
        original: None,
        extra: serde_json::Map::new(),
    }
}

/// An answer that asks for one tool.
pub fn calls(name: &str, arguments: impl ToString) -> ChatResponse {
    let call = ToolCall {
        id: "call-1".to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_string(),
    };
    ChatResponse { tool_calls: vec![call], finish: Finish::ToolCalls, ..says("") }
}
