//! Building a host: everything has a default, and everything can be passed
//! in.

use std::{
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use etcetera::{BaseStrategy as _, base_strategy::Xdg};

use super::{BuildError, Host, Inner, given::Given, models, offer::offer, own, parent};
#[cfg(feature = "cluster")]
use crate::cluster::{HostKey, Submitter};
#[cfg(feature = "mcp")]
use crate::mcp::{self, McpToolset};
use crate::{
    clock::{Clock, SystemClock},
    cluster::ClusterConfig,
    completion::Queue,
    config::{Config, Layers},
    delegation::{Delegator, Parts},
    id::{OsRandom, Random},
    plugin::{self, Agents, BuildProgress, Library, Manifest, Place, Plugin, bundled},
    provider::Models,
    sandbox::{Binary, Elsewhere, Sandbox},
    store::{News, Store, StoreError},
    tools::{self, clarify::Person, closed::OwnFiles},
    toolset::{NativeTool, Registry, Tool, Work, registry::NotDeclared},
};

/// How often a host looks for others that are gone. A killed host's lock is
/// free at once; this bounds how late its sessions hear of it.
const LOOK_FOR_THE_DEAD: Duration = Duration::from_secs(30);

/// Where units and events are kept.
#[derive(Default)]
enum Keep {
    /// In the user's state directory.
    #[default]
    Default,
    /// In this file.
    File(PathBuf),
    /// Until the host ends.
    Ephemeral,
    /// In a store that is open.
    Open(Store),
}

/// The file that hosts of this user share: `hermitage/hermitage.db` in the
/// XDG state directory. `None` when the environment names no home.
pub fn default_store() -> Option<PathBuf> {
    let state_dir = Xdg::new().ok()?.state_dir()?;
    Some(state_dir.join("hermitage").join("hermitage.db"))
}

/// A tool plugin, and who has agreed to it.
enum Offered {
    /// A person did, to what they were shown.
    Approved(Plugin),
    /// The application does, to what the manifest says.
    Vouched(Box<Manifest>, Binary),
}

impl Offered {
    async fn described(self, sandbox: &Sandbox) -> Result<Plugin, BuildError> {
        let (manifest, component) = match self {
            Offered::Approved(plugin) => return Ok(plugin),
            Offered::Vouched(manifest, component) => (manifest, component),
        };
        let described = plugin::describe(sandbox, &manifest, &component).await;
        let described = described.map_err(|source| {
            let name = manifest.name.clone();
            BuildError::Plugin { name, source: Box::new(source) }
        })?;
        Ok(Plugin::approved(&manifest, &described, component))
    }
}

/// Has somebody else do the work of a tool.
type Replace = Box<dyn FnOnce(&mut Registry) -> Result<(), NotDeclared> + Send>;

/// What a host is built of. See [`Host::builder`].
#[derive(Default)]
pub struct Builder {
    config: Option<Config>,
    own_files: OwnFiles,
    keep: Keep,
    beside: Option<Host>,
    given: Given,
    agents: Agents,
    natives: Vec<Arc<dyn NativeTool>>,
    plugins: Vec<Offered>,
    #[cfg(feature = "mcp")]
    servers: Vec<McpToolset>,
    bundled_plugins: bool,
    parent_tools: Vec<Arc<dyn NativeTool>>,
    replaced: Vec<Replace>,
    leaves_the_lost: bool,
    models: Option<Models>,
    clock: Option<Arc<dyn Clock>>,
    random: Option<Arc<dyn Random>>,
    helper: Option<PathBuf>,
    #[cfg(feature = "switches")]
    defences: crate::defence::Defences,
}

impl Builder {
    /// Limits and defaults; the built-in ones when absent. Checked when the
    /// host is built, like a file.
    pub fn config(self, config: Config) -> Self {
        Self { config: Some(config), ..self }
    }

    /// Keeps units and events in this file, instead of the user's state
    /// directory. Any number of hosts can share it.
    pub fn store_at(self, file: impl Into<PathBuf>) -> Self {
        Self { keep: Keep::File(file.into()), ..self }
    }

    /// Keeps units and events in memory: what is not acknowledged when the
    /// host ends is lost.
    pub fn ephemeral(self) -> Self {
        Self { keep: Keep::Ephemeral, ..self }
    }

    /// Keeps units and events in a store that is open.
    pub fn store(self, store: Store) -> Self {
        Self { keep: Keep::Open(store), ..self }
    }

    /// Starts beside a host of this process: on its store and its queue, with
    /// its clock unless there is another one. Both list, stop, steer and tell
    /// of what either runs, and a session is served by both; each has its own
    /// workspace, tools, configuration (but for that of the queue), and places
    /// in the background.
    pub fn beside(self, host: &Host) -> Self {
        let keep = Keep::Open(host.store().clone());
        Self { keep, beside: Some(host.clone()), ..self }
    }

    /// The directory that files are in and commands run in. Without one no
    /// child gets such tools.
    pub fn workspace(mut self, dir: impl Into<PathBuf>) -> Self {
        self.given.workspace = Some(dir.into());
        self
    }

    /// Closes further files to the children, wherever the workspace is: what
    /// the application itself obeys or keeps. The host's usual directories,
    /// its store, its notes, its cache, cassettes and the programs that print
    /// keys are closed in any case. Components that a [`Library`] builds from
    /// source are not: whoever builds what a child wrote runs it.
    pub fn own_files(self, own_files: OwnFiles) -> Self {
        Self { own_files, ..self }
    }

    /// Who answers the questions of a parent. Without one there is no
    /// `clarify`.
    pub fn person(mut self, person: Arc<dyn Person>) -> Self {
        self.given.person = Some(person);
        self
    }

    /// Where a parent's notes are kept, outside of every workspace; instead of
    /// `tools.memory.file`. Without a file there is no `memory`.
    pub fn memory(mut self, file: impl Into<PathBuf>) -> Self {
        self.given.notes = Some(file.into());
        self
    }

    /// Does the work of one of the host's tools ([`crate::host_tools`]) in another
    /// way. It is offered, whatever this machine lacks for the usual one.
    pub fn replace<T: Tool>(mut self, work: impl Work<T>) -> Self {
        self.replaced.push(Box::new(move |registry| registry.replace(work)));
        self
    }

    /// Installs a component under a name.
    pub fn agent(self, name: impl Into<String>, component: Binary) -> Self {
        self.agents.install(name, component);
        self
    }

    /// Finds further components on disk, building those that are source.
    /// `progress` is told.
    pub fn library(self, library: Library, progress: Box<dyn BuildProgress + Send>) -> Self {
        Self { agents: self.agents.with_library(library, progress), ..self }
    }

    /// Adds a tool of the application. Children that are granted it, by its
    /// name, find it in their toolbox.
    pub fn tool(mut self, tool: Arc<dyn NativeTool>) -> Self {
        self.natives.push(tool);
        self
    }

    /// Adds a tool plugin that somebody has agreed to ([`Plugin::approved`]). Its
    /// tools are a toolset of its name, which is granted to whoever asks for it.
    pub fn plugin(mut self, plugin: Plugin) -> Self {
        self.plugins.push(Offered::Approved(plugin));
        self
    }

    /// Adds a tool plugin that the application itself vouches for: it gets what
    /// its manifest asks for. It is compiled, and its tools are found, when the
    /// host is built.
    pub fn vouched_plugin(mut self, manifest: Manifest, component: Binary) -> Self {
        self.plugins.push(Offered::Vouched(Box::new(manifest), component));
        self
    }

    /// Adds the tool plugins that the program brings along, but for those of
    /// whose name one was added before. Each is granted to whoever asks for it.
    pub fn bundled_plugins(self) -> Self {
        Self { bundled_plugins: true, ..self }
    }

    /// Adds the tools of a server that speaks MCP, as somebody has allowed them.
    /// They are a toolset of its name, which is granted to whoever asks for it;
    /// the server is started when one of them is first called.
    #[cfg(feature = "mcp")]
    pub fn mcp_toolset(mut self, toolset: McpToolset) -> Self {
        self.servers.push(toolset);
        self
    }

    /// Adds one of the tools that only a parent holds: `clarify`, `memory`,
    /// `send_message` or `execute_code`. No child ever gets it.
    pub fn parent_tool(mut self, tool: Arc<dyn NativeTool>) -> Self {
        self.parent_tools.push(tool);
        self
    }

    /// No task will ask for a command, or run a script. The tools `terminal` and
    /// `execute_code` are withheld, and their sandbox is not proved, which takes
    /// longer than all else that a host starts with.
    pub fn without_commands(mut self) -> Self {
        self.given.no_commands = true;
        self
    }

    /// Does not go on with what other hosts ran that were killed: for a host that
    /// does not stay.
    pub fn leaves_the_lost(self) -> Self {
        Self { leaves_the_lost: true, ..self }
    }

    /// The models that tasks can choose from, instead of those of the
    /// configuration.
    pub fn models(self, models: Models) -> Self {
        Self { models: Some(models), ..self }
    }

    /// Tells the time of events.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Draws ids and keys.
    pub fn random(self, random: Arc<dyn Random>) -> Self {
        Self { random: Some(random), ..self }
    }

    /// The program that does what must not be done in this process, such as
    /// compiling components: the command line of Hermitage, or any program
    /// whose `main` calls [`crate::run_if_helper`] first. Without it, that is
    /// the program of this process itself, or `hermitage` beside it.
    pub fn helper(self, program: impl Into<PathBuf>) -> Self {
        Self { helper: Some(program.into()), ..self }
    }

    /// Without a defence: for tests that show what it is for.
    #[cfg(feature = "switches")]
    pub fn without(self, defence: crate::defence::Defence) -> Self {
        Self { defences: self.defences.without(defence), ..self }
    }

    /// Opens the store, settles what a host that is gone left behind, and
    /// starts.
    pub async fn build(self) -> Result<Host, BuildError> {
        let of_other = self.beside.as_ref().map(|it| Arc::clone(it.clock()));
        let clock = self.clock.or(of_other).unwrap_or_else(|| Arc::new(SystemClock));
        let random = self.random.unwrap_or_else(|| Arc::new(OsRandom));
        let mut config = self.config.map_or_else(|| Config::load(&Layers::default()), Ok)?;
        config.sandbox.helper = self.helper.or(config.sandbox.helper);
        config.tools.terminal.helper.clone_from(&config.sandbox.helper);
        #[cfg(feature = "switches")]
        let config = config.with_defences(self.defences);
        config.check("Builder::config")?;
        let mut registry = tools::bundled().clone();
        self.natives.into_iter().try_for_each(|it| registry.add(it).map(drop))?;
        let parent_tools = parent::stand_ins(&registry, self.parent_tools)?;
        let store = self.keep.open(&random).await?;
        let queue = match &self.beside {
            // Who waits for events is woken by the queue that they wait at.
            Some(host) => host.queue().clone(),
            None => Queue::new(store.clone(), Arc::clone(&clock), config.queue),
        };
        let models = self.models.unwrap_or_else(|| models::models(&config));
        let workspace = self.given.workspace_name();
        let own_files = own::files(self.own_files, &config, &self.given, store.path());
        let dir = self.given.workspace.as_deref();
        let closed = own::with_servers(own_files.clone(), &config, dir);
        let handles = offer(&self.given, &config, &closed, &queue, &random, &mut registry).await?;
        self.replaced.into_iter().try_for_each(|it| it(&mut registry))?;
        let max_depth = config.delegation.max_depth;
        let max_bytes = u64::try_from(config.sandbox.component_bytes).unwrap_or(u64::MAX);
        let defences = config.sandbox.defences;
        #[cfg(feature = "mcp")]
        let servers = {
            let (terminal, web) = (config.tools.terminal.clone(), config.tools.web.clone());
            mcp::Place { terminal, own_files, web }
        };
        let personal = Arc::new(models::of_plugins(&config));
        let sandbox = Arc::new(Sandbox::new(config.sandbox, max_depth, Arc::clone(&random))?);
        let sandbox_of_plugins = Arc::clone(&sandbox);
        let place = Place { sandbox: sandbox_of_plugins, handles, personal, max_bytes, defences };
        for plugin in self.plugins {
            let plugin = plugin.described(&sandbox).await?;
            let name = plugin.name.clone();
            registry.add_plugin(&name, plugin.into_tools(&place))?;
        }
        for plugin in bundled::tools::all().filter(|_| self.bundled_plugins) {
            if registry.toolset(plugin.name).is_none() {
                registry.add_plugin(plugin.name, plugin.plugin()?.into_tools(&place))?;
            }
        }
        #[cfg(feature = "mcp")]
        for toolset in self.servers {
            let name = toolset.server.name.clone();
            registry.add_server(&name, toolset.into_tools(&servers))?;
        }
        let mut of_parents = registry.clone();
        parent_tools.into_iter().for_each(|(spec, it)| of_parents.stand_in(spec, it));
        let recovered = store.recover(clock.now(), config.delegation.resume.leave()).await?;
        let elsewhere = elsewhere(config.cluster, &store, &sandbox).await?;
        let parts = Parts {
            sandbox,
            elsewhere,
            agents: Arc::new(self.agents),
            tools: Arc::new(registry),
            workspace,
            models,
            queue,
            store,
            clock,
            random,
            limits: config.delegation,
            budget: config.budget,
        };
        let delegator = match &self.beside {
            Some(host) => host.delegator().beside(parts),
            None => Delegator::start(parts),
        };
        let host = Arc::new(Inner { delegator, of_parents, recovered });
        let (changes, ends) = {
            let store = &host.delegator.parts().store;
            (store.changes_elsewhere(), store.ends_elsewhere())
        };
        let goes_on = !self.leaves_the_lost;
        tokio::spawn(keep_recovering(Arc::downgrade(&host), ends, goes_on));
        tokio::spawn(keep_hearing(Arc::downgrade(&host), changes));
        Ok(Host(host))
    }
}

/// Other hosts, when the configuration has any.
async fn elsewhere(
    config: ClusterConfig,
    store: &Store,
    sandbox: &Arc<Sandbox>,
) -> Result<Option<Arc<dyn Elsewhere>>, BuildError> {
    if config.server().is_none() {
        return Ok(None);
    }
    #[cfg(feature = "cluster")]
    {
        let path = own::cluster_key(store.path()).ok_or(BuildError::NoState)?;
        let submitter = Submitter::start(config, HostKey::at(&path)?, Arc::clone(sandbox)).await?;
        Ok(Some(Arc::new(submitter)))
    }
    #[cfg(not(feature = "cluster"))]
    {
        let _ = (store, sandbox);
        Err(BuildError::NoCluster)
    }
}

/// Settles what other hosts on the same store leave behind, for as long as
/// this one lives: their sessions may be served here. Goes on with what they
/// ran, if it is to.
async fn keep_recovering(weak: Weak<Inner>, mut ends: News, goes_on: bool) {
    let mut is_told = false;
    loop {
        let Some(host) = weak.upgrade() else {
            return;
        };
        if goes_on && let Err(err) = host.delegator.go_on().await {
            tracing::warn!(%err, "what other hosts ran is not gone on with now");
        }
        drop(host);
        ends.next_within(LOOK_FOR_THE_DEAD).await;
        let Some(host) = weak.upgrade() else {
            return;
        };
        settle(host.delegator.parts(), &mut is_told).await;
    }
}

async fn settle(parts: &Parts, is_told: &mut bool) {
    let recovered = parts.store.recover(parts.clock.now(), parts.limits.resume.leave()).await;
    // Events of a host that ended are anybody's, whoever settled it.
    parts.queue.freed();
    match recovered {
        Ok(recovered) => {
            *is_told = false;
            let units = recovered.units.len();
            if units > 0 {
                tracing::info!(units, "another host is gone: what it ran is reported as `unknown`");
            }
        }
        Err(err) if !*is_told => {
            *is_told = true;
            tracing::warn!(%err, "what other hosts left behind is not settled now");
        }
        Err(_) => (),
    }
}

/// Stops what other hosts on the same store ask this one to stop.
async fn keep_hearing(host: Weak<Inner>, mut changes: News) {
    loop {
        changes.next_within(LOOK_FOR_THE_DEAD).await;
        let Some(host) = host.upgrade() else {
            return;
        };
        if let Err(err) = host.hear().await {
            tracing::debug!(%err, "what other hosts ask for was not heard");
        }
    }
}

impl Keep {
    /// Opening reads and writes files, which blocks.
    async fn open(self, random: &Arc<dyn Random>) -> Result<Store, BuildError> {
        let file = match self {
            Keep::Open(store) => return Ok(store),
            Keep::Ephemeral => return Ok(Store::memory(&**random)),
            Keep::File(file) => file,
            Keep::Default => default_store().ok_or(BuildError::NoState)?,
        };
        let random = Arc::clone(random);
        let opened = tokio::task::spawn_blocking(move || Store::open(&file, &*random)).await;
        Ok(opened.unwrap_or(Err(StoreError::Closed))?)
    }
}
