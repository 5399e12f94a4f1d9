//! How long a provider wants to be left alone, wherever it says so.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// How long a provider wants to be left alone: `retry-after-ms`, or
/// `Retry-After` in seconds or as a date, which is by the server's own clock
/// when it says what that shows.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let millis = text("retry-after-ms").and_then(|it| seconds(it, 0.001));
    millis.or_else(|| {
        let text_after = text(RETRY_AFTER.as_str())?;
        let now = text(DATE.as_str()).and_then(date).unwrap_or(now);
        let until = |at: SystemTime| at.duration_since(now).unwrap_or_default();
        seconds(text_after, 1.0).or_else(|| date(text_after).map(until))
    })
}

/// Some send fractions, and some a unit.
fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let number = text.strip_suffix('s').unwrap_or(text);
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
}

/// A date of HTTP in any of its three forms, or one of a mail.
fn date(text: &str) -> Option<SystemTime> {
    let http = httpdate::parse_http_date(text).ok();
    http.or_else(|| {
        let mail: Timestamp = DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(mail.into())
    })
}

/// The pause that the body of an error asks for, where no header does.
pub(super) fn retry_within(body: &Value) -> Option<Duration> {
    let body = body.get(0).unwrap_or(body);
    let details = body.pointer("/error/details").and_then(Value::as_array);
    let delays = details.into_iter().flatten().filter_map(|it| it.get("retryDelay")?.as_str());
    delays.filter_map(|it| seconds(it, 1.0)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        check("retry-after", "7s", Some(7.0));
        check("retry-after", "Sunday, 06-Nov-94 08:49:37 GMT", Some(7.0));
        check("retry-after", "Sun Nov  6 08:49:37 1994", Some(7.0));
        check("retry-after", "Sun, 06 Nov 1994 08:49:37 +0000", Some(7.0));
        check("retry-after", "Sun, 06 Nov 1994 25:49:37 GMT", None);
    }

    #[test]
    fn a_date_is_by_the_clock_of_the_server() {
        let headers = [
            ("date", "Sun, 06 Nov 1994 08:49:07 GMT"),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ];
        let headers = headers.map(|(name, value)| {
            (name.parse().unwrap(), reqwest::header::HeaderValue::from_static(value))
        });
        let wrong = SystemTime::UNIX_EPOCH;
        let res = retry_after(&HeaderMap::from_iter(headers), wrong);
        assert_eq!(res, Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_pause_in_the_body_is_read() {
        let check = |body: &str, expect: Option<u64>| {
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(retry_within(&body), expect.map(Duration::from_secs), "{body}");
        };
        check(r#"[{"error": {"details": [{"@type": "x"}, {"retryDelay": "34s"}]}}]"#, Some(34));
        check(r#"{"error": {"details": [{"retryDelay": "-1s"}]}}"#, None);
        check(r#"{"error": {"details": "34s"}}"#, None);
    }
}
