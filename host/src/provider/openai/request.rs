//! A chat as the body of a request.

use serde_json::{Value, json};

use crate::provider::{
    Author, Call, ChatRequest, Message, ProviderError, ToolCall, ToolSpec,
    rendering::{input, is_object, schema, temperature},
};

/// The field for the upper bound of tokens. OpenAI's newer models refuse the
/// older one; other servers know no other.
pub(super) fn limit_field(host: &str) -> &'static str {
    let is_openai = ["openai.com", "azure.com"].iter().any(|it| host.ends_with(it));
    if is_openai { "max_completion_tokens" } else { "max_tokens" }
}

/// Fails on a schema that is no JSON.
pub(super) fn body(call: &Call, stream: bool, limit: &str) -> Result<Value, ProviderError> {
    let ChatRequest { messages, tools, max_tokens, response_schema, .. } = &*call.request;
    let messages: Vec<Value> = messages.iter().map(message).collect();
    let mut res = json!({"model": call.model, "messages": messages, "stream": stream});
    if stream {
        set(&mut res, "stream_options", json!({"include_usage": true}));
    }
    if !tools.is_empty() {
        let tools: Result<Vec<Value>, _> = tools.iter().map(tool).collect();
        set(&mut res, "tools", tools?.into());
    }
    if let Some(max_tokens) = max_tokens {
        set(&mut res, limit, json!(max_tokens));
    }
    if let Some(it) = call.request.temperature {
        set(&mut res, "temperature", temperature(it));
    }
    if let Some(text) = response_schema {
        // Not `strict`: that takes a part of JSON Schema only.
        let format = json!({"name": "answer", "schema": schema(text, "the answer")?});
        set(&mut res, "response_format", json!({"type": "json_schema", "json_schema": format}));
    }
    Ok(res)
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = body {
        fields.insert(name.to_owned(), value);
    }
}

fn message(it: &Message) -> Value {
    let text = &it.text;
    match it.author {
        Author::System => json!({"role": "system", "content": text}),
        Author::User => json!({"role": "user", "content": text}),
        Author::Tool => {
            let id = it.answers.as_deref().unwrap_or_default();
            json!({"role": "tool", "tool_call_id": id, "content": text})
        }
        Author::Assistant => assistant(it),
    }
}

fn assistant(it: &Message) -> Value {
    if let Some(original) = it.original.as_deref().filter(|it| it.is_object()) {
        let mut original = original.clone();
        let calls = original.get_mut("tool_calls").and_then(Value::as_array_mut);
        calls.into_iter().flatten().for_each(with_an_object);
        return original;
    }
    if it.tool_calls.is_empty() {
        return json!({"role": "assistant", "content": it.text});
    }
    let text = Some(&it.text).filter(|it| !it.is_empty());
    let calls: Vec<Value> = it.tool_calls.iter().map(tool_call).collect();
    json!({"role": "assistant", "content": text, "tool_calls": calls})
}

/// Leaves a call as it came, unless its arguments are text that is no object:
/// servers read them once more, and refuse the conversation with them in it.
fn with_an_object(call: &mut Value) {
    if let Some(arguments) = call.pointer_mut("/function/arguments")
        && let Some(text) = arguments.as_str()
        && !is_object(text)
    {
        *arguments = input(text).to_string().into();
    }
}

fn tool_call(it: &ToolCall) -> Value {
    let arguments = if is_object(&it.arguments) {
        it.arguments.clone()
    } else {
        input(&it.arguments).to_string()
    };
    let function = json!({"name": it.name, "arguments": arguments});
    json!({"id": it.id, "type": "function", "function": function})
}

fn tool(it: &ToolSpec) -> Result<Value, ProviderError> {
    let parameters = schema(&it.parameters, &format!("the tool `{}`", it.name))?;
    let function =
        json!({"name": it.name, "description": it.description, "parameters": parameters});
    Ok(json!({"type": "function", "function": function}))
}
