//! The address of a page, read once and by one parser.
//!
//! A [`Target`] is what every later step works on: the rule that allows it,
//! the look-up of its host, and the request. So there is no second reading
//! that could see another host in the same text.

use std::net::IpAddr;

use reqwest::Url;

/// Bytes of an address. Bounds what can be said in one, and how long a rule
/// is compared with it.
const MAX_URL_BYTES: usize = 2_048;

/// Bytes of a name and of one label, as the DNS has them (RFC 1035).
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// Why a text is no address of a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadUrl {
    #[error("longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    #[error("it holds a space, a control character or a backslash; encode it with `%`")]
    Character,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("only `https://` and `http://` can be fetched")]
    Scheme,
    #[error("it holds a user name or a password, and none is ever sent")]
    Credentials,
    #[error("its host is no name that can be looked up")]
    Host,
}

/// Where a page stands, in its canonical form: no user, no fragment, the name
/// in ASCII and without a last dot, every spelling of an IPv4 address as the
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    url: Url,
    host: Host,
    port: u16,
}

/// A host: looked up, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Target {
    /// Reads an address.
    pub(super) fn parse(text: &str) -> Result<Self, BadUrl> {
        check_text(text)?;
        let url = Url::parse(text).map_err(|_| BadUrl::Malformed("it is no absolute URL"))?;
        Self::of(url)
    }

    /// Reads an address that may be relative to this one.
    pub(super) fn join(&self, text: &str) -> Result<Self, BadUrl> {
        check_text(text)?;
        let url = self.url.join(text).map_err(|_| BadUrl::Malformed("it is no URL"))?;
        Self::of(url)
    }

    /// Reads where a page leads to. Blanks are taken as browsers take them:
    /// dropped around an address, and encoded within.
    pub(super) fn leads_to(&self, text: &str) -> Result<Self, BadUrl> {
        self.join(&encode_blanks(text.trim()))
    }

    /// Reads where a server leads to, who may have written an address in raw
    /// bytes: UTF-8, or whatever its paths are encoded in.
    pub(super) fn leads_to_bytes(&self, bytes: &[u8]) -> Result<Self, BadUrl> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.leads_to(text),
            Err(_) => self.leads_to(&encode_bytes(bytes)),
        }
    }

    fn of(mut url: Url) -> Result<Self, BadUrl> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BadUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUrl::Credentials);
        }
        url.set_fragment(None);
        let host = host(&url)?;
        if let Host::Name(name) = &host {
            url.set_host(Some(name)).map_err(|_| BadUrl::Host)?;
        }
        let port = url.port_or_known_default().ok_or(BadUrl::Scheme)?;
        // What a parser makes of a text can be longer than the text.
        if url.as_str().len() > MAX_URL_BYTES {
            return Err(BadUrl::TooLong);
        }
        Ok(Self { url, host, port })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// As it stands in the address, with brackets around IPv6.
    pub(super) fn host_text(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The address up to the host, as a rule would name it.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

/// Refuses what the parser would drop or change on the way, where a reader
/// sees another address than it does.
fn check_text(text: &str) -> Result<(), BadUrl> {
    if text.len() > MAX_URL_BYTES {
        return Err(BadUrl::TooLong);
    }
    let is_bad = |it: char| it.is_control() || it.is_whitespace() || it == '\\';
    if text.contains(is_bad) { Err(BadUrl::Character) } else { Ok(()) }
}

/// What is no blank to a parser stays as it is, for [`check_text`] to judge.
fn encode_blanks(text: &str) -> String {
    let is_blank = |it: char| it.is_whitespace() && !it.is_control();
    let mut res = String::with_capacity(text.len());
    for c in text.chars() {
        match is_blank(c) {
            true => c.encode_utf8(&mut [0; 4]).bytes().for_each(|it| push_encoded(&mut res, it)),
            false => res.push(c),
        }
    }
    res
}

/// Every byte that is no ASCII, encoded as it stands.
fn encode_bytes(bytes: &[u8]) -> String {
    let mut res = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte.is_ascii() {
            true => res.push(char::from(*byte)),
            false => push_encoded(&mut res, *byte),
        }
    }
    res
}

fn push_encoded(text: &mut String, byte: u8) {
    text.push_str(&format!("%{byte:02X}"));
}

fn host(url: &Url) -> Result<Host, BadUrl> {
    let text = url.host_str().ok_or(BadUrl::Host)?;
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse() {
        return Ok(Host::Address(address));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    if is_name(name) { Ok(Host::Name(name.to_owned())) } else { Err(BadUrl::Host) }
}

fn is_name(name: &str) -> bool {
    let is_char = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
    let is_label =
        |it: &str| !it.is_empty() && it.len() <= MAX_LABEL_BYTES && it.bytes().all(is_char);
    name.len() <= MAX_NAME_BYTES && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let target = Target::parse(text).unwrap_or_else(|it| panic!("{text:?}: {it}"));
        assert_eq!(target.url().as_str(), expect, "{text:?}");
    }

    fn check_error(text: &str, expect: &BadUrl) {
        assert_eq!(Target::parse(text).as_ref(), Err(expect), "{text:?}");
    }

    #[test]
    fn every_spelling_of_a_host_becomes_one() {
        check("https://docs.rs", "https://docs.rs/");
        check("HTTPS://Docs.RS.:443/a/../b#c", "https://docs.rs/b");
        check("https://bücher.example/ä?ö", "https://xn--bcher-kva.example/%C3%A4?%C3%B6");
        check("https://ｅxample｡org/", "https://example.org/");
        check("http:docs.rs", "http://docs.rs/");
        check("http://docs.rs:8080", "http://docs.rs:8080/");
        for text in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
        ] {
            check(&format!("http://{text}/"), "http://127.0.0.1/");
        }
        check("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/");
        check("http://0/", "http://0.0.0.0/");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "http://docs.rs\r\nX: y",
            "http://docs.rs/\r\nX: y",
            "ht\ttp://docs.rs",
            " http://docs.rs",
            "http://docs.rs/\u{a0}",
            "http://docs.rs\\@evil.org",
            "http:\\\\docs.rs",
            "http://docs.rs/\0",
            "http://docs.rs/\u{85}",
        ] {
            check_error(text, &BadUrl::Character);
        }
        for text in ["http://user@docs.rs", "http://:pass@docs.rs", "http://docs.rs@evil.org/"] {
            check_error(text, &BadUrl::Credentials);
        }
        for text in ["file:///etc/passwd", "ftp://docs.rs", "data:text/html,x", "gopher://x/_"] {
            check_error(text, &BadUrl::Scheme);
        }
        let label = "x".repeat(64);
        let name = "x.".repeat(127);
        for host in
            ["a..b", "docs.rs..", ".docs.rs", "a!b", "a,b", "x;y", &label, &format!("{name}x")]
        {
            check_error(&format!("http://{host}/"), &BadUrl::Host);
        }
        for text in
            ["", "docs.rs", "//docs.rs", "http://", "http://[fe80::1%25eth0]/", "http://a:99999/"]
        {
            check_error(text, &BadUrl::Malformed("it is no absolute URL"));
        }
        for host in
            ["256.1.1.1", "1.2.3.4.5", "0x100000000", "a.0x7f", "exa%0d%0ample", "x%00y", "a%2fb"]
        {
            let res = Target::parse(&format!("http://{host}/"));
            assert!(res.is_err(), "{host}: {res:?}");
        }
        check_error(&format!("http://docs.rs/{}", "x".repeat(2_048)), &BadUrl::TooLong);
        check_error(&format!("http://docs.rs/{}", "ä".repeat(1_000)), &BadUrl::TooLong);
    }

    #[test]
    fn a_relative_address_is_read_against_the_one_before() {
        let base = Target::parse("https://docs.rs/serde/latest").unwrap();
        let join = |text: &str| base.join(text).map(|it| it.url().to_string());
        assert_eq!(join("../tokio"), Ok("https://docs.rs/tokio".to_owned()));
        assert_eq!(join("//evil.org/x"), Ok("https://evil.org/x".to_owned()));
        assert_eq!(join("//u@evil.org/x"), Err(BadUrl::Credentials));
        assert_eq!(join("file:///etc/passwd"), Err(BadUrl::Scheme));
        assert_eq!(join("a\tb"), Err(BadUrl::Character));
    }

    #[test]
    fn where_a_server_leads_to_may_be_written_raw() {
        let base = Target::parse("https://docs.rs/a/b").unwrap();
        let check = |bytes: &[u8], expect: &str| {
            let target = base.leads_to_bytes(bytes).map(|it| it.url().to_string());
            assert_eq!(target.as_deref(), Ok(expect), "{}", String::from_utf8_lossy(bytes));
        };
        check("/café?q=ü".as_bytes(), "https://docs.rs/caf%C3%A9?q=%C3%BC");
        check(b"/caf\xe9", "https://docs.rs/caf%E9");
        check(b" /two words ", "https://docs.rs/two%20words");
        check("/全\u{3000}角".as_bytes(), "https://docs.rs/%E5%85%A8%E3%80%80%E8%A7%92");
        check("https://bücher.example/".as_bytes(), "https://xn--bcher-kva.example/");
        check(b"/a%20b%E9", "https://docs.rs/a%20b%E9");
        let check_error = |bytes: &[u8]| {
            let res = base.leads_to_bytes(bytes);
            assert!(res.is_err(), "{}: {res:?}", String::from_utf8_lossy(bytes));
        };
        for bytes in [
            &b"https://docs rs/"[..],
            b"https://b\xfccher.example/",
            "https://docs.rs\u{3000}.evil.org/".as_bytes(),
            "https://docs.rs\u{a0}@evil.org/".as_bytes(),
            b"https://docs.rs\\@evil.org/",
            b"/a\tb",
            b"/a\r\nb",
            b"/a\0b",
        ] {
            check_error(bytes);
        }
    }
}
