//! The tools: what each does on the host. One file for each tool, one
//! declaration for each toolset; knows nothing of WebAssembly and nothing of
//! grants, which are decided before a call gets here.
//!
//! `TOOLSETS` is the one list of what the program brings along.

pub mod clarify;
pub mod closed;
pub mod code_execution;
pub mod delegation;
pub mod file;
mod git;
pub mod memory;
pub mod messaging;
mod names;
#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;
mod settings;
pub mod terminal;
pub mod web;

pub use self::settings::ToolsConfig;

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use futures_util::future::BoxFuture;

use self::{
    clarify::Person,
    closed::Closed,
    file::{FileTools, WorkspaceError},
    terminal::TerminalError,
    web::WebTools,
};
use crate::{
    completion::Queue,
    id::Random,
    toolset::{Kept, Registry, Tool, declared::Declared, registry::Declaration},
};

const NO_WORKSPACE: &str = "this host has no workspace";

/// Every toolset, in the order of the catalogue.
const TOOLSETS: &[&dyn AnyToolset] = &[
    &file::Files,
    &file::FilesRead,
    &terminal::Commands,
    &web::Web,
    &delegation::Delegation,
    &clarify::Questions,
    &memory::Notes,
    &messaging::Messaging,
    &code_execution::CodeExecution,
];

/// What toolsets are opened with.
pub struct Opening<'a> {
    /// The directory that files are in and commands run in.
    pub workspace: Option<&'a Path>,
    /// What is closed in it.
    pub closed: &'a Arc<Closed>,
    /// The limits of each.
    pub config: &'a ToolsConfig,
    /// Whether somebody may ask for a command.
    pub commands: bool,
    /// Who answers questions.
    pub person: Option<&'a Arc<dyn Person>>,
    /// Where notes are kept, instead of where the configuration says.
    pub notes: Option<&'a Path>,
    /// Where messages go.
    pub queue: &'a Queue,
    /// Tells one message from the next.
    pub random: &'a Arc<dyn Random>,
}

/// What was opened, for whoever does more with it than the tools do.
#[derive(Clone)]
pub struct Handles {
    /// The workspace.
    pub files: Option<FileTools>,
    /// The web client.
    pub web: Option<WebTools>,
}

/// Why a host can't start with its tools.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The workspace can't be opened.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The terminal is configured wrong.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
}

/// Why this machine has not what a toolset needs.
#[derive(Clone, Debug)]
struct Reason {
    text: String,
    /// Also to those who did not name the tool.
    is_told: bool,
}

/// What a toolset says when it was opened.
enum Opened<H> {
    /// All of its tools are there.
    Whole(H),
    /// All but one.
    But(H, &'static str, Reason),
    /// None is.
    Withheld(Reason),
    /// It works with what an earlier toolset opened.
    Earlier,
}

impl<H> Opened<H> {
    /// Not there, though it was promised.
    fn withheld(reason: impl Into<String>) -> Self {
        Self::Withheld(Reason { text: reason.into(), is_told: true })
    }

    /// Not there, and never set up.
    fn withheld_quietly(reason: impl Into<String>) -> Self {
        Self::Withheld(Reason { text: reason.into(), is_told: false })
    }

    /// There, but for a tool that was never set up.
    fn but<T: Tool<Host = H>>(host: H, reason: impl Into<String>) -> Self {
        Self::But(host, T::NAME, Reason { text: reason.into(), is_told: false })
    }
}

/// A toolset: its name, its tools, and how it is opened.
trait Toolset: Sync {
    /// As in a grant list.
    const NAME: &'static str;
    /// What its tools work with.
    type Host: Send + Sync + 'static;
    /// One line for each.
    const TOOLS: &'static [Declaration<Self::Host>];

    /// Opens it, or says why this machine has it not.
    fn open(_: &Opening<'_>) -> impl Future<Output = Result<Opened<Self::Host>, OpenError>> + Send {
        async { Ok(Opened::Earlier) }
    }
}

/// The same without types, for the list.
trait AnyToolset: Sync {
    fn declared(&self) -> (&'static str, Vec<Declared>);

    fn enter<'a>(
        &'a self,
        opening: &'a Opening<'a>,
        earlier: &'a Kept,
        registry: &'a mut Registry,
    ) -> BoxFuture<'a, Result<(), OpenError>>;
}

impl<T: Toolset> AnyToolset for T {
    fn declared(&self) -> (&'static str, Vec<Declared>) {
        (T::NAME, T::TOOLS.iter().map(|it| it.declared).collect())
    }

    fn enter<'a>(
        &'a self,
        opening: &'a Opening<'a>,
        earlier: &'a Kept,
        registry: &'a mut Registry,
    ) -> BoxFuture<'a, Result<(), OpenError>> {
        Box::pin(async move {
            let outcome = match T::open(opening).await? {
                Opened::Whole(host) => Outcome { host: Some(Arc::new(host)), missing: None },
                Opened::But(host, tool, reason) => {
                    Outcome { host: Some(Arc::new(host)), missing: Some((Some(tool), reason)) }
                }
                Opened::Withheld(reason) => Outcome { host: None, missing: Some((None, reason)) },
                Opened::Earlier => {
                    if let Some(outcome) = earlier.get::<Outcome<T::Host>>() {
                        outcome.enter(T::TOOLS, registry);
                    }
                    return Ok(());
                }
            };
            outcome.enter(T::TOOLS, registry);
            earlier.put(outcome);
            Ok(())
        })
    }
}

/// What came of opening a toolset, for those that work with the same.
struct Outcome<H> {
    host: Option<Arc<H>>,
    /// What is missing, and why; all of it without a name.
    missing: Option<(Option<&'static str>, Reason)>,
}

impl<H: Send + Sync + 'static> Outcome<H> {
    fn enter(&self, tools: &[Declaration<H>], registry: &mut Registry) {
        for tool in tools {
            if let Some(host) = &self.host {
                (tool.open)(registry, host);
            }
            if let Some((only, Reason { text, is_told })) = &self.missing
                && only.is_none_or(|it| it == tool.declared.name())
            {
                registry.withhold(tool.declared.name(), text, *is_told);
            }
        }
    }
}

/// What the program brings along, with nothing opened: for whoever wants names
/// and descriptions alone.
pub fn bundled() -> &'static Registry {
    static BUNDLED: LazyLock<Registry> = LazyLock::new(|| {
        let declared: Vec<_> = TOOLSETS.iter().map(|it| it.declared()).collect();
        Registry::of_declared(&declared)
    });
    &BUNDLED
}

/// Opens all of it on this machine, and proves what has to be proved: the tools
/// of a registry that has them get their work, or a reason why not.
///
/// # Errors
///
/// What was asked for can't be had: a workspace that is none, a terminal that
/// is configured wrong. What a machine merely lacks is withheld.
pub async fn open(opening: &Opening<'_>, registry: &mut Registry) -> Result<Handles, OpenError> {
    let earlier = Kept::default();
    for toolset in TOOLSETS {
        toolset.enter(opening, &earlier, registry).await?;
    }
    registry.withhold_the_rest("the host did not open it");
    Ok(Handles { files: opened(&earlier), web: opened(&earlier) })
}

/// What was opened as an `H`.
fn opened<H: Clone + Send + Sync + 'static>(earlier: &Kept) -> Option<H> {
    let outcome = earlier.get::<Outcome<H>>()?;
    outcome.host.as_deref().cloned()
}

#[cfg(test)]
mod tests;
