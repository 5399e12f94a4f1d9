//! A secret that the host puts into a header, and where it is sent.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{HttpRule, request::is_of_wire, target::Target};
use crate::{
    completion::sanitize::clean_line,
    redact::{self, Redactor},
};

/// Stands for the secret in the value of a header.
const PLACE: &str = "{}";

/// Characters of a header's name that an error quotes.
const MAX_QUOTED_CHARS: usize = 80;

/// A secret, the header that holds it, and whom that is sent to. It is wiped
/// when it is dropped, and is in no `Debug` output.
pub struct Credential {
    header: HeaderName,
    value: HeaderValue,
    secret: SecretString,
    audience: Vec<HttpRule>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, audience, .. } = self;
        f.debug_struct("Credential")
            .field("header", header)
            .field("audience", audience)
            .finish_non_exhaustive()
    }
}

/// Why a secret can't be sent like that. Quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The name of a header is none, or is the host's own.
    #[error("`{0}` is no header that can hold a secret\nhint: name one like `authorization`")]
    Header(String),
    /// The format has no place for the secret, several, or what no header has.
    #[error(
        "the format of a header has to have `{{}}` once, in the place of the secret\n\
         hint: it is like `Bearer {{}}`"
    )]
    Format,
    /// Nobody gets it.
    #[error("a secret without an audience is sent to nobody\nhint: name the rules that it is for")]
    NoAudience,
    /// Somebody could get it who is not meant.
    #[error(
        "`{0}` can't be sent a secret: it goes to one host, and by `https` unless that is this \
         machine\nhint: name each host, with `https`"
    )]
    Audience(HttpRule),
    /// It could not be told from words that a text has by chance.
    #[error(
        "it has less than {} letters and digits, so that it could not be kept out of what comes \
         back\nhint: use a longer one",
        redact::MIN_LETTERS
    )]
    Short,
    /// It has characters that no header has.
    #[error("it has characters that no header has")]
    Characters,
}

impl Credential {
    /// Says whether a secret can be sent like that, before there is one.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with the header, its format or the
    /// audience.
    pub fn check(header: &str, format: &str, audience: &[HttpRule]) -> Result<(), CredentialError> {
        name(header)?;
        let is_plain = format.chars().all(|it| it == ' ' || it.is_ascii_graphic());
        if format.matches(PLACE).count() != 1 || !is_plain {
            return Err(CredentialError::Format);
        }
        if audience.is_empty() {
            return Err(CredentialError::NoAudience);
        }
        let wrong = audience.iter().find(|it| !it.may_get_secrets());
        wrong.map_or(Ok(()), |it| Err(CredentialError::Audience(it.clone())))
    }

    /// The secret in this header, in the place of the `{}` in its format.
    ///
    /// # Errors
    ///
    /// What [`Credential::check`] says, and what is wrong with the secret.
    pub fn new(
        header: &str,
        format: &str,
        secret: SecretString,
        audience: Vec<HttpRule>,
    ) -> Result<Self, CredentialError> {
        Self::check(header, format, &audience)?;
        if !redact::is_found_in_every_form(secret.expose_secret()) {
            return Err(CredentialError::Short);
        }
        let text = SecretString::from(format.replace(PLACE, secret.expose_secret()));
        let value = HeaderValue::from_str(text.expose_secret());
        let mut value = value.map_err(|_| CredentialError::Characters)?;
        value.set_sensitive(true);
        Ok(Self { header: name(header)?, value, secret, audience })
    }

    /// The header, in lower case.
    pub fn header(&self) -> &str {
        self.header.as_str()
    }

    /// The header, for a request that it is sent with.
    pub(super) fn of(
        &self,
        method: &Method,
        target: &Target,
    ) -> Option<(&HeaderName, &HeaderValue)> {
        let is_meant = self.audience.iter().any(|it| it.covers(method, target));
        is_meant.then_some((&self.header, &self.value))
    }

    /// Has it cut out of what comes back: the secret, and for the scheme
    /// `Basic` the password that it is made of.
    pub(super) fn add_to(&self, redactor: &mut Redactor) {
        let secret = self.secret.expose_secret();
        redactor.add(secret);
        let is_basic =
            self.value.as_bytes().get(..6).is_some_and(|it| it.eq_ignore_ascii_case(b"basic "));
        let plain = STANDARD.decode(secret.trim()).ok().filter(|_| is_basic);
        if let Some(plain) = plain.and_then(|it| String::from_utf8(it).ok()).map(SecretString::from)
        {
            let plain = plain.expose_secret();
            redactor.add(plain);
            redactor.add(plain.split_once(':').map_or("", |it| it.1));
        }
    }
}

fn name(header: &str) -> Result<HeaderName, CredentialError> {
    let name = HeaderName::from_bytes(header.as_bytes()).ok().filter(|it| !is_of_wire(it.as_str()));
    name.ok_or_else(|| CredentialError::Header(clean_line(header, MAX_QUOTED_CHARS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-canary-5up3r53cr37";

    fn rules(texts: &[&str]) -> Vec<HttpRule> {
        texts.iter().map(|it| it.parse().unwrap()).collect()
    }

    fn credential(format: &str, secret: &str) -> Result<Credential, CredentialError> {
        let audience = rules(&["GET https://a.example/x"]);
        Credential::new("Authorization", format, SecretString::from(secret), audience)
    }

    #[test]
    fn a_secret_is_sent_to_its_audience_in_its_format() {
        let credential = credential("token {}!", KEY).unwrap();
        let sent = |method: Method, url: &str| {
            let target = Target::parse(url).unwrap();
            credential.of(&method, &target).map(|(_, it)| it.to_str().unwrap().to_owned())
        };
        assert_eq!(credential.header(), "authorization");
        assert_eq!(sent(Method::GET, "https://a.example/x/y"), Some(format!("token {KEY}!")));
        for (method, url) in [
            (Method::POST, "https://a.example/x"),
            (Method::GET, "https://a.example/y"),
            (Method::GET, "http://a.example/x"),
            (Method::GET, "https://b.example/x"),
            (Method::GET, "https://a.example:8443/x"),
            (Method::GET, "https://a.example/x/..%2fy"),
        ] {
            assert_eq!(sent(method, url), None, "{url}");
        }
        let shown = format!("{credential:?} {:?}", credential.value);
        assert!(!shown.contains(KEY), "{shown}");
    }

    #[test]
    fn the_password_of_a_basic_header_is_cut_out_as_well() {
        let secret = STANDARD.encode("me:correct-horse-battery");
        let mut redactor = Redactor::default();
        credential("Basic {}", &secret).unwrap().add_to(&mut redactor);
        let text = format!("{secret} me:correct-horse-battery correct-horse-battery");
        assert_eq!(redactor.text(&text), "[key] [key] [key]");
    }

    #[test]
    fn what_can_t_be_sent_is_said_before_there_is_a_secret() {
        let check = |header: &str, format: &str, audience: &[&str], expect: &str| {
            let error = Credential::check(header, format, &rules(audience)).unwrap_err();
            let text = error.to_string();
            let (message, hint) = text.split_once("\nhint: ").unwrap();
            assert!(message.starts_with(expect) && !hint.is_empty(), "{text}");
        };
        let one = &["GET https://a.example"][..];
        for header in ["", "a b", "a\r\nb", "Host", "content-length", "Transfer-Encoding"] {
            let expect = format!("`{}` is no header", header.replace("\r\n", " "));
            check(header, "{}", one, &expect);
        }
        for format in ["", "Bearer", "{} {}", "{}\r\nX: y", "ä{}"] {
            check("a", format, one, "the format of a header");
        }
        check("a", "{}", &[], "a secret without an audience");
        check("a", "{}", &["GET https://a.example", "GET https://*"], "`GET https://*/` can't be");
        check("a", "{}", &["GET http://a.example"], "`GET http://a.example/` can't be");
    }

    #[test]
    fn a_secret_that_could_not_be_cut_out_is_not_taken() {
        assert_eq!(credential("{}", "short-key-15ch").unwrap_err(), CredentialError::Short);
        assert_eq!(credential("{}", "").unwrap_err(), CredentialError::Short);
        let error = credential("{}", &format!("{KEY}\r\nX: y")).unwrap_err();
        assert_eq!(error, CredentialError::Characters);
        assert!(!format!("{error} {error:?}").contains(KEY));
    }
}
