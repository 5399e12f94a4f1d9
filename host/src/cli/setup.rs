//! From arguments and environment to the parts that a verb works with. Only
//! this file and `digest` look at the environment, besides `log` and `terminal`,
//! which each know a variable of their own.

mod digest;

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use etcetera::{BaseStrategy as _, base_strategy::Xdg};
use hermitage_build::{Install, Stderr};
use rustix::fs::{Access, access};

use self::digest::Digest;
use super::{
    args::Global, error::CliError, output::say, person::TerminalPerson, place::Place,
    screen::Screen,
};
use crate::{
    clock::{Clock as _, SystemClock},
    cluster::HostKey,
    completion::sanitize::clean_line,
    config::{Config, ConfigError, KeySource, Layers, Source, unknown_variables},
    host::{
        BuildError, Builder, Host, check_server, cluster_key, default_store, look_at_server,
        terminal_in,
    },
    id::OsRandom,
    mcp::{Approvals, ConnectError, Listed, McpToolset, Server, allowed},
    plugin::{Installed, Library, Plugin, bundled::tools},
    sandbox::Sandbox,
    serve::Tokens,
    store::{Leave, Store, StoreError},
    tools::{bundled, closed::OwnFiles, terminal::TerminalTools},
};

/// The name of our directories.
const NAME: &str = "hermitage";

/// Characters of a note: parts of it can come from a damaged file.
const MAX_NOTE_CHARS: usize = 500;

/// Everything that was read once at the start.
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) library: Library,
    /// No task will ask for a command.
    pub(super) no_commands: bool,
    store: Option<PathBuf>,
    /// Where a parent's notes are kept.
    memory: Option<PathBuf>,
    /// What options name that is obeyed.
    own_files: OwnFiles,
    /// Where tool plugins are kept.
    tools: Option<PathBuf>,
    /// Where it is kept what was allowed of MCP servers.
    toolsets: Option<PathBuf>,
    /// Of all that was read.
    digest: Digest,
}

impl Setup {
    /// `workspace` is where children will work, for commands that know it:
    /// its file counts, too.
    pub(super) fn new(global: &Global, workspace: Option<&Path>) -> Result<Self, CliError> {
        Self::of(global, &layers(global, workspace)?)
    }

    /// The same, without a word about variables that mean nothing: where that
    /// was told already.
    pub(super) fn again(global: &Global, workspace: Option<&Path>) -> Result<Self, CliError> {
        let project = workspace.map(Source::read_project).transpose()?.flatten();
        let environment = env::vars_os().collect();
        Self::of(global, &Layers { user: user_file(global)?, project, environment })
    }

    fn of(global: &Global, layers: &Layers) -> Result<Self, CliError> {
        let config = Config::load(layers)?;
        let digest = Digest::of(layers, &config);
        Ok(Self { digest, ..Self::with(global, config) })
    }

    /// With a configuration that is at hand.
    pub(super) fn with(global: &Global, mut config: Config) -> Self {
        let xdg = Xdg::new().ok();
        let cache_dir = xdg.as_ref().map(|it| it.cache_dir().join(NAME));
        config.sandbox.cache_dir = cache_dir.as_ref().map(|it| it.join("compiled"));
        let data_dir = xdg.map(|it| it.data_dir().join(NAME));
        let usual = || Some(data_dir.as_ref()?.join("memory.md"));
        let named = Some(config.tools.memory.file.clone());
        let memory = named.filter(|it| !it.as_os_str().is_empty()).or_else(usual);
        let plugins = data_dir.as_ref().map(|it| it.join("plugins"));
        let tools = data_dir.as_ref().map(|it| it.join("tools"));
        let toolsets = data_dir.as_ref().map(|it| it.join("toolsets"));
        let library = library(global, plugins, cache_dir, config.sandbox.component_bytes);
        let mut own_files = OwnFiles::default();
        global.config.iter().for_each(|it| own_files.file(it));
        global.plugin_path.iter().for_each(|it| own_files.directory(it));
        let (store, digest) = (global.store.clone(), Digest::default());
        let no_commands = false;
        Self { config, library, no_commands, store, memory, own_files, tools, toolsets, digest }
    }

    /// The variable that is to hold the key of a provider, when it is not set.
    pub(super) fn missing_key(&self, provider: &str) -> Option<&str> {
        match self.config.providers.get(provider)?.key.as_ref()? {
            KeySource::Variable(it) => {
                env::var(it).unwrap_or_default().trim().is_empty().then_some(it)
            }
            KeySource::Command(_) | KeySource::File(_) => None,
        }
    }

    pub(super) fn sandbox(&self) -> Result<Arc<Sandbox>, CliError> {
        let (config, max_depth) = (self.config.sandbox.clone(), self.config.delegation.max_depth);
        Ok(Arc::new(Sandbox::new(config, max_depth, Arc::new(OsRandom))?))
    }

    /// The tool plugins of this user.
    pub(super) fn installed(&self) -> Result<Installed, CliError> {
        let no_place = || CliError::host(anyhow::anyhow!("there is no place for plugins"));
        let dir = self.tools.as_ref().ok_or_else(no_place);
        Ok(Installed::at(dir.map_err(|it| it.hint("set `HOME` or `XDG_DATA_HOME`"))?))
    }

    /// Those that can be used. Of another one a note is left: it must not keep
    /// everything else from working.
    fn plugins(&self) -> Vec<Plugin> {
        let Ok(installed) = self.installed() else { return Vec::new() };
        let all = installed.all().unwrap_or_else(|it| vec![Err(it)]);
        let usable = all.into_iter().filter_map(|it| match it {
            // One that came with a later version of the program has its name.
            Ok(plugin) if tools::find(&plugin.approval.name).is_some() => {
                let name = plugin.approval.name;
                say(&format!("note: `{name}` is now a plugin of the program; yours is left out"));
                None
            }
            Ok(plugin) => Some(plugin.into_plugin()),
            Err(err) => {
                let err = CliError::from(err);
                say(&clean_line(&format!("note: {}", err.text()), MAX_NOTE_CHARS));
                say(&format!("hint: {}", err.how().unwrap_or_default()));
                None
            }
        });
        usable.collect()
    }

    /// What was allowed of MCP servers.
    pub(super) fn approvals(&self) -> Result<Approvals, CliError> {
        let no_place = || CliError::host(anyhow::anyhow!("there is no place for approvals"));
        let dir = self.toolsets.as_ref().ok_or_else(no_place);
        Ok(Approvals::at(dir.map_err(|it| it.hint("set `HOME` or `XDG_DATA_HOME`"))?))
    }

    /// Whether an MCP server can have that name: a plugin that has it keeps it.
    pub(super) fn check_free(&self, name: &str) -> Result<(), CliError> {
        let of_plugin =
            tools::find(name).is_some() || self.installed()?.get(name).is_ok_and(|it| it.is_some());
        let host = bundled();
        let of_host = host.toolset(name).is_some() || host.get(name).is_some();
        let whose = match (of_plugin, of_host) {
            (true, _) => "a plugin",
            (_, true) => "the host",
            _ => return Ok(()),
        };
        let error = anyhow::anyhow!("`{name}` is a tool or toolset of {whose}");
        Err(CliError::usage(error)
            .hint(format!("`[toolsets.my_{name}.mcp]` gives it another name")))
    }

    /// Those of the MCP servers that may be called. Of another one a note is
    /// left, like of a plugin.
    fn servers(&self) -> Vec<McpToolset> {
        let usable = self.config.toolsets.values().filter_map(|server| {
            let found = self.server(server);
            if let Err(err) = &found {
                let (text, name) = (err.text(), &server.name);
                say(&clean_line(&format!("note: the MCP server `{name}`: {text}"), MAX_NOTE_CHARS));
                say(&format!("hint: {}", err.how().unwrap_or_default()));
            }
            found.ok()
        });
        usable.collect()
    }

    /// One of them with what was allowed, or why it may not be called.
    pub(super) fn server(&self, server: &Server) -> Result<McpToolset, CliError> {
        self.check_free(&server.name)?;
        allowed(server, &self.approvals()?).map_err(|it| {
            let how = format!("`hermitage tool allow {}` shows its tools and asks", server.name);
            CliError::usage(it).hint(how)
        })
    }

    /// The tools that an MCP server has.
    pub(super) async fn look_at(&self, server: &Server) -> Result<Listed, ConnectError> {
        let (own, store) = (self.own_files.clone(), self.store_file());
        look_at_server(server, &self.config, own, store.as_deref()).await
    }

    /// Whether one that is allowed says what it said then.
    pub(super) async fn check(&self, toolset: &McpToolset) -> Result<(), String> {
        let (own, store) = (self.own_files.clone(), self.store_file());
        check_server(toolset, &self.config, own, store.as_deref()).await
    }

    /// A host on a workspace, with everything that was set up.
    pub(super) async fn host(
        &self,
        workspace: &Path,
        ephemeral: bool,
        screen: &Screen,
    ) -> Result<Host, CliError> {
        let builder = self.builder(workspace).leaves_the_lost();
        let builder = builder.person(Arc::new(TerminalPerson::new(screen.clone())));
        let builder = if ephemeral { builder.ephemeral() } else { self.kept(builder) };
        Ok(builder.build().await?)
    }

    /// The same for a service, where nobody is there to be asked: the first
    /// one, or another beside it.
    pub(super) async fn host_of_service(
        &self,
        workspace: &Path,
        beside: Option<&Host>,
    ) -> Result<Host, CliError> {
        let builder = self.builder(workspace);
        let builder = match beside {
            Some(host) => builder.beside(host),
            None => self.kept(builder),
        };
        Ok(builder.build().await?)
    }

    fn kept(&self, builder: Builder) -> Builder {
        match &self.store {
            Some(file) => builder.store_at(file),
            None => builder,
        }
    }

    fn builder(&self, workspace: &Path) -> Builder {
        let builder = Host::builder()
            .config(self.config.clone())
            .workspace(workspace)
            .own_files(self.own_files.clone())
            .bundled_plugins()
            .library(self.library.clone(), Box::new(Stderr));
        let builder = if self.no_commands { builder.without_commands() } else { builder };
        let builder = self.plugins().into_iter().fold(builder, Builder::plugin);
        let builder = self.servers().into_iter().fold(builder, Builder::mcp_toolset);
        match self.memory.clone() {
            Some(file) => builder.memory(file),
            None => builder,
        }
    }

    /// The terminal that children would have in a workspace, or why they would
    /// have none.
    pub(super) async fn terminal(&self, workspace: &Path) -> Result<TerminalTools, String> {
        let (config, own) = (&self.config, self.own_files.clone());
        let store = self.store_file();
        terminal_in(workspace, config, own, self.memory.as_deref(), store.as_deref()).await
    }

    /// Where the store is, if there is a place for it.
    pub(super) fn store_file(&self) -> Option<PathBuf> {
        self.store.clone().or_else(default_store)
    }

    /// The key that other hosts know this one by, made when there is none.
    pub(super) fn cluster_key(&self) -> Result<HostKey, CliError> {
        let path = cluster_key(self.store.as_deref()).ok_or(BuildError::NoState)?;
        Ok(HostKey::at(&path)?)
    }

    /// Where the service of this store is, or would be.
    pub(super) fn place(&self) -> Result<Place, CliError> {
        Ok(Place::beside(&self.store_file().ok_or(BuildError::NoState)?))
    }

    /// Where the state of this user is kept, beside the usual store.
    pub(super) fn state_dir(&self) -> Result<PathBuf, CliError> {
        let usual = Xdg::new().ok().and_then(|it| it.state_dir()).map(|it| it.join(NAME));
        let beside = || Some(self.store.as_deref()?.parent()?.to_owned());
        Ok(usual.or_else(beside).ok_or(BuildError::NoState)?)
    }

    /// What hosts say that outlive their command and its terminal.
    pub(super) fn log_of_background(&self) -> Result<PathBuf, CliError> {
        Ok(self.state_dir()?.join("background.log"))
    }

    /// The tokens of this user.
    pub(super) fn tokens(&self) -> Result<Tokens, CliError> {
        Ok(Tokens::at(self.state_dir()?.join("tokens")))
    }

    /// The store alone, with what dead hosts left behind settled, for
    /// commands that look at it.
    pub(super) async fn store(&self) -> Result<Store, CliError> {
        if let Some(file) = self.store.as_ref()
            && !Store::is_at(file)?
        {
            let error = anyhow::anyhow!("there is no store at `{}`", file.display());
            return Err(CliError::usage(error).hint("`hermitage run --store FILE` makes one"));
        }
        let file = self.store_file().ok_or(BuildError::NoState)?;
        Ok(settled(&file, self.leave()).await?)
    }

    /// What is left of what a killed host ran: another one goes on with it.
    pub(super) fn leave(&self) -> Leave {
        self.config.delegation.resume.leave()
    }

    /// The same for commands that only look. Where nothing can be written, it
    /// is looked at as it is, and said so.
    pub(super) async fn store_to_read(&self) -> Result<Store, CliError> {
        let file = self.store_file().ok_or(BuildError::NoState)?;
        if !Store::is_at(&file)? {
            return self.store().await;
        }
        let err = match settled(&file, self.leave()).await {
            Ok(store) => return Ok(store),
            Err(err) => err,
        };
        match Store::open_to_read(&file, &OsRandom) {
            Ok(store) => {
                say(&clean_line(&format!("note: shown as it is: {err}"), MAX_NOTE_CHARS));
                Ok(store)
            }
            // What is in the way of both is told once.
            Err(_) => Err(err.into()),
        }
    }
}

/// The variables that say where this user's directories are, as far as they
/// are set.
pub(super) fn directories() -> Vec<(&'static str, String)> {
    let names = ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"];
    let set = names.into_iter().filter_map(|it| Some((it, env::var(it).ok()?)));
    // Others are not obeyed.
    set.filter(|(_, dir)| Path::new(dir).is_absolute()).collect()
}

/// A store, with what dead hosts left behind settled.
async fn settled(file: &Path, leave: Leave) -> Result<Store, StoreError> {
    let store = Store::open(file, &OsRandom)?;
    store.recover(SystemClock.now(), leave).await?;
    Ok(store)
}

/// What lies over the built-in configuration.
pub(super) fn layers(global: &Global, workspace: Option<&Path>) -> Result<Layers, CliError> {
    let project = workspace.map(Source::read_project).transpose()?;
    let environment: Vec<_> = env::vars_os().collect();
    for strange in unknown_variables(&environment) {
        say(&format!("note: {strange}"));
        say(&format!("hint: {}", strange.hint().unwrap_or_default()));
    }
    Ok(Layers { user: user_file(global)?, project: project.flatten(), environment })
}

/// The user's file: the one that is named, or the usual one if it is there.
pub(super) fn user_file(global: &Global) -> Result<Option<Source>, ConfigError> {
    if let Some(named) = &global.config {
        return Source::read(named).map(Some);
    }
    let usual = Xdg::new().ok().map(|it| it.config_dir().join(NAME).join("config.toml"));
    usual.map_or(Ok(None), |it| Source::read_if_there(&it))
}

/// How long an exit waits for work that nobody waits for any more.
const LETTING_GO: Duration = Duration::from_millis(500);

/// Runs the host's own work on a runtime of its own.
pub(super) fn block_on<F: Future>(future: F) -> Result<F::Output, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|it| CliError::host(it).context("no threads can be started"))?;
    let res = runtime.block_on(future);
    // What still holds the store lets go of it, so that its log is folded into
    // its file. A compiler that nobody waits for must not hold up the exit.
    runtime.shutdown_timeout(LETTING_GO);
    Ok(res)
}

/// The home directory, to leave it out of paths.
pub(super) fn home() -> Option<String> {
    Some(env::home_dir()?.display().to_string())
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
    let in_checkout = checkout.map(|it| it.join("target/components")).filter(|it| takes_files(it));
    let build_dir = in_checkout.or_else(|| Some(cache_dir?.join("components")));
    Library { dirs, bundled: true, build_dir, install: Install::Ask, max_bytes }
}

/// How far below a target folder cargo puts a program: behind the name of a
/// target and of a profile, and of `deps` or `examples`.
const MAX_BELOW_TARGET: usize = 4;

/// The source checkout in whose target folder this program runs: that of
/// somebody who works on it. No path of it is compiled in, so a program that
/// is copied or installed has none, and one that is moved along has its own.
pub(super) fn checkout() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let mut above = program.ancestors().skip(1).take(MAX_BELOW_TARGET);
    let target = above.find(|it| it.join("CACHEDIR.TAG").is_file())?;
    let checkout = target.parent()?;
    let is_ours = |it: &&Path| it.join("plugins/Cargo.toml").is_file() && it.join("wit").is_dir();
    Some(checkout).filter(is_ours).map(Path::to_owned)
}

/// Whether this user can make files in a directory, or the directory itself.
fn takes_files(dir: &Path) -> bool {
    let nearest = dir.ancestors().find(|it| it.is_dir());
    nearest.is_some_and(|it| access(it, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}
