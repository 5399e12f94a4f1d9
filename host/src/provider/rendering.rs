//! What every wire needs of a chat and its answer, done in one way.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    ChatRequest, ProviderError, ToolCall, Usage,
    bounds::{MAX_ARGUMENT_BYTES, MAX_ID_BYTES, MAX_NAME_BYTES, MAX_TOKENS_SAID},
    service::broken,
};
use crate::completion::sanitize::clean_line;

/// How many bytes of text a token has, about: of English, or of code.
const BYTES_PER_TOKEN: u64 = 4;

/// A schema that a guest wrote as JSON text.
pub(super) fn schema(text: &str, of: &str) -> Result<Value, ProviderError> {
    let schema: Option<Value> = serde_json::from_str(text).ok();
    let schema = schema.filter(|it| it.is_object() || it.is_boolean());
    schema.ok_or_else(|| {
        ProviderError::Invalid(format!("the schema of {} is no JSON Schema", clean_line(of, 100)))
    })
}

/// As a number with the digits that a person wrote.
pub(super) fn temperature(it: f32) -> Value {
    json!((f64::from(it) * 1_000.0).round() / 1_000.0)
}

/// About how many tokens a conversation has, tools included.
pub(super) fn estimate(request: &ChatRequest) -> u64 {
    let messages = request.messages.iter().map(|it| {
        let calls = it.tool_calls.iter().map(|it| it.name.len() + it.arguments.len());
        it.text.len() + calls.sum::<usize>()
    });
    let tools = request.tools.iter();
    let tools = tools.map(|it| it.name.len() + it.description.len() + it.parameters.len());
    tokens(messages.chain(tools).sum())
}

/// About how many tokens a text has.
pub(super) fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(BYTES_PER_TOKEN)
}

/// What a provider counted; the estimate when it counted nothing.
pub(super) fn usage(counted: Usage, request: &ChatRequest, answer_bytes: usize) -> Usage {
    let Usage { input_tokens, output_tokens } = counted;
    if input_tokens == 0 && output_tokens == 0 {
        return Usage {
            input_tokens: estimate(request),
            output_tokens: tokens(answer_bytes).max(1),
        };
    }
    Usage {
        input_tokens: input_tokens.min(MAX_TOKENS_SAID),
        output_tokens: output_tokens.min(MAX_TOKENS_SAID),
    }
}

/// A number of tokens, 0 when there is none or it makes no sense.
pub(super) fn count(of: &Value, field: &str) -> u64 {
    of.get(field).and_then(Value::as_u64).unwrap_or_default().min(MAX_TOKENS_SAID)
}

/// The model that answered, or else the one that was asked.
pub(super) fn model_name(said: Option<&Value>, asked: &str) -> String {
    let said = said.and_then(Value::as_str).unwrap_or_default();
    match clean_line(said, MAX_NAME_BYTES) {
        it if it.is_empty() => asked.to_owned(),
        it => it,
    }
}

/// A tool call out of its parts, whose arguments are text, or JSON. The id is
/// empty when there is none.
pub(super) fn tool_call(
    id: Option<&Value>,
    name: Option<&Value>,
    arguments: Option<&Value>,
) -> Result<ToolCall, ProviderError> {
    let [id, name] = [id, name].map(|it| it.and_then(Value::as_str).unwrap_or_default().to_owned());
    let arguments = match arguments {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(it)) => it.clone(),
        Some(it) => it.to_string(),
    };
    // A tool without arguments is called with nothing by some.
    let arguments = if arguments.trim().is_empty() { "{}".to_owned() } else { arguments };
    let arguments = once(&arguments).map(str::to_owned).unwrap_or(arguments);
    if name.is_empty() || MAX_NAME_BYTES < name.len() || MAX_ID_BYTES < id.len() {
        return Err(broken("asks for a tool without a usable name or id"));
    }
    if MAX_ARGUMENT_BYTES < arguments.len() {
        return Err(broken(&format!("has more than {MAX_ARGUMENT_BYTES} bytes of arguments")));
    }
    Ok(ToolCall { id, name, arguments })
}

/// The ids of the calls in one answer: each has its own, because its result has
/// to name it.
pub(super) struct Ids {
    place: usize,
    taken: BTreeSet<String>,
}

impl Ids {
    /// Of the answer at that place of a conversation.
    pub(super) fn at(place: usize) -> Self {
        Self { place, taken: BTreeSet::new() }
    }

    /// The id of the call with that index: the one that it was given, when no
    /// call before it has that.
    pub(super) fn own(&mut self, given: String, index: usize) -> String {
        if !given.is_empty() && self.taken.insert(given.clone()) {
            return given;
        }
        let mut made = (index..).map(|it| format!("call_{}_{it}", self.place));
        let free = made.find(|it| self.taken.insert(it.clone()));
        free.unwrap_or(given)
    }
}

/// Arguments that some server put together of the whole twice, or of the whole
/// after an empty object; `None` when they are not, or of two minds.
fn once(arguments: &str) -> Option<&str> {
    let mut objects =
        serde_json::Deserializer::from_str(arguments).into_iter::<Map<String, Value>>();
    let mut found: Option<(Map<String, Value>, &str)> = None;
    let (mut count, mut start) = (0, 0);
    while let Some(object) = objects.next() {
        let (object, end) = (object.ok()?, objects.byte_offset());
        let text = arguments.get(start..end)?.trim();
        (start, count) = (end, count + 1);
        match &found {
            Some((before, _)) if !before.is_empty() && *before != object => return None,
            Some((before, _)) if *before == object => (),
            _ => found = Some((object, text)),
        }
    }
    found.filter(|_| 1 < count).map(|it| it.1)
}

/// Arguments as the object that services want back, whatever the model wrote.
pub(super) fn input(arguments: &str) -> Value {
    let read: Option<Value> = serde_json::from_str(once(arguments).unwrap_or(arguments)).ok();
    match read {
        Some(it @ Value::Object(_)) => it,
        _ if arguments.trim().is_empty() => json!({}),
        _ => json!({"invalid": arguments}),
    }
}

/// Whether arguments are an object as they are.
pub(super) fn is_object(arguments: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(arguments).is_ok()
}

/// Texts with a line between them, without those that are blank.
pub(super) fn joined(texts: &[String]) -> String {
    let said: Vec<&str> =
        texts.iter().map(String::as_str).filter(|it| !it.trim().is_empty()).collect();
    match (said.as_slice(), texts) {
        // As it came, blank or not.
        ([], [first, ..]) => first.clone(),
        ([one], _) => (*one).to_owned(),
        _ => said.join("\n"),
    }
}

/// What is left of an answer when the known fields are taken away.
pub(super) fn extra(fields: Map<String, Value>, known: &[&str]) -> Map<String, Value> {
    let is_extra =
        |(it, value): &(String, Value)| !known.contains(&it.as_str()) && !value.is_null();
    fields.into_iter().filter(is_extra).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_were_glued_are_taken_once() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(once(text), expect, "{text}");
        check(r#"{"a": 1}{"a":1}"#, Some(r#"{"a": 1}"#));
        check(r#"{} {"a": 1}"#, Some(r#"{"a": 1}"#));
        check("{}{}", Some("{}"));
        check(r#"{"a": 1}{"a": 2}"#, None);
        check(r#"{"a": 1}{}"#, None);
        check(r#"{"a": 1}"#, None);
        check(r#"{"a": 1}{"a""#, None);
        check("7 7", None);
    }

    #[test]
    fn every_call_has_an_id_of_its_own() {
        let mut ids = Ids::at(1);
        let given = ["", "a", "a", "call_1_0", "call_1_3", ""];
        let own = given.iter().enumerate().map(|(index, it)| ids.own((*it).to_owned(), index));
        let own: Vec<String> = own.collect();
        assert_eq!(own, ["call_1_0", "a", "call_1_2", "call_1_3", "call_1_4", "call_1_5"]);
    }

    #[test]
    fn what_goes_back_is_an_object() {
        let check = |text: &str, expect: Value| assert_eq!(input(text), expect, "{text}");
        check(r#"{"a": 1}"#, json!({"a": 1}));
        check(" ", json!({}));
        check("[1]", json!({"invalid": "[1]"}));
        check("{cut", json!({"invalid": "{cut"}));
    }
}
