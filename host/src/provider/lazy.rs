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
    fn check(&self) -> Result<(), ProviderError> {
        self.made()?.check()
    }

    fn chat(&self, call: Call) -> ChatFuture {
        match self.made() {
            Ok(provider) => provider.chat(call),
            Err(err) => Box::pin(ready(Err(err))),
        }
    }
}
