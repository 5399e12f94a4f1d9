//! What a provider's refusal means: its status and its words, as an error
//! that says whether trying again would help.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use serde_json::Value;

use super::{ProviderError, bounds::MAX_QUOTE_CHARS};
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
    pub(super) fn error(&self) -> ProviderError {
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
        let said = json.as_ref().and_then(message_of).unwrap_or(self.body);
        match clean_line(said, MAX_QUOTE_CHARS) {
            it if it.is_empty() => "it says no more".to_owned(),
            it => it,
        }
    }
}

/// `{"error": {"message": …}}`, `{"error": …}`, `{"message": …}`,
/// `{"detail": …}`.
fn message_of(body: &Value) -> Option<&str> {
    let error = body.get("error").unwrap_or(body);
    let fields = ["message", "detail"].iter().find_map(|it| error.get(it)?.as_str());
    fields.or(error.as_str())
}

/// The status that an error without one stands for: by its code, or by its
/// type. One that says nothing is the server's fault.
pub(super) fn status_of(error: &Value) -> u16 {
    let code = error.get("code").or_else(|| error.get("status"));
    let code = code.and_then(Value::as_u64).and_then(|it| u16::try_from(it).ok());
    if let Some(code) = code.filter(|it| (400..600).contains(it)) {
        return code;
    }
    match error.get("type").or_else(|| error.get("code")).and_then(Value::as_str) {
        Some("invalid_request_error" | "request_too_large") => 400,
        Some("authentication_error") => 401,
        Some("permission_error") => 403,
        Some("not_found_error") => 404,
        Some("rate_limit_error" | "rate_limit_exceeded") => 429,
        Some("overloaded_error") => 529,
        _ => 500,
    }
}

/// How long a provider wants to be left alone: `retry-after-ms`, or
/// `Retry-After` in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let millis = text("retry-after-ms").and_then(|it| seconds(it, 0.001));
    millis.or_else(|| {
        let text = text(RETRY_AFTER.as_str())?;
        seconds(text, 1.0).or_else(|| until(text, now))
    })
}

/// Some send fractions.
fn seconds(text: &str, unit: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse::<f64>().ok()? * unit).ok()
}

fn until(date: &str, now: SystemTime) -> Option<Duration> {
    let at: Timestamp = DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(SystemTime::from(at).duration_since(now).unwrap_or_default())
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
    fn how_long_to_wait_is_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let check = |name: &'static str, value: &'static str, expect: Option<f64>| {
            let headers = HeaderMap::from_iter([(
                name.parse().unwrap(),
                reqwest::header::HeaderValue::from_static(value),
            )]);
            let expect = expect.map(Duration::from_secs_f64);
            assert_eq!(retry_after(&headers, now), expect, "{name}: {value}");
        };
        check("retry-after", "7", Some(7.0));
        check("retry-after", " 1.5 ", Some(1.5));
        check("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(7.0));
        check("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT", Some(0.0));
        check("retry-after-ms", "250", Some(0.25));
        for nonsense in ["-1", "soon", "NaN", "inf", "1e300", ""] {
            check("retry-after", nonsense, None);
        }
        check("retry-after", "18446744073709551615", None);
    }

    #[test]
    fn an_error_without_a_status_has_one() {
        let check = |text: &str, expect| {
            assert_eq!(status_of(&serde_json::from_str(text).unwrap()), expect, "{text}");
        };
        check(r#"{"code": 429}"#, 429);
        check(r#"{"type": "overloaded_error"}"#, 529);
        check(r#"{"type": "invalid_request_error", "code": "x"}"#, 400);
        check(r#"{"code": 200}"#, 500);
        check(r#""boom""#, 500);
        check(r#"{"code": 99999999999}"#, 500);
    }
}
