//! The configuration: layers of values over the built-in ones, then resolved
//! once into what the modules work with.
//!
//! The only module that knows TOML. It owns every limit's key, range and unit
//! (`default.toml` holds the values and says what they are for); the modules
//! that apply the limits declare the plain structs that are filled in here. It
//! looks for no file and reads no environment: the caller says where, and
//! hands [`Layers`] over.
//!
//! ```text
//! default.toml ─ template ─┐
//! files ── source ─ leaves ┼─ layers ─ resolve ─► Config
//! variables ─ environment ─┘    │
//!                      narrow: what a project may do
//! ```

mod check;
mod document;
mod environment;
mod error;
mod layers;
mod leaves;
mod model;
mod narrow;
mod raw;
mod resolve;
mod schema;
pub mod setting;
pub mod show;
mod source;
mod template;

use std::collections::BTreeMap;

pub use environment::unknown_variables;
pub use error::{ConfigError, ConfigErrors};
pub use layers::{Layer, Layers};
pub use model::{KeySource, ModelConfig, ProviderConfig, ProviderKind};
pub use schema::schema;
pub use setting::Setting;
pub use source::{PROJECT_FILE, Source};

use self::{layers::Values, show::Entry, template::Template};
#[cfg(feature = "switches")]
use crate::defence::Defences;
use crate::{
    completion::QueueConfig,
    delegation::{self, budget},
    provider::Patience,
    sandbox::SandboxConfig,
    tools::ToolsConfig,
};

/// Every key with its default and its reason. Also what a user's own file is
/// started from.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");

/// How the built-in layer is named in errors.
const BUILT_IN: &str = "default.toml";

/// The resolved configuration. Units are bytes and durations; nothing is
/// zero. A field that is set later, for an option of the command line, takes
/// its value from the [`Setting`] of its key, and [`Config::check`] follows.
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
    /// How hard a chat is tried; how long each try may take, its provider
    /// says.
    pub patience: Patience,
}

/// What a workspace may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceConfig {
    /// It may hold the home directory of the user, or the host's own
    /// directories. What the person's programs obey there stays closed.
    pub allow_home: bool,
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
        let template = Template::read()?;
        let (values, mut errors) = Values::of(&template, layers);
        let raw = values.table().try_into();
        let raw = raw.map_err(|source| ConfigError::toml(BUILT_IN.to_owned(), source))?;
        let (config, of_outcome) = resolve::resolve(raw, &values);
        let news = of_outcome.into_iter().filter(|it| !it.follows_from(&errors));
        let news: Vec<ConfigError> = news.collect();
        errors.extend(news);
        let config = ConfigErrors::or(errors, config)?;
        let config = config.ok_or_else(|| ConfigError::NotText { origin: BUILT_IN.to_owned() })?;
        let mut entries: Vec<Entry> = values.iter().map(Entry::of).collect();
        show::sort(&mut entries, &template);
        Ok(Self { config, entries })
    }
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
        let numbers = check::numbers(self);
        let all = numbers.into_iter().chain(check::names(self, origin));
        all.chain(self.misfits(|_, _| origin)).next().map_or(Ok(()), Err)
    }

    /// Everything that does not fit. `origin` tells what set one of two keys
    /// last.
    fn misfits<'a>(&self, origin: impl Fn(&str, &str) -> &'a str) -> Vec<ConfigError> {
        let Self { delegation, budget, sandbox, tools, patience, .. } = self;
        let max_timeout =
            ("tools.terminal.max_timeout_seconds", tools.terminal.max_timeout.as_secs());
        let max_pause = ("model.max_pause_seconds", patience.max_pause.as_secs());
        let kib = |bytes: usize| (bytes / 1024) as u64;
        let children = (budget::Kind::Children.key(), budget.children);
        let tasks = delegation.max_tasks_per_batch as u64;
        let host_call = ("sandbox.host_call_kib", kib(sandbox.host_call_bytes));
        let cells = ("sandbox.max_live_cells", u64::from(sandbox.max_live_cells));
        let pairs = [
            ("sandbox.argument_kib", kib(sandbox.argument_bytes), host_call),
            ("sandbox.result_kib", kib(sandbox.result_bytes), host_call),
            // Each depth has places of its own, so that a caller that waits
            // for its children can't starve them.
            ("delegation.max_depth", u64::from(delegation.max_depth), cells),
            // A batch starts as a whole or not at all.
            ("delegation.max_tasks_per_batch", tasks, children),
            ("tools.terminal.timeout_seconds", tools.terminal.timeout.as_secs(), max_timeout),
            ("model.first_pause_seconds", patience.first_pause.as_secs(), max_pause),
        ];
        let too_large = pairs.into_iter().filter(|(_, value, limited_by)| *value > limited_by.1);
        let misfit = |(key, value, (limited_by, limit)): (&str, _, (&str, _))| {
            let origin = origin(key, limited_by).to_owned();
            let (key, limited_by) = (key.to_owned(), limited_by.to_owned());
            ConfigError::Exceeds { origin, key, value, limited_by, limit }
        };
        too_large.map(misfit).collect()
    }
}

#[cfg(test)]
mod tests;
