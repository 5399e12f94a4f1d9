//! A streamed answer, merged into the one that would have come at once.

use serde_json::{Map, Value, json};

use crate::provider::{
    merge::{Merge, TooLarge},
    service::{Damaged, Merged, Told},
    sse::Event,
};

/// Blocks of content in one answer. Bounds what an answer without end makes
/// of empty ones.
const MAX_BLOCKS: usize = 1_024;

/// What the events said so far.
#[derive(Default)]
pub(crate) struct Blocks {
    merge: Merge,
    message: Map<String, Value>,
    blocks: Vec<Map<String, Value>>,
    is_done: bool,
}

impl Merged for Blocks {
    fn event(&mut self, event: &Event, told: Told<'_>) -> Result<(), Damaged> {
        Ok(self.data(serde_json::from_str(&event.data)?, told)?)
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn is_finished(&self) -> bool {
        self.is_done || self.message.get("stop_reason").is_some_and(Value::is_string)
    }

    fn whole(mut self) -> Map<String, Value> {
        self.message.insert("content".to_owned(), json!(self.blocks));
        self.message
    }
}

impl Blocks {
    /// Kinds of events that this host knows nothing of are passed over, as the
    /// API asks for.
    fn data(&mut self, mut data: Map<String, Value>, told: Told<'_>) -> Result<(), TooLarge> {
        let kind = data.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "message_start" => {
                self.merge.last_fields(&mut self.message, object(&mut data, "message"))
            }
            "content_block_start" => self.start(&mut data),
            "content_block_delta" => self.delta(&mut data, told),
            "message_delta" => self.end(&mut data),
            "message_stop" => {
                self.is_done = true;
                Ok(())
            }
            "error" => {
                self.is_done = true;
                self.merge.last_fields(&mut self.message, data)
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, data: &mut Map<String, Value>) -> Result<(), TooLarge> {
        if MAX_BLOCKS <= self.blocks.len() {
            return Err(TooLarge);
        }
        let mut block = Map::new();
        self.merge.last_fields(&mut block, object(data, "content_block"))?;
        self.blocks.push(block);
        Ok(())
    }

    /// A piece belongs to the block that it names; blocks come one after the
    /// other, so that is the last one when it names none.
    fn delta(&mut self, data: &mut Map<String, Value>, told: Told<'_>) -> Result<(), TooLarge> {
        let index = data.get("index").and_then(Value::as_u64);
        let index = index.and_then(|it| usize::try_from(it).ok());
        let index = index.unwrap_or(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(index) else { return Ok(()) };
        let mut delta = object(data, "delta");
        // Of the piece, not of the block.
        delta.remove("type");
        if let (Some(told), Some(Value::String(text))) = (told, delta.get("text")) {
            told(text);
        }
        if let Some(json) = delta.remove("partial_json") {
            // It takes the place of the empty object that the block began with.
            if !block.get("input").is_some_and(Value::is_string) {
                block.insert("input".to_owned(), "".into());
            }
            delta.insert("input".to_owned(), json);
        }
        if let Some(citation) = delta.remove("citation") {
            delta.insert("citations".to_owned(), json!([citation]));
        }
        self.merge.fields(block, delta)
    }

    fn end(&mut self, data: &mut Map<String, Value>) -> Result<(), TooLarge> {
        self.merge.last_fields(&mut self.message, object(data, "delta"))?;
        let mut usage = object(&mut self.message, "usage");
        self.merge.last_fields(&mut usage, object(data, "usage"))?;
        self.message.insert("usage".to_owned(), Value::Object(usage));
        // What else comes at the end: what an edit of the context did, …
        data.remove("type");
        self.merge.last_fields(&mut self.message, std::mem::take(data))
    }
}

/// Takes a field that is to be an object.
fn object(of: &mut Map<String, Value>, field: &str) -> Map<String, Value> {
    match of.remove(field) {
        Some(Value::Object(it)) => it,
        _ => Map::new(),
    }
}
