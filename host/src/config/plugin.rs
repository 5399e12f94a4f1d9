//! What the person sets for tool plugins, by their names. One that is not
//! installed is no error: it may be tomorrow.

use std::collections::BTreeMap;

use super::{ConfigError, entry::Entry, model::KeySource, values::Values};
use crate::plugin::{SecretSettings, TextSettings};

/// What the person set for one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginConfig {
    /// Where each of its secrets is, by name.
    pub secrets: BTreeMap<String, KeySource>,
    /// Texts that it may read, by name.
    pub settings: BTreeMap<String, String>,
}

pub(super) fn resolve(
    values: &Values,
    errors: &mut Vec<ConfigError>,
) -> BTreeMap<String, PluginConfig> {
    let names = values.names_in("plugins").into_iter();
    names.map(|it| (it.clone(), plugin(&it, values, errors))).collect()
}

fn plugin(name: &str, values: &Values, errors: &mut Vec<ConfigError>) -> PluginConfig {
    let mut res = PluginConfig::default();
    for own in values.names_in(&format!("plugins.{name}.secrets")) {
        let mut entry = Entry { names: &[name, &own], values, errors: Vec::new() };
        let source = secret(&mut entry);
        errors.append(&mut entry.errors);
        res.secrets.extend(source.map(|it| (own, it)));
    }
    for own in values.names_in(&format!("plugins.{name}.settings")) {
        let mut entry = Entry { names: &[name, &own], values, errors: Vec::new() };
        let TextSettings { text } = entry.read();
        errors.append(&mut entry.errors);
        res.settings.extend(text.map(|it| (own, it)));
    }
    res
}

fn secret(entry: &mut Entry<'_>) -> Option<KeySource> {
    let SecretSettings { api_key_env, api_key_cmd, api_key_file } = entry.read();
    entry.one_of(&[
        SecretSettings::api_key_env,
        SecretSettings::api_key_cmd,
        SecretSettings::api_key_file,
    ]);
    let variable = api_key_env.map(KeySource::Variable);
    let command = || api_key_cmd.map(KeySource::Command);
    variable.or_else(command).or_else(|| api_key_file.map(KeySource::File))
}
