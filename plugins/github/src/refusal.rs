//! Why GitHub refused, in words that say what to do.

use serde::Deserialize;

use hermitage_guest::ToolError;

use crate::request::Response;

/// Characters of what GitHub says that are told.
const LONGEST: usize = 600;

/// Requests in an hour without a token: who has that limit has no token.
const LIMIT_WITHOUT_TOKEN: &str = "60";

#[derive(Deserialize)]
struct Refusal {
    message: String,
    #[serde(default)]
    errors: Vec<Problem>,
}

/// One of the fields that were wrong, or a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Problem {
    Field {
        #[serde(default)]
        field: Option<String>,
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        message: Option<String>,
    },
    Text(String),
}

pub(crate) fn read(response: &Response) -> ToolError {
    let words = words(&response.body);
    let said = format!("GitHub says {}: {words}", response.status);
    if let Some(wait) = wait(response) {
        return ToolError::Failed(format!("{said}. {wait}"));
    }
    match response.status {
        400 | 422 => ToolError::InvalidArguments(said),
        401 => ToolError::Failed(format!("{said}. The token is wrong or has expired")),
        403 => ToolError::Failed(format!("{said}. The token may not do this, or there is none")),
        404 => ToolError::Failed(format!(
            "{said}. It is not there, or it is private and the token can't see it"
        )),
        410 => ToolError::Failed(format!("{said}. It was removed or is switched off")),
        _ => ToolError::Failed(said),
    }
}

/// GitHub's own words.
fn words(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => {
            let problems = refusal.errors.iter().map(Problem::text).filter(|it| !it.is_empty());
            let all = std::iter::once(refusal.message).chain(problems);
            let all: Vec<String> = all.collect();
            all.join("; ").trim_end_matches('.').to_owned()
        }
        // A proxy's page, perhaps.
        Err(_) => String::from_utf8_lossy(body).split_whitespace().collect::<Vec<_>>().join(" "),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None if text.is_empty() => "nothing".to_owned(),
        None => text,
    }
}

impl Problem {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Field { field, code, message } => {
                let why = message.as_deref().or(code.as_deref()).unwrap_or_default();
                match field {
                    Some(field) => format!("`{field}`: {why}"),
                    None => why.to_owned(),
                }
            }
        }
    }
}

/// How long to wait, if that is what helps. Nothing here has a clock, so the
/// time is told as it is.
fn wait(response: &Response) -> Option<String> {
    if !matches!(response.status, 403 | 429) {
        return None;
    }
    if let Some(seconds) = response.header("retry-after") {
        return Some(format!("Try again in {seconds} seconds"));
    }
    if response.header("x-ratelimit-remaining") != Some("0") {
        return (response.status == 429).then(|| "Try again in a minute".to_owned());
    }
    let until = response.header("x-ratelimit-reset").and_then(|it| it.parse().ok());
    let until = until.map_or("later".to_owned(), |it| format!("at {}", utc(it)));
    let without_token = response.header("x-ratelimit-limit") == Some(LIMIT_WITHOUT_TOKEN);
    let hint = if without_token { "; with a token there are many more" } else { "" };
    Some(format!("The requests of this hour are spent: try again {until}{hint}"))
}

/// Seconds since 1970 as a date, by the calendar of whole days.
fn utc(seconds: u64) -> String {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    while days >= days_of_year(year) && year < 9999 {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 0;
    while days >= days_of_month(year, month) && month < 11 {
        days -= days_of_month(year, month);
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", month + 1, days + 1)
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expect: &str) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let body = body.as_bytes().to_vec();
        let response = Response { status, headers: headers.collect(), body, truncated: false };
        let text = match read(&response) {
            ToolError::InvalidArguments(why) => format!("argument: {why}"),
            ToolError::Failed(why) => why,
            other => panic!("{other}"),
        };
        assert_eq!(text, expect);
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        check(
            404,
            &[],
            r#"{"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}"#,
            "GitHub says 404: Not Found. It is not there, or it is private and the token can't see it",
        );
        check(
            401,
            &[],
            r#"{"message": "Bad credentials"}"#,
            "GitHub says 401: Bad credentials. The token is wrong or has expired",
        );
        check(
            403,
            &[("x-ratelimit-remaining", "41")],
            r#"{"message": "Resource not accessible by personal access token"}"#,
            "GitHub says 403: Resource not accessible by personal access token. The token may not do this, or there is none",
        );
        check(
            502,
            &[],
            "<html>\n <h1>Bad gateway</h1>",
            "GitHub says 502: <html> <h1>Bad gateway</h1>",
        );
        check(500, &[], "", "GitHub says 500: nothing");
    }

    #[test]
    fn wrong_fields_are_named() {
        check(
            422,
            &[],
            r#"{"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title", "code": "missing_field"}, {"resource": "Label", "code": "custom", "message": "label is too long"}]}"#,
            "argument: GitHub says 422: Validation Failed; `title`: missing_field; label is too long",
        );
        check(
            422,
            &[],
            r#"{"message": "Validation Failed", "errors": ["query is too long"]}"#,
            "argument: GitHub says 422: Validation Failed; query is too long",
        );
    }

    #[test]
    fn limits_say_when_they_end() {
        check(
            403,
            &[
                ("X-RateLimit-Limit", "60"),
                ("X-RateLimit-Remaining", "0"),
                ("X-RateLimit-Reset", "1709251200"),
            ],
            r#"{"message": "API rate limit exceeded for 203.0.113.7."}"#,
            "GitHub says 403: API rate limit exceeded for 203.0.113.7. The requests of this hour are spent: try again at 2024-03-01 00:00:00 UTC; with a token there are many more",
        );
        check(
            429,
            &[("retry-after", "30")],
            r#"{"message": "You have exceeded a secondary rate limit"}"#,
            "GitHub says 429: You have exceeded a secondary rate limit. Try again in 30 seconds",
        );
        check(
            429,
            &[],
            "{\"message\": \"slow down\"}",
            "GitHub says 429: slow down. Try again in a minute",
        );
    }

    #[test]
    fn seconds_are_dates() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_798_761_599), "2026-12-31 23:59:59 UTC");
        assert!(utc(u64::MAX).starts_with("9999-12-"));
    }
}
