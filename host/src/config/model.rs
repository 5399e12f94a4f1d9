//! Providers and models, which have names of the user's.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use super::{ConfigError, ConfigErrors, layers::Values, raw, resolve::keep, setting};
use crate::{completion::sanitize::is_blank, provider::Price};

/// How long one attempt may take at a provider that says nothing of it: long
/// answers of slow models take minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// Chat completions, as OpenAI and most servers offer them.
    OpenAi,
    /// Messages, as Anthropic offers them.
    Anthropic,
    /// Answers from a file.
    Scripted,
}

impl ProviderKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Anthropic, Self::Scripted];

    /// As it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Scripted => "scripted",
        }
    }
}

/// Where a key is to be found. It is never in the configuration itself.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In the variable of that name.
    Variable(String),
    /// Printed by this program, which has its arguments behind it.
    Command(String),
}

impl fmt::Debug for KeySource {
    /// Without a command, which may hold the key all the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "Variable({name})"),
            Self::Command(_) => write!(f, "Command(…)"),
        }
    }
}

/// A service that runs models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderConfig {
    /// What it speaks.
    pub kind: ProviderKind,
    /// An `http` or `https` address without a user, a query, a fragment or a
    /// slash at its end. `None` for [`ProviderKind::Scripted`] only.
    pub base_url: Option<String>,
    /// Where its key is; some need none.
    pub key: Option<KeySource>,
    /// Whether answers are asked for piece by piece.
    pub stream: bool,
    /// How long one attempt at one answer may take.
    pub timeout: Duration,
    /// The file of answers. For [`ProviderKind::Scripted`] only, which always
    /// has one.
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

/// All that was resolved here.
pub(super) struct Found {
    pub(super) providers: BTreeMap<String, ProviderConfig>,
    pub(super) models: BTreeMap<String, ModelConfig>,
    pub(super) default_model: Option<String>,
}

/// What is right, and everything that is not.
pub(super) fn resolve(
    providers: BTreeMap<String, raw::Provider>,
    models: BTreeMap<String, raw::NamedModel>,
    default: String,
    values: &Values,
) -> (Found, Vec<ConfigError>) {
    let mut errors = Vec::new();
    let known_providers: Vec<String> = providers.keys().cloned().collect();
    let known_models: Vec<String> = models.keys().cloned().collect();
    let providers = each(providers, "providers", values, &mut errors, provider);
    let models = each(models, "models", values, &mut errors, |entry, raw| {
        model(entry, raw, &known_providers)
    });
    let default_model = Some(default).filter(|it| !it.is_empty());
    // `PROVIDER/ID` is any model of a provider.
    let is_direct = |it: &str| {
        it.split_once('/').is_some_and(|(provider, id)| {
            !id.is_empty() && known_providers.iter().any(|it| it == provider)
        })
    };
    let is_known = |it: &String| known_models.contains(it) || is_direct(it);
    if let Some(name) = default_model.as_ref().filter(|it| !is_known(it)) {
        let (key, origin) = ("model.default", values.origin("model.default"));
        errors.push(ConfigError::unknown_name(origin, key, name, known_models));
    }
    (Found { providers, models, default_model }, errors)
}

fn each<R, T>(
    raws: BTreeMap<String, R>,
    table: &str,
    values: &Values,
    errors: &mut Vec<ConfigError>,
    resolve: impl Fn(&Entry<'_>, R) -> Result<T, ConfigErrors>,
) -> BTreeMap<String, T> {
    let mut res = BTreeMap::new();
    for (name, raw) in raws {
        let entry = Entry { section: format!("{table}.{name}"), values };
        if let Some(it) = keep(errors, resolve(&entry, raw)) {
            res.insert(name, it);
        }
    }
    res
}

/// The entry that is looked at, for errors.
struct Entry<'a> {
    /// Dotted.
    section: String,
    values: &'a Values,
}

impl Entry<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.section)
    }

    fn origin(&self, key: &str) -> String {
        self.values.origin(&self.key(key)).to_owned()
    }

    fn need<T>(
        &self,
        value: Option<T>,
        key: &str,
        because: &'static str,
    ) -> Result<T, ConfigError> {
        let origin = self.values.origin(&self.section).to_owned();
        value.ok_or_else(|| ConfigError::Missing { origin, key: self.key(key), because })
    }

    fn malformed(&self, key: &str, expected: &'static str) -> ConfigError {
        ConfigError::Malformed { origin: self.origin(key), key: self.key(key), expected }
    }

    fn unknown(&self, key: &str, name: &str, known: Vec<String>) -> ConfigError {
        ConfigError::unknown_name(&self.origin(key), self.key(key), name, known)
    }
}

fn provider(entry: &Entry<'_>, raw: raw::Provider) -> Result<ProviderConfig, ConfigErrors> {
    let mut errors = Vec::new();
    let kind = entry.need(raw.kind, "kind", "").and_then(|it| kind(entry, &it));
    let kind = keep(&mut errors, kind);
    let has_url = raw.base_url.is_some();
    let base_url = raw.base_url.map(|it| base_url(entry, &it)).transpose();
    let base_url = keep(&mut errors, base_url).flatten();
    let timeout = raw
        .timeout_seconds
        .map(|it| setting::PROVIDER_TIMEOUT.of(it, &entry.origin("timeout_seconds")));
    let timeout = keep(&mut errors, timeout.transpose()).flatten();
    let key = keep(&mut errors, key(entry, raw.api_key_env, raw.api_key_cmd)).flatten();
    match kind {
        Some(ProviderKind::Scripted) => {
            let cassette = raw.cassette.as_ref();
            keep(&mut errors, entry.need(cassette, "cassette", " for the kind `scripted`"));
        }
        Some(_) => {
            keep(&mut errors, entry.need(has_url.then_some(()), "base_url", ""));
            if raw.cassette.is_some() {
                let expected = "absent: only the kind `scripted` has one";
                errors.push(entry.malformed("cassette", expected));
            }
        }
        None => {}
    }
    let kind = ConfigErrors::or(errors, kind)?;
    let kind = entry.need(kind, "kind", "")?;
    Ok(ProviderConfig {
        kind,
        base_url: base_url.filter(|_| kind != ProviderKind::Scripted),
        key,
        stream: raw.stream.unwrap_or(true),
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        cassette: raw.cassette.map(PathBuf::from),
    })
}

fn kind(entry: &Entry<'_>, name: &str) -> Result<ProviderKind, ConfigError> {
    let known = || ProviderKind::ALL.map(|it| it.name().to_owned()).to_vec();
    let found = ProviderKind::ALL.into_iter().find(|it| it.name() == name);
    found.ok_or_else(|| entry.unknown("kind", name, known()))
}

fn key(
    entry: &Entry<'_>,
    variable: Option<String>,
    command: Option<String>,
) -> Result<Option<KeySource>, ConfigError> {
    match (variable, command) {
        (Some(_), Some(_)) => Err(ConfigError::Both {
            origin: entry.origin("api_key_cmd"),
            key: entry.key("api_key_env"),
            other: entry.key("api_key_cmd"),
        }),
        (Some(name), None) if !is_variable(&name) => {
            Err(entry.malformed("api_key_env", "the name of a variable, not the key itself"))
        }
        (Some(name), None) => Ok(Some(KeySource::Variable(name))),
        (None, Some(command)) if is_blank(&command) => {
            Err(entry.malformed("api_key_cmd", "a program with its arguments"))
        }
        (None, Some(command)) => Ok(Some(KeySource::Command(command))),
        (None, None) => Ok(None),
    }
}

pub(super) fn is_variable(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_word)
}

/// The path of an operation is put behind it. A user before an `@` would be a
/// password in plain sight.
fn base_url(entry: &Entry<'_>, text: &str) -> Result<String, ConfigError> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let has_host = rest.is_some_and(|it| !it.is_empty() && !it.starts_with(['/', ':']));
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !"@?#\\\"<>`{}|^".contains(c));
    if has_host && is_plain {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    let expected = "an `http` or `https` address without a user, a query or a fragment";
    Err(entry.malformed("base_url", expected))
}

fn model(
    entry: &Entry<'_>,
    raw: raw::NamedModel,
    providers: &[String],
) -> Result<ModelConfig, ConfigErrors> {
    let mut errors = Vec::new();
    let provider = entry.need(raw.provider, "provider", "").and_then(|it| {
        let is_known = providers.contains(&it);
        is_known
            .then(|| it.clone())
            .ok_or_else(|| entry.unknown("provider", &it, providers.to_vec()))
    });
    let provider = keep(&mut errors, provider).unwrap_or_default();
    let id = entry.need(raw.id, "id", "").and_then(|it| match is_blank(&it) {
        true => Err(entry.malformed("id", "the provider's name of a model")),
        false => Ok(it),
    });
    let id = keep(&mut errors, id).unwrap_or_default();
    let tokens = |it| setting::CONTEXT_TOKENS.of(it, &entry.origin("context_tokens"));
    let output = |it| setting::MAX_OUTPUT_TOKENS.of(it, &entry.origin("max_output_tokens"));
    let context_tokens = keep(&mut errors, raw.context_tokens.map(tokens).transpose()).flatten();
    let max_output_tokens =
        keep(&mut errors, raw.max_output_tokens.map(output).transpose()).flatten();
    let price = keep(&mut errors, price(entry, raw.input_price, raw.output_price)).flatten();
    keep(&mut errors, fits(entry, max_output_tokens, context_tokens));
    let temperature = raw.temperature;
    let res = ModelConfig { provider, id, context_tokens, max_output_tokens, temperature, price };
    ConfigErrors::or(errors, res)
}

fn price(
    entry: &Entry<'_>,
    input: Option<f64>,
    output: Option<f64>,
) -> Result<Option<Price>, ConfigError> {
    if input.is_none() && output.is_none() {
        return Ok(None);
    }
    Ok(Some(Price {
        input: entry.need(input, "input_price", ", as `output_price` is")?,
        output: entry.need(output, "output_price", ", as `input_price` is")?,
    }))
}

fn fits(entry: &Entry<'_>, output: Option<u32>, whole: Option<u64>) -> Result<(), ConfigError> {
    let (key, limited_by) = (entry.key("max_output_tokens"), entry.key("context_tokens"));
    let origin = entry.values.later(&key, &limited_by).to_owned();
    match (output.map(u64::from), whole) {
        (Some(value), Some(limit)) if value > limit => {
            Err(ConfigError::Exceeds { origin, key, value, limited_by, limit })
        }
        _ => Ok(()),
    }
}
