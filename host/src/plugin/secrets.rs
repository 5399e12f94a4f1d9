//! The secrets of one tool plugin: read when they are first needed, kept and
//! wiped by the host, and put into headers. The plugin never has one.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

use crate::{
    boundary::{Asks, SecretAsk},
    secret::{COMMAND_TIMEOUT, Source, SourceError},
    tools::web::{Credential, CredentialError, Outgoing, WebTools},
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
#[derive(Debug, thiserror::Error)]
enum SecretProblem {
    #[error("nobody said where it is")]
    NotSet,
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

impl Secrets {
    /// Nothing is read yet.
    pub fn new(plugin: &str, sources: impl IntoIterator<Item = (String, Source)>) -> Self {
        let entry = |(name, source)| (name, Entry { source, value: OnceCell::new() });
        Self { plugin: plugin.to_owned(), entries: sources.into_iter().map(entry).collect() }
    }

    /// The requests that a plugin asks for, with those of its secrets that are
    /// set. Each is read once; a failure is logged and not kept. Where one is
    /// missing that is required, or one that is set can't be used, nothing is
    /// sent to its audience.
    pub async fn outgoing(&self, web: &WebTools, asks: &Asks) -> Outgoing {
        let (mut credentials, mut missing) = (Vec::new(), Vec::new());
        for ask in &asks.secrets {
            match self.credential(ask).await {
                Ok(found) => credentials.extend(found),
                Err(why) => missing.push((ask.audience.clone(), self.told(ask, &why))),
            }
        }
        Outgoing::new(web, asks.http.clone(), credentials, missing)
    }

    async fn credential(&self, ask: &SecretAsk) -> Result<Option<Credential>, SecretProblem> {
        let SecretAsk { name, header, format, audience, required, .. } = ask;
        let Some(entry) = self.entries.get(name) else {
            return if *required { Err(SecretProblem::NotSet) } else { Ok(None) };
        };
        let read = entry.source.read(COMMAND_TIMEOUT);
        let value = entry.value.get_or_try_init(|| read).await?;
        let secret = SecretString::from(value.expose_secret());
        Ok(Some(Credential::new(header, format, secret, audience.clone())?))
    }

    /// Tells the operator why, in the log, and a child no command, no path and
    /// no variable.
    fn told(&self, ask: &SecretAsk, why: &SecretProblem) -> String {
        let (plugin, secret) = (&self.plugin, &ask.name);
        tracing::error!(%plugin, %secret, %why, "no secret for a plugin");
        let why = match why {
            SecretProblem::NotSet => "is not set",
            _ => "can't be used: the log of the host says why",
        };
        format!("the secret `{secret}` of the plugin `{plugin}` {why}")
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

    async fn credentials(secrets: &Secrets, asks: &[SecretAsk]) -> Result<usize, String> {
        let (mut found, mut wrong) = (0, Vec::new());
        for ask in asks {
            match secrets.credential(ask).await {
                Ok(it) => found += usize::from(it.is_some()),
                Err(why) => wrong.push(format!("{why} / {}", secrets.told(ask, &why))),
            }
        }
        if wrong.is_empty() { Ok(found) } else { Err(wrong.join("\n")) }
    }

    #[tokio::test]
    async fn a_secret_is_read_once_and_when_it_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("runs");
        let secrets = secrets(&format!("echo x >> {}; echo {KEY}", runs.display()));
        assert_eq!(credentials(&secrets, &[]).await, Ok(0));
        assert_eq!(credentials(&secrets, &[ask("other", false)]).await, Ok(0));
        assert!(!runs.exists());
        let asks = [ask("token", true)];
        let both = tokio::join!(credentials(&secrets, &asks), credentials(&secrets, &asks));
        assert_eq!(both, (Ok(1), Ok(1)));
        assert_eq!(fs::read_to_string(runs).unwrap(), "x\n");
        let shown = format!("{secrets:?} {:?}", secrets.credential(&asks[0]).await.unwrap());
        assert!(!shown.contains("canary") && !shown.contains("runs"), "{shown}");
    }

    #[tokio::test]
    async fn a_failure_is_told_to_the_operator_and_not_to_the_child() {
        let check = async |secrets: Secrets, ask, expect: &str, for_child: &str| {
            let told = credentials(&secrets, &[ask]).await.unwrap_err();
            assert!(!told.contains("canary"), "{told}");
            let (why, child) = told.split_once(" / ").unwrap();
            assert_eq!(why.split_once('\n').map_or(why, |it| it.0), expect);
            assert_eq!(child, format!("the secret {for_child}"));
        };
        let unset = "`other` of the plugin `github` is not set";
        check(secrets("true"), ask("other", true), "nobody said where it is", unset).await;
        let unusable = "`token` of the plugin `github` can't be used: the log of the host says why";
        let failed = "`sh` gave no key (exit status: 1)";
        check(secrets(&format!("echo {KEY} >&2; exit 1")), ask("token", false), failed, unusable)
            .await;
        let short = "it has less than 16 letters and digits, so that it could not be kept out of \
                     what comes back";
        check(secrets("echo too-short"), ask("token", false), short, unusable).await;
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        let secrets = secrets(&format!("cat {}", file.display()));
        let asks = [ask("token", true)];
        assert!(credentials(&secrets, &asks).await.is_err());
        fs::write(file, KEY).unwrap();
        assert_eq!(credentials(&secrets, &asks).await, Ok(1));
    }
}
