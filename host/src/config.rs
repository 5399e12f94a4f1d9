//! The configuration: layers of values over the built-in ones, then resolved
//! once into what the modules work with.
//!
//! The only module, besides the manifests of plugins, that knows TOML. What can be set is declared where it is used
//! ([`crate::setting`]); here is the list of those declarations (`sections`), and
//! what no single one of them can say: which layer wins, and what has to fit one
//! another. It looks for no file and reads no environment: the caller says
//! where, and hands [`Layers`] over.
//!
//! ```text
//! declarations ─ keys ───────┐
//! files ─ source ─ leaves ───┼─ layers ─ values ─ resolve ─► Config
//! variables ─ environment ───┘    │
//!                        narrow: what a project may do
//! ```

mod document;
mod entry;
mod environment;
mod error;
mod keys;
mod layers;
mod leaf;
mod leaves;
mod literal;
mod model;
mod narrow;
#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;
mod plugin;
mod resolve;
mod schema;
mod sections;
mod serve;
pub mod show;
mod source;
mod toolset;
mod values;

use std::collections::BTreeMap;

pub use environment::unknown_variables;
pub use error::{ConfigError, ConfigErrors};
pub use layers::Layers;
pub use model::{KeySource, ModelConfig, ProviderConfig};
pub use plugin::PluginConfig;
pub use schema::schema;
pub use serve::ServeConfig;
pub use source::{PROJECT_FILE, Source};
pub use values::Layer;

use self::show::Entry;
#[cfg(feature = "switches")]
use crate::defence::Defences;
use crate::{
    cluster::{ClusterConfig, WorkerConfig},
    completion::QueueConfig,
    delegation::{self, budget},
    mcp::Server,
    provider::Patience,
    sandbox::SandboxConfig,
    setting::{self, Number, Setting},
    tools::{ToolsConfig, closed::WorkspaceConfig},
};

/// Every key with its default and its reason, as the declarations have them. A
/// test compares it with them, and writes it.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");

/// How the built-in layer is named in errors.
const BUILT_IN: &str = "default.toml";

/// The resolved configuration. Units are bytes and durations; nothing is
/// zero. A field that is set later, for an option of the command line, takes
/// its value from [`option`], and [`Config::check`] follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What a delegation may ask for.
    pub delegation: delegation::Limits,
    /// What a whole tree of children may spend.
    pub budget: budget::Limits,
    /// How completion events are delivered.
    pub queue: QueueConfig,
    /// The walls around one child, and the room for all of them.
    pub sandbox: SandboxConfig,
    /// What a workspace may be.
    pub workspace: WorkspaceConfig,
    /// Limits of the tools.
    pub tools: ToolsConfig,
    /// Services that run models, by name.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Models that can be chosen, by name; each has one of the providers.
    pub models: BTreeMap<String, ModelConfig>,
    /// The model of a task that names none; one of the models, or any of a
    /// provider.
    pub default_model: Option<String>,
    /// What is set for tool plugins, by their names.
    pub plugins: BTreeMap<String, PluginConfig>,
    /// Servers that speak MCP, by the names of their toolsets.
    pub toolsets: BTreeMap<String, Server>,
    /// How hard a chat is tried; how long each try may take, its provider
    /// says.
    pub patience: Patience,
    /// How long a service stays.
    pub serve: ServeConfig,
    /// Other hosts.
    pub cluster: ClusterConfig,
    /// What this host offers them.
    pub worker: WorkerConfig,
}

/// A configuration with the origin of each value.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is worked with.
    pub config: Config,
    /// Every value that is set, in the order of `default.toml`.
    pub entries: Vec<Entry>,
}

impl Loaded {
    /// Lays the layers over one another. Either all is right, or everything
    /// that can be found wrong is told: what is wrong with each layer for
    /// itself, and what is wrong with the outcome of the rest.
    pub fn load(layers: &Layers) -> Result<Self, ConfigErrors> {
        let keys = sections::keys();
        let (values, mut errors) = layers.values(keys);
        let (config, of_outcome) = resolve::resolve(&values);
        let news = of_outcome.into_iter().filter(|it| !it.follows_from(&errors));
        let news: Vec<ConfigError> = news.collect();
        errors.extend(news);
        let config = ConfigErrors::or(errors, config)?;
        let mut entries: Vec<Entry> = values.iter().map(Entry::of).collect();
        show::sort(&mut entries, keys);
        Ok(Self { config, entries })
    }
}

/// A number that an option of the command line says instead of a file. `origin`
/// is the option, for the error.
pub fn option<T: Number>(setting: &Setting, number: i64, origin: &str) -> Result<T, ConfigError> {
    let read = setting::number(number, &setting.form);
    read.map_err(|wrong| ConfigError::of(wrong, origin, setting.key))
}

impl Config {
    /// The built-in values, and the layers over them. The built-in ones alone
    /// for `Layers::default()`.
    pub fn load(layers: &Layers) -> Result<Self, ConfigError> {
        match Loaded::load(layers) {
            Ok(loaded) => Ok(loaded.config),
            Err(errors) => Err(*errors.first),
        }
    }

    /// With these defences in every part.
    #[cfg(feature = "switches")]
    pub(crate) fn with_defences(mut self, defences: Defences) -> Self {
        self.delegation.defences = defences;
        self.sandbox.defences = defences;
        self.tools.file.defences = defences;
        self.tools.terminal.defences = defences;
        self.tools.web.defences = defences;
        self
    }

    /// Whether a host can keep to it: each number is one, names lead to
    /// something, and the values fit one another. `origin` is what set them
    /// last. A host asks before it starts.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self, origin: &str) -> Result<(), ConfigError> {
        let unfit = sections::unfit(self).into_iter().map(ConfigError::from);
        let all = unfit.chain(model::unknown_names(self, origin));
        all.chain(resolve::misfits(self, |_, _| origin)).next().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests;
