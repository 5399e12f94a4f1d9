//! A request of a plugin as it will be sent, and again for each redirect.

use bytes::Bytes;
use reqwest::{
    Method, StatusCode,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, HeaderMap,
        HeaderName, HeaderValue,
    },
};

use super::{WebConfig, target::Target};
use crate::{completion::sanitize::clean_line, toolset::ToolError};

/// Headers of one request. Their bytes have a setting.
const MAX_HEADERS: usize = 64;

/// Characters of a name that an error quotes.
const MAX_QUOTED_CHARS: usize = 80;

/// Headers that say how a message comes over the wire, and to whom: with one
/// of its own, a plugin could have two readers see two messages, or another
/// host than the one that was checked.
const HOSTS_OWN: [&str; 15] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Of those, what libraries write unasked, and what is right without them.
const DROPPED: [HeaderName; 2] = [ACCEPT_ENCODING, CONTENT_LENGTH];

/// What a plugin asks for: not checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// With `https://` or `http://`.
    pub url: String,
    /// Names and values. Those that say how a message comes over the wire, or
    /// that hold a credential of the host, are refused, but for
    /// `content-length` and `accept-encoding`: these are the host's to say.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What is sent.
    pub body: Vec<u8>,
    /// Whether a redirect is followed, or is the answer.
    pub follow: bool,
}

/// What a server answered, unpacked and without a secret of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingAnswer {
    /// 200, 404, …
    pub status: u16,
    /// Names in lower case, and values; without those that say how the message
    /// came over the wire.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What came, up to the limits.
    pub body: Vec<u8>,
    /// Whether more would have come.
    pub truncated: bool,
}

/// Whether a header is for the host alone to say, because it says how a
/// message comes over the wire, or to whom.
pub fn is_of_wire(name: &str) -> bool {
    HOSTS_OWN.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// Whether a request with this header is refused.
pub(super) fn is_refused(name: &str, credentials: &[&str]) -> bool {
    let is_dropped = DROPPED.iter().any(|it| it == name);
    (is_of_wire(name) && !is_dropped) || credentials.contains(&name)
}

/// A request that can be sent, if a rule allows it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Step {
    /// Reads what a plugin asks for. `credentials` are the headers that the
    /// host sets.
    pub(super) fn of(
        request: OutgoingRequest,
        credentials: &[&str],
        config: &WebConfig,
    ) -> Result<Self, ToolError> {
        let OutgoingRequest { method, url, headers, body, follow: _ } = request;
        let target =
            Target::parse(&url).map_err(|it| wrong(format!("the URL is no address: {it}")))?;
        let most = config.max_request_bytes;
        if most < body.len() as u64 {
            return Err(wrong(format!("the body is longer than {most} bytes")));
        }
        let headers = checked(&headers, credentials, config)?;
        Ok(Self { method: of_text(&method)?, target, headers, body: body.into() })
    }

    /// What is asked of the place that this one redirects to: as browsers do
    /// it, so that a form is not sent twice. What the plugin says of itself is
    /// for the host that it asked.
    pub(super) fn onward(mut self, status: StatusCode, next: Target) -> Self {
        let is_other = match status.as_u16() {
            301 | 302 => self.method == Method::POST,
            303 => self.method != Method::GET && self.method != Method::HEAD,
            _ => false,
        };
        if is_other {
            self.method = Method::GET;
            self.body = Bytes::new();
            let names: Vec<HeaderName> = self.headers.keys().cloned().collect();
            let of_body = names.into_iter().filter(|it| it.as_str().starts_with("content-"));
            of_body.for_each(|it| drop(self.headers.remove(it)));
        }
        if next.origin() != self.target.origin() {
            self.headers.remove(AUTHORIZATION);
            self.headers.remove(COOKIE);
        }
        self.target = next;
        self
    }
}

/// The headers of an answer that say something of its content.
pub(super) fn of_content(mut headers: HeaderMap) -> HeaderMap {
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    let is_left_out = |it: &HeaderName| is_of_wire(it.as_str()) || it == CONTENT_ENCODING;
    names.into_iter().filter(is_left_out).for_each(|it| drop(headers.remove(it)));
    headers
}

fn of_text(method: &str) -> Result<Method, ToolError> {
    let method = method.to_ascii_uppercase();
    Method::from_bytes(method.as_bytes()).map_err(|_| {
        wrong(format!("`{}` is no method of HTTP", clean_line(&method, MAX_QUOTED_CHARS)))
    })
}

fn checked(
    headers: &[(String, Vec<u8>)],
    credentials: &[&str],
    config: &WebConfig,
) -> Result<HeaderMap, ToolError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    let most = config.max_header_bytes;
    if MAX_HEADERS < headers.len() || most < bytes as u64 {
        return Err(wrong(format!("more than {MAX_HEADERS} headers, or {most} bytes of them")));
    }
    let mut res = HeaderMap::new();
    for (name, value) in headers {
        let (name, value) = header(name, value)?;
        if DROPPED.contains(&name) {
            continue;
        }
        if is_refused(name.as_str(), credentials) {
            return Err(wrong(format!("the header `{name}` is the host's to set: leave it out")));
        }
        res.append(name, value);
    }
    Ok(res)
}

/// No line end, and nothing else that could be read as one.
fn header(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), ToolError> {
    let shown = clean_line(name, MAX_QUOTED_CHARS);
    let is_no_name = |_| wrong(format!("`{shown}` is no name of a header"));
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(is_no_name)?;
    let is_no_value =
        |_| wrong(format!("the value of the header `{shown}` has control characters"));
    Ok((name, HeaderValue::from_bytes(value).map_err(is_no_value)?))
}

fn wrong(text: String) -> ToolError {
    ToolError::InvalidArguments(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::web::tests::config;

    fn step(headers: &[(&str, &str)]) -> Result<Step, ToolError> {
        let headers = headers.iter().map(|it| (it.0.to_owned(), it.1.into())).collect();
        let url = "https://a.example/x".to_owned();
        let request =
            OutgoingRequest { method: "post".to_owned(), url, headers, ..Default::default() };
        Step::of(request, &["authorization"], &config(&[]))
    }

    fn names(step: &Step) -> Vec<&str> {
        step.headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn a_request_has_no_header_that_is_the_hosts_to_set() {
        let kept =
            step(&[("X-A", "b"), ("Content-Length", "9"), ("accept-encoding", "br")]).unwrap();
        assert_eq!((names(&kept), &kept.method), (vec!["x-a"], &Method::POST));
        let check = |name: &str, value: &str, expect: &str| {
            let res = step(&[("x-a", "b"), (name, value)]);
            assert_eq!(res.unwrap_err(), ToolError::InvalidArguments(expect.to_owned()), "{name}");
        };
        for name in HOSTS_OWN.iter().filter(|it| !DROPPED.iter().any(|dropped| dropped == *it)) {
            check(
                &name.to_uppercase(),
                "x",
                &format!("the header `{name}` is the host's to set: leave it out"),
            );
        }
        check(
            "Authorization",
            "x",
            "the header `authorization` is the host's to set: leave it out",
        );
        for name in ["", "a b", "a:", "a\r\nHost", "ä"] {
            let shown = name.replace("\r\n", " ");
            check(name, "x", &format!("`{shown}` is no name of a header"));
        }
        for value in ["a\r\nHost: evil", "a\nb", "a\0", "a\u{7f}"] {
            check("x-b", value, "the value of the header `x-b` has control characters");
        }
    }

    #[test]
    fn a_request_is_bounded() {
        let config = WebConfig { max_request_bytes: 4, max_header_bytes: 8, ..config(&[]) };
        let check = |headers: Vec<(String, Vec<u8>)>, body: &[u8], expect: Result<(), &str>| {
            let (url, body) = ("https://a.example".to_owned(), body.to_vec());
            let method = "GET".to_owned();
            let request = OutgoingRequest { method, url, headers, body, follow: true };
            let res = Step::of(request, &[], &config).map(drop);
            assert_eq!(res, expect.map_err(|it| ToolError::InvalidArguments(it.to_owned())));
        };
        let header = |value: &str| vec![("a".to_owned(), value.into())];
        check(header("1234567"), b"1234", Ok(()));
        check(header("1234567"), b"12345", Err("the body is longer than 4 bytes"));
        check(header("12345678"), b"", Err("more than 64 headers, or 8 bytes of them"));
        let many = vec![(String::new(), Vec::new()); 65];
        check(many, b"", Err("more than 64 headers, or 8 bytes of them"));
    }

    #[test]
    fn a_redirect_takes_along_what_is_for_the_next_one() {
        let check = |method: &str, status: u16, expect: (&str, bool)| {
            let headers = [("content-type", "x"), ("x-a", "b")];
            let mut first = step(&headers).unwrap();
            first.method = Method::from_bytes(method.as_bytes()).unwrap();
            first.body = Bytes::from("x");
            let status = StatusCode::from_u16(status).unwrap();
            let next = first.target.join("/y").unwrap();
            let next = first.onward(status, next);
            let has_body = !next.body.is_empty();
            assert_eq!((next.method.as_str(), has_body), expect, "{method} {status}");
            let expect = if has_body { vec!["content-type", "x-a"] } else { vec!["x-a"] };
            assert_eq!(names(&next), expect);
        };
        for status in [301, 302] {
            check("POST", status, ("GET", false));
            check("PUT", status, ("PUT", true));
            check("GET", status, ("GET", true));
        }
        for (method, expect) in [("POST", "GET"), ("DELETE", "GET")] {
            check(method, 303, (expect, false));
            check(method, 307, (method, true));
            check(method, 308, (method, true));
        }
        check("HEAD", 303, ("HEAD", true));
    }

    #[test]
    fn what_a_plugin_says_of_itself_goes_to_no_other_host() {
        let headers = vec![
            ("authorization".to_owned(), b"own".to_vec()),
            ("cookie".to_owned(), b"a=b".to_vec()),
        ];
        let (method, url) = ("GET".to_owned(), "https://a.example/x".to_owned());
        let request = OutgoingRequest { method, url, headers, ..Default::default() };
        let step = Step::of(request, &[], &config(&[])).unwrap();
        let after = |url: &str| step.clone().onward(StatusCode::FOUND, Target::parse(url).unwrap());
        assert_eq!(names(&after("https://a.example/y")), ["authorization", "cookie"]);
        for url in ["https://b.example/", "https://a.example:8443/", "http://a.example/"] {
            assert_eq!(names(&after(url)), Vec::<&str>::new(), "{url}");
        }
    }
}
