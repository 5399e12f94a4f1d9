//! A provider that is made when it is first asked: the certificates of the
//! system take a moment to read, and most hosts never use all that is
//! configured.

use std::{
    future::ready,
    sync::{Arc, OnceLock},
};

use super::{Call, ChatFuture, Provider, ProviderError, ProviderSpec};

/// A provider as it is configured, and as it is made of that.
pub struct LazyProvider {
    spec: ProviderSpec,
    made: OnceLock<Result<Arc<dyn Provider>, ProviderError>>,
}

impl LazyProvider {
    /// Makes nothing yet.
    pub fn new(spec: ProviderSpec) -> Self {
        Self { spec, made: OnceLock::new() }
    }

    fn made(&self) -> Result<&Arc<dyn Provider>, ProviderError> {
        let make =
            || self.spec.clone().build().map_err(|it| ProviderError::Invalid(it.to_string()));
        self.made.get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

impl Provider for LazyProvider {
    /// For the operator: what is wrong may name a file of theirs.
    fn check(&self) -> Result<(), ProviderError> {
        self.made()?.check()
    }

    fn chat(&self, call: Call) -> ChatFuture {
        match self.made() {
            Ok(provider) => provider.chat(call),
            Err(error) => {
                let provider = &self.spec.name;
                tracing::error!(%provider, %error, "a model provider can't be used");
                let text = "it can't be used as it is configured; the host's log says why";
                Box::pin(ready(Err(ProviderError::Invalid(text.to_owned()))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{
        Kind,
        testing::{asking, call, spec},
    };

    #[tokio::test]
    async fn a_child_does_not_read_which_file_is_missing() {
        let mut spec = spec(Kind::Scripted, "", false);
        spec.cassette = Some("/home/someone/tape.json".into());
        let provider = LazyProvider::new(spec);
        let told = provider.check().unwrap_err().to_string();
        assert!(told.starts_with("cannot read the cassette `/home/someone/tape.json`"), "{told}");
        let told = provider.chat(call(asking("hello"))).await.unwrap_err();
        let text = "it can't be used as it is configured; the host's log says why";
        assert_eq!(told, ProviderError::Invalid(text.to_owned()));
    }
}
