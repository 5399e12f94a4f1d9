//! What a message says, in the forms in which servers write it.

use serde_json::{Map, Value};

/// The texts of `content`: a text, or parts of which some are texts.
pub(super) fn texts(content: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match content {
        Value::String(it) => Box::new(std::iter::once(it.as_str())),
        Value::Array(parts) => Box::new(parts.iter().filter_map(part)),
        it => Box::new(part(it).into_iter()),
    }
}

/// The text of a part. What was thought is none, nor is a part that is refused.
fn part(it: &Value) -> Option<&str> {
    if let Value::String(text) = it {
        return Some(text);
    }
    let kind = it.get("type").and_then(Value::as_str).unwrap_or("text");
    ["text", "output_text"].contains(&kind).then(|| it.get("text")?.as_str()).flatten()
}

/// What a message says instead of an answer, when it refuses one.
pub(super) fn refusal(message: &Map<String, Value>) -> String {
    let parts = message.get("content").and_then(Value::as_array);
    let parts = parts.into_iter().flatten().map(|it| it.get("refusal"));
    let texts = parts.chain([message.get("refusal")]).flatten().filter_map(Value::as_str);
    texts.collect()
}
