//! The one list of what is configured: where each section is declared, and which
//! field of [`Config`] it becomes.

use std::{collections::BTreeMap, sync::LazyLock};

use super::{Config, ServeConfig, keys::Keys, model::Named, plugin::PluginConfig};
use crate::{
    cluster::{ClusterConfig, WorkerConfig},
    completion::QueueConfig,
    delegation::{self, budget},
    mcp::{McpSettings, Server},
    plugin::{SecretSettings, TextSettings},
    provider::{BUILT_IN_PROVIDERS, DefaultModel, ModelSettings, Patience, ProviderSettings},
    sandbox::SandboxConfig,
    setting::{Reader, Section, Settings as _, Unfit},
    tools::{ToolsConfig, closed::WorkspaceConfig},
};

/// Every key of them.
pub(super) fn keys() -> &'static Keys {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::of(all()));
    &KEYS
}

/// Every section, in the order of `default.toml`.
fn all() -> Vec<Section> {
    let providers = ProviderSettings::sections().into_iter().map(|it| it.with(BUILT_IN_PROVIDERS));
    let all = [
        delegation::Limits::sections(),
        budget::Limits::sections(),
        QueueConfig::sections(),
        ServeConfig::sections(),
        ClusterConfig::sections(),
        WorkerConfig::sections(),
        SandboxConfig::sections(),
        WorkspaceConfig::sections(),
        ToolsConfig::sections(),
        DefaultModel::sections(),
        Patience::sections(),
        providers.collect(),
        ModelSettings::sections(),
        SecretSettings::sections(),
        TextSettings::sections(),
        McpSettings::sections(),
    ];
    all.concat()
}

/// All of them, around what has names.
pub(super) fn read(
    from: &mut Reader<'_>,
    named: Named,
    plugins: BTreeMap<String, PluginConfig>,
    toolsets: BTreeMap<String, Server>,
) -> Config {
    let Named { providers, models, default_model } = named;
    Config {
        delegation: delegation::Limits::read(from),
        budget: budget::Limits::read(from),
        queue: QueueConfig::read(from),
        sandbox: SandboxConfig::read(from),
        workspace: WorkspaceConfig::read(from),
        tools: ToolsConfig::read(from),
        providers,
        models,
        default_model,
        plugins,
        toolsets,
        patience: Patience::read(from),
        serve: ServeConfig::read(from),
        cluster: ClusterConfig::read(from),
        worker: WorkerConfig::read(from),
    }
}

/// Every number that was set by hand to what is none. Taken apart field by
/// field, so that a new section can't be forgotten here.
pub(super) fn unfit(config: &Config) -> Vec<Unfit> {
    let Config {
        delegation,
        budget,
        queue,
        sandbox,
        workspace,
        tools,
        providers: _,
        models: _,
        default_model: _,
        plugins: _,
        toolsets: _,
        patience,
        serve,
        cluster,
        worker,
    } = config;
    let all = [
        delegation.unfit(),
        budget.unfit(),
        queue.unfit(),
        sandbox.unfit(),
        workspace.unfit(),
        tools.unfit(),
        patience.unfit(),
        serve.unfit(),
        cluster.unfit(),
        worker.unfit(),
    ];
    all.concat()
}
