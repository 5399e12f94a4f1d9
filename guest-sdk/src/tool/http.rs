//! Requests to the servers that the plugin's manifest asks for.
//!
//! ```no_run
//! use hermitage_guest::{ToolError, tool::http};
//!
//! #[derive(serde::Deserialize)]
//! struct Issue {
//!     title: String,
//! }
//!
//! # fn f() -> Result<(), ToolError> {
//! let issues: Vec<Issue> = http::get("https://api.example.com/issues")
//!     .query("state", "open")
//!     .header("accept", "application/json")
//!     .send()?
//!     .success()?
//!     .json()?;
//! # drop(issues);
//! # Ok(())
//! # }
//! ```
//!
//! No header is for a credential: the host puts in the one that the person
//! gave for that address.

use std::fmt::Write as _;

use serde::{Serialize, de::DeserializeOwned};

use super::bindings::hermitage::subagent::http::{self, fetch};
use crate::ToolError;

/// How much of a server's words an error quotes, in bytes.
const QUOTED: usize = 500;

/// A request that was not sent yet.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing is sent before `send`"]
pub struct Request {
    inner: http::Request,
    /// Why it can't be sent.
    error: Option<ToolError>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    inner: http::Response,
}

/// Asks for what is at an address.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// Sends something to an address.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// Any other method, in capitals.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    let (method, url) = (method.into(), url.into());
    let inner = http::Request { method, url, headers: Vec::new(), body: Vec::new() };
    Request { inner, error: None }
}

impl Request {
    /// Adds a parameter to the address, with everything escaped that must be.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        let url = &mut self.inner.url;
        let fragment = url.find('#').map(|at| url.split_off(at));
        url.push(if url.contains('?') { '&' } else { '?' });
        escape(name, url);
        url.push('=');
        escape(&value.to_string(), url);
        url.push_str(fragment.as_deref().unwrap_or_default());
        self
    }

    /// Adds a header. The host refuses those that say how a message comes
    /// over the wire, or to whom (`host`, `connection`, …), and those that
    /// hold a credential of its own.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.inner.headers.push((name.into(), value.into()));
        self
    }

    /// Sends these bytes.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.inner.body = body.into();
        self
    }

    /// Sends `value` as JSON, and says so in `content-type`.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.inner.body = body,
            Err(error) => self.error = Some(ToolError::failed(error)),
        }
        self.header("content-type", "application/json")
    }

    /// Sends it and waits for the answer. An answer such as 404 is no error
    /// here: see [`Response::success`].
    pub fn send(self) -> Result<Response, ToolError> {
        match self.error {
            Some(error) => Err(error),
            None => fetch(&self.inner).map(|inner| Response { inner }),
        }
    }
}

/// Escapes all but what RFC 3986 calls unreserved.
fn escape(text: &str, to: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                to.push(char::from(byte));
            }
            // Writing to a `String` can't fail.
            _ => drop(write!(to, "%{byte:02X}")),
        }
    }
}

impl Response {
    /// The status, such as 200.
    pub fn status(&self) -> u16 {
        self.inner.status
    }

    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.inner.headers.iter();
        headers.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body's end is missing, since it is longer than the host gives.
    pub fn is_truncated(&self) -> bool {
        self.inner.truncated
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.inner.body
    }

    /// The body as text, with `�` for what is no UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// The body as JSON. One that was truncated is an error.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        if self.is_truncated() {
            return Err(ToolError::failed("the server's answer is too long"));
        }
        serde_json::from_slice(self.bytes())
            .map_err(|error| ToolError::failed(format!("the server's answer: {error}")))
    }

    /// The answer itself when its status is 200 to 299; else an error with
    /// the status and the beginning of what the server said.
    pub fn success(self) -> Result<Self, ToolError> {
        if (200..300).contains(&self.status()) {
            return Ok(self);
        }
        let mut text = format!("the server answered {}", self.status());
        let said = self.bytes().get(..QUOTED).unwrap_or(self.bytes());
        let said = String::from_utf8_lossy(said);
        if !said.trim().is_empty() {
            text.push_str(": ");
            text.push_str(said.trim());
        }
        Err(ToolError::failed(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_url(request: Request, expect: &str) {
        assert_eq!(request.inner.url, expect);
    }

    #[test]
    fn parameters_are_escaped_and_stand_before_the_fragment() {
        check_url(get("https://a.example").query("q", "a b&c"), "https://a.example?q=a%20b%26c");
        check_url(
            get("https://a.example/?x=1#f").query("é", 2),
            "https://a.example/?x=1&%C3%A9=2#f",
        );
    }

    #[test]
    fn json_is_sent_with_its_type() {
        let request = post("https://a.example").json(&serde_json::json!({"a": 1}));
        assert_eq!(request.inner.body, br#"{"a":1}"#);
        let expect = ("content-type".to_owned(), "application/json".to_owned());
        assert_eq!(request.inner.headers, [expect]);
    }

    fn response(status: u16, body: &str, truncated: bool) -> Response {
        let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
        let body = body.as_bytes().to_vec();
        Response { inner: http::Response { status, headers, body, truncated } }
    }

    #[test]
    fn an_answer_that_is_no_success_says_what_the_server_said() {
        let failed = |text: &str| Err(ToolError::Failed(text.to_owned()));
        assert!(response(204, "", false).success().is_ok());
        let error = |status, body| response(status, body, false).success().map(drop);
        assert_eq!(
            error(404, " no such issue\n"),
            failed("the server answered 404: no such issue")
        );
        assert_eq!(error(301, ""), failed("the server answered 301"));
    }

    #[test]
    fn json_that_was_cut_is_an_error() {
        assert_eq!(response(200, "[1]", false).json::<Vec<u8>>().unwrap(), [1]);
        let error = response(200, "[1]", true).json::<Vec<u8>>().unwrap_err();
        assert_eq!(error, ToolError::Failed("the server's answer is too long".to_owned()));
        assert!(response(200, "[1", false).json::<Vec<u8>>().is_err());
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let response = response(200, "", false);
        assert_eq!(response.header("Content-Type"), Some("text/plain"));
        assert_eq!(response.header("etag"), None);
    }
}
