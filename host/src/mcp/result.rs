//! What a call gave, as a text for a child: bounded, cleaned, and without the
//! secrets that the server was given.

use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;

use crate::{
    completion::sanitize::{clean, clean_line},
    redact::Redactor,
    toolset::ToolError,
};

/// Bytes of a result: it is copied into the memory of a component, and into
/// what its model reads.
const MAX_RESULT_BYTES: usize = 128 << 10;

/// Characters of an address or a type.
const MAX_LINE_CHARS: usize = 300;

/// The text of an answer.
pub(super) fn text(answer: CallToolResponse, redactor: &Redactor) -> Result<String, ToolError> {
    let result = match answer {
        CallToolResponse::Complete(it) => it,
        CallToolResponse::InputRequired(_) => {
            return Err(refused("wants something of a person first"));
        }
        CallToolResponse::Task(_) => return Err(refused("answers with a task for later")),
        _ => return Err(refused("answers with something else")),
    };
    let is_error = result.is_error == Some(true);
    let text = bounded(&redactor.text(&shown(result)));
    if is_error { Err(ToolError::Failed(text)) } else { Ok(text) }
}

fn refused(what: &str) -> ToolError {
    ToolError::Failed(format!("the server {what}, which children have not"))
}

fn shown(result: CallToolResult) -> String {
    let CallToolResult { content, structured_content, .. } = result;
    match structured_content {
        // It repeats what is structured as a text.
        Some(value) if content.iter().all(|it| matches!(it, ContentBlock::Text(_))) => {
            cleaned(value).to_string()
        }
        _ => content.into_iter().map(block).collect::<Vec<_>>().join("\n"),
    }
}

fn block(block: ContentBlock) -> String {
    let line = |text: &str| clean_line(text, MAX_LINE_CHARS);
    match block {
        ContentBlock::Text(it) => clean(&it.text).into_owned(),
        ContentBlock::Image(it) => left_out("an image", &it.mime_type, it.data.len()),
        ContentBlock::Audio(it) => left_out("a sound", &it.mime_type, it.data.len()),
        ContentBlock::ResourceLink(it) => {
            format!("[a link: {} ({})]", line(&it.uri), line(&it.name))
        }
        ContentBlock::Resource(it) => match it.resource {
            ResourceContents::TextResourceContents { text, .. } => clean(&text).into_owned(),
            ResourceContents::BlobResourceContents { mime_type, blob, .. } => {
                left_out("a file", &mime_type.unwrap_or_default(), blob.len())
            }
            _ => "[something else]".to_owned(),
        },
        _ => "[something else]".to_owned(),
    }
}

fn left_out(what: &str, kind: &str, bytes: usize) -> String {
    format!("[{what} ({}), {bytes} bytes in base64, which is left out]", clean_line(kind, 100))
}

/// Recursive: what was read as JSON has a bounded depth.
fn cleaned(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean(&text).into_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(cleaned).collect()),
        Value::Object(fields) => {
            let clean = |(key, it): (String, Value)| (clean(&key).into_owned(), cleaned(it));
            Value::Object(fields.into_iter().map(clean).collect())
        }
        value => value,
    }
}

fn bounded(text: &str) -> String {
    if text.len() <= MAX_RESULT_BYTES {
        return text.to_owned();
    }
    let head = text.get(..text.floor_char_boundary(MAX_RESULT_BYTES)).unwrap_or_default();
    format!("{head}\n[… {} bytes left out …]", text.len() - head.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(result: Value, expect: &str) {
        let result: CallToolResult = serde_json::from_value(result).unwrap();
        let mut redactor = Redactor::default();
        redactor.add("sk-0123456789abcdef");
        let text = text(CallToolResponse::Complete(result), &redactor).unwrap();
        assert_eq!(text, expect);
    }

    #[test]
    fn every_block_is_a_text_and_every_text_is_clean() {
        check(json!({"content": []}), "");
        check(
            json!({"content": [
                {"type": "text", "text": "a\u{1b}[1mb"},
                {"type": "image", "data": "AAAA", "mimeType": "image/png"},
                {"type": "resource_link", "uri": "x:\n1", "name": "n\u{7}"},
                {"type": "resource", "resource": {"uri": "x:2", "text": "t\u{202e}"}},
                {"type": "resource", "resource": {"uri": "x:3", "blob": "AA"}},
                {"type": "text", "text": "key: sk-0123456789abcdef!"},
            ]}),
            "ab\n[an image (image/png), 4 bytes in base64, which is left out]\n[a link: x: 1 (n)]\nt\n\
             [a file (), 2 bytes in base64, which is left out]\nkey: [key]!",
        );
    }

    #[test]
    fn what_is_structured_stays_json_and_its_escapes_hide_nothing() {
        check(
            json!({
                "content": [{"type": "text", "text": "the same"}],
                "structuredContent": {"a\u{1b}[1m": ["b\u{7}", 1, null]},
            }),
            r#"{"a":["b",1,null]}"#,
        );
    }
}
