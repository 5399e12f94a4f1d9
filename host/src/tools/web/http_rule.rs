//! What a tool plugin may ask of the web: one rule of its manifest.

use std::{fmt, str::FromStr};

use reqwest::Method;

use super::{Rule, rule, target::Target};
use crate::completion::sanitize::clean_line;

/// Characters of a method that nobody knows here (`PROPFIND`).
const MAX_METHOD_CHARS: usize = 20;

/// Characters of a rule that an error quotes.
const MAX_QUOTED_CHARS: usize = 200;

/// Where requests may be sent, and with which methods: as a text
/// `GET, POST https://api.example.org/repos/`.
///
/// An address is read as by [`Rule`]: paths end on the bounds of segments, and
/// what is not public is reached by a rule with that very address alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// The addresses.
    pub rule: Rule,
    /// In upper case; at least one.
    pub methods: Vec<String>,
}

/// Why a text is no rule of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{rule}` is no HTTP rule: {why}\n\
     hint: a rule is like `GET https://docs.rs/serde/` or `GET, POST https://api.example.org`"
)]
pub struct HttpRuleError {
    rule: String,
    why: String,
}

impl HttpRule {
    /// Whether it is one host, whose answers nobody reads on the way (by
    /// `https`, or on this very machine): a secret is sent nowhere else.
    pub fn may_get_secrets(&self) -> bool {
        self.rule.is_private()
    }

    pub(super) fn covers(&self, method: &Method, target: &Target) -> bool {
        self.methods.iter().any(|it| it == method.as_str()) && self.rule.covers(target)
    }

    /// Whether it names the target's own address, so that one that is not
    /// public is meant.
    pub(super) fn names_address(&self, method: &Method, target: &Target) -> bool {
        self.covers(method, target) && self.rule.names_address(target)
    }
}

/// `CONNECT` asks for a way through, and `TRACE` for the request itself, with
/// the secrets that the host put into it.
fn check_method(method: &str) -> Result<(), String> {
    let is_letter = |it: char| it.is_ascii_uppercase() || it == '-';
    if method.is_empty() || method.len() > MAX_METHOD_CHARS || !method.chars().all(is_letter) {
        let shown = clean_line(method, MAX_METHOD_CHARS);
        return Err(format!("`{shown}` is no method, which is a word in capitals"));
    }
    match method {
        "CONNECT" | "TRACE" => Err(format!("`{method}` is no method of a plugin")),
        _ => Ok(()),
    }
}

fn parse(text: &str) -> Result<HttpRule, String> {
    let (methods, address) = text.trim().rsplit_once(' ').unwrap_or(("", text));
    let words = methods.split([',', ' ']).filter(|it| !it.is_empty());
    let mut methods: Vec<String> = words.map(str::to_owned).collect();
    if methods.is_empty() {
        return Err("it names no method".to_owned());
    }
    methods.iter().try_for_each(|it| check_method(it))?;
    methods.sort_unstable();
    methods.dedup();
    Ok(HttpRule { rule: rule::address(address)?, methods })
}

impl FromStr for HttpRule {
    type Err = HttpRuleError;

    /// The methods, with commas or blanks between them, and the address.
    fn from_str(text: &str) -> Result<Self, HttpRuleError> {
        parse(text).map_err(|why| HttpRuleError { rule: clean_line(text, MAX_QUOTED_CHARS), why })
    }
}

impl fmt::Display for HttpRule {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.rule.to_string();
        write!(f, "{} {}", self.methods.join(", "), address.trim_start_matches("GET "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> HttpRule {
        text.parse().unwrap_or_else(|it: HttpRuleError| panic!("{it}"))
    }

    fn covers(text: &str, method: &str, url: &str) -> bool {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        rule(text).covers(&method, &Target::parse(url).unwrap())
    }

    #[test]
    fn a_rule_covers_its_methods_below_its_path() {
        let text = "GET, POST https://api.example.org/repos/";
        for (method, url, expect) in [
            ("GET", "https://api.example.org/repos", true),
            ("POST", "https://api.example.org/repos/a?b", true),
            ("DELETE", "https://api.example.org/repos/a", false),
            ("get", "https://api.example.org/repos/a", false),
            ("GET", "http://api.example.org/repos/a", false),
            ("GET", "https://api.example.org/reposx", false),
            ("GET", "https://api.example.org/repos/../users", false),
            ("GET", "https://api.example.org/repos/%2e%2e/users", false),
            ("GET", "https://api.example.org/repos/..%2fusers", false),
            ("GET", "https://api.example.org/repos/a%2f..%2f..%2fusers", false),
            ("GET", "https://example.org/repos/a", false),
        ] {
            assert_eq!(covers(text, method, url), expect, "{method} {url}");
        }
        assert!(covers("GET https://*", "GET", "https://a.b/c"));
        assert!(!covers("GET https://*", "POST", "https://a.b/c"));
    }

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        let check = |text: &str, expect: &str| {
            assert_eq!(rule(text).to_string(), expect);
            assert_eq!(rule(expect), rule(text));
        };
        check("GET https://Docs.RS", "GET https://docs.rs/");
        check("POST,GET,GET  https://docs.rs:443/a", "GET, POST https://docs.rs/a/");
        check(
            "PROPFIND DELETE, GET http://127.1:8080/",
            "DELETE, GET, PROPFIND http://127.0.0.1:8080/",
        );
        check("GET https://*", "GET https://*/");
    }

    #[test]
    fn a_secret_goes_to_one_host_and_unread() {
        for text in ["GET https://docs.rs/a", "GET http://127.0.0.1:8080", "GET https://10.0.0.1"] {
            assert!(rule(text).may_get_secrets(), "{text}");
        }
        for text in [
            "GET https://*",
            "GET https://*.example.org",
            "GET http://docs.rs",
            "GET http://10.0.0.1",
        ] {
            assert!(!rule(text).may_get_secrets(), "{text}");
        }
    }

    #[test]
    fn a_wrong_rule_says_what_is_wrong() {
        let check = |text: &str, expect: &str| {
            let error = text.parse::<HttpRule>().unwrap_err().to_string();
            let (message, hint) = error.split_once("\nhint: ").unwrap();
            assert_eq!(message, format!("`{text}` is no HTTP rule: {expect}"));
            assert_ne!(hint, "");
        };
        check("https://docs.rs", "it names no method");
        check("", "it names no method");
        check("GET", "it names no method");
        check("get https://docs.rs", "`get` is no method, which is a word in capitals");
        check("GET;POST https://docs.rs", "`GET;POST` is no method, which is a word in capitals");
        check("CONNECT https://docs.rs", "`CONNECT` is no method of a plugin");
        check("GET, TRACE https://docs.rs", "`TRACE` is no method of a plugin");
        check("GET docs.rs", "it begins with neither `https://` nor `http://`");
        check(
            "GET https://u:p@docs.rs",
            "it holds a user name or a password, and none is ever sent",
        );
        check("GET https://docs.rs/..%2f", "its path could lead up");
        check("GET https://docs.rs/?a", "a rule ends with the path: the query is not compared");
        let error = "GET\u{202e} https://docs.rs".parse::<HttpRule>().unwrap_err();
        assert!(!error.to_string().contains('\u{202e}'), "{error}");
    }
}
