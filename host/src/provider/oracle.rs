//! What an answer of a model is read as, whoever sent it and in whatever
//! pieces it came.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use reqwest::{Body, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Author, Call, ChatRequest, ChatResponse, Message, ProviderError,
    answer::{Answer, Shape},
    anthropic::Anthropic,
    bounds::{MAX_ARGUMENT_BYTES, MAX_ID_BYTES, MAX_NAME_BYTES, MAX_TOKENS_SAID, MAX_TOOL_CALLS},
    json,
    openai::OpenAi,
    refusal::is_error,
    service::{Wire, at_once, broken, merged},
};
use crate::noise;

/// The longest answer that is cut at every byte, and how often a longer one is.
const MAX_CUTS: usize = 200;

/// Most bytes of an answer that is nothing but bytes.
const MAX_RAW_BYTES: usize = 4 << 10;

/// Fields and values of both wires, and what stands around them.
const WORDS: &[&str] = &[
    "choices",
    "delta",
    "message",
    "content",
    "text",
    "type",
    "index",
    "id",
    "name",
    "function",
    "arguments",
    "tool_calls",
    "function_call",
    "finish_reason",
    "stop",
    "length",
    "usage",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "cost",
    "error",
    "code",
    "role",
    "assistant",
    "refusal",
    "reasoning",
    "object",
    "stop_reason",
    "tool_use",
    "input",
    "partial_json",
    "input_json_delta",
    "text_delta",
    "thinking_delta",
    "content_block",
    "citation",
    "end_turn",
    "output_tokens",
    "{",
    "}",
    "[",
    "]",
    "{\"a\":",
    "1}",
    "{}",
    "\\ud83d",
    "\\ude00",
    "null",
    "```json",
    "```",
];

/// The same whatever the pieces, within every bound, and fit to go back.
pub(crate) fn answer(u: &mut Unstructured<'_>) -> Result<()> {
    if u.arbitrary()? { of_wire::<OpenAi>(u, chunk) } else { of_wire::<Anthropic>(u, event) }
}

type Write = fn(&mut Unstructured<'_>) -> Result<Value>;

fn of_wire<W: Wire>(u: &mut Unstructured<'_>, write: Write) -> Result<()> {
    let kind = noise::one_of(u, &["", "text/event-stream", "application/json"])?;
    let body = match u.int_in_range(0..=3)? {
        // What is left is for the cuts.
        0 => u.bytes(u.len().saturating_sub(32).min(MAX_RAW_BYTES))?.to_vec(),
        1 => write(u)?.to_string().into_bytes(),
        _ => stream(u, write)?.into_bytes(),
    };
    let cuts = if body.len() <= MAX_CUTS {
        (0..body.len()).collect()
    } else {
        noise::list(u, 12, |u| u.choose_index(body.len()))?
    };
    let pieces = noise::pieces(u, &body)?;
    is_one::<W>(kind, &body, &pieces, &cuts);
    Ok(())
}

/// The same by the byte for an answer of a server.
#[cfg(test)]
pub(super) fn is_one_by_the_byte(wire: super::Kind, kind: &str, body: &str) {
    let pieces: Vec<&[u8]> = body.as_bytes().chunks(7).collect();
    match wire {
        super::Kind::Anthropic => is_one::<Anthropic>(kind, body.as_bytes(), &pieces, &[]),
        _ => is_one::<OpenAi>(kind, body.as_bytes(), &pieces, &[]),
    }
}

fn is_one<W: Wire>(kind: &str, body: &[u8], pieces: &[&[u8]], cuts: &[usize]) {
    let whole = read::<W>(kind, &[body]);
    let bytes: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(read::<W>(kind, &bytes), whole, "by the byte");
    assert_eq!(read::<W>(kind, pieces), whole, "in pieces");
    if let (Ok(answer), _) = &whole {
        is_within_bounds(answer);
        goes_back::<W>(answer);
    }
    for cut in cuts {
        // An answer that broke off is none, or one of which all was said that counts.
        if let (Ok(answer), _) = read::<W>(kind, &[body.get(..*cut).unwrap_or_default()]) {
            is_within_bounds(&answer);
        }
    }
}

/// Events as they go over the wire, with what else servers send.
fn stream(u: &mut Unstructured<'_>, write: Write) -> Result<String> {
    let event = |u: &mut Unstructured<'_>| {
        let event = write(u)?.to_string();
        Ok(match u.int_in_range(0..=9)? {
            0 => format!("event: error\ndata: {event}\n\n"),
            1 => format!("data: {event}\r\n\r\n"),
            2 => format!(": ping\n\n{event}\n\n"),
            3 => format!("data: {event}"),
            4 => format!("{}\n", noise::text(u, WORDS)?),
            5 => format!("data: {event}\ndata: {event}\n\n"),
            _ => format!("data: {event}\n\n"),
        })
    };
    let mut res = noise::list(u, 8, event)?.concat();
    res.push_str(noise::one_of(
        u,
        &["data: [DONE]\n\n", "data: {\"type\": \"message_stop\"}\n\n", ""],
    )?);
    Ok(res)
}

/// A chunk of the one wire: as it should be, but for what it says.
fn chunk(u: &mut Unstructured<'_>) -> Result<Value> {
    let said = match u.int_in_range(0..=4)? {
        0 => json!({"content": noise::text(u, WORDS)?}),
        1 => json!({"tool_calls": noise::list(u, 3, call)?}),
        2 => json!({"role": "assistant", "reasoning": noise::text(u, WORDS)?}),
        _ => noise::json(u, WORDS)?,
    };
    let of = noise::one_of(u, &["delta", "message"])?;
    let finish = noise::one_of(u, &["stop", "tool_calls", "", "length", "error"])?;
    Ok(match u.int_in_range(0..=5)? {
        0 => noise::json(u, WORDS)?,
        1 => {
            json!({"choices": [{"index": 0, of: said, "finish_reason": finish}], "usage": noise::json(u, WORDS)?})
        }
        _ => {
            json!({"choices": [{"index": 0, of: said, "finish_reason": null}], "model": noise::text(u, WORDS)?})
        }
    })
}

fn call(u: &mut Unstructured<'_>) -> Result<Value> {
    let [id, name, arguments] =
        [noise::text(u, &["a", "b", "call_1_0"])?, noise::text(u, &["f"])?, noise::text(u, WORDS)?];
    let index = if u.arbitrary()? { noise::json(u, WORDS)? } else { u.int_in_range(0..=2)?.into() };
    Ok(json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}}))
}

/// An event of the other.
fn event(u: &mut Unstructured<'_>) -> Result<Value> {
    let index = u.int_in_range(0..=2)?;
    let block = match u.int_in_range(0..=2)? {
        0 => json!({"type": "text", "text": noise::text(u, WORDS)?}),
        1 => {
            json!({"type": "tool_use", "id": noise::text(u, &["a", "b", "call_1_0"])?, "name": "f", "input": noise::json(u, WORDS)?})
        }
        _ => noise::json(u, WORDS)?,
    };
    Ok(match u.int_in_range(0..=7)? {
        0 => {
            json!({"type": "message_start", "message": {"model": "m", "usage": noise::json(u, WORDS)?}})
        }
        1 => json!({"type": "content_block_start", "index": index, "content_block": block}),
        2 => json!({"type": "content_block_delta", "index": index,
            "delta": {"type": "input_json_delta", "partial_json": noise::text(u, WORDS)?}}),
        3 => json!({"type": "content_block_delta", "index": index,
            "delta": {"type": "text_delta", "text": noise::text(u, WORDS)?}}),
        4 => json!({"type": "message_delta", "delta": {"stop_reason": noise::text(u, WORDS)?}}),
        5 => json!({"type": noise::text(u, WORDS)?, "delta": noise::json(u, WORDS)?}),
        6 => json!({"content": [block], "stop_reason": "end_turn"}),
        _ => noise::json(u, WORDS)?,
    })
}

/// An answer that came in these pieces, and what was told of it meanwhile.
fn read<W: Wire>(
    kind: &str,
    pieces: &[&[u8]],
) -> (std::result::Result<ChatResponse, ProviderError>, String) {
    let told = Mutex::new(String::new());
    let tell = |text: &str| told.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
    let answer = Answer::new(response(kind, pieces), Duration::from_secs(60));
    let answer = noise::wait(async {
        let mut answer = answer;
        let mut whole = match answer.shape().await? {
            Shape::Json => at_once::<W>(&answer.text().await?)?,
            Shape::Events => merged::<W>(answer, Some(&tell)).await?,
        };
        whole.values_mut().for_each(json::join);
        if is_error(&whole) {
            return Err(broken("is an error"));
        }
        W::read(whole, &asking(Vec::new()))
    });
    (answer, told.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn response(kind: &str, pieces: &[&[u8]]) -> Response {
    let pieces: Vec<io::Result<Bytes>> =
        pieces.iter().map(|it| Ok(Bytes::copy_from_slice(it))).collect();
    let body = Body::wrap_stream(futures_util::stream::iter(pieces));
    let mut response = http::Response::new(body);
    if let Ok(kind) = kind.parse() {
        response.headers_mut().insert("content-type", kind);
    }
    Response::from(response)
}

fn asking(mut said: Vec<Message>) -> Call {
    let question = Message {
        author: Author::User,
        text: "hello".to_owned(),
        tool_calls: Vec::new(),
        answers: None,
        original: None,
    };
    said.insert(0, question);
    Call {
        model: "m-1".to_owned(),
        request: Arc::new(ChatRequest { messages: said, ..ChatRequest::default() }),
        cancelled: CancellationToken::new(),
        partial: None,
    }
}

fn is_within_bounds(answer: &ChatResponse) {
    assert!(answer.tool_calls.len() <= MAX_TOOL_CALLS);
    for call in &answer.tool_calls {
        assert!(!call.name.is_empty() && call.name.len() <= MAX_NAME_BYTES, "{call:?}");
        assert!(!call.id.is_empty() && call.id.len() <= MAX_ID_BYTES, "{call:?}");
        assert!(!call.arguments.trim().is_empty() && call.arguments.len() <= MAX_ARGUMENT_BYTES);
    }
    assert!(answer.usage.output_tokens <= 3 * MAX_TOKENS_SAID, "{:?}", answer.usage);
    assert!(answer.cost.is_none_or(|it| 0.0 <= it), "{:?}", answer.cost);
    assert!(answer.model.chars().count() <= MAX_NAME_BYTES, "{}", answer.model);
}

/// The next request holds the answer, and each call of it by an id of its own.
fn goes_back<W: Wire>(answer: &ChatResponse) {
    let said = Message {
        author: Author::Assistant,
        text: answer.text.clone(),
        tool_calls: answer.tool_calls.clone(),
        answers: None,
        original: answer.original.clone(),
    };
    let body = W::body(&asking(vec![said]), true, "localhost");
    assert!(body.is_ok(), "{body:?}");
    let ids: BTreeSet<_> = answer.tool_calls.iter().map(|it| &it.id).collect();
    assert_eq!(ids.len(), answer.tool_calls.len(), "calls of one id: {:?}", answer.tool_calls);
}
