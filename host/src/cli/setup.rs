//! From arguments and environment to the parts that a verb works with. The
//! only place of the command line that looks at the environment.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use etcetera::{BaseStrategy as _, base_strategy::Xdg};
use hermitage_build::{Install, Stderr};
use tokio::runtime::Runtime;

use super::{args::Global, error::CliError};
use crate::{
    clock::SystemClock,
    config::Config,
    delegation::{Executor, ExecutorConfig, Rules},
    id::OsRandom,
    plugin::{Found, Library, PluginError},
    sandbox::Sandbox,
    toolset::{Blocked, Grant},
};

/// The name of our directories.
const NAME: &str = "hermitage";

/// Everything that was read once at the start.
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) library: Library,
}

impl Setup {
    pub(super) fn new(global: &Global) -> Result<Self, CliError> {
        let xdg = Xdg::new().ok();
        let user_file = xdg.as_ref().map(|it| it.config_dir().join(NAME).join("config.toml"));
        let file = global.config.clone().or(user_file.filter(|it| it.exists()));
        let mut config = Config::load(file.as_deref())?;
        let cache_dir = xdg.as_ref().map(|it| it.cache_dir().join(NAME));
        config.sandbox.cache_dir = cache_dir.as_ref().map(|it| it.join("compiled"));
        let data_dir = xdg.map(|it| it.data_dir().join(NAME).join("plugins"));
        let library = library(global, data_dir, cache_dir, config.sandbox.component_bytes);
        Ok(Self { config, library })
    }

    pub(super) fn blocked(&self) -> Blocked {
        Blocked::with(self.config.delegation.blocked_tools.iter().copied())
    }

    /// The rules for a top-level call.
    pub(super) fn rules(&self) -> Rules {
        let delegation = &self.config.delegation;
        Rules {
            max_tasks_per_batch: delegation.max_tasks_per_batch,
            max_depth: delegation.max_depth,
            max_iterations: delegation.max_iterations,
            depth: 0,
            parent: Grant::of_parent(),
            blocked: self.blocked(),
            default_toolsets: delegation.default_toolsets.clone(),
        }
    }

    pub(super) fn find(&self, agent: &str) -> Result<Found, PluginError> {
        self.library.find(agent, &mut Stderr)
    }

    pub(super) fn sandbox(&self) -> Result<Arc<Sandbox>, CliError> {
        Ok(Arc::new(Sandbox::new(self.config.sandbox.clone(), Arc::new(OsRandom))?))
    }

    pub(super) fn executor(&self, sandbox: &Arc<Sandbox>) -> Executor {
        let config = ExecutorConfig {
            max_concurrent_children: self.config.delegation.max_concurrent_children,
            grace: self.config.delegation.interrupt_grace,
            cpu: self.config.sandbox.cpu,
            host_calls: self.config.sandbox.host_calls,
        };
        Executor::new(Arc::clone(sandbox), Arc::new(SystemClock), Arc::new(OsRandom), config)
    }
}

/// The runtime of the host's own work.
pub(super) fn runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|err| {
        CliError::usage(anyhow::Error::new(err).context("no threads can be started"))
    })
}

fn library(
    global: &Global,
    data_dir: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    max_bytes: usize,
) -> Library {
    let checkout = checkout();
    let mut dirs = global.plugin_path.clone();
    dirs.extend(data_dir);
    dirs.extend(checkout.as_ref().map(|it| it.join("plugins")));
    let build_dir = match (checkout, cache_dir) {
        (Some(checkout), _) => checkout.join("target/components"),
        (None, Some(cache_dir)) => cache_dir.join("components"),
        (None, None) => env::temp_dir().join(NAME).join("components"),
    };
    Library { dirs, build_dir, install: Install::Ask, max_bytes }
}

/// The source checkout that this program was built in, if it is still there.
fn checkout() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    checkout.join("plugins/Cargo.toml").is_file().then(|| checkout.to_owned())
}
