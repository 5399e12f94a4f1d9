//! The toolset `terminal`: commands in an operating system's sandbox of their
//! own.
//!
//! A command sees programs, its workspace and nothing else of the host; it has
//! no network unless that is granted; and nothing that it started outlives it.
//! There are two kinds of sandbox (`bubblewrap`, `landlock`), which are proven
//! before the first command. Where neither can be had the tool is refused:
//! a command never runs bare.
//!
//! From the outside in: a `session` makes an order; `command` watches over it
//! and collects its `output`; its `keeper`, a thread, has a `sandbox` start it
//! through a `launcher`, a process that stays until nothing of it is left.

use std::{
    collections::BTreeMap,
    env, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::task;

use super::{NO_WORKSPACE, OpenError, Opened, Opening, Toolset, closed::Closed};
use crate::toolset::{Caller, registry::Declaration};

mod session;
mod tool;

mod command;
mod output;
mod screen;

mod chain;
mod home;
mod shown;

mod guard;
mod hidden;
mod kept;
mod language;
mod shell;

mod keeper;
mod leash;
mod process;

mod bubblewrap;
mod filter;
mod landlock;
mod launcher;
mod order;
mod probe;
mod sandbox;
mod scratch;
mod settings;
mod system;
pub mod talk;

#[cfg(test)]
mod tests;

pub use chain::ToolChain;
pub(crate) use launcher::serve as launch_as_helper;
pub use sandbox::SandboxKind;
pub use session::TerminalSession;
pub use settings::TerminalConfig;
pub use tool::{CommandResult, Terminal};

use guard::Guard;
use hidden::Hidden;
use sandbox::Sandbox;
use scratch::Scratch;
use shell::Shell;
use shown::{Kept, Shown};

/// Why there is no terminal where nobody would use one.
const NO_COMMANDS: &str = "this host was made for tasks without commands";

/// Which sandbox to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxChoice {
    /// The first that works: bubblewrap, then Landlock.
    #[default]
    Auto,
    /// This or none.
    Bubblewrap,
    /// This or none.
    Landlock,
}

impl SandboxChoice {
    fn kinds(self) -> &'static [SandboxKind] {
        match self {
            SandboxChoice::Auto => &[SandboxKind::Bubblewrap, SandboxKind::Landlock],
            SandboxChoice::Bubblewrap => &[SandboxKind::Bubblewrap],
            SandboxChoice::Landlock => &[SandboxKind::Landlock],
        }
    }
}

/// Why there is no terminal. For the operator: it names host paths.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TerminalError {
    /// The workspace is missing, or no directory.
    #[error("cannot open the workspace `{}`", path.display())]
    Workspace {
        /// As it was configured.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// There is no place for what commands keep.
    #[error("there is no place for the files of commands\nhint: `TMPDIR` names another")]
    Scratch(#[source] io::Error),
    /// The workspace holds what commands must not reach.
    #[error("commands in the workspace `{}` could reach {what}\nhint: {hint}", path.display())]
    Reachable {
        /// The workspace.
        path: PathBuf,
        /// What lies in it.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A path of the configuration can't be shown to commands.
    #[error(
        "`tools.terminal.{key}`: commands can't be shown `{}`: {why}\nhint: name the directory \
         with the programs or packages alone", path.display()
    )]
    Shown {
        /// The last part of the key.
        key: &'static str,
        /// As it was configured.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The name of a variable to pass on is none.
    #[error("`{0}` is no name of a variable\nhint: letters, digits and `_`")]
    Variable(String),
    /// Every kind that may be used, and why it can't be.
    #[error("commands can't be sandboxed, so there is no terminal{}", listed(.0))]
    NoSandbox(Vec<(SandboxKind, String)>),
    /// A kind works, but it would show what must be hidden of this workspace.
    #[error(
        "commands can't be kept from a part of this workspace, so there is no terminal{}\nhint: \
         take a directory for the work alone, or install `bubblewrap`", listed(.0)
    )]
    NothingHidden(Vec<(SandboxKind, String)>),
}

impl TerminalError {
    /// What a child may read of it: no path of this machine, and nothing in
    /// the words of other programs.
    pub fn for_child(&self) -> String {
        match self {
            Self::Reachable { what, hint, .. } => {
                format!("commands in the workspace could reach {what}: {hint}")
            }
            Self::NothingHidden(_) => "commands can't be kept from a part of this workspace, \
                                       which holds files of the host or a home directory: \
                                       `hermitage doctor --workspace DIR` says why"
                .to_owned(),
            _ => "commands can't be sandboxed on this machine: `hermitage doctor` says why"
                .to_owned(),
        }
    }
}

fn listed(reasons: &[(SandboxKind, String)]) -> String {
    reasons.iter().map(|(kind, reason)| format!("\n{kind}: {reason}")).collect()
}

/// The terminal of one workspace. Clones share it.
#[derive(Clone)]
pub struct TerminalTools {
    shared: Arc<Shared>,
}

struct Shared {
    sandbox: Arc<Sandbox>,
    shell: Shell,
    /// Its real path.
    workspace: PathBuf,
    config: TerminalConfig,
    /// Variables of the host that commands see.
    passed_on: BTreeMap<String, String>,
    hidden: Arc<Hidden>,
    guard: Arc<Guard>,
    shown: Shown,
    scratch: Arc<Scratch>,
}

impl TerminalTools {
    /// Proves the kinds of sandbox that `config` allows by running a command
    /// in them, and takes the first that holds.
    ///
    /// What is `closed` in the workspace is hidden.
    ///
    /// Fails when no kind can be used, with the reason of each; and when the
    /// workspace is none, or holds what can't be hidden.
    pub async fn open(
        workspace: &Path,
        config: TerminalConfig,
        closed: Arc<Closed>,
    ) -> Result<Self, TerminalError> {
        let error = |source| TerminalError::Workspace { path: workspace.to_owned(), source };
        let real = workspace.canonicalize().map_err(error)?;
        if !real.is_dir() {
            return Err(error(io::ErrorKind::NotADirectory.into()));
        }
        check_scratch(&real)?;
        let passed_on = passed_on(&config.environment)?;
        let shown = shown(&real, &closed, &config).await?;
        let hidden = Arc::new(Hidden::new(&real, closed)?);
        let sandbox = Arc::new(choose(&real, &hidden, &shown.read_only, &config).await?);
        let guard = Arc::new(Guard::new(&real, sandbox.workspace()).map_err(error)?);
        let shell = Shell::find();
        let scratch = task::spawn_blocking(Scratch::new).await.map_err(io::Error::other);
        let scratch = Arc::new(scratch.flatten().map_err(TerminalError::Scratch)?);
        let workspace = real;
        let shared =
            Shared { sandbox, shell, workspace, config, passed_on, hidden, guard, shown, scratch };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What commands are sandboxed with.
    pub fn kind(&self) -> SandboxKind {
        self.shared.sandbox.kind()
    }

    /// The tool chains of the person that commands see, and why not those that
    /// they don't.
    pub fn tool_chains(&self) -> &[(ToolChain, Result<(), String>)] {
        &self.shared.shown.chains
    }

    /// The terminal of that caller, which begins in the workspace with nothing
    /// exported. A caller that nothing is kept for has a new one each time.
    pub(super) fn session_of(&self, caller: &Caller) -> Arc<TerminalSession> {
        caller.kept.get_or_put_with(|| self.session())
    }

    /// A terminal for one child.
    pub fn session(&self) -> TerminalSession {
        TerminalSession::new(Arc::clone(&self.shared))
    }
}

/// Commands never run bare: without a sandbox that holds there are none.
pub(super) struct Commands;

impl Toolset for Commands {
    const NAME: &'static str = "terminal";
    type Host = TerminalTools;
    const TOOLS: &'static [Declaration<TerminalTools>] = &[Declaration::of::<Terminal>()];

    async fn open(opening: &Opening<'_>) -> Result<Opened<TerminalTools>, OpenError> {
        let Some(dir) = opening.workspace else {
            return Ok(Opened::withheld_quietly(NO_WORKSPACE));
        };
        if !opening.commands {
            return Ok(Opened::withheld_quietly(NO_COMMANDS));
        }
        let (config, closed) = (opening.config.terminal.clone(), Arc::clone(opening.closed));
        match TerminalTools::open(dir, config, closed).await {
            Ok(terminal) => Ok(Opened::Whole(terminal)),
            Err(
                err @ (TerminalError::Workspace { .. }
                | TerminalError::Variable(_)
                | TerminalError::Shown { .. }),
            ) => Err(err.into()),
            Err(err) => {
                // In full it names paths of this machine, and children read it.
                tracing::info!(%err, "there is no terminal");
                Ok(Opened::withheld(err.for_child()))
            }
        }
    }
}

/// Tries every kind, and gives its version, or why it can't be used.
pub async fn probe(config: &TerminalConfig) -> Vec<(SandboxKind, Result<String, String>)> {
    let mut res = Vec::new();
    for kind in SandboxChoice::Auto.kinds() {
        res.push((*kind, probe::probe(*kind, config).await));
    }
    res
}

/// What commands see of the host besides its system.
async fn shown(
    workspace: &Path,
    closed: &Arc<Closed>,
    config: &TerminalConfig,
) -> Result<Shown, TerminalError> {
    let (workspace, closed, config) = (workspace.to_owned(), Arc::clone(closed), config.clone());
    let found = task::spawn_blocking(move || {
        Shown::new(&config, &Kept { workspace: &workspace, closed: &closed })
    });
    found.await.map_err(|it| TerminalError::Scratch(io::Error::other(it)))?
}

async fn choose(
    workspace: &Path,
    hidden: &Arc<Hidden>,
    read_only: &[PathBuf],
    config: &TerminalConfig,
) -> Result<Sandbox, TerminalError> {
    let mut reasons = Vec::new();
    for kind in config.sandbox.kinds() {
        match usable(*kind, workspace, hidden, read_only, config).await {
            Ok(sandbox) => return Ok(sandbox),
            Err(reason) => reasons.push((*kind, reason)),
        }
    }
    let shows_all = |kind: &SandboxKind| *kind == SandboxKind::Landlock && !hidden.is_empty();
    match config.sandbox.kinds().iter().any(shows_all) {
        true => Err(TerminalError::NothingHidden(reasons)),
        false => Err(TerminalError::NoSandbox(reasons)),
    }
}

async fn usable(
    kind: SandboxKind,
    workspace: &Path,
    hidden: &Arc<Hidden>,
    read_only: &[PathBuf],
    config: &TerminalConfig,
) -> Result<Sandbox, String> {
    if kind == SandboxKind::Landlock && !hidden.is_empty() {
        return Err(
            "it can't hide a part of a workspace, and this one holds files of the host, or a home \
             directory"
                .to_owned(),
        );
    }
    probe::probe_once(kind, config).await?;
    let (workspace, config) = (workspace.to_owned(), config.clone());
    let (hidden, read_only) = (Arc::clone(hidden), read_only.to_vec());
    let sandbox = move || probe::sandbox(kind, &workspace, hidden.covers(), &read_only, &config);
    task::spawn_blocking(sandbox).await.map_err(|it| it.to_string())?.map_err(|it| it.to_string())
}

/// The directories of other sessions' commands lie there.
fn check_scratch(workspace: &Path) -> Result<(), TerminalError> {
    let scratch = env::temp_dir();
    if !scratch.canonicalize().unwrap_or(scratch).starts_with(workspace) {
        return Ok(());
    }
    Err(TerminalError::Reachable {
        path: workspace.to_owned(),
        what: "the directory for temporary files",
        hint: "take a directory for the work alone, or set `TMPDIR` to one outside of it",
    })
}

fn passed_on(names: &[String]) -> Result<BTreeMap<String, String>, TerminalError> {
    if let Some(name) = names.iter().find(|it| !kept::is_name(it)) {
        return Err(TerminalError::Variable(name.clone()));
    }
    Ok(names.iter().filter_map(|it| Some((it.clone(), env::var(it).ok()?))).collect())
}
