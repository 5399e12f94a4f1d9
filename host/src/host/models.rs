//! The models of a host, from its configuration. Nothing is asked and no key
//! is read until somebody chats.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    config::{Config, KeySource, ModelConfig, PluginConfig, ProviderConfig},
    plugin::Personal,
    provider::{LazyProvider, Model, Models, Patience, Provider, ProviderSpec, Timeouts},
    secret::Source,
};

/// What a command for a key is given to: an operator writes pipes there.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// How long a provider may be silent: models on a slow machine read a long
/// conversation for minutes before they say a word.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(15), silence: Duration::from_secs(300) };

/// The models of a configuration, and any other of its providers.
pub fn models(config: &Config) -> Models {
    let mut models = Models::default();
    for (name, provider) in &config.providers {
        let patience = Patience { timeout: provider.timeout, ..config.patience };
        models.add_provider(name, Arc::new(LazyProvider::new(spec(name, provider))), patience);
    }
    for (name, model) in &config.models {
        if let Some((provider, patience)) = models.provider(&model.provider) {
            let model = named(name, model, provider, patience);
            models.add(model);
        }
    }
    // The configuration was checked: its default model is there.
    let _ = models.set_default(config.default_model.as_deref());
    models
}

fn spec(name: &str, config: &ProviderConfig) -> ProviderSpec {
    ProviderSpec {
        name: name.to_owned(),
        kind: config.kind,
        base_url: config.base_url.clone(),
        key: config.key.as_ref().map(source),
        stream: config.stream,
        headers: BTreeMap::new(),
        timeouts: TIMEOUTS,
        cassette: config.cassette.clone(),
    }
}

/// Where a secret is read from.
fn source(key: &KeySource) -> Source {
    match key {
        KeySource::Variable(name) => Source::Variable(name.clone()),
        KeySource::Command(line) => {
            let shell = SHELL.map(str::to_owned).into_iter();
            Source::Command(shell.chain([line.clone()]).collect())
        }
        KeySource::File(path) => Source::File(path.clone()),
    }
}

/// What is set for tool plugins, by their names.
pub(super) fn of_plugins(config: &Config) -> BTreeMap<String, Personal> {
    let secrets = |it: &PluginConfig| {
        it.secrets.iter().map(|(name, key)| (name.clone(), source(key))).collect()
    };
    let personal =
        |it: &PluginConfig| Personal { secrets: secrets(it), settings: it.settings.clone() };
    config.plugins.iter().map(|(name, it)| (name.clone(), personal(it))).collect()
}

fn named(
    name: &str,
    config: &ModelConfig,
    provider: Arc<dyn Provider>,
    patience: Patience,
) -> Model {
    Model {
        name: name.to_owned(),
        id: config.id.clone(),
        provider_name: config.provider.clone(),
        provider,
        context_tokens: config.context_tokens,
        max_output_tokens: config.max_output_tokens,
        temperature: config.temperature,
        price: config.price,
        patience,
    }
}
