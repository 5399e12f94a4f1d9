//! A streamed answer, merged into the one that would have come at once.

use serde_json::{Map, Value, json};

use crate::provider::{
    merge::{Merge, TooLarge},
    service::{Damaged, Merged, Told},
    sse::Event,
};

/// What the chunks said so far.
#[derive(Default)]
pub(crate) struct Chunks {
    merge: Merge,
    message: Map<String, Value>,
    finish: Option<String>,
    /// All beside the choices.
    rest: Map<String, Value>,
    is_done: bool,
}

impl Merged for Chunks {
    fn event(&mut self, event: &Event, told: Told<'_>) -> Result<(), Damaged> {
        if event.data.trim() == "[DONE]" {
            self.is_done = true;
            return Ok(());
        }
        let mut chunk: Map<String, Value> = serde_json::from_str(&event.data)?;
        if event.name == "error" && !chunk.contains_key("error") {
            chunk = Map::from_iter([("error".to_owned(), Value::Object(chunk))]);
        }
        // Nothing comes after an error.
        self.is_done = chunk.get("error").is_some_and(|it| !it.is_null());
        Ok(self.chunk(chunk, told)?)
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn is_finished(&self) -> bool {
        self.is_done || self.finish.is_some()
    }

    fn whole(mut self) -> Map<String, Value> {
        // The place in the stream; no field of a message.
        let calls = self.message.get_mut("tool_calls").and_then(Value::as_array_mut);
        for call in calls.into_iter().flatten().filter_map(Value::as_object_mut) {
            call.remove("index");
        }
        let choice = json!({"message": self.message, "finish_reason": self.finish});
        self.rest.insert("choices".to_owned(), json!([choice]));
        self.rest
    }
}

impl Chunks {
    fn chunk(&mut self, mut chunk: Map<String, Value>, told: Told<'_>) -> Result<(), TooLarge> {
        let choices = chunk.remove("choices");
        self.merge.last_fields(&mut self.rest, chunk)?;
        let Some(Value::Array(choices)) = choices else { return Ok(()) };
        let first = choices.into_iter().find(|it| it.get("index").is_none_or(|it| it == 0));
        let Some(Value::Object(mut choice)) = first else { return Ok(()) };
        if let Some(Value::String(finish)) = choice.remove("finish_reason") {
            self.finish = Some(finish);
        }
        let Some(Value::Object(delta)) = choice.remove("delta") else { return Ok(()) };
        let text = delta.get("content").and_then(Value::as_str).filter(|it| !it.is_empty());
        if let (Some(told), Some(text)) = (told, text) {
            told(text);
        }
        self.merge.fields(&mut self.message, delta)
    }
}
