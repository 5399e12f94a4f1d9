//! The secrets of one tool plugin: read when they are first needed, kept and
//! wiped by the host, and put into headers. The plugin never has one.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

use crate::{
    boundary::SecretAsk,
    secret::{COMMAND_TIMEOUT, Source, SourceError},
    tools::web::{Credential, CredentialError},
    toolset::ToolError,
};

/// Where the secrets of one plugin are, and those that were read so far.
pub struct Secrets {
    plugin: String,
    entries: BTreeMap<String, Entry>,
}

struct Entry {
    source: Source,
    value: OnceCell<SecretString>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.entries.iter().map(|(name, it)| (name, &it.source));
        f.debug_map().entries(sources).finish()
    }
}

/// Why a secret can't be sent. For the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret `{secret}` of the plugin `{plugin}`: {why}")]
pub struct SecretError {
    /// Whose it is.
    pub plugin: String,
    /// By which the configuration names it.
    pub secret: String,
    /// What is wrong.
    pub why: SecretProblem,
}

/// What is wrong with a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretProblem {
    /// The plugin does nothing without it, and nobody said where it is.
    #[error("it is not set\nhint: say where it is in `[plugins.{0}.secrets.{1}]`")]
    NotSet(String, String),
    /// It can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It can't be sent.
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

impl From<&SecretError> for ToolError {
    /// What a child may read of it: no command, no path, no variable.
    fn from(error: &SecretError) -> Self {
        let SecretError { plugin, secret, why } = error;
        let why = match why {
            SecretProblem::NotSet(..) => "is not set",
            _ => "can't be used: the log of the host says why",
        };
        ToolError::Failed(format!("the secret `{secret}` of the plugin `{plugin}` {why}"))
    }
}

impl Secrets {
    /// Nothing is read yet.
    pub fn new(plugin: &str, sources: impl IntoIterator<Item = (String, Source)>) -> Self {
        let entry = |(name, source)| (name, Entry { source, value: OnceCell::new() });
        Self { plugin: plugin.to_owned(), entries: sources.into_iter().map(entry).collect() }
    }

    /// What is sent of the secrets that a plugin asks for: those that are set.
    /// Each is read once; a failure is not kept, and is logged.
    ///
    /// # Errors
    ///
    /// One that is required and not set, and one that is set and can't be read
    /// or sent.
    pub async fn credentials(&self, asks: &[SecretAsk]) -> Result<Vec<Credential>, SecretError> {
        let mut res = Vec::new();
        for ask in asks {
            let found = self.credential(ask).await.map_err(|why| self.error(ask, why))?;
            res.extend(found);
        }
        Ok(res)
    }

    async fn credential(&self, ask: &SecretAsk) -> Result<Option<Credential>, SecretProblem> {
        let SecretAsk { name, header, format, audience, required, .. } = ask;
        let Some(entry) = self.entries.get(name) else {
            let missing = || SecretProblem::NotSet(self.plugin.clone(), name.clone());
            return if *required { Err(missing()) } else { Ok(None) };
        };
        let read = entry.source.read(COMMAND_TIMEOUT);
        let value = entry.value.get_or_try_init(|| read).await?;
        let secret = SecretString::from(value.expose_secret());
        Ok(Some(Credential::new(header, format, secret, audience.clone())?))
    }

    fn error(&self, ask: &SecretAsk, why: SecretProblem) -> SecretError {
        let res = SecretError { plugin: self.plugin.clone(), secret: ask.name.clone(), why };
        tracing::error!(error = %res, "no secret for a plugin");
        res
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str = "sk-canary-5up3r53cr37";

    fn ask(name: &str, required: bool) -> SecretAsk {
        SecretAsk {
            name: name.to_owned(),
            description: String::new(),
            audience: vec!["GET https://a.example".parse().unwrap()],
            header: "authorization".to_owned(),
            format: "Bearer {}".to_owned(),
            required,
        }
    }

    fn command(script: &str) -> Source {
        Source::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    fn secrets(script: &str) -> Secrets {
        Secrets::new("github", [("token".to_owned(), command(script))])
    }

    #[tokio::test]
    async fn a_secret_is_read_once_and_when_it_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("runs");
        let secrets = secrets(&format!("echo x >> {}; echo {KEY}", runs.display()));
        assert!(secrets.credentials(&[]).await.unwrap().is_empty());
        assert!(secrets.credentials(&[ask("other", false)]).await.unwrap().is_empty());
        assert!(!runs.exists());
        let asks = [ask("token", true)];
        let (one, other) = tokio::join!(secrets.credentials(&asks), secrets.credentials(&asks));
        assert_eq!((one.unwrap().len(), other.unwrap().len()), (1, 1));
        assert_eq!(fs::read_to_string(runs).unwrap(), "x\n");
        let shown = format!("{secrets:?} {:?}", secrets.credentials(&asks).await.unwrap());
        assert!(!shown.contains("canary") && !shown.contains("runs"), "{shown}");
    }

    #[tokio::test]
    async fn a_failure_is_told_to_the_operator_and_not_to_the_child() {
        let check = async |secrets: Secrets, ask, expect: &str, for_child: &str| {
            let error = secrets.credentials(&[ask]).await.unwrap_err();
            let text = error.to_string();
            let begin = text.split_once('\n').map_or(text.as_str(), |it| it.0);
            assert_eq!(begin, format!("the secret {expect}"));
            assert_eq!(ToolError::from(&error).to_string(), format!("the secret {for_child}"));
            assert!(!text.contains("canary"), "{text}");
        };
        check(
            secrets("true"),
            ask("other", true),
            "`other` of the plugin `github`: it is not set",
            "`other` of the plugin `github` is not set",
        )
        .await;
        let unusable = "`token` of the plugin `github` can't be used: the log of the host says why";
        let failed = "`token` of the plugin `github`: `sh` gave no key (exit status: 1)";
        check(secrets(&format!("echo {KEY} >&2; exit 1")), ask("token", false), failed, unusable)
            .await;
        let short = "`token` of the plugin `github`: it has less than 16 letters and digits, so \
                     that it could not be kept out of what comes back";
        check(secrets("echo too-short"), ask("token", false), short, unusable).await;
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        let secrets = secrets(&format!("cat {}", file.display()));
        let asks = [ask("token", true)];
        assert!(secrets.credentials(&asks).await.is_err());
        fs::write(file, KEY).unwrap();
        assert_eq!(secrets.credentials(&asks).await.unwrap().len(), 1);
    }
}
