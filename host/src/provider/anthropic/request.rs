//! A chat as the body of a request.

use serde_json::{Map, Value, json};

use crate::provider::{
    Author, Call, ChatRequest, Message, ProviderError, ToolCall, ToolSpec,
    rendering::{input, schema, temperature},
};

/// Tokens of an answer when nobody says how many: the API wants a number, and
/// every model takes this one.
const DEFAULT_MAX_TOKENS: u32 = 8_192;

/// Highest temperature that the API takes.
const MAX_TEMPERATURE: f32 = 1.0;

/// Fails on a schema that is no JSON, and when there is nothing to say.
pub(super) fn body(call: &Call, stream: bool) -> Result<Value, ProviderError> {
    let request = &*call.request;
    let messages = messages(&request.messages);
    if messages.is_empty() {
        return Err(ProviderError::Invalid("the conversation has no text".to_owned()));
    }
    let max_tokens = request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
    let mut res = Map::from_iter([
        ("model".to_owned(), json!(call.model)),
        ("max_tokens".to_owned(), json!(max_tokens)),
        ("messages".to_owned(), json!(messages)),
        ("stream".to_owned(), json!(stream)),
    ]);
    let system = system(request)?;
    if !system.is_empty() {
        res.insert("system".to_owned(), system.into());
    }
    if !request.tools.is_empty() {
        let tools: Result<Vec<Value>, _> = request.tools.iter().map(tool).collect();
        res.insert("tools".to_owned(), tools?.into());
    }
    if let Some(it) = request.temperature {
        res.insert("temperature".to_owned(), temperature(it.min(MAX_TEMPERATURE)));
    }
    Ok(Value::Object(res))
}

/// What the agent's author says, wherever it stands; and how the answer must
/// look.
///
/// That is said in words, since a tool that the model is forced to call takes
/// the other ones from it, leaves a call in the conversation that has no
/// result, and is refused by models that think. Whoever wants a schema kept
/// validates the answer anyway.
fn system(request: &ChatRequest) -> Result<String, ProviderError> {
    let said = request.messages.iter().filter(|it| it.author == Author::System);
    let mut parts: Vec<String> = said.map(|it| it.text.clone()).collect();
    if let Some(text) = &request.response_schema {
        let schema = schema(text, "the answer")?;
        parts.push(format!(
            "Your final answer must be a single JSON value that satisfies this JSON Schema, with \
             no text before or after it and no code fence:\n{schema}"
        ));
    }
    parts.retain(|it| !it.trim().is_empty());
    Ok(parts.join("\n\n"))
}

/// The conversation in turns: what the user and tools say between two
/// messages of the model is one message, as the API wants it.
fn messages(of: &[Message]) -> Vec<Value> {
    let mut res: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in of.iter().filter(|it| it.author != Author::System) {
        let is_assistant = message.author == Author::Assistant;
        let role = if is_assistant { "assistant" } else { "user" };
        let blocks = if is_assistant { assistant(message) } else { user(message) };
        match res.last_mut() {
            Some((last, said)) if *last == role => said.extend(blocks),
            _ if blocks.is_empty() => (),
            _ => res.push((role, blocks)),
        }
    }
    res.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

fn user(it: &Message) -> Vec<Value> {
    match (&it.answers, it.author) {
        (Some(id), Author::Tool) => {
            vec![json!({"type": "tool_result", "tool_use_id": id, "content": it.text})]
        }
        _ => text(&it.text),
    }
}

/// Blank texts are refused.
fn text(it: &str) -> Vec<Value> {
    if it.trim().is_empty() { Vec::new() } else { vec![json!({"type": "text", "text": it})] }
}

fn assistant(it: &Message) -> Vec<Value> {
    let original = it.original.as_deref().and_then(|it| it.get("content")?.as_array());
    if let Some(blocks) = original.filter(|it| !it.is_empty()) {
        return blocks.clone();
    }
    text(&it.text).into_iter().chain(it.tool_calls.iter().map(tool_use)).collect()
}

fn tool_use(it: &ToolCall) -> Value {
    json!({"type": "tool_use", "id": it.id, "name": it.name, "input": input(&it.arguments)})
}

fn tool(it: &ToolSpec) -> Result<Value, ProviderError> {
    let schema = schema(&it.parameters, &format!("the tool `{}`", it.name))?;
    Ok(json!({"name": it.name, "description": it.description, "input_schema": schema}))
}
