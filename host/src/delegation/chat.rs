//! The model of one child: every chat is counted against the child's
//! iterations, paid for from the tree's budget, and added up for its result.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    budget::{Budget, Kind},
    inbox::Inbox,
    originals::Originals,
};
use crate::{
    event::Tokens,
    provider::{ChatRequest, ChatResponse, Message, Model, ProviderError, Spelling},
    sandbox::Spent,
    telemetry::Work,
    toolset::{ModelError, ModelHost, ToolError, call::Caller, model::ModelFuture},
};

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
    originals: Originals,
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
        state.originals.add(response);
    }

    /// Keeps what the provider said instead of an answer.
    fn failed(&self, err: &ProviderError) {
        if *err != ProviderError::Cancelled {
            self.gave(err.to_string());
        }
    }

    fn gave(&self, why: String) {
        self.state().totals.failure = Some(why);
    }

    /// Puts the provider's own words back: a component sees, and sends, only
    /// what the contract has a place for.
    fn restore(&self, messages: &mut [Message]) {
        self.state().originals.restore(messages);
    }

    /// Held for a few assignments only.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The model of one child.
pub(super) struct ChildModel {
    pub(super) model: Arc<Model>,
    pub(super) max_iterations: u32,
    pub(super) meter: Arc<ChatMeter>,
    pub(super) inbox: Arc<Inbox>,
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
    fn heard(&self) -> Vec<String> {
        self.inbox.heard()
    }

    /// The budget has it already: what was spent is recorded with each call.
    fn answered(
        &self,
        request: &ChatRequest,
        answer: &Result<ChatResponse, ModelError>,
        heard: Vec<String>,
    ) {
        if self.meter.begin(self.max_iterations, || Ok(())).is_err() {
            return;
        }
        self.inbox.hear_again(request.messages.len(), heard);
        match answer {
            Ok(it) => self.meter.add(it, cost(&self.model, it)),
            Err(ModelError::Tool(ToolError::Failed(why))) => self.meter.gave(why.clone()),
            Err(_) => (),
        }
    }

    fn chat(&self, caller: Caller, mut request: ChatRequest) -> ModelFuture {
        if let Err(err) = self.meter.begin(self.max_iterations, || self.pay()) {
            return Box::pin(std::future::ready(Err(err.into())));
        }
        self.meter.restore(&mut request.messages);
        self.inbox.join(&mut request.messages);
        let spelling = Spelling::apply(&mut request);
        let (model, meter) = (Arc::clone(&self.model), Arc::clone(&self.meter));
        let (budget, spent) = (self.budget.clone(), self.spent.clone());
        Box::pin(async move {
            let (provider, id) = (&model.provider_name, &model.id);
            let span = caller.span.start(Work::Chat { provider, model: id });
            let response = model.chat(request, caller.cancelled, None).await;
            let response = response.inspect_err(|it| meter.failed(it)).map_err(model_error);
            if let Ok(it) = &response {
                span.answered_by(&it.model);
                span.used(it.usage.input_tokens, it.usage.output_tokens);
            }
            span.end(response.as_ref().err().map(ModelError::word));
            let mut response = response?;
            spelling.undo(&mut response);
            meter.add(&response, cost(&model, &response));
            let (input, output) = (response.usage.input_tokens, response.usage.output_tokens);
            tracing::debug!(model = %response.model, input, output, "a model answered");
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
