//! The file of a cassette: read, and checked as a whole before it is played.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    string::FromUtf8Error,
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;

use super::{Finish, ProviderError, Scripted, Usage};
use crate::plain_file;

/// Longest cassette. Bounds a path that names a device without end.
const MAX_CASSETTE_BYTES: u64 = 16 << 20;

/// Longest delay of a turn: more is a slip of the pen.
const MAX_DELAY_MS: u64 = 600_000;

/// Why a cassette can't be played. For the operator: it names a host path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CassetteError {
    /// The file is missing, or closed to this process.
    #[error("cannot read the cassette `{}`: {source}", path.display())]
    Read {
        /// As it was configured.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Longer than any cassette.
    #[error("the cassette `{}` has more than {MAX_CASSETTE_BYTES} bytes", path.display())]
    TooLong {
        /// As it was configured.
        path: PathBuf,
    },
    /// What is in it makes no sense.
    #[error("the cassette `{}` is wrong: {place}", path.display())]
    Wrong {
        /// As it was configured.
        path: PathBuf,
        /// Where, and what.
        place: String,
    },
}

/// One turn, checked.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) when: When,
    pub(super) answer: Answer,
    pub(super) finish: Option<Finish>,
    pub(super) usage: Option<Usage>,
    pub(super) delay_ms: u64,
    pub(super) repeat: bool,
}

/// What a turn says.
#[derive(Debug)]
pub(super) enum Answer {
    Said {
        text: String,
        /// Names and arguments.
        tool_calls: Vec<(String, Value)>,
    },
    Error(ProviderError),
}

/// When a turn fits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct When {
    pub(super) goal: Vec<String>,
    pub(super) last: Vec<String>,
    pub(super) any: Vec<String>,
    pub(super) tools: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCassette {
    turns: Vec<RawTurn>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTurn {
    when: When,
    text: Option<String>,
    tool_calls: Vec<RawCall>,
    error: Option<RawError>,
    finish: Option<RawFinish>,
    usage: Option<RawUsage>,
    delay_ms: u64,
    repeat: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawError {
    kind: RawErrorKind,
    #[serde(default)]
    message: String,
    retry_after_ms: Option<u64>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum RawErrorKind {
    Invalid,
    TooLong,
    Key,
    Busy,
    Broken,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawFinish {
    Stop,
    ToolCalls,
    Length,
    Filtered,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUsage {
    input_tokens: u64,
    output_tokens: u64,
}

/// Reads and checks the cassette of a file.
pub(crate) fn load(path: &Path) -> Result<Scripted, CassetteError> {
    let bytes = plain_file::open(path).and_then(|it| plain_file::bytes(it, MAX_CASSETTE_BYTES));
    let no_text = |it: FromUtf8Error| io::Error::new(ErrorKind::InvalidData, it.utf8_error());
    let text = bytes.and_then(|it| String::from_utf8(it).map_err(no_text));
    let text = text.map_err(|source| match source.kind() {
        ErrorKind::FileTooLarge => CassetteError::TooLong { path: path.to_owned() },
        _ => CassetteError::Read { path: path.to_owned(), source },
    })?;
    parse(&text).map_err(|place| CassetteError::Wrong { path: path.to_owned(), place })
}

/// Fails with the place and what is wrong there.
pub(super) fn parse(text: &str) -> Result<Scripted, String> {
    let raw: RawCassette = serde_json::from_str(text).map_err(|it| it.to_string())?;
    if raw.turns.is_empty() {
        return Err("`turns` is empty".to_owned());
    }
    let turns = raw.turns.into_iter().enumerate();
    let turns: Result<Vec<Turn>, String> =
        turns.map(|(index, it)| turn(it).map_err(|it| format!("`turns[{index}]`: {it}"))).collect();
    Ok(Scripted { turns: turns?.into() })
}

fn turn(raw: RawTurn) -> Result<Turn, String> {
    if MAX_DELAY_MS < raw.delay_ms {
        return Err(format!("`delay_ms` is at most {MAX_DELAY_MS}"));
    }
    let usage = raw
        .usage
        .map(|RawUsage { input_tokens, output_tokens }| Usage { input_tokens, output_tokens });
    let finish = raw.finish.map(|it| match it {
        RawFinish::Stop => Finish::Stop,
        RawFinish::ToolCalls => Finish::ToolCalls,
        RawFinish::Length => Finish::Length,
        RawFinish::Filtered => Finish::Filtered,
    });
    let RawTurn { when, text, tool_calls, error, delay_ms, repeat, .. } = raw;
    let answer = answer(text, tool_calls, error)?;
    Ok(Turn { when, answer, finish, usage, delay_ms, repeat })
}

fn answer(
    text: Option<String>,
    tool_calls: Vec<RawCall>,
    error: Option<RawError>,
) -> Result<Answer, String> {
    match (error, text) {
        (Some(error), None) if tool_calls.is_empty() => Ok(Answer::Error(refusal(error)?)),
        (Some(_), _) => Err("has an `error` and an answer beside it".to_owned()),
        (None, None) if tool_calls.is_empty() => {
            Err("has no `text`, no `tool_calls` and no `error`".to_owned())
        }
        (None, text) => {
            let tool_calls: Result<_, _> = tool_calls.into_iter().map(tool_call).collect();
            Ok(Answer::Said { text: text.unwrap_or_default(), tool_calls: tool_calls? })
        }
    }
}

fn tool_call(raw: RawCall) -> Result<(String, Value), String> {
    match raw.arguments {
        Value::Null => Ok((raw.name, Value::Object(Default::default()))),
        Value::Object(_) | Value::String(_) => Ok((raw.name, raw.arguments)),
        _ => Err(format!("the `arguments` of `{}` are neither an object nor a text", raw.name)),
    }
}

fn refusal(raw: RawError) -> Result<ProviderError, String> {
    let RawError { kind, message, retry_after_ms } = raw;
    if retry_after_ms.is_some() && kind != RawErrorKind::Busy {
        return Err("`retry_after_ms` is for `busy` only".to_owned());
    }
    Ok(match kind {
        RawErrorKind::Invalid => ProviderError::Invalid(message),
        RawErrorKind::TooLong => ProviderError::TooLong(message),
        RawErrorKind::Key => ProviderError::Key(message),
        RawErrorKind::Busy => {
            ProviderError::Busy { message, retry_after: retry_after_ms.map(Duration::from_millis) }
        }
        RawErrorKind::Broken => ProviderError::Broken(message),
    })
}
