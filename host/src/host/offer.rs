//! What this host can offer: the tools it really has, and for each that it has
//! not, why.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;

use super::BuildError;
#[cfg(feature = "cli")]
use super::own;
use crate::{
    completion::Queue,
    config::{Config, SearchConfig, ToolsConfig},
    id::Random,
    tools::{
        Tools,
        clarify::{ClarifyTool, Person},
        closed::{Closed, OwnFiles},
        file::FileTools,
        memory::{MemoryConfig, MemoryTool},
        messaging::MessagingTool,
        terminal::{TerminalError, TerminalTools},
        web::{Search, WebTools},
    },
    toolset::{Grant, Tool, ToolHost, Toolset, Withheld},
};

/// What the application, or the person, brings along.
#[derive(Default)]
pub(super) struct Given {
    /// Does the work of every tool in another way.
    pub(super) tools: Option<Arc<dyn ToolHost>>,
    /// Where files and commands are.
    pub(super) workspace: Option<PathBuf>,
    /// Who answers questions.
    pub(super) person: Option<Arc<dyn Person>>,
    /// Where notes are kept.
    pub(super) memory: Option<PathBuf>,
}

impl Given {
    /// The workspace as people find it again.
    pub(super) fn workspace_name(&self) -> Option<String> {
        let dir = self.workspace.as_ref()?;
        let absolute = dir.canonicalize().or_else(|_| std::path::absolute(dir));
        Some(absolute.unwrap_or_else(|_| dir.clone()).display().to_string())
    }
}

/// The tools of a host.
pub(super) struct Offer {
    pub(super) tools: Arc<dyn ToolHost>,
    /// All that a parent holds.
    pub(super) grant: Grant,
    pub(super) withheld: Withheld,
}

impl Offer {
    /// Opens what was given, and proves what has to be proved.
    pub(super) async fn open(
        given: Given,
        config: &Config,
        own: &OwnFiles,
        queue: Queue,
        random: Arc<dyn Random>,
    ) -> Result<Self, BuildError> {
        let (all, mut withheld) = (Grant::of_parent(), Withheld::default());
        if let Some(tools) = given.tools {
            return Ok(Self { tools, grant: all, withheld });
        }
        let workspace = given.workspace.as_deref();
        let allow_home = config.workspace.allow_home;
        let closed = workspace.map(|it| own.below(it, allow_home)).transpose()?;
        let closed = Arc::new(closed.unwrap_or_default());
        let config = &config.tools;
        let mut tools = Tools {
            file: files(workspace, config, &closed, &mut withheld)?,
            terminal: terminal(workspace, config, &closed, &mut withheld).await?,
            web: Some(web(config, &mut withheld)),
            messaging: Some(MessagingTool::new(queue, random)),
            ..Tools::default()
        };
        match given.person {
            Some(person) => tools.clarify = Some(ClarifyTool::new(person)),
            None => withheld.add_quietly(Tool::Clarify, "there is nobody to ask"),
        }
        tools.memory = memory(given.memory, config, workspace, &mut withheld);
        Ok(Self { grant: withheld.less(&all), tools: Arc::new(tools), withheld })
    }
}

const NO_WORKSPACE: &str = "this host has no workspace";
const NO_SEARCH: &str = "no search engine is configured: `tools.web.search_url` would name one";

fn files(
    workspace: Option<&Path>,
    config: &ToolsConfig,
    closed: &Arc<Closed>,
    withheld: &mut Withheld,
) -> Result<Option<FileTools>, BuildError> {
    let Some(dir) = workspace else {
        let of_files = Toolset::named("file").map_or(&[] as &[Tool], |it| it.tools);
        of_files.iter().for_each(|it| withheld.add_quietly(*it, NO_WORKSPACE));
        return Ok(None);
    };
    Ok(Some(FileTools::open_closed(dir, config.file.clone(), Arc::clone(closed))?))
}

/// The file may not be there yet.
fn is_below(file: &Path, workspace: Option<&Path>) -> bool {
    let real = |it: &Path| it.canonicalize().ok();
    let beginning = file.ancestors().find_map(real);
    workspace.and_then(real).zip(beginning).is_some_and(|(dir, file)| file.starts_with(dir))
}

/// Commands never run bare: without a sandbox that holds there are none.
async fn terminal(
    workspace: Option<&Path>,
    config: &ToolsConfig,
    closed: &Arc<Closed>,
    withheld: &mut Withheld,
) -> Result<Option<TerminalTools>, BuildError> {
    let Some(dir) = workspace else {
        withheld.add_quietly(Tool::Terminal, NO_WORKSPACE);
        withheld.add_quietly(Tool::ExecuteCode, NO_WORKSPACE);
        return Ok(None);
    };
    match TerminalTools::open(dir, config.terminal.clone(), Arc::clone(closed)).await {
        Ok(terminal) => Ok(Some(terminal)),
        Err(
            err @ (TerminalError::Workspace { .. }
            | TerminalError::Variable(_)
            | TerminalError::Shown { .. }),
        ) => Err(err.into()),
        Err(err) => {
            // In full it names paths of this machine, and children read it.
            tracing::info!(%err, "there is no terminal");
            let reason = err.for_child();
            withheld.add(Tool::Terminal, &reason);
            withheld.add(Tool::ExecuteCode, reason);
            Ok(None)
        }
    }
}

/// For the doctor: the terminal of a workspace as a host on it would open it, or why it would
/// not.
#[cfg(feature = "cli")]
pub(crate) async fn terminal_in(
    workspace: &Path,
    config: &Config,
    own: OwnFiles,
    memory: Option<&Path>,
    store: Option<&Path>,
) -> Result<TerminalTools, String> {
    let given = Given { memory: memory.map(Path::to_owned), ..Given::default() };
    let own = own::files(own, config, &given, store);
    let closed = own.below(workspace, config.workspace.allow_home);
    let closed = closed.map_err(|it| format!("{it}\nhint: {}", it.hint()))?;
    let tools = TerminalTools::open(workspace, config.tools.terminal.clone(), Arc::new(closed));
    tools.await.map_err(|it| it.to_string())
}

/// The key of the search engine is read here: like all of the environment, it
/// is what it is when the host starts.
fn web(config: &ToolsConfig, withheld: &mut Withheld) -> WebTools {
    let tools = WebTools::new(config.web.clone());
    match &config.search {
        None => {
            withheld.add_quietly(Tool::WebSearch, NO_SEARCH);
            tools
        }
        Some(SearchConfig { kind, url, key_env }) => {
            let key = key_env.as_ref().and_then(|it| std::env::var(it).ok());
            let (kind, url, key) = (*kind, url.clone(), key.map(SecretString::from));
            tools.with_search(Search { kind, url, key })
        }
    }
}

/// Never in the workspace: children would write what the parent remembers.
fn memory(
    given: Option<PathBuf>,
    config: &ToolsConfig,
    workspace: Option<&Path>,
    withheld: &mut Withheld,
) -> Option<MemoryTool> {
    let of_config = Some(config.memory.file.clone()).filter(|it| !it.as_os_str().is_empty());
    match given.or(of_config) {
        None => withheld.add_quietly(Tool::Memory, "there is no file for notes"),
        Some(file) if is_below(&file, workspace) => {
            withheld.add(Tool::Memory, "its file lies in the workspace");
        }
        Some(file) => {
            return Some(MemoryTool::new(MemoryConfig { file, ..config.memory.clone() }));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SystemClock, config::Layers, id::OsRandom, store::Store};

    #[tokio::test]
    async fn the_reason_why_there_is_no_terminal_names_no_path_of_this_machine() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::memory(&OsRandom).unwrap();
        let config = Config::load(&Layers::default()).unwrap();
        let queue = Queue::new(store, Arc::new(SystemClock), config.queue);
        let given = Given { workspace: Some(dir.path().to_owned()), ..Given::default() };
        let file = dir.path().join("hermitage.db");
        let mut own = OwnFiles::default();
        own.family(file);
        let offer = Offer::open(given, &config, &own, queue, Arc::new(OsRandom));
        let offer = offer.await.unwrap();
        assert!(!offer.grant.contains(Tool::Terminal));
        let reason = offer.withheld.reason(Tool::Terminal).unwrap();
        assert_eq!(
            reason,
            "commands in the workspace could reach the host's store: put it elsewhere, or in a \
             directory of its own, which can be hidden"
        );
    }
}
