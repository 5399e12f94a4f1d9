//! What may be fetched: one rule of the list `tools.web.allow`.
//!
//! A rule names an origin, and perhaps a path. It is read by the parser that
//! reads the addresses it is compared with.

use std::{fmt, net::IpAddr, str::FromStr};

use super::target::{Host, Target};

/// Allows the pages of a host, or those below a path of it: `https://docs.rs`,
/// `https://docs.rs/serde/`, `http://127.0.0.1:8080`, `https://*.example.org`
/// (the hosts below that name), `https://*` or, for both schemes, `*`.
///
/// A method may stand before it; pages are only ever read, so it is `GET`.
/// The port is the scheme's own unless it is named. What is not public is
/// allowed by a rule whose host is that very address, and by no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `None` allows both.
    scheme: Option<Scheme>,
    host: Pattern,
    /// Only of a rule with a scheme; the scheme's own otherwise.
    port: Option<u16>,
    /// Without the slash at its end; empty allows all paths.
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    /// Names that end in this, which begins with a dot.
    Below(String),
    Name(String),
    Address(IpAddr),
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{rule}` is no rule: {why}\n\
     hint: a rule is like `https://docs.rs`, `https://docs.rs/serde/`, `https://*.example.org` or `*`"
)]
pub struct RuleError {
    rule: String,
    why: String,
}

impl Rule {
    /// Whether a page may be fetched.
    pub(super) fn covers(&self, target: &Target) -> bool {
        let scheme = if target.is_https() { Scheme::Https } else { Scheme::Http };
        self.scheme.is_none_or(|it| it == scheme)
            && target.port() == self.port.unwrap_or(scheme.own_port())
            && self.host.covers(target.host())
            && self.covers_path(target.url().path())
    }

    /// Whether it covers every page that another rule covers.
    pub fn contains(&self, other: &Rule) -> bool {
        let port = |it: &Rule, of: Scheme| it.port.unwrap_or(of.own_port());
        let covers_ports = match (self.scheme, other.scheme) {
            (None, None) => true,
            (None, Some(it)) => port(other, it) == it.own_port(),
            (Some(own), it) => it == Some(own) && port(self, own) == port(other, own),
        };
        covers_ports
            && self.host.contains(&other.host)
            && other.path.strip_prefix(self.path.as_str()).is_some_and(is_below)
    }

    /// Whether it names the target's own address, so that one that is not
    /// public is meant.
    pub(super) fn names_address(&self, target: &Target) -> bool {
        matches!((&self.host, target.host()), (Pattern::Address(own), Host::Address(it)) if own == it)
            && self.covers(target)
    }

    /// Whether it is one host, whose answers nobody reads on the way: by
    /// `https`, or on this very machine.
    pub(super) fn is_private(&self) -> bool {
        let is_https = self.scheme == Some(Scheme::Https);
        match &self.host {
            Pattern::Any | Pattern::Below(_) => false,
            Pattern::Name(_) => is_https,
            Pattern::Address(it) => is_https || it.is_loopback(),
        }
    }

    /// The path below `self.path`, on the bounds of segments. What a server
    /// could read as a way up (`..%2f`, `..;`) is below no path.
    fn covers_path(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(self.path.as_str()) else { return false };
        self.path.is_empty() || (is_below(rest) && !climbs(path))
    }
}

fn is_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

fn climbs(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let encoded = ["%2f", "%5c", "%00", "%25"].iter().any(|it| path.contains(it));
    let dots = path.replace("%2e", ".");
    encoded || dots.split('/').any(|it| it.starts_with(".."))
}

impl Pattern {
    fn contains(&self, other: &Pattern) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(own), Self::Below(it)) => it.ends_with(own.as_str()),
            (Self::Below(_), Self::Name(it)) => self.covers(&Host::Name(it.clone())),
            (own, it) => own == it,
        }
    }

    fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Below(suffix), Host::Name(name)) => {
                name.len() > suffix.len() && name.ends_with(suffix.as_str())
            }
            (Self::Name(own), Host::Name(name)) => own == name,
            (Self::Address(own), Host::Address(address)) => own == address,
            _ => false,
        }
    }
}

impl Scheme {
    fn own_port(self) -> u16 {
        if self == Self::Https { 443 } else { 80 }
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        parse(text).map_err(|why| RuleError { rule: text.to_owned(), why })
    }
}

fn parse(text: &str) -> Result<Rule, String> {
    match text.split_once(' ') {
        None => address(text),
        Some(("GET", it)) => address(it),
        Some((method, _)) => Err(format!("pages are read with `GET`, not `{method}`")),
    }
}

/// Reads a rule without a method.
pub(super) fn address(address: &str) -> Result<Rule, String> {
    if address == "*" {
        return Ok(Rule { scheme: None, host: Pattern::Any, port: None, path: String::new() });
    }
    let (scheme, rest) = match address.split_once("://") {
        Some(("https", rest)) => (Scheme::Https, rest),
        Some(("http", rest)) => (Scheme::Http, rest),
        _ => return Err("it begins with neither `https://` nor `http://`".to_owned()),
    };
    let (wildcard, rest) = wildcard(rest);
    let target = Target::parse(&format!("{scheme}://{rest}")).map_err(|it| it.to_string())?;
    if target.url().query().is_some() || rest.contains('#') {
        return Err("a rule ends with the path: the query is not compared".to_owned());
    }
    let host = pattern(wildcard, target.host())?;
    let path = target.url().path().trim_end_matches('/').to_owned();
    if climbs(&path) {
        return Err("its path could lead up".to_owned());
    }
    Ok(Rule { scheme: Some(scheme), host, port: Some(target.port()), path })
}

#[derive(Clone, Copy)]
enum Wildcard {
    None,
    Below,
    All,
}

/// The wildcard of a host, and the text with a plain host.
fn wildcard(rest: &str) -> (Wildcard, String) {
    if let Some(below) = rest.strip_prefix("*.") {
        return (Wildcard::Below, below.to_owned());
    }
    match rest.strip_prefix('*') {
        // A name that stands for all of them while the rest is read.
        Some(after) if after.is_empty() || after.starts_with(['/', ':']) => {
            (Wildcard::All, format!("all{after}"))
        }
        _ => (Wildcard::None, rest.to_owned()),
    }
}

fn pattern(wildcard: Wildcard, host: &Host) -> Result<Pattern, String> {
    match (wildcard, host) {
        (Wildcard::All, _) => Ok(Pattern::Any),
        (Wildcard::Below, Host::Name(name)) => Ok(Pattern::Below(format!(".{name}"))),
        (Wildcard::Below, Host::Address(_)) => Err("no name is below an address".to_owned()),
        (Wildcard::None, Host::Name(name)) => Ok(Pattern::Name(name.clone())),
        (Wildcard::None, Host::Address(address)) => Ok(Pattern::Address(*address)),
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Https { "https" } else { "http" })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(suffix) => write!(f, "*{suffix}"),
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(it)) => write!(f, "{it}"),
            Self::Address(IpAddr::V6(it)) => write!(f, "[{it}]"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(scheme) = self.scheme else { return write!(f, "GET {}", self.host) };
        write!(f, "GET {scheme}://{}", self.host)?;
        if let Some(port) = self.port.filter(|it| *it != scheme.own_port()) {
            write!(f, ":{port}")?;
        }
        write!(f, "{}/", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        text.parse().unwrap_or_else(|it: RuleError| panic!("{it}"))
    }

    fn check(text: &str, covered: &[&str], others: &[&str]) {
        let rule = rule(text);
        for url in covered {
            assert!(rule.covers(&Target::parse(url).unwrap()), "{text} does not cover {url}");
        }
        for url in others {
            assert!(!rule.covers(&Target::parse(url).unwrap()), "{text} covers {url}");
        }
    }

    #[test]
    fn a_rule_covers_an_origin_and_what_is_below_its_path() {
        check(
            "https://docs.rs",
            &["https://docs.rs/", "https://DOCS.rs./a?b", "https://docs.rs:443/"],
            &[
                "http://docs.rs/",
                "https://docs.rs:8443/",
                "https://x.docs.rs/",
                "https://xdocs.rs/",
            ],
        );
        check(
            "GET https://docs.rs/serde/",
            &["https://docs.rs/serde", "https://docs.rs/serde/x", "https://docs.rs/a/../serde/?q"],
            &[
                "https://docs.rs/",
                "https://docs.rs/serde_json",
                "https://docs.rs/Serde/",
                "https://docs.rs/serde/../tokio",
                "https://docs.rs/serde/%2e%2e/tokio",
                "https://docs.rs/serde/..%2ftokio",
                "https://docs.rs/serde/..%5Ctokio",
                "https://docs.rs/serde/..;/tokio",
                "https://docs.rs/serde/%252e%252e/tokio",
                "https://docs.rs//serde/",
            ],
        );
        check("http://docs.rs:8080", &["http://docs.rs:8080/"], &["http://docs.rs/"]);
        check(
            "https://*.example.org",
            &["https://a.example.org/", "https://a.b.example.org/"],
            &["https://example.org/", "https://badexample.org/", "https://example.org.evil.net/"],
        );
        check("https://*", &["https://a/", "https://8.8.8.8/"], &["http://a/", "https://a:8443/"]);
        check("https://*:8443/x", &["https://a:8443/x"], &["https://a/x", "https://a:8443/"]);
        check("*", &["https://a.b/", "http://a.b/c"], &["https://a.b:80/", "http://a.b:443/"]);
        check(
            "http://127.0.0.1:8080",
            &["http://127.0.0.1:8080/", "http://2130706433:8080/"],
            &["http://127.0.0.1/", "http://[::ffff:127.0.0.1]:8080/", "http://localhost:8080/"],
        );
    }

    #[test]
    fn a_rule_contains_what_covers_no_more_than_itself() {
        let check = |text: &str, contained: &[&str], others: &[&str]| {
            for it in contained {
                assert!(rule(text).contains(&rule(it)), "{text} does not contain {it}");
            }
            for it in others {
                assert!(!rule(text).contains(&rule(it)), "{text} contains {it}");
            }
        };
        check("*", &["*", "https://*", "http://a/b"], &["https://a:8443", "http://*:8080"]);
        check(
            "https://docs.rs/serde/",
            &["https://docs.rs/serde", "https://docs.rs:443/serde/x"],
            &["https://docs.rs", "https://docs.rs/serde_json", "http://docs.rs/serde", "*"],
        );
        check("https://*", &["https://a", "https://8.8.8.8"], &["*", "https://a:1", "http://a"]);
        check(
            "https://*.example.org",
            &["https://a.example.org", "https://*.a.example.org", "https://*.example.org/x"],
            &["https://example.org", "https://*.badexample.org", "https://10.0.0.1", "https://*"],
        );
    }

    #[test]
    fn only_its_own_rule_names_an_address() {
        let target = Target::parse("http://127.0.0.1:8080/a").unwrap();
        for text in ["http://127.0.0.1:8080", "http://0x7f000001:8080/a"] {
            assert!(rule(text).names_address(&target), "{text}");
        }
        for text in [
            "*",
            "http://*:8080",
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://127.0.0.1:8080/b",
        ] {
            assert!(!rule(text).names_address(&target), "{text}");
        }
    }

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        let check = |text: &str, expect: &str| {
            assert_eq!(rule(text).to_string(), expect);
            assert_eq!(rule(expect), rule(text));
        };
        check("*", "GET *");
        check("https://Docs.RS", "GET https://docs.rs/");
        check("GET https://docs.rs:443/serde", "GET https://docs.rs/serde/");
        check("http://[::1]:80", "GET http://[::1]/");
        check("http://0x7f.1:81", "GET http://127.0.0.1:81/");
        check("https://*.bücher.example", "GET https://*.xn--bcher-kva.example/");
        check("http://*:8080", "GET http://*:8080/");
    }

    #[test]
    fn a_wrong_rule_says_what_is_wrong() {
        let check = |text: &str, expect: &str| {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            let (message, hint) = error.split_once("\nhint: ").unwrap();
            assert_eq!(message, format!("`{text}` is no rule: {expect}"));
            assert_ne!(hint, "");
        };
        check("POST https://docs.rs", "pages are read with `GET`, not `POST`");
        for text in ["", "docs.rs", "ftp://docs.rs", "HTTPS://docs.rs", "**", "*.docs.rs"] {
            check(text, "it begins with neither `https://` nor `http://`");
        }
        check("https://docs.rs?q", "a rule ends with the path: the query is not compared");
        check("https://docs.rs/#a", "a rule ends with the path: the query is not compared");
        check("https://u@docs.rs", "it holds a user name or a password, and none is ever sent");
        check("https://*.10.0.0.1", "no name is below an address");
        check("https://docs.*", "its host is no name that can be looked up");
        check("https://*docs.rs", "its host is no name that can be looked up");
        check("https://docs.rs/..%2f", "its path could lead up");
    }
}
