//! Providers and models, which have names of the user's: from what is written
//! down of each to what can be asked.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use super::{
    Config, ConfigError,
    entry::{Entry, each},
    values::Values,
};
use crate::{
    provider::{DefaultModel, Kind, ModelSettings, Price, ProviderSettings},
    setting::{self, Reader, Settings},
};

/// Where a key is to be found. It is never in the configuration itself.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In the variable of that name.
    Variable(String),
    /// Printed by this program, which has its arguments behind it.
    Command(String),
    /// In a file of the user's that nobody else may read.
    File(PathBuf),
}

impl fmt::Debug for KeySource {
    /// Without a command, which may hold the key all the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "Variable({name})"),
            Self::Command(_) => write!(f, "Command(…)"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

/// A service that runs models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderConfig {
    /// What it speaks.
    pub kind: Kind,
    /// An `http` or `https` address without a user, a query, a fragment or a
    /// slash at its end. `None` for [`Kind::Scripted`] only.
    pub base_url: Option<String>,
    /// Where its key is; some need none.
    pub key: Option<KeySource>,
    /// Whether answers are asked for piece by piece.
    pub stream: bool,
    /// How long one attempt at one answer may take.
    pub timeout: Duration,
    /// The file of answers. For [`Kind::Scripted`] only, which always has one.
    pub cassette: Option<PathBuf>,
}

/// A model that can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// One of [`Config::providers`](super::Config::providers).
    pub provider: String,
    /// What the provider calls it.
    pub id: String,
    /// Tokens of a whole conversation, answer included.
    pub context_tokens: Option<u64>,
    /// Tokens of one answer; at most `context_tokens`.
    pub max_output_tokens: Option<u32>,
    /// Between 0 and 2.
    pub temperature: Option<f32>,
    /// What it costs.
    pub price: Option<Price>,
}

/// All that has names.
pub(super) struct Named {
    pub(super) providers: BTreeMap<String, ProviderConfig>,
    pub(super) models: BTreeMap<String, ModelConfig>,
    pub(super) default_model: Option<String>,
}

/// The names that there are, of right entries and of others.
struct Names {
    providers: Vec<String>,
    models: Vec<String>,
}

impl Names {
    /// What is wrong with the provider of a model.
    fn unknown_provider(&self, model: &str, provider: &str, origin: &str) -> Option<ConfigError> {
        let key = setting::named(ModelSettings::provider.key, &[model]);
        let is_known = self.providers.iter().any(|it| it == provider);
        (!is_known).then(|| ConfigError::unknown_name(origin, &key, provider, &self.providers))
    }

    /// What is wrong with a default. `PROVIDER/ID` is any model of a provider.
    fn unknown_default(&self, name: &str, origin: &str) -> Option<ConfigError> {
        let is_known = match name.split_once('/') {
            Some((provider, id)) => {
                !id.is_empty() && self.providers.iter().any(|it| it == provider)
            }
            None => self.models.iter().any(|it| it == name),
        };
        (!is_known)
            .then(|| ConfigError::unknown_name(origin, DefaultModel::name.key, name, &self.models))
    }
}

/// Every name of a configuration that leads nowhere.
pub(super) fn unknown_names(config: &Config, origin: &str) -> Vec<ConfigError> {
    let names = Names {
        providers: config.providers.keys().cloned().collect(),
        models: config.models.keys().cloned().collect(),
    };
    let lost =
        |(model, it): (&String, &ModelConfig)| names.unknown_provider(model, &it.provider, origin);
    let default = config.default_model.as_ref().and_then(|it| names.unknown_default(it, origin));
    config.models.iter().filter_map(lost).chain(default).collect()
}

/// What has names, as far as it is right, and everything that is wrong with the
/// rest.
pub(super) fn resolve(values: &Values, errors: &mut Vec<ConfigError>) -> Named {
    let names =
        Names { providers: values.names_in("providers"), models: values.names_in("models") };
    let providers = each(&names.providers, values, errors, provider);
    let models = each(&names.models, values, errors, |entry| model(entry, &names));
    let DefaultModel { name } = DefaultModel::read(&mut Reader::new(values));
    let default_model = Some(name).filter(|it| !it.is_empty());
    let origin = values.origin(DefaultModel::name.key);
    errors.extend(default_model.as_ref().and_then(|it| names.unknown_default(it, origin)));
    Named { providers, models, default_model }
}

fn provider(entry: &mut Entry<'_>) -> Option<ProviderConfig> {
    let raw: ProviderSettings = entry.read();
    entry.need(ProviderSettings::kind, "");
    match raw.kind {
        Some(Kind::Scripted) => entry.need(ProviderSettings::cassette, " for the kind `scripted`"),
        Some(_) => {
            entry.need(ProviderSettings::base_url, "");
            no_cassette(entry);
        }
        None => {}
    }
    entry.one_of(&[ProviderSettings::api_key_env, ProviderSettings::api_key_cmd]);
    entry.sort_errors::<ProviderSettings>();
    let kind = raw.kind?;
    let base_url = raw.base_url.filter(|_| kind != Kind::Scripted);
    Some(ProviderConfig {
        kind,
        // The path of an operation is put behind it.
        base_url: base_url.map(|it| it.trim_end_matches('/').to_owned()),
        key: match (raw.api_key_env, raw.api_key_cmd) {
            (Some(name), _) => Some(KeySource::Variable(name)),
            (None, command) => command.map(KeySource::Command),
        },
        stream: raw.stream,
        timeout: raw.timeout,
        cassette: raw.cassette,
    })
}

fn no_cassette(entry: &mut Entry<'_>) {
    let cassette = ProviderSettings::cassette;
    if entry.is_set(cassette) {
        let (origin, key) = (entry.origin(cassette), entry.key(cassette));
        let expected = "absent: only the kind `scripted` has one";
        entry.errors.push(ConfigError::Malformed { origin, key, expected });
    }
}

fn model(entry: &mut Entry<'_>, names: &Names) -> Option<ModelConfig> {
    let raw: ModelSettings = entry.read();
    entry.need(ModelSettings::provider, "");
    entry.need(ModelSettings::id, "");
    let origin = entry.origin(ModelSettings::provider);
    let name = entry.names.concat();
    let unknown = |it: &String| names.unknown_provider(&name, it, &origin);
    let unknown = raw.provider.as_ref().and_then(unknown);
    entry.errors.extend(unknown);
    let price = price(entry, raw.input_price, raw.output_price);
    fits(entry, raw.max_output_tokens, raw.context_tokens);
    entry.sort_errors::<ModelSettings>();
    let ModelSettings { provider, id, context_tokens, max_output_tokens, temperature, .. } = raw;
    let (provider, id) = (provider?, id?);
    Some(ModelConfig { provider, id, context_tokens, max_output_tokens, temperature, price })
}

/// Both or none.
fn price(entry: &mut Entry<'_>, input: Option<f64>, output: Option<f64>) -> Option<Price> {
    if input.is_some() || output.is_some() {
        entry.need(ModelSettings::input_price, ", as `output_price` is");
        entry.need(ModelSettings::output_price, ", as `input_price` is");
    }
    Some(Price { input: input?, output: output? })
}

fn fits(entry: &mut Entry<'_>, output: Option<u32>, whole: Option<u64>) {
    let key = entry.key(ModelSettings::max_output_tokens);
    let limited_by = entry.key(ModelSettings::context_tokens);
    let origin = entry.values.later(&key, &limited_by).to_owned();
    if let (Some(value), Some(limit)) = (output.map(u64::from), whole)
        && value > limit
    {
        entry.errors.push(ConfigError::Exceeds { origin, key, value, limited_by, limit });
    }
}
