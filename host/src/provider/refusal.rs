//! What a provider's refusal means: its status and its words, as an error
//! that says whether trying again would help.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::{ProviderError, bounds::MAX_QUOTE_CHARS, pause::retry_within};
use crate::completion::sanitize::clean_line;

/// What providers say of a conversation that is too long, in lower case.
const TOO_LONG: [&str; 12] = [
    "context_length_exceeded",
    "context length",
    "context size",
    "context window",
    "context limit",
    "exceed_context_size",
    "prompt is too long",
    "input is too long",
    "too many tokens",
    "input token count",
    "reduce the length of the messages",
    "request_too_large",
];

/// What they say when no waiting helps, because nothing is left to pay with.
const NO_MONEY: [&str; 3] = ["insufficient_quota", "credit balance", "billing_hard_limit"];

/// A refusal, as it came.
#[derive(Debug)]
pub(super) struct Refusal<'a> {
    pub(super) status: u16,
    /// Its body, or what stands for it in a stream.
    pub(super) body: &'a str,
    pub(super) retry_after: Option<Duration>,
    /// The model that was asked for.
    pub(super) model: &'a str,
}

impl Refusal<'_> {
    /// What it means.
    pub(super) fn error(mut self) -> ProviderError {
        let said: Option<Value> = serde_json::from_str(self.body).ok();
        self.retry_after = self.retry_after.or_else(|| retry_within(said.as_ref()?));
        self.meaning()
    }

    fn meaning(&self) -> ProviderError {
        let message = format!("{}: {}", self.title(), self.quote());
        let words = self.body.to_lowercase();
        let says = |list: &[&str]| list.iter().any(|it| words.contains(it));
        match self.status {
            400 | 422 if says(&TOO_LONG) => ProviderError::TooLong(message),
            413 => ProviderError::TooLong(message),
            300..400 => ProviderError::Invalid(format!(
                "{}: redirects are not followed, a key would go along; hint: configure the \
                 address that it leads to",
                self.title()
            )),
            401..=403 => ProviderError::Key(message),
            400 | 429 if says(&NO_MONEY) => ProviderError::Key(message),
            404 => ProviderError::Invalid(format!(
                "{message}; hint: is `{}` a model of this provider, and its address complete?",
                clean_line(self.model, MAX_QUOTE_CHARS)
            )),
            408 | 409 | 425 | 429 | 503 | 529 => self.busy(message),
            500.. if self.retry_after.is_some() => self.busy(message),
            500.. => ProviderError::Broken(message),
            _ => ProviderError::Invalid(message),
        }
    }

    fn busy(&self, message: String) -> ProviderError {
        ProviderError::Busy { message, retry_after: self.retry_after }
    }

    fn title(&self) -> String {
        let name = StatusCode::from_u16(self.status).ok().and_then(|it| it.canonical_reason());
        match name {
            Some(name) => format!("HTTP {} {name}", self.status),
            None => format!("HTTP {}", self.status),
        }
    }

    /// The words for people in the body, where it has some, else its start.
    fn quote(&self) -> String {
        let json: Option<Value> = serde_json::from_str(self.body).ok();
        let said = json.as_ref().and_then(|it| message_within(it, MAX_LEVELS));
        let said = said.unwrap_or(self.body);
        match clean_line(said, MAX_QUOTE_CHARS) {
            it if it.is_empty() => "it says no more".to_owned(),
            it => it,
        }
    }
}

/// Fields with words for people, in the order in which they say most.
const MESSAGES: [&str; 9] = [
    "message",
    "detail",
    "msg",
    "error_msg",
    "errorMessage",
    "error_description",
    "status_msg",
    "Message",
    "error",
];

/// Fields that hold all that is said of an error.
const ERRORS: [&str; 4] = ["error", "errors", "detail", "base_resp"];

/// Levels of objects and lists around a message. Bounds the search for one.
const MAX_LEVELS: u32 = 4;

/// The words for people in the body of an error: `{"error": {"message": …}}`,
/// `{"error": …}`, `{"message": …}`, `{"detail": …}`, and what gateways make
/// of them. The first entry of a list speaks for all of it.
pub(super) fn message_of(body: &Map<String, Value>) -> Option<&str> {
    message_in_fields(body, MAX_LEVELS)
}

fn message_within(body: &Value, levels: u32) -> Option<&str> {
    let levels = levels.checked_sub(1)?;
    match body {
        Value::Array(list) => message_within(list.first()?, levels),
        Value::Object(fields) => message_in_fields(fields, levels),
        _ => None,
    }
}

fn message_in_fields(body: &Map<String, Value>, levels: u32) -> Option<&str> {
    let inner = ERRORS.iter().filter_map(|it| body.get(*it)).filter(|it| !it.is_string());
    let inner = inner.filter_map(|it| message_within(it, levels));
    let own = MESSAGES.iter().filter_map(|it| body.get(*it)?.as_str());
    inner.chain(own).find(|it| !it.trim().is_empty())
}

/// Whether a value says nothing: servers fill fields in that they do not need.
pub(super) fn is_nothing(it: &Value) -> bool {
    match it {
        Value::Null => true,
        Value::Bool(it) => !it,
        Value::String(it) => it.trim().is_empty(),
        Value::Array(it) => it.is_empty(),
        Value::Object(it) => it.is_empty(),
        Value::Number(it) => it.as_u64() == Some(0),
    }
}

/// Whether something in an answer's place says that it is an error.
pub(super) fn is_error(answer: &Map<String, Value>) -> bool {
    let says = |field: &str| answer.get(field).is_some_and(|it| it == "error");
    answer.get("error").is_some_and(|it| !is_nothing(it)) || says("object") || says("type")
}

/// Where the kind of an error stands: a status, or a word for one.
const KINDS: [&str; 6] = ["code", "status", "http_code", "status_code", "type", "error_code"];

/// The status that an error stands for that came without one: by its code, or
/// by its type. One that says nothing is the server's fault.
pub(super) fn status_of(answer: &Value) -> u16 {
    let inner = ERRORS.iter().filter_map(|it| answer.get(it));
    let inner = inner.map(|it| it.get(0).unwrap_or(it));
    let all: Vec<&Value> = inner.chain([answer]).collect();
    let mut said = all.iter().flat_map(|of| KINDS.iter().filter_map(|it| of.get(it)));
    said.find_map(|it| status_by_number(it).or_else(|| status_by_word(it.as_str()?))).unwrap_or(500)
}

fn status_by_number(code: &Value) -> Option<u16> {
    let code = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    u16::try_from(code).ok().filter(|it| (400..600).contains(it))
}

/// By the words of OpenAI, Anthropic, Google and vLLM.
fn status_by_word(word: &str) -> Option<u16> {
    let letters = word.chars().filter(char::is_ascii_alphanumeric);
    let word: String = letters.map(|it| it.to_ascii_lowercase()).collect();
    let is = |list: &[&str]| list.iter().any(|it| word.starts_with(it));
    Some(match () {
        () if is(&["invalidrequest", "requesttoolarge", "badrequest", "invalidargument"]) => 400,
        () if is(&["contextlength", "exceedcontext", "failedprecondition", "outofrange"]) => 400,
        () if is(&["unprocessable", "validation"]) => 422,
        () if is(&["authentication", "invalidapikey", "unauthenticated", "unauthorized"]) => 401,
        () if is(&["insufficientquota", "billing"]) => 402,
        () if is(&["permission", "forbidden"]) => 403,
        () if is(&["notfound", "modelnotfound"]) => 404,
        () if is(&["ratelimit", "toomanyrequests", "resourceexhausted", "throttl"]) => 429,
        () if is(&["overloaded"]) => 529,
        () if is(&["unavailable", "serviceunavailable"]) => 503,
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> ProviderError {
        Refusal { status, body, retry_after: None, model: "m" }.error()
    }

    fn check(status: u16, body: &str, expect: &str) {
        let shown = match error(status, body) {
            ProviderError::Invalid(it) => format!("invalid | {it}"),
            ProviderError::TooLong(it) => format!("too long | {it}"),
            ProviderError::Key(it) => format!("key | {it}"),
            ProviderError::Busy { message, .. } => format!("busy | {message}"),
            ProviderError::Broken(it) => format!("broken | {it}"),
            ProviderError::Cancelled => "cancelled".to_owned(),
        };
        assert_eq!(shown, expect);
    }

    #[test]
    fn a_status_and_its_words_are_an_error() {
        let message = |it: &str| format!(r#"{{"error": {{"message": "{it}"}}}}"#);
        check(400, &message("bad tool"), "invalid | HTTP 400 Bad Request: bad tool");
        check(418, "", "invalid | HTTP 418 I'm a teapot: it says no more");
        check(401, r#"{"error": "no"}"#, "key | HTTP 401 Unauthorized: no");
        check(402, r#"{"message": "pay"}"#, "key | HTTP 402 Payment Required: pay");
        check(403, "<html>\u{1b}[31mno", "key | HTTP 403 Forbidden: <html>no");
        check(
            404,
            &message("gone"),
            "invalid | HTTP 404 Not Found: gone; hint: is `m` a model of this provider, and its \
             address complete?",
        );
        check(413, "", "too long | HTTP 413 Payload Too Large: it says no more");
        check(500, "[]", "broken | HTTP 500 Internal Server Error: []");
        check(504, r#"{"detail": 7}"#, r#"broken | HTTP 504 Gateway Timeout: {"detail": 7}"#);
        check(503, &message("Loading model"), {
            "busy | HTTP 503 Service Unavailable: Loading model"
        });
        check(529, &message("Overloaded"), "busy | HTTP 529: Overloaded");
        for status in [408, 409, 425, 429] {
            assert!(matches!(error(status, ""), ProviderError::Busy { .. }), "{status}");
        }
        let quota = r#"{"error": {"message": "spent", "code": "insufficient_quota"}}"#;
        check(429, quota, "key | HTTP 429 Too Many Requests: spent");
        assert!(
            matches!(error(302, "https://x/"), ProviderError::Invalid(it) if !it.contains("https"))
        );
    }

    #[test]
    fn the_words_for_too_long_are_known() {
        for words in [
            "This model's maximum context length is 8192 tokens. However, you requested 9000",
            "prompt is too long: 207000 tokens > 200000 maximum",
            "the request exceeds the available context size, try increasing it",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            "The input token count (1200000) exceeds the maximum number of tokens allowed",
        ] {
            assert!(matches!(error(400, words), ProviderError::TooLong(_)), "{words}");
        }
        assert!(matches!(error(400, "max_tokens is too large"), ProviderError::Invalid(_)));
        assert!(matches!(error(429, "too many tokens per minute"), ProviderError::Busy { .. }));
    }

    #[test]
    fn a_quote_is_short() {
        let ProviderError::Broken(text) = error(500, &"x".repeat(10_000)) else { panic!("broken") };
        assert!(text.chars().count() < 350, "{}", text.len());
    }

    #[test]
    fn words_are_found_in_errors_of_every_shape() {
        let check = |body: &str, expect: Option<&str>| {
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(message_within(&body, MAX_LEVELS), expect, "{body}");
        };
        check(r#"{"object": "error", "message": "no", "code": 400}"#, Some("no"));
        check(r#"{"detail": "no"}"#, Some("no"));
        check(r#"{"detail": [{"loc": ["body", "x"], "msg": "no"}]}"#, Some("no"));
        check(r#"{"success": false, "errors": [{"code": 7, "message": "no"}]}"#, Some("no"));
        check(r#"[{"error": {"code": 400, "message": "no"}}]"#, Some("no"));
        check(r#"{"base_resp": {"status_code": 1004, "status_msg": "no"}}"#, Some("no"));
        check(r#"{"error": {"message": "", "metadata": {}}, "message": "no"}"#, Some("no"));
        check(r#"{"choices": [], "model": "m"}"#, None);
        check(r#"{"error": {"error": {"error": {"error": {"error": "deep"}}}}}"#, None);
    }

    #[test]
    fn an_error_without_a_status_has_one() {
        let check = |text: &str, expect| {
            assert_eq!(status_of(&serde_json::from_str(text).unwrap()), expect, "{text}");
        };
        check(r#"{"error": {"code": 429}}"#, 429);
        check(r#"{"error": {"type": "overloaded_error"}}"#, 529);
        check(r#"{"error": {"type": "invalid_request_error", "code": "x"}}"#, 400);
        check(r#"{"error": {"code": "429"}}"#, 429);
        check(r#"{"error": {"code": 8, "status": "RESOURCE_EXHAUSTED"}}"#, 429);
        check(r#"{"object": "error", "type": "BadRequestError", "code": null}"#, 400);
        check(r#"[{"error": {"status": "INVALID_ARGUMENT"}}]"#, 500);
        check(r#"{"error": {"code": 200}}"#, 500);
        check(r#"{"error": "boom"}"#, 500);
        check(r#"{"error": {"code": 99999999999}}"#, 500);
        check(r#"{"detail": "boom"}"#, 500);
    }
}
