//! What this host can offer: the tools that it really has, and for each that it
//! has not, why.

#[cfg(feature = "cli")]
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "cli")]
use super::own;
use super::{BuildError, given::Given};
use crate::{
    completion::Queue,
    config::Config,
    id::Random,
    tools::{self, Handles, Opening, closed::OwnFiles},
    toolset::Registry,
};
#[cfg(feature = "cli")]
use crate::{
    mcp::{self, ConnectError, Listed, McpToolset, Server},
    tools::terminal::TerminalTools,
};

/// Opens what was given, and proves what has to be proved.
pub(super) async fn offer(
    given: &Given,
    config: &Config,
    own: &OwnFiles,
    queue: &Queue,
    random: &Arc<dyn Random>,
    registry: &mut Registry,
) -> Result<Handles, BuildError> {
    let workspace = given.workspace.as_deref();
    let allow_home = config.workspace.allow_home;
    let closed = workspace.map(|it| own.below(it, allow_home)).transpose()?;
    let opening = Opening {
        workspace,
        closed: &Arc::new(closed.unwrap_or_default()),
        config: &config.tools,
        commands: !given.no_commands,
        person: given.person.as_ref(),
        notes: given.notes.as_deref(),
        queue,
        random,
    };
    Ok(tools::open(&opening, registry).await?)
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
    let given = Given { notes: memory.map(Path::to_owned), ..Given::default() };
    let own = own::files(own, config, &given, store);
    let own = own::with_servers(own, config, Some(workspace));
    let closed = own.below(workspace, config.workspace.allow_home);
    let closed = closed.map_err(|it| format!("{it}\nhint: {}", it.hint()))?;
    let tools = TerminalTools::open(workspace, config.tools.terminal.clone(), Arc::new(closed));
    tools.await.map_err(|it| it.to_string())
}

/// For a person who is asked to allow them: the tools that a server has, as a
/// host would start it.
#[cfg(feature = "cli")]
pub(crate) async fn look_at_server(
    server: &Server,
    config: &Config,
    own: OwnFiles,
    store: Option<&Path>,
) -> Result<Listed, ConnectError> {
    mcp::look(server, &place(config, own, store)).await
}

/// For the doctor: whether a server that is allowed says what it said then.
#[cfg(feature = "cli")]
pub(crate) async fn check_server(
    toolset: &McpToolset,
    config: &Config,
    own: OwnFiles,
    store: Option<&Path>,
) -> Result<(), String> {
    mcp::check(toolset, &place(config, own, store)).await
}

#[cfg(feature = "cli")]
fn place(config: &Config, own: OwnFiles, store: Option<&Path>) -> mcp::Place {
    let own_files = own::files(own, config, &Given::default(), store);
    let (terminal, web) = (config.tools.terminal.clone(), config.tools.web.clone());
    mcp::Place { terminal, own_files, web }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SystemClock, config::Layers, id::OsRandom, store::Store};

    async fn offered(given: &Given, own: &OwnFiles) -> Registry {
        let store = Store::memory(&OsRandom);
        let config = Config::load(&Layers::default()).unwrap();
        let queue = Queue::new(store, Arc::new(SystemClock), config.queue);
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let mut registry = tools::bundled().clone();
        offer(given, &config, own, &queue, &random, &mut registry).await.unwrap();
        registry
    }

    #[tokio::test]
    async fn the_reason_why_there_is_no_terminal_names_no_path_of_this_machine() {
        let dir = tempfile::tempdir().unwrap();
        let given = Given { workspace: Some(dir.path().to_owned()), ..Given::default() };
        let mut own = OwnFiles::default();
        own.family(dir.path().join("hermitage.db"));
        let registry = offered(&given, &own).await;
        let terminal = registry.get("terminal").unwrap();
        assert!(!registry.held().contains(terminal));
        let reason = registry.withheld().reason(terminal).unwrap();
        assert_eq!(
            reason,
            "commands in the workspace could reach the host's store: put it elsewhere, or in a \
             directory of its own, which can be hidden"
        );
    }

    #[tokio::test]
    async fn a_host_for_tasks_without_commands_has_no_terminal_and_all_else() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Some(dir.path().to_owned());
        let given = Given { workspace, no_commands: true, ..Given::default() };
        let registry = offered(&given, &OwnFiles::default()).await;
        let [terminal, file] = ["terminal", "write_file"].map(|it| registry.get(it).unwrap());
        assert!(!registry.held().contains(terminal) && registry.held().contains(file));
        assert!(!registry.withheld().is_told(terminal), "nobody asked for it");
    }
}
