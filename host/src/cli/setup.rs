//! From arguments and environment to the parts that a verb works with. The
//! only place of the command line that looks at the environment.

use std::{
    env,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use etcetera::{BaseStrategy as _, base_strategy::Xdg};
use hermitage_build::{Install, Stderr};
use tracing_subscriber::EnvFilter;

use super::{args::Global, error::CliError};
use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    host::{BuildError, Host, default_store},
    id::OsRandom,
    plugin::{Found, Library, PluginError},
    sandbox::Sandbox,
    store::Store,
    toolset::Blocked,
};

/// The name of our directories.
const NAME: &str = "hermitage";

/// Which diagnostics are written, in the form of tracing's filters.
const LOG_VARIABLE: &str = "HERMITAGE_LOG";

/// Everything that was read once at the start.
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) library: Library,
    store: Option<PathBuf>,
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
        Ok(Self { config, library, store: global.store.clone() })
    }

    pub(super) fn blocked(&self) -> Blocked {
        Blocked::with(self.config.delegation.blocked_tools.iter().copied())
    }

    pub(super) fn find(&self, agent: &str) -> Result<Found, PluginError> {
        self.library.find(agent, &mut Stderr)
    }

    pub(super) fn sandbox(&self) -> Result<Arc<Sandbox>, CliError> {
        Ok(Arc::new(Sandbox::new(self.config.sandbox.clone(), Arc::new(OsRandom))?))
    }

    /// A host on a workspace, with everything that was set up.
    pub(super) async fn host(&self, workspace: &Path, ephemeral: bool) -> Result<Host, CliError> {
        let builder = Host::builder()
            .config(self.config.clone())
            .workspace(workspace)
            .library(self.library.clone(), Box::new(Stderr));
        let builder = match &self.store {
            _ if ephemeral => builder.ephemeral(),
            Some(file) => builder.store_at(file),
            None => builder,
        };
        Ok(builder.build().await?)
    }

    /// The store alone, with what dead hosts left behind settled, for
    /// commands that look at it.
    pub(super) async fn store(&self) -> Result<Store, CliError> {
        if let Some(file) = self.store.as_ref().filter(|it| !it.exists()) {
            let error = anyhow::anyhow!("there is no store at `{}`", file.display());
            return Err(CliError::usage(error).hint("`hermitage run --store FILE` makes one"));
        }
        let file = self.store.clone().or_else(default_store).ok_or(BuildError::NoState)?;
        let store = Store::open(&file, &OsRandom)?;
        store.recover(SystemClock.now()).await?;
        Ok(store)
    }
}

/// Runs the host's own work on a runtime of its own.
pub(super) fn block_on<F: Future>(future: F) -> Result<F::Output, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|it| CliError::host(it).context("no threads can be started"))?;
    let res = runtime.block_on(future);
    // A compiler that nobody waits for any more must not hold up the exit.
    runtime.shutdown_background();
    Ok(res)
}

/// Diagnostics go to standard error.
pub(super) fn start_log() {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new("warn"));
    let colour = env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour && io::stderr().is_terminal())
        // It would panic when standard error is closed.
        .log_internal_errors(false)
        .init();
}

/// Whether lines can be drawn over: not among diagnostics, which somebody who
/// sets the variable wants to read.
pub(super) fn has_live_terminal() -> bool {
    let dumb = env::var_os("TERM").is_some_and(|it| it == "dumb");
    io::stderr().is_terminal() && !dumb && env::var_os(LOG_VARIABLE).is_none()
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
    let build_dir = match checkout {
        Some(checkout) => Some(checkout.join("target/components")),
        None => cache_dir.map(|it| it.join("components")),
    };
    Library { dirs, build_dir, install: Install::Ask, max_bytes }
}

/// The source checkout that this program was built in, if it is still there.
fn checkout() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    checkout.join("plugins/Cargo.toml").is_file().then(|| checkout.to_owned())
}
