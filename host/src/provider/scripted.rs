//! A cassette in place of a model: canned answers, for tests and demos.
//!
//! A cassette is a JSON file with a list of turns:
//!
//! ```json
//! {"turns": [
//!   {"when": {"goal": ["count"], "tools": ["read_file"]},
//!    "tool_calls": [{"name": "read_file", "arguments": {"path": "notes.txt"}}]},
//!   {"when": {"goal": ["count"]}, "text": "I found this: {{last}}"},
//!   {"when": {"goal": ["fail"]}, "error": {"kind": "broken", "message": "boom"}},
//!   {"text": "done", "repeat": true}
//! ]}
//! ```
//!
//! The rule: **each answer of a conversation is the first turn in the file
//! that this conversation has not had yet, and whose `when` fits.** Which
//! turns it has had is read off the conversation itself, by playing it again
//! from its start: nothing is kept between two calls. So every child of a
//! batch has its own way through one cassette, whatever the others do at the
//! same time, and the same conversation has the same answer again: an `error`
//! stays one however often it is tried. A child that shortens its conversation
//! is taken back.
//!
//! | field of `when` | fits when |
//! |---|---|
//! | `goal` | all of these texts are in the first message of the user |
//! | `last` | all of them are in the last message |
//! | `any` | each of them is in one of the messages |
//! | `tools` | all of these tools are offered |
//!
//! | field of a turn | is |
//! |---|---|
//! | `text`, `tool_calls` | what the model says; `arguments` are an object, or text that need be no JSON |
//! | `error` | in place of them: `kind` is `invalid`, `too_long`, `key`, `busy` or `broken`; `message`; `retry_after_ms` for `busy` |
//! | `finish` | `stop`, `tool_calls`, `length`, `filtered`; by default what the turn is |
//! | `usage` | `input_tokens`, `output_tokens`; estimated by default |
//! | `delay_ms` | how long the answer takes |
//! | `repeat` | never used up |
//!
//! `{{last}}` in a text, or in a text of the arguments, stands for the text of
//! the last result of a tool; `{{last.FIELD}}` for a field of it, when it is a
//! JSON object with that field.

mod cassette;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

pub use cassette::CassetteError;
pub(super) use cassette::load;
use cassette::{Answer, Turn, When};

use super::{
    Author, Call, ChatFuture, ChatRequest, ChatResponse, Finish, Message, Provider, ProviderError,
    ToolCall, Usage, rendering,
};

/// A loaded cassette.
#[derive(Clone, Debug)]
pub(super) struct Scripted {
    turns: Arc<[Turn]>,
}

impl Provider for Scripted {
    fn chat(&self, call: Call) -> ChatFuture {
        let cassette = self.clone();
        Box::pin(async move {
            let cancelled = call.cancelled.clone();
            let answer = cancelled.run_until_cancelled(cassette.answer(&call)).await;
            answer.unwrap_or(Err(ProviderError::Cancelled))
        })
    }
}

impl Scripted {
    async fn answer(&self, call: &Call) -> Result<ChatResponse, ProviderError> {
        let turn = self.turn(&call.request)?;
        if 0 < turn.delay_ms {
            tokio::time::sleep(Duration::from_millis(turn.delay_ms)).await;
        }
        let res = turn.response(call)?;
        if let Some(partial) = &call.partial {
            partial(&res.text);
        }
        Ok(res)
    }

    /// Plays the conversation from its start.
    fn turn(&self, request: &ChatRequest) -> Result<&Turn, ProviderError> {
        let mut left: Vec<&Turn> = self.turns.iter().collect();
        let mut answers = 0;
        for (place, message) in request.messages.iter().enumerate() {
            if message.author == Author::Assistant {
                let so_far = request.messages.get(..place).unwrap_or_default();
                take(&mut left, so_far, request);
                answers += 1;
            }
        }
        take(&mut left, &request.messages, request).ok_or_else(|| {
            let text = format!("the cassette has no turn that fits answer {}", answers + 1);
            ProviderError::Invalid(text)
        })
    }
}

/// Takes the first turn that fits.
fn take<'a>(
    left: &mut Vec<&'a Turn>,
    so_far: &[Message],
    request: &ChatRequest,
) -> Option<&'a Turn> {
    let place = left.iter().position(|it| it.when.fits(so_far, request))?;
    let turn = left.get(place).copied()?;
    if !turn.repeat {
        left.remove(place);
    }
    Some(turn)
}

impl When {
    fn fits(&self, so_far: &[Message], request: &ChatRequest) -> bool {
        let goal = so_far.iter().find(|it| it.author == Author::User);
        let has = |message: Option<&Message>, texts: &[String]| {
            texts.iter().all(|text| message.is_some_and(|it| it.text.contains(text)))
        };
        let any = |text: &String| so_far.iter().any(|it| it.text.contains(text));
        let offered = |name: &String| request.tools.iter().any(|it| it.name == *name);
        has(goal, &self.goal)
            && has(so_far.last(), &self.last)
            && self.any.iter().all(any)
            && self.tools.iter().all(offered)
    }
}

impl Turn {
    fn response(&self, call: &Call) -> Result<ChatResponse, ProviderError> {
        let (text, tool_calls) = match &self.answer {
            Answer::Error(error) => return Err(error.clone()),
            Answer::Said { text, tool_calls } => (text, tool_calls),
        };
        let messages = &call.request.messages;
        let last = messages.iter().rev().find(|it| it.author == Author::Tool);
        let last = last.map_or("", |it| it.text.as_str());
        let text = filled_in(text, last);
        let tool_calls: Vec<ToolCall> = tool_calls
            .iter()
            .enumerate()
            .map(|(index, (name, arguments))| ToolCall {
                id: format!("call_{}_{index}", messages.len()),
                name: name.clone(),
                arguments: arguments_text(arguments, last),
            })
            .collect();
        let said = text.len() + tool_calls.iter().map(|it| it.arguments.len()).sum::<usize>();
        let usage =
            self.usage.unwrap_or_else(|| rendering::usage(Usage::default(), &call.request, said));
        let default = if tool_calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
        Ok(ChatResponse {
            text,
            tool_calls,
            finish: self.finish.unwrap_or(default),
            usage,
            cost: None,
            model: call.model.clone(),
            original: None,
            extra: Map::new(),
        })
    }
}

/// Stands for the text of the last result of a tool.
const LAST: &str = "{{last}}";

fn filled_in(text: &str, last: &str) -> String {
    let text = text.replace(LAST, last);
    let fields: Map<String, Value> = serde_json::from_str(last).unwrap_or_default();
    fields.iter().fold(text, |text, (name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.replace(&format!("{{{{last.{name}}}}}"), &value)
    })
}

fn arguments_text(arguments: &Value, last: &str) -> String {
    match arguments {
        Value::String(it) => it.clone(),
        it => replaced(it, last).to_string(),
    }
}

fn replaced(value: &Value, last: &str) -> Value {
    match value {
        Value::String(it) => filled_in(it, last).into(),
        Value::Array(it) => it.iter().map(|it| replaced(it, last)).collect(),
        Value::Object(it) => {
            it.iter().map(|(name, value)| (name.clone(), replaced(value, last))).collect()
        }
        it => it.clone(),
    }
}
