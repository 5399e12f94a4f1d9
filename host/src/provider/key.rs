//! The key of a provider, read when it is first needed.
//!
//! It is kept wiped-on-drop, is in no `Debug` output, and goes into a header
//! that is marked as sensitive. Why there is none is told twice: to the
//! operator, in the log; without the name of a command to the child.

use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use super::ProviderError;
use crate::{
    redact::{self, Redactor},
    secret::{COMMAND_TIMEOUT, Source, SourceError},
};

/// What a child may read of why there is no key.
fn for_child(error: &SourceError) -> ProviderError {
    let text = match error {
        SourceError::NotSet(name) => format!("no key: `{name}` is not set for the host"),
        _ => "no key: the host could not get it; its log says why".to_owned(),
    };
    ProviderError::Key(text)
}

/// A key that is got when it is first needed, then kept.
pub(super) struct KeyCell {
    /// There is none of a server of one's own.
    source: Option<Source>,
    /// The provider whose key it is, for the log.
    provider: String,
    limit: Duration,
    value: OnceCell<SecretString>,
}

impl KeyCell {
    pub(super) fn new(source: Option<Source>, provider: &str) -> Self {
        let provider = provider.to_owned();
        Self { source, provider, limit: COMMAND_TIMEOUT, value: OnceCell::new() }
    }

    /// The key behind `prefix`, as the value of a header. `None` when there is
    /// to be none. Of several that ask at a time one gets it for all; a
    /// failure is not kept.
    pub(super) async fn header(&self, prefix: &str) -> Result<Option<HeaderValue>, ProviderError> {
        let Some(source) = &self.source else { return Ok(None) };
        let value = self.value.get_or_try_init(|| self.read_and_tell(source)).await;
        let value = value.map_err(|error| for_child(&error))?;
        let text = SecretString::from(format!("{prefix}{}", value.expose_secret()));
        let mut res = HeaderValue::from_str(text.expose_secret())
            .map_err(|_| ProviderError::Key("no key: it has characters no key has".to_owned()))?;
        res.set_sensitive(true);
        Ok(Some(res))
    }

    /// Has the key cut out, once there is one.
    pub(super) fn add_to(&self, redactor: &mut Redactor) {
        if let Some(key) = self.value.get() {
            redactor.add(key.expose_secret());
        }
    }

    async fn read_and_tell(&self, source: &Source) -> Result<SecretString, SourceError> {
        let provider = &self.provider;
        let key = source.read(self.limit).await.inspect_err(|error| {
            tracing::error!(%provider, %error, "no key for a model provider");
        })?;
        if !redact::is_found(key.expose_secret()) {
            tracing::warn!(
                %provider,
                "a key of less than {} characters is taken for a placeholder, and stays where a \
                 server repeats it",
                redact::MIN_EXACT
            );
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "sk-canary-5up3r53cr37";

    fn command(script: &str) -> KeyCell {
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        KeyCell::new(Some(Source::Command(argv)), "local")
    }

    #[tokio::test]
    async fn a_variable_that_is_not_set_is_named() {
        let variable = Source::Variable("HERMITAGE_NO_SUCH_KEY".to_owned());
        let err = KeyCell::new(Some(variable), "local").header("").await;
        let text = "no key: `HERMITAGE_NO_SUCH_KEY` is not set for the host";
        assert_eq!(err, Err(ProviderError::Key(text.to_owned())));
    }

    #[tokio::test]
    async fn a_command_runs_once() {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("runs");
        let cell = command(&format!("echo x >> {}; echo abc", runs.display()));
        let (one, other) = tokio::join!(cell.header("Bearer "), cell.header(""));
        assert_eq!(one.unwrap().unwrap(), "Bearer abc");
        assert_eq!(other.unwrap().unwrap(), "abc");
        assert_eq!(std::fs::read_to_string(runs).unwrap(), "x\n");
    }

    #[tokio::test]
    async fn nothing_shows_the_key() {
        let cell = command(&format!("echo {CANARY}"));
        let header = cell.header("Bearer ").await.unwrap().unwrap();
        assert!(header.is_sensitive());
        let shown = format!("{header:?} {:?} {:?}", cell.source, cell.value.get());
        assert!(!shown.contains(CANARY), "{shown}");
        let mut redactor = Redactor::default();
        cell.add_to(&mut redactor);
        assert_eq!(redactor.text(&format!("bad key {CANARY}!")), "bad key [key]!");
    }

    #[tokio::test]
    async fn a_child_does_not_read_what_the_command_said() {
        let err = command("echo /home/someone/secret >&2; exit 1").header("").await.unwrap_err();
        let text = "no key: the host could not get it; its log says why".to_owned();
        assert_eq!(err, ProviderError::Key(text));
    }
}
