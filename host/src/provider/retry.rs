//! A chat with a model: one try after the other, as long as trying again can
//! help.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Call, ChatRequest, ChatResponse, Model, Patience, ProviderError, rendering::estimate};
use crate::id::{OsRandom, Random};

/// Told of text as it comes; see [`Call::partial`].
pub type Partial = Arc<dyn Fn(&str) + Send + Sync>;

/// A conversation is refused unsent when its estimate is more than so many
/// times what the model takes: an estimate is wrong by half easily, and a
/// refusal by the provider costs little.
const CLEARLY_TOO_LONG: u64 = 2;

/// Highest temperature that any model takes.
const MAX_TEMPERATURE: f32 = 2.0;

impl Model {
    /// Does one chat: tries as often as the model's [`Patience`] allows,
    /// unless the provider says that trying again would not help. After a try
    /// that failed in the middle, `partial` is told from the start again.
    ///
    /// Fails with the reason of the last try; its text names the model, the
    /// provider and how many tries there were.
    pub async fn chat(
        &self,
        request: ChatRequest,
        cancelled: CancellationToken,
        partial: Option<Partial>,
    ) -> Result<ChatResponse, ProviderError> {
        let request = Arc::new(self.filled_in(request)?);
        let call = || Call {
            model: self.id.clone(),
            request: Arc::clone(&request),
            cancelled: cancelled.clone(),
            partial: partial.clone(),
        };
        let mut tries = 1;
        loop {
            let error = match self.one_try(call()).await {
                Err(error) if error != ProviderError::Cancelled => error,
                done => return done,
            };
            let pause = self.patience.pause(tries, &error, jitter(&OsRandom));
            let pause = pause.map_err(|why| self.named(error.clone(), tries, why))?;
            tracing::info!(model = %self.name, tries, ?pause, %error, "a chat is tried again");
            let paused = cancelled.run_until_cancelled(sleep(pause)).await;
            paused.ok_or(ProviderError::Cancelled)?;
            tries += 1;
        }
    }

    async fn one_try(&self, call: Call) -> Result<ChatResponse, ProviderError> {
        let limit = self.patience.timeout;
        let cancelled = call.cancelled.clone();
        let answer = timeout(limit, self.provider.chat(call));
        match cancelled.run_until_cancelled(answer).await {
            None => Err(ProviderError::Cancelled),
            Some(Ok(answer)) => answer,
            Some(Err(_)) => {
                let seconds = limit.as_secs_f64();
                Err(ProviderError::Broken(format!("no whole answer within {seconds} s")))
            }
        }
    }

    /// With what the model has to say of it.
    fn filled_in(&self, mut request: ChatRequest) -> Result<ChatRequest, ProviderError> {
        request.temperature = request.temperature.or(self.temperature);
        request.max_tokens = match (request.max_tokens, self.max_output_tokens) {
            (Some(wanted), Some(limit)) => Some(wanted.min(limit)),
            (wanted, limit) => wanted.or(limit),
        };
        let is_taken = |it: &f32| (0.0..=MAX_TEMPERATURE).contains(it);
        if request.temperature.as_ref().is_some_and(|it| !is_taken(it)) {
            let text = format!("the temperature is not between 0 and {MAX_TEMPERATURE}");
            return Err(ProviderError::Invalid(text));
        }
        if request.max_tokens == Some(0) {
            return Err(ProviderError::Invalid("at least 1 token has to be allowed".to_owned()));
        }
        self.check_length(&request)?;
        Ok(request)
    }

    fn check_length(&self, request: &ChatRequest) -> Result<(), ProviderError> {
        let Some(limit) = self.context_tokens else { return Ok(()) };
        let estimate = estimate(request);
        if estimate <= limit.saturating_mul(CLEARLY_TOO_LONG) {
            return Ok(());
        }
        Err(ProviderError::TooLong(format!(
            "the conversation has about {estimate} tokens; `{}` takes {limit}",
            self.name
        )))
    }

    fn named(&self, error: ProviderError, tries: u32, why: GivenUp) -> ProviderError {
        let who = format!("model `{}` of provider `{}`", self.name, self.provider_name);
        let tries = if tries == 1 { String::new() } else { format!(" after {tries} tries") };
        let wish = match why {
            GivenUp::WouldNotHelp | GivenUp::TriedEnough => String::new(),
            GivenUp::TooLongAPause(it) => format!(
                "; it wants to be left alone for {:.0} s, longer than is waited",
                it.as_secs_f64().ceil()
            ),
        };
        let named = |text: String| format!("{who} gave no answer{tries}: {text}{wish}");
        error.map_text(named)
    }
}

/// Why there is no further try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GivenUp {
    WouldNotHelp,
    TriedEnough,
    TooLongAPause(Duration),
}

impl Patience {
    /// How long to wait after so many tries. `jitter` is between 0 and 1: a
    /// pause is between half of what the doubling says and all of it, so that
    /// children that failed together do not come back together.
    fn pause(&self, tries: u32, error: &ProviderError, jitter: f64) -> Result<Duration, GivenUp> {
        let wanted = match error {
            ProviderError::Busy { retry_after, .. } => retry_after.unwrap_or_default(),
            ProviderError::Broken(_) => Duration::ZERO,
            _ => return Err(GivenUp::WouldNotHelp),
        };
        if self.max_attempts <= tries {
            return Err(GivenUp::TriedEnough);
        }
        if self.max_pause < wanted {
            return Err(GivenUp::TooLongAPause(wanted));
        }
        let doubled = 2u32.saturating_pow(tries.saturating_sub(1));
        let full = self.first_pause.saturating_mul(doubled).min(self.max_pause);
        let pause = full.mul_f64(0.5 + jitter / 2.0);
        // What was asked for is waited in full, and a little of one's own.
        Ok(if wanted.is_zero() { pause } else { (wanted + pause.min(wanted)).min(self.max_pause) })
    }
}

/// Between 0 and 1.
fn jitter(random: &dyn Random) -> f64 {
    let mut byte = [0];
    random.fill(&mut byte);
    f64::from(byte[0]) / f64::from(u8::MAX)
}

#[cfg(test)]
mod tests;
