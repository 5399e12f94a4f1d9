//! What stands in bodies: plain records with a version each, apart from the
//! types that the program works with.
//!
//! Words are kept as words and ids as their text: a value that this version
//! does not know is an error with a name. A change of a field makes a new
//! record (`UnitV2`) that the old one converts into; the old one stays.

mod event;
mod result;
#[cfg(test)]
mod tests;
mod unit;

use std::{str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use self::{
    event::{CompletionV1, CompletionV2, CompletionV3, FailureV1, FailureV2, OtherV1},
    result::{ResultV1, ResultV2},
    unit::{UnitV1, UnitV2},
};
use super::{
    EventBody, StoreError,
    codec::{self, CodecError, MOST, Record},
};
use crate::{
    event::{ChildResult, CompletionEvent, ExitReason, Level, Role, Status},
    session::Session,
    unit::UnitRecord,
};

/// How many bytes of a full summary are kept: what its envelope and the word
/// about the rest add fits, too.
pub(crate) const MOST_SUMMARY: usize = MOST - 128;

/// A summary that was cut in its result.
#[derive(Serialize, Deserialize)]
struct SummaryV1 {
    text: String,
}

impl Record for SummaryV1 {
    const SCHEMA: u16 = 0x0601;
    const NAME: &'static str = "summary";
}

/// A text whose writer alone knows what it says.
#[derive(Serialize, Deserialize)]
struct NoteV1 {
    text: String,
}

impl Record for NoteV1 {
    const SCHEMA: u16 = 0x0701;
    const NAME: &'static str = "line of a journal";
}

pub(super) fn encode_note(text: &str) -> Result<Vec<u8>, StoreError> {
    codec::encode(&NoteV1 { text: text.to_owned() })
}

pub(super) fn decode_note(bytes: &[u8]) -> Result<String, CodecError> {
    codec::decode::<NoteV1>(bytes).map(|it| it.text)
}

pub(super) fn encode_unit(unit: &UnitRecord) -> Result<Vec<u8>, StoreError> {
    codec::encode(&UnitV2::from(unit))
}

pub(super) fn decode_unit(bytes: &[u8]) -> Result<UnitRecord, CodecError> {
    either::<UnitV1, UnitV2, _>(bytes)
}

/// All but the full summary.
pub(super) fn encode_result(result: &ChildResult) -> Result<Vec<u8>, StoreError> {
    codec::encode(&ResultV2::from(result))
}

pub(super) fn decode_result(bytes: &[u8]) -> Result<ChildResult, CodecError> {
    either::<ResultV1, ResultV2, _>(bytes)
}

/// A record as it was written before, or as it is written now.
fn either<Old: Record, New: Record, T>(bytes: &[u8]) -> Result<T, CodecError>
where
    T: TryFrom<Old, Error = CodecError> + TryFrom<New, Error = CodecError>,
{
    let envelope = codec::open(bytes)?;
    match envelope.schema == Old::SCHEMA {
        true => envelope.decode::<Old>()?.try_into(),
        false => envelope.decode::<New>()?.try_into(),
    }
}

/// All but full summaries.
pub(super) fn encode_body(body: &EventBody) -> Result<Vec<u8>, StoreError> {
    match body {
        EventBody::Completion(event) => encode_completion(event),
        EventBody::Failure(notice) => codec::encode(&FailureV2::from(notice.as_ref())),
        EventBody::Other(json) => codec::encode(&OtherV1 { json: json.clone() }),
    }
}

/// The body of the event that ends a group, without full summaries.
pub(super) fn encode_completion(event: &CompletionEvent) -> Result<Vec<u8>, StoreError> {
    if event.resumed.is_empty() {
        return codec::encode(&CompletionV2::from(event));
    }
    codec::encode(&CompletionV3::from(event))
}

pub(super) fn decode_body(bytes: &[u8]) -> Result<EventBody, CodecError> {
    let envelope = codec::open(bytes)?;
    Ok(match envelope.schema {
        CompletionV1::SCHEMA | CompletionV2::SCHEMA => {
            let event = either::<CompletionV1, CompletionV2, CompletionEvent>(bytes)?;
            EventBody::Completion(Arc::new(event))
        }
        CompletionV3::SCHEMA => {
            let event = envelope.decode::<CompletionV3>()?.try_into()?;
            EventBody::Completion(Arc::new(event))
        }
        FailureV1::SCHEMA | FailureV2::SCHEMA => {
            EventBody::Failure(Box::new(either::<FailureV1, FailureV2, _>(bytes)?))
        }
        _ => EventBody::Other(envelope.decode::<OtherV1>()?.json),
    })
}

/// A summary beyond all measure is cut: it must not keep a unit from ending.
pub(super) fn encode_summary(text: &str) -> Result<Vec<u8>, StoreError> {
    let end = text.floor_char_boundary(MOST_SUMMARY);
    let mut kept = text.get(..end).unwrap_or_default().to_owned();
    let left = text.len().saturating_sub(end);
    if left > 0 {
        kept.push_str(&format!("\n[… {left} more bytes were not kept]\n"));
    }
    codec::encode(&SummaryV1 { text: kept })
}

pub(super) fn decode_summary(bytes: &[u8]) -> Result<String, CodecError> {
    codec::decode::<SummaryV1>(bytes).map(|it| it.text)
}

/// Reads an id, or what else has a text.
pub(super) fn parse<T: FromStr>(what: &'static str, text: &str) -> Result<T, CodecError> {
    text.parse().map_err(|_| unknown(what, text))
}

/// Reads a session, also one that was written before its form had an escape.
pub(super) fn session(text: &str) -> Result<Session, CodecError> {
    Session::recorded(text).map_err(|_| unknown("session", text))
}

/// Reads the word of a status.
pub(super) fn status(word: &str) -> Result<Status, CodecError> {
    find("status", &Status::ALL, Status::as_str, word)
}

fn level(word: &str) -> Result<Level, CodecError> {
    find("level of a log", &Level::ALL, Level::as_str, word)
}

fn exit_reason(word: &str) -> Result<ExitReason, CodecError> {
    find("exit reason", &ExitReason::ALL, ExitReason::as_str, word)
}

fn role(word: &str) -> Result<Role, CodecError> {
    find("role", &Role::ALL, Role::as_str, word)
}

fn find<T: Copy>(
    what: &'static str,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
    word: &str,
) -> Result<T, CodecError> {
    all.iter().copied().find(|it| as_str(*it) == word).ok_or_else(|| unknown(what, word))
}

fn unknown(what: &'static str, value: &str) -> CodecError {
    // It may be anything: what people see has no control characters.
    let value = value.chars().take(80).flat_map(char::escape_default).collect();
    CodecError::Value { what, value }
}

fn convert_all<T, U: TryFrom<T, Error = CodecError>>(all: Vec<T>) -> Result<Vec<U>, CodecError> {
    all.into_iter().map(U::try_from).collect()
}
