//! The messages of a model as its provider wrote them, to be sent back so.
//!
//! Providers want back what a component has no place for: signatures of
//! thoughts, reasoning, blocks of thinking. A component that sends a message
//! on may write its arguments anew, or cut blanks around its text: what it
//! means is then the same, and it is sent as it came. A message that means
//! something else is the component's own.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash as _, Hasher},
    io::{self, Write},
    sync::Arc,
};

use serde_json::Value;

use crate::provider::{Author, ChatResponse, Message, ToolCall};

/// Messages that are kept, and bytes of them together. The oldest go first:
/// providers ask for the newest.
const MAX_ORIGINALS: usize = 1_024;
const MAX_ORIGINAL_BYTES: usize = 16 << 20;

/// Numbers up to here are the same whether they are written as whole ones or
/// not: components in JavaScript know no difference.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_992.0;

/// What the providers of one child said, in its order.
#[derive(Default)]
pub(super) struct Originals {
    kept: VecDeque<Original>,
    bytes: usize,
}

struct Original {
    meaning: u64,
    message: Arc<Value>,
    bytes: usize,
}

impl Originals {
    pub(super) fn add(&mut self, response: &ChatResponse) {
        let meaning = meaning(&response.text, &response.tool_calls);
        let (Some(meaning), Some(message)) = (meaning, &response.original) else { return };
        let bytes = size(message);
        self.bytes = self.bytes.saturating_add(bytes);
        self.kept.push_back(Original { meaning, message: Arc::clone(message), bytes });
        while MAX_ORIGINALS < self.kept.len() || MAX_ORIGINAL_BYTES < self.bytes {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
        }
    }

    /// Puts them back, from the newest on: a conversation loses its oldest
    /// messages first, and two that mean the same keep their order.
    pub(super) fn restore(&self, messages: &mut [Message]) {
        let mut before = self.kept.len();
        let of_model = messages.iter_mut().filter(|it| it.author == Author::Assistant);
        for message in of_model.rev() {
            let Some(meaning) = meaning(&message.text, &message.tool_calls) else { continue };
            let older = self.kept.iter().take(before);
            // Out of its order only when it is nowhere else.
            let found = older.rev().position(|it| it.meaning == meaning).map(|it| before - 1 - it);
            if let Some(place) = found {
                before = place;
            }
            let place = found.or_else(|| self.kept.iter().rposition(|it| it.meaning == meaning));
            message.original =
                place.and_then(|it| self.kept.get(it)).map(|it| Arc::clone(&it.message));
        }
    }
}

/// Bytes of a value as JSON, which is written nowhere.
fn size(value: &Value) -> usize {
    let mut counted = Counted(0);
    // It takes all that there is.
    let _ = serde_json::to_writer(&mut counted, value);
    counted.0
}

struct Counted(usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a child was told by a message: its text, without blanks around it, and
/// its calls, their arguments as values. `None` when that is nothing.
///
/// The ids count, since results refer to them, and do not suffice: some
/// servers give the same ones in every answer.
fn meaning(text: &str, calls: &[ToolCall]) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let text = text.trim();
    text.hash(&mut hasher);
    for ToolCall { id, name, arguments } in calls {
        (id, name.trim()).hash(&mut hasher);
        hash_arguments(arguments, &mut hasher);
    }
    (!text.is_empty() || !calls.is_empty()).then(|| hasher.finish())
}

/// As a value; none at all are an empty object. What is no JSON is its text.
fn hash_arguments(arguments: &str, hasher: &mut impl Hasher) {
    let arguments = arguments.trim();
    let text = if arguments.is_empty() { "{}" } else { arguments };
    match serde_json::from_str(text) {
        Ok(value) => hash_value(&value, hasher),
        Err(_) => text.hash(hasher),
    }
}

/// No deeper than what was read, which `serde_json` bounds.
fn hash_value(value: &Value, hasher: &mut impl Hasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::Null => (),
        Value::Bool(it) => it.hash(hasher),
        Value::String(it) => it.hash(hasher),
        Value::Number(it) => match it.as_f64().filter(|it| it.abs() <= MAX_SAFE_INTEGER) {
            // Nothing and less than nothing are one zero.
            Some(number) => (number + 0.0).to_bits().hash(hasher),
            None => it.to_string().hash(hasher),
        },
        Value::Array(it) => {
            it.len().hash(hasher);
            it.iter().for_each(|it| hash_value(it, hasher));
        }
        Value::Object(fields) => {
            fields.len().hash(hasher);
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|it| it.0);
            for (name, value) in fields {
                name.hash(hasher);
                hash_value(value, hasher);
            }
        }
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

    fn says(text: &str, tool_calls: Vec<ToolCall>, original: Value) -> ChatResponse {
        ChatResponse {
            text: text.to_owned(),
            tool_calls,
            finish: Finish::ToolCalls,
            usage: Usage::default(),
            cost: None,
            model: "m".to_owned(),
            original: Some(Arc::new(original)),
            extra: serde_json::Map::new(),
        }
    }

    fn sends(text: &str, tool_calls: Vec<ToolCall>) -> Message {
        let (text, author) = (text.to_owned(), Author::Assistant);
        Message { author, text, tool_calls, answers: None, original: None }
    }

    /// What becomes of messages when the model said these, numbered from 0.
    #[track_caller]
    fn check(
        said: &[(&str, Vec<ToolCall>)],
        sent: &[(&str, Vec<ToolCall>)],
        expect: &[Option<usize>],
    ) {
        let mut originals = Originals::default();
        for (number, (text, calls)) in said.iter().enumerate() {
            originals.add(&says(text, calls.clone(), json!(number)));
        }
        let mut messages: Vec<_> = sent.iter().map(|it| sends(it.0, it.1.clone())).collect();
        originals.restore(&mut messages);
        let restored: Vec<_> = messages.iter().map(|it| it.original.as_deref().cloned()).collect();
        let expect: Vec<_> = expect.iter().map(|it| it.map(|it| json!(it))).collect();
        assert_eq!(restored, expect, "{sent:?}");
    }

    #[test]
    fn a_message_that_means_the_same_is_sent_as_it_came() {
        let same = |arguments: &str, written: &str| {
            let said = [(" I look.\n", calls("a", arguments))];
            check(&said, &[("I look.", calls("a", written))], &[Some(0)]);
        };
        same(r#"{"path": "a", "limit": 5}"#, r#"{"limit":5,"path":"a"}"#);
        same(r#"{"a": {"c": [1, null], "b": 2.0}}"#, r#"{"a":{"b":2,"c":[1,null]}}"#);
        same(r#"{"a": "\u00e9"}"#, r#"{"a":"é"}"#);
        same("{}", "");
        same("{cut", "{cut");
    }

    #[test]
    fn a_message_that_means_something_else_is_the_components_own() {
        let said = [("one", calls("a", r#"{"p": 1}"#))];
        let other = |text: &str, calls| check(&said, &[(text, calls)], &[None]);
        other("one, cut", calls("a", r#"{"p": 1}"#));
        other("one", calls("b", r#"{"p": 1}"#));
        other("one", calls("a", r#"{"p": 2}"#));
        other("one", calls("a", r#"{"p": "1"}"#));
        other("one", calls("a", r#"{"p": 1, "q": null}"#));
        other("one", Vec::new());
        other("", Vec::new());
    }

    #[test]
    fn an_answer_in_words_is_sent_as_it_came_too() {
        check(&[("Done.", Vec::new())], &[("Done.", Vec::new())], &[Some(0)]);
        check(&[(" ", Vec::new())], &[("", Vec::new())], &[None]);
    }

    #[test]
    fn messages_that_mean_the_same_keep_their_order() {
        let (one, two) = (("", calls("call_0", "{}")), ("two", calls("call_0", "{}")));
        let said = [one.clone(), two.clone(), one.clone()];
        check(&said, &said, &[Some(0), Some(1), Some(2)]);
        // Its oldest end was dropped.
        check(&said, &[two.clone(), one.clone()], &[Some(1), Some(2)]);
        check(&said, std::slice::from_ref(&one), &[Some(2)]);
        check(&said, &[one.clone(), two.clone()], &[Some(0), Some(1)]);
        // More of the same than was said.
        check(std::slice::from_ref(&one), &[one.clone(), one.clone()], &[Some(0), Some(0)]);
    }

    #[test]
    fn a_value_is_as_large_as_its_text() {
        for value in [json!(null), json!({"a": ["\n\u{e9}\"", 1.5, {}]}), json!("x".repeat(9_999))]
        {
            assert_eq!(size(&value), value.to_string().len(), "{value}");
        }
    }

    #[test]
    fn the_oldest_go_first() {
        let mut originals = Originals::default();
        for number in 0..=MAX_ORIGINALS {
            originals.add(&says(&number.to_string(), Vec::new(), json!(number)));
        }
        let mut messages = [sends("0", Vec::new()), sends("1", Vec::new())];
        originals.restore(&mut messages);
        assert_eq!(messages.map(|it| it.original.is_some()), [false, true]);
        let large = json!("x".repeat(MAX_ORIGINAL_BYTES / 2));
        for text in ["a", "b"] {
            originals.add(&says(text, Vec::new(), large.clone()));
        }
        let mut messages = ["1", "a", "b"].map(|it| sends(it, Vec::new()));
        originals.restore(&mut messages);
        assert_eq!(messages.map(|it| it.original.is_some()), [false, false, true]);
    }
}
