//! A streamed answer, merged into the one that would have come at once.

use serde_json::{Map, Value, json};

use crate::provider::{
    json,
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
    blocks: Vec<Block>,
    is_done: bool,
}

/// A block, and where it stands.
struct Block {
    index: Option<u64>,
    fields: Map<String, Value>,
}

impl Merged for Blocks {
    fn event(&mut self, event: &Event, told: Told<'_>) -> Result<(), Damaged> {
        let events = match json::objects(&event.data) {
            Err(_) if event.name == "error" => {
                vec![Map::from_iter([("error".to_owned(), event.data.as_str().into())])]
            }
            // Some end as the other wire does.
            Err(_) if event.data.trim() == "[DONE]" => Vec::new(),
            events => events?,
        };
        for mut data in events {
            if !data.contains_key("type") && !event.name.is_empty() {
                data.insert("type".to_owned(), event.name.as_str().into());
            }
            self.data(data, told)?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn is_finished(&self) -> bool {
        let reason = self.message.get("stop_reason").and_then(Value::as_str);
        self.is_done || reason.is_some_and(|it| !it.is_empty())
    }

    fn whole(mut self) -> Map<String, Value> {
        if !self.is_finished() {
            // No part of an answer, but what may say why there is none.
            self.message.remove("content");
            return self.message;
        }
        let blocks: Vec<_> = self.blocks.into_iter().map(|it| it.fields).collect();
        self.message.insert("content".to_owned(), json!(blocks));
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
            // Without a type it is no event of this API.
            "" => self.merge.last_fields(&mut self.message, data),
            _ => Ok(()),
        }
    }

    fn start(&mut self, data: &mut Map<String, Value>) -> Result<(), TooLarge> {
        if MAX_BLOCKS <= self.blocks.len() {
            return Err(TooLarge);
        }
        let index = data.get("index").and_then(Value::as_u64);
        let mut fields = Map::new();
        self.merge.last_fields(&mut fields, object(data, "content_block"))?;
        self.blocks.push(Block { index, fields });
        Ok(())
    }

    /// A piece belongs to the block that it names; blocks come one after the
    /// other, so that is the last one when it names none. One whose block was
    /// never begun begins it.
    fn delta(&mut self, data: &mut Map<String, Value>, told: Told<'_>) -> Result<(), TooLarge> {
        let index = data.get("index").and_then(Value::as_u64);
        let place = self.blocks.iter().rposition(|it| index.is_none() || it.index == index);
        if place.is_none() {
            let Some(block) = unbegun(data) else { return Ok(()) };
            data.insert("content_block".to_owned(), block);
            self.start(data)?;
        }
        let place = place.unwrap_or(self.blocks.len().saturating_sub(1));
        let Some(Block { fields: block, .. }) = self.blocks.get_mut(place) else { return Ok(()) };
        let mut delta = object(data, "delta");
        // Of the piece, not of the block.
        delta.remove("type");
        if let (Some(told), Some(Value::String(text))) = (told, delta.get("text")) {
            told(&json::without_halves(text));
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

/// The beginning of the block that a piece goes on with, when no other block
/// could be meant.
fn unbegun(data: &Map<String, Value>) -> Option<Value> {
    match data.get("delta")?.get("type")?.as_str()? {
        "text_delta" => Some(json!({"type": "text", "text": ""})),
        "thinking_delta" => Some(json!({"type": "thinking", "thinking": ""})),
        _ => None,
    }
}

/// Takes a field that is to be an object.
fn object(of: &mut Map<String, Value>, field: &str) -> Map<String, Value> {
    match of.remove(field) {
        Some(Value::Object(it)) => it,
        _ => Map::new(),
    }
}
