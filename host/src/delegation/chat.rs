//! The model of one child: every chat is counted against the child's
//! iterations, paid for from the tree's budget, and added up for its result.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use super::budget::{Budget, Kind};
use crate::{
    event::Tokens,
    provider::{Author, ChatRequest, ChatResponse, Message, Model, ProviderError, ToolCall},
    sandbox::Spent,
    toolset::{ModelError, ModelHost, ToolError, call::Caller, model::ModelFuture},
};

/// Messages of the model that are kept as the provider wrote them, and the
/// bytes of their texts and calls together. A child that is told more gets its
/// newest ones rendered anew.
const MAX_ORIGINALS: usize = 256;
const MAX_ORIGINAL_BYTES: usize = 4 << 20;

/// What a child's chats came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ChatTotals {
    /// Chats that were begun.
    pub(super) calls: u32,
    pub(super) tokens: Tokens,
    /// US dollars, when every answer had a price.
    pub(super) cost: Option<f64>,
    /// The model that answered last, by the provider's name.
    pub(super) model: Option<String>,
    /// A chat was refused, because all iterations are spent.
    pub(super) is_over: bool,
    /// Why the last chat that reached the provider had no answer, in its own
    /// words.
    pub(super) failure: Option<String>,
}

/// The books of one child, over both tries at a structured answer.
#[derive(Default)]
pub(super) struct ChatMeter(Mutex<State>);

#[derive(Default)]
struct State {
    totals: ChatTotals,
    /// By what the child was given of the message.
    originals: HashMap<u64, Arc<Value>>,
    original_bytes: usize,
}

impl ChatMeter {
    pub(super) fn totals(&self) -> ChatTotals {
        self.state().totals.clone()
    }

    /// Takes one iteration, if there is one and `pay` pays for it. A guest
    /// has one call under way at a time.
    fn begin(
        &self,
        max_iterations: u32,
        pay: impl FnOnce() -> Result<(), ToolError>,
    ) -> Result<(), ToolError> {
        let mut state = self.state();
        if state.totals.calls >= max_iterations {
            state.totals.is_over = true;
            let text = format!("all {max_iterations} model calls are spent (`max_iterations`)");
            return Err(ToolError::Exhausted(text));
        }
        pay()?;
        state.totals.calls += 1;
        Ok(())
    }

    fn add(&self, response: &ChatResponse, cost: Option<f64>) {
        let mut state = self.state();
        let is_first = state.totals.model.is_none();
        let totals = &mut state.totals;
        let (usage, tokens) = (response.usage, &mut totals.tokens);
        tokens.input = tokens.input.saturating_add(usage.input_tokens);
        tokens.output = tokens.output.saturating_add(usage.output_tokens);
        totals.cost = match (totals.cost, cost) {
            (None, cost) if is_first => cost,
            (Some(sum), Some(cost)) => Some(sum + cost),
            // A sum without one of its parts would look like all of it.
            _ => None,
        };
        totals.model = Some(response.model.clone());
        totals.failure = None;
        let given = given(&response.text, &response.tool_calls);
        if let (Some(given), Some(original)) = (given, &response.original) {
            let bytes = state.original_bytes.saturating_add(original.to_string().len());
            if state.originals.len() < MAX_ORIGINALS && bytes <= MAX_ORIGINAL_BYTES {
                state.original_bytes = bytes;
                state.originals.insert(given, Arc::clone(original));
            }
        }
    }

    /// Keeps what the provider said instead of an answer.
    fn failed(&self, err: &ProviderError) {
        if *err != ProviderError::Cancelled {
            self.state().totals.failure = Some(err.to_string());
        }
    }

    /// Puts the provider's own words back: a component sees, and sends, only
    /// what the contract has a place for. A message that the child changed is
    /// sent as it wrote it, and one whose id another has is its own.
    fn restore(&self, messages: &mut [Message]) {
        let state = self.state();
        let of_model = messages.iter_mut().filter(|it| it.author == Author::Assistant);
        for message in of_model {
            let given = given(&message.text, &message.tool_calls);
            message.original = given.and_then(|it| state.originals.get(&it)).cloned();
        }
    }

    /// Held for a few assignments only.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a child sees of a message that calls tools; `None` for any other,
/// which has nothing that would be lost. Some servers give the same ids in
/// every answer, so all of it counts.
fn given(text: &str, calls: &[ToolCall]) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    for ToolCall { id, name, arguments } in calls {
        (id, name, arguments).hash(&mut hasher);
    }
    (!calls.is_empty()).then(|| hasher.finish())
}

/// The model of one child.
pub(super) struct ChildModel {
    pub(super) model: Arc<Model>,
    pub(super) max_iterations: u32,
    pub(super) meter: Arc<ChatMeter>,
    pub(super) budget: Budget,
    pub(super) spent: Spent,
}

impl ChildModel {
    /// Takes the chat from the budget, or stops the child.
    fn pay(&self) -> Result<(), ToolError> {
        let paid = self.budget.check(Kind::Tokens, 1);
        let paid = paid.and_then(|()| self.budget.spend(Kind::ModelCalls, 1));
        paid.map_err(|it| {
            self.spent.spend_out(it.to_string());
            ToolError::Exhausted(it.to_string())
        })
    }
}

impl ModelHost for ChildModel {
    fn chat(&self, caller: Caller, mut request: ChatRequest) -> ModelFuture {
        if let Err(err) = self.meter.begin(self.max_iterations, || self.pay()) {
            return Box::pin(std::future::ready(Err(err.into())));
        }
        self.meter.restore(&mut request.messages);
        let (model, meter) = (Arc::clone(&self.model), Arc::clone(&self.meter));
        let (budget, spent) = (self.budget.clone(), self.spent.clone());
        Box::pin(async move {
            let response = model.chat(request, caller.cancelled, None).await;
            let response = response.inspect_err(|it| meter.failed(it)).map_err(model_error)?;
            meter.add(&response, cost(&model, &response));
            let usage = response.usage;
            let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
            // The answer is paid for, so the child gets it; it is the last.
            if let Err(err) = budget.charge(Kind::Tokens, tokens) {
                spent.spend_out(err.to_string());
            }
            Ok(response)
        })
    }
}

/// What the provider said, else what the configured price makes of it.
fn cost(model: &Model, response: &ChatResponse) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "money is shown with a few digits")]
    let dollars = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
    let usage = response.usage;
    response.cost.or_else(|| {
        let price = model.price?;
        Some(dollars(usage.input_tokens, price.input) + dollars(usage.output_tokens, price.output))
    })
}

fn model_error(err: ProviderError) -> ModelError {
    match err {
        ProviderError::TooLong(text) => ModelError::TooLong(text),
        ProviderError::Invalid(text) => ToolError::InvalidArguments(text).into(),
        ProviderError::Cancelled => ToolError::Interrupted.into(),
        err => ToolError::Failed(err.to_string()).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::{Finish, Usage};

    fn calls(id: &str, arguments: &str) -> Vec<ToolCall> {
        let [id, name, arguments] = [id, "read_file", arguments].map(str::to_owned);
        vec![ToolCall { id, name, arguments }]
    }

    fn says(text: &str, tool_calls: Vec<ToolCall>) -> ChatResponse {
        ChatResponse {
            text: text.to_owned(),
            tool_calls,
            finish: Finish::ToolCalls,
            usage: Usage::default(),
            cost: None,
            model: "m".to_owned(),
            original: Some(Arc::new(json!({"said": text}))),
            extra: serde_json::Map::new(),
        }
    }

    #[test]
    fn an_original_is_put_back_into_the_very_message_that_it_is_of() {
        let meter = ChatMeter::default();
        // A server that gives the same id in every answer.
        meter.add(&says("one", calls("call_0", "{}")), None);
        meter.add(&says("two", calls("call_0", "{}")), None);
        let check = |text: &str, tool_calls, expect: Option<Value>| {
            let text = text.to_owned();
            let author = Author::Assistant;
            let mut message = [Message { author, text, tool_calls, answers: None, original: None }];
            meter.restore(&mut message);
            assert_eq!(message[0].original.as_deref(), expect.as_ref());
        };
        check("one", calls("call_0", "{}"), Some(json!({"said": "one"})));
        check("two", calls("call_0", "{}"), Some(json!({"said": "two"})));
        check("cut by the child", calls("call_0", "{}"), None);
        check("one", calls("call_0", r#"{"path": "other"}"#), None);
        check("one", Vec::new(), None);
    }
}
