//! A streamed answer, merged into the one that would have come at once.

use serde_json::{Map, Value, json};

use super::{calls::Calls, content::texts};
use crate::provider::{
    json,
    merge::{Merge, TooLarge},
    refusal::is_error,
    service::{Damaged, Merged, Told},
    sse::Event,
};

/// What the chunks said so far.
#[derive(Default)]
pub(crate) struct Chunks {
    merge: Merge,
    message: Map<String, Value>,
    calls: Calls,
    finish: Option<String>,
    /// All beside the choices.
    rest: Map<String, Value>,
    is_done: bool,
}

/// What ends a stream.
const DONE: &str = "[DONE]";

impl Merged for Chunks {
    fn event(&mut self, event: &Event, told: Told<'_>) -> Result<(), Damaged> {
        let data = event.data.trim();
        let (data, ends) = data.strip_suffix(DONE).map_or((data, false), |it| (it, true));
        if !data.is_empty() {
            let chunks = match json::objects(data) {
                Err(_) if event.name == "error" => vec![error(data.into())],
                chunks => chunks?,
            };
            for mut chunk in chunks {
                if event.name == "error" && !is_error(&chunk) {
                    chunk = error(Value::Object(chunk));
                }
                self.chunk(chunk, told)?;
            }
        }
        self.is_done |= ends;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn is_finished(&self) -> bool {
        self.is_done || self.finish.is_some()
    }

    fn whole(mut self) -> Map<String, Value> {
        if !self.is_finished() {
            return self.rest;
        }
        let calls = self.calls.whole();
        if !calls.is_empty() {
            self.message.insert("tool_calls".to_owned(), calls.into());
        }
        let choice = json!({"message": self.message, "finish_reason": self.finish});
        self.rest.insert("choices".to_owned(), json!([choice]));
        self.rest
    }
}

fn error(of: Value) -> Map<String, Value> {
    Map::from_iter([("error".to_owned(), of)])
}

impl Chunks {
    fn chunk(&mut self, mut chunk: Map<String, Value>, told: Told<'_>) -> Result<(), TooLarge> {
        let choices = chunk.remove("choices");
        // Nothing comes after an error.
        self.is_done |= is_error(&chunk);
        self.merge.last_fields(&mut self.rest, chunk)?;
        let Some(Value::Array(choices)) = choices else { return Ok(()) };
        let first = choices.into_iter().find(|it| it.get("index").is_none_or(|it| it == 0));
        let Some(Value::Object(mut choice)) = first else { return Ok(()) };
        if let Some(error) = choice.remove("error").filter(|it| !it.is_null()) {
            self.is_done = true;
            self.merge.last_fields(&mut self.rest, self::error(error))?;
        }
        // Some say nothing by an empty text, or by the word for nothing.
        if let Some(Value::String(finish)) = choice.remove("finish_reason")
            && !["", "null"].contains(&finish.as_str())
        {
            self.finish = Some(finish);
        }
        match (choice.remove("delta"), choice.remove("message")) {
            (Some(Value::Object(delta)), _) => self.delta(delta, told),
            (_, Some(Value::Object(message))) => {
                // All of it at once, in place of what came before.
                self.message.clear();
                self.calls = Calls::default();
                self.delta(message, None)
            }
            _ => Ok(()),
        }
    }

    fn delta(&mut self, mut delta: Map<String, Value>, told: Told<'_>) -> Result<(), TooLarge> {
        if let (Some(told), Some(content)) = (told, delta.get("content")) {
            let text: String = texts(content).collect();
            let text = json::without_halves(&text);
            if !text.is_empty() {
                told(&text);
            }
        }
        match delta.remove("tool_calls") {
            Some(Value::Array(calls)) => {
                calls.into_iter().try_for_each(|it| self.calls.push(it, &mut self.merge))?;
            }
            Some(call @ Value::Object(_)) => self.calls.push(call, &mut self.merge)?,
            _ => (),
        }
        self.merge.fields(&mut self.message, delta)
    }
}
