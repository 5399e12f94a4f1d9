//! A request to the API, and what came of it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use hermitage_guest::ToolError;

use crate::refusal;

/// Texts of GitHub that answers bring along are cut here. A model pays for
/// each.
pub(crate) const LONGEST_TEXT: usize = 16 * 1024;

#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Path and query, behind the address of the API.
    pub(crate) path: String,
    pub(crate) accept: &'static str,
    pub(crate) body: Option<Value>,
}

const JSON: &str = "application/vnd.github+json";

/// With the lines that were found.
const JSON_WITH_MATCHES: &str = "application/vnd.github.text-match+json";

impl Request {
    pub(crate) fn get(path: Path) -> Self {
        Self { method: "GET", path: path.text, accept: JSON, body: None }
    }

    pub(crate) fn post(path: Path, body: Value) -> Self {
        Self { method: "POST", path: path.text, accept: JSON, body: Some(body) }
    }

    pub(crate) fn with_matches(self) -> Self {
        Self { accept: JSON_WITH_MATCHES, ..self }
    }
}

/// A path, escaped piece by piece, so that no argument leads elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    text: String,
    has_query: bool,
}

impl Path {
    pub(crate) fn new(fixed: &str) -> Self {
        Self { text: fixed.to_owned(), has_query: false }
    }

    pub(crate) fn segment(mut self, piece: &str) -> Self {
        self.text.push('/');
        self.text.push_str(&escaped(piece));
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(&format!("{name}={}", escaped(value)));
        self
    }

    pub(crate) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// The headers of an answer that are looked at.
pub(crate) const HEADERS: [&str; 5] =
    ["link", "retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

/// What GitHub answered.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Those of [`HEADERS`].
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) truncated: bool,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |it: &&(String, String)| it.0.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|it| it.1.as_str())
    }

    /// What it says, or why GitHub refused.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        if !(200..300).contains(&self.status) {
            return Err(refusal::read(self));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            ToolError::Failed(match self.truncated {
                true => "GitHub's answer is longer than the host takes: ask for less".to_owned(),
                false => format!("GitHub's answer can't be read: {error}"),
            })
        })
    }

    /// Whether there is another page, as the header `Link` says.
    pub(crate) fn has_next(&self) -> bool {
        self.header("link").is_some_and(|it| it.contains("rel=\"next\""))
    }
}

/// Sends requests; natively, plays recorded answers.
pub(crate) trait Api {
    fn send(&self, request: Request) -> Result<Response, ToolError>;
}

/// The page after this one, when there is one.
pub(crate) fn next_page(response: &Response, page: Option<u32>) -> Option<u32> {
    response.has_next().then(|| page.unwrap_or(1).saturating_add(1))
}

/// The beginning of a text that is too long.
pub(crate) fn cut(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        let end = text.floor_char_boundary(LONGEST_TEXT);
        let left = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("… ({left} more bytes)"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stay_within_their_piece() {
        let path = Path::new("/repos").segment("../a b").segment("é?x=1#y");
        let path = path.query("q", "a&b=c").maybe("ref", None).maybe("page", Some("2"));
        assert_eq!(path.text, "/repos/..%2Fa%20b/%C3%A9%3Fx%3D1%23y?q=a%26b%3Dc&page=2");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("é".repeat(3)), "ééé");
        let cut = cut(format!("a{}", "é".repeat(LONGEST_TEXT)));
        assert!(cut.ends_with("é… (16386 more bytes)"), "{}", cut.len());
    }
}
