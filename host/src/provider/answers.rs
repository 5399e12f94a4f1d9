//! Answers as servers really send them, each in two files below `answers/`:
//! what goes over the wire, and in `NAME.expect.json` what it is read as.
//!
//! | field | is |
//! |---|---|
//! | `about` | what is odd about it |
//! | `wire` | `openai`, which is the default, or `anthropic` |
//! | `status`, `type`, `headers` | of the answer; 200, and a type after the name of the file, by default |
//! | `text`, `calls`, `finish` | what it is read as; a call is its id, name and arguments |
//! | `kept` | parts of the message that goes back, by JSON pointer |
//! | `error` | the kind of the error, ` \| `, and how its text begins |
//! | `retry_after` | seconds |
//! | `react` | what the bundled agent makes of it (`tests/scenarios/answers.rs`) |

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ChatResponse, Finish, Kind, ProviderError, oracle,
    testing::{answer, reply},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    about: String,
    #[serde(default)]
    wire: Option<String>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    calls: Vec<[String; 3]>,
    #[serde(default)]
    finish: Option<String>,
    #[serde(default)]
    kept: BTreeMap<String, Value>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    retry_after: Option<u64>,
    react: Value,
}

struct Case {
    name: String,
    extension: String,
    body: String,
    expect: Expect,
}

const EXPECT: &str = ".expect.json";

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider/answers");
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let (expects, bodies): (Vec<_>, Vec<_>) =
        files.partition(|it| it.to_str().unwrap().ends_with(EXPECT));
    let mut cases: Vec<Case> = bodies
        .iter()
        .map(|body| {
            let name = body.file_stem().unwrap().to_str().unwrap().to_owned();
            let expect = fs::read_to_string(body.with_file_name(format!("{name}{EXPECT}")));
            let expect = expect.unwrap_or_else(|err| panic!("{name}: {err}"));
            Case {
                expect: serde_json::from_str(&expect).unwrap_or_else(|err| panic!("{name}: {err}")),
                extension: body.extension().unwrap().to_str().unwrap().to_owned(),
                body: fs::read_to_string(body).unwrap(),
                name,
            }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(expects.len(), cases.len(), "each answer has what is expected of it");
    cases
}

impl Case {
    fn kind(&self) -> Kind {
        match self.expect.wire.as_deref() {
            None | Some("openai") => Kind::OpenAi,
            Some("anthropic") => Kind::Anthropic,
            Some(other) => panic!("{}: no wire `{other}`", self.name),
        }
    }

    fn is_stream(&self) -> bool {
        self.extension == "sse"
    }

    fn default_type(&self) -> &'static str {
        match self.extension.as_str() {
            "sse" => "text/event-stream",
            "json" => "application/json",
            other => panic!("{}: `type` is needed for `{other}`", self.name),
        }
    }

    /// What is read of the answer, over a socket.
    async fn read(&self, is_asked_for: bool) -> Result<ChatResponse, ProviderError> {
        let default = || self.default_type().to_owned();
        let content_type = self.expect.r#type.clone().unwrap_or_else(default);
        self.read_as(&self.body, &content_type, is_asked_for).await
    }

    async fn read_as(
        &self,
        body: &str,
        content_type: &str,
        is_asked_for: bool,
    ) -> Result<ChatResponse, ProviderError> {
        let header = format!("content-type: {content_type}");
        let mut headers: Vec<&str> = self.expect.headers.iter().map(String::as_str).collect();
        if !content_type.is_empty() {
            headers.push(&header);
        }
        let status = format!("{} Status", self.expect.status.unwrap_or(200));
        answer(self.kind(), is_asked_for, reply(&status, &headers, body)).await
    }

    #[track_caller]
    fn check(&self, how: &str, res: &Result<ChatResponse, ProviderError>) {
        let what = format!("{} ({}), {how}", self.name, self.expect.about);
        match (&self.expect.error, res) {
            (None, Ok(answer)) => {
                assert_eq!(said(answer), self.said(), "{what}");
                let original = answer.original.as_deref().unwrap();
                for (place, value) in &self.expect.kept {
                    assert_eq!(original.pointer(place), Some(value), "{what}: {place} {original}");
                }
            }
            (Some(expect), Err(error)) => {
                let shown = shown(error);
                assert!(shown.starts_with(expect), "{what}: {shown}");
                let pause = match error {
                    ProviderError::Busy { retry_after, .. } => retry_after.map(|it| it.as_secs()),
                    _ => None,
                };
                assert_eq!(pause, self.expect.retry_after, "{what}");
            }
            (_, res) => panic!("{what}: {res:?}"),
        }
    }

    fn said(&self) -> Value {
        json!([self.expect.text, self.expect.calls, self.expect.finish])
    }
}

fn said(answer: &ChatResponse) -> Value {
    let calls: Vec<_> =
        answer.tool_calls.iter().map(|it| [&it.id, &it.name, &it.arguments]).collect();
    let finish = match answer.finish {
        Finish::Stop => "stop",
        Finish::ToolCalls => "tool_calls",
        Finish::Length => "length",
        Finish::Filtered => "filtered",
    };
    json!([answer.text, calls, finish])
}

fn shown(error: &ProviderError) -> String {
    let kind = match error {
        ProviderError::Invalid(_) => "invalid",
        ProviderError::TooLong(_) => "too long",
        ProviderError::Key(_) => "key",
        ProviderError::Busy { .. } => "busy",
        ProviderError::Broken(_) => "broken",
        ProviderError::Cancelled => "cancelled",
    };
    format!("{kind} | {error}")
}

#[tokio::test]
async fn answers_of_servers_are_read_as_they_are_meant() {
    let cases = cases();
    assert!(60 <= cases.len(), "{} answers", cases.len());
    for case in cases {
        assert!(case.expect.react.is_object(), "{}: what does the agent make of it?", case.name);
        for is_asked_for in [true, false] {
            let res = case.read(is_asked_for).await;
            case.check(&format!("a stream was asked for: {is_asked_for}"), &res);
        }
    }
}

#[tokio::test]
async fn a_stream_is_one_whatever_its_type_says() {
    for case in cases().iter().filter(|it| it.is_stream()) {
        for content_type in ["text/plain", "application/json", "application/octet-stream", ""] {
            let res = case.read_as(&case.body, content_type, true).await;
            case.check(&format!("as `{content_type}`"), &res);
        }
    }
}

#[test]
fn an_answer_is_the_same_in_any_pieces() {
    for case in cases() {
        let default = || case.default_type().to_owned();
        let content_type = case.expect.r#type.clone().unwrap_or_else(default);
        oracle::is_one_by_the_byte(case.kind(), &content_type, &case.body);
    }
}

/// A message that came at once, as a stream of one delta.
fn streamed(whole: &str) -> Option<String> {
    let mut answer: Value = serde_json::from_str(whole).ok()?;
    let choice = answer.pointer_mut("/choices/0")?.as_object_mut()?;
    let mut message = choice.remove("message")?;
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
    for (index, call) in calls.into_iter().flatten().enumerate() {
        call["index"] = index.into();
    }
    choice.insert("delta".to_owned(), message);
    Some(format!("data: {answer}\n\ndata: [DONE]\n\n"))
}

#[tokio::test]
async fn an_answer_means_the_same_in_one_delta() {
    let mut tried = 0;
    for case in cases() {
        if let Some(body) = streamed(&case.body) {
            case.check("in one delta", &case.read_as(&body, "text/event-stream", true).await);
            tried += 1;
        }
    }
    assert!(20 < tried, "{tried} answers");
}

/// A part of an answer is none: after each of its events it is broken, or all
/// that it will be.
#[tokio::test]
async fn a_stream_that_is_cut_is_no_other_answer() {
    for case in cases().iter().filter(|it| it.is_stream() && it.expect.error.is_none()) {
        let ends = case.body.match_indices("\n\n").map(|it| it.0 + 2);
        for end in ends.flat_map(|it| [it - 9, it]) {
            let Some(part) = case.body.get(..end) else { continue };
            let res = case.read_as(part, "text/event-stream", true).await;
            if let Ok(answer) = res {
                assert_eq!(said(&answer), case.said(), "{} cut at {end}", case.name);
            }
        }
    }
}
