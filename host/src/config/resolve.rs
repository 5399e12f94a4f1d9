//! From the values of all layers to the configuration, and what does not fit in
//! it.

use super::{Config, ConfigError, model, plugin, sections, toolset, values::Values};
use crate::{
    delegation::{Limits, budget},
    provider::Patience,
    sandbox::SandboxConfig,
    setting::{Reader, Setting},
    tools::{file::FileConfig, terminal::TerminalConfig},
};

/// The configuration, and everything that is wrong with it: then a default
/// stands in, so that the rest can be looked at.
pub(super) fn resolve(values: &Values) -> (Config, Vec<ConfigError>) {
    let mut errors = Vec::new();
    let named = model::resolve(values, &mut errors);
    let plugins = plugin::resolve(values, &mut errors);
    let mut reader = Reader::new(values);
    let toolsets = toolset::resolve(values, &mut errors);
    let config = sections::read(&mut reader, named, plugins, toolsets);
    let wrong = reader.into_wrong().into_iter();
    errors.extend(wrong.map(|(key, it)| ConfigError::of(it, values.origin(&key), &key)));
    errors.extend(bad_glob(&config, values));
    errors.extend(misfits(&config, |key, other| values.later(key, other)));
    (config, errors)
}

/// The two lists become one set of rules, which says itself what is wrong.
fn bad_glob(config: &Config, values: &Values) -> Option<ConfigError> {
    let why = config.tools.file.check_globs().err()?;
    let (secret, protected) = (FileConfig::secret_globs, FileConfig::protected_globs);
    Some(ConfigError::Glob { origin: values.later(secret.key, protected.key).to_owned(), why })
}

/// Every number that does not fit another one. `origin` tells what set one of
/// two keys last.
pub(super) fn misfits<'a>(
    config: &Config,
    origin: impl Fn(&str, &str) -> &'a str,
) -> Vec<ConfigError> {
    let Config { delegation, budget, sandbox, tools, patience, .. } = config;
    let host_call = (SandboxConfig::host_call_bytes, sandbox.host_call_bytes as u64);
    let cells = (SandboxConfig::max_live_cells, u64::from(sandbox.max_live_cells));
    let children = (budget::Limits::children, budget.children);
    let max_timeout = (TerminalConfig::max_timeout, tools.terminal.max_timeout.as_secs());
    let max_pause = (Patience::max_pause, patience.max_pause.as_secs());
    let pairs = [
        ((SandboxConfig::argument_bytes, sandbox.argument_bytes as u64), host_call),
        ((SandboxConfig::result_bytes, sandbox.result_bytes as u64), host_call),
        // Each depth has places of its own, so that a caller that waits for
        // its children can't starve them.
        ((Limits::max_depth, u64::from(delegation.max_depth)), cells),
        // A batch starts as a whole or not at all.
        ((Limits::max_tasks_per_batch, delegation.max_tasks_per_batch as u64), children),
        ((TerminalConfig::timeout, tools.terminal.timeout.as_secs()), max_timeout),
        ((Patience::first_pause, patience.first_pause.as_secs()), max_pause),
    ];
    let exceeds = |((one, value), (other, limit)): ((Setting, u64), (Setting, u64))| {
        let (value, limit) = (in_units(&one, value), in_units(&other, limit));
        (limit < value).then(|| ConfigError::Exceeds {
            origin: origin(one.key, other.key).to_owned(),
            key: one.key.to_owned(),
            value,
            limited_by: other.key.to_owned(),
            limit,
        })
    };
    pairs.into_iter().filter_map(exceeds).collect()
}

/// As a file says it.
fn in_units(setting: &Setting, value: u64) -> u64 {
    setting.form.amount.map_or(value, |it| value / it.unit.factor.max(1))
}
