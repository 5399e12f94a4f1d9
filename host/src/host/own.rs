//! Which files are the host's own: one list, made where everything is known.

use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy as _, base_strategy::Xdg};

use super::given::Given;
use crate::{
    config::{Config, KeySource},
    secret::Source,
    tools::closed::OwnFiles,
};

/// The name of our directories.
const NAME: &str = "hermitage";

/// The key that other hosts know this one by: beside the store. `None` where
/// there is no place for one.
#[cfg(feature = "cluster")]
pub(crate) fn cluster_key(store: Option<&Path>) -> Option<PathBuf> {
    let store = store.map(Path::to_owned).or_else(super::default_store)?;
    Some(store.with_file_name("cluster.key"))
}

/// Adds what every host has to what the application named.
pub(super) fn files(
    mut own: OwnFiles,
    config: &Config,
    given: &Given,
    store: Option<&Path>,
) -> OwnFiles {
    usual_directories().into_iter().for_each(|it| own.usual_directory(it));
    let memory = Some(&config.tools.memory.file).filter(|it| !it.as_os_str().is_empty());
    for file in store.into_iter().chain(memory.map(PathBuf::as_path)).chain(given.notes.as_deref())
    {
        own.family(file);
    }
    #[cfg(feature = "cluster")]
    cluster_key(store).iter().for_each(|it| own.file(it));
    if let Some(cache) = &config.sandbox.cache_dir {
        own.directory(cache);
    }
    for provider in config.providers.values() {
        provider.cassette.iter().for_each(|it| own.file(it));
    }
    let of_providers = config.providers.values().filter_map(|it| it.key.as_ref());
    let of_plugins = config.plugins.values().flat_map(|it| it.secrets.values());
    for key in of_providers.chain(of_plugins) {
        match key {
            KeySource::Variable(_) => (),
            KeySource::Command(line) => programs(line).for_each(|it| own.file(it)),
            KeySource::File(path) => own.file(path),
        }
    }
    for key in config.toolsets.values().filter_map(|it| it.key.as_ref()) {
        match key {
            Source::Variable(_) => (),
            Source::Command(words) => {
                words.iter().flat_map(|it| programs(it)).for_each(|it| own.file(it));
            }
            Source::File(path) => own.file(path),
        }
    }
    own
}

/// With the programs of MCP servers that lie in the workspace: a child must not
/// choose what one does. The server itself has to see them.
pub(super) fn with_servers(
    mut own: OwnFiles,
    config: &Config,
    workspace: Option<&Path>,
) -> OwnFiles {
    let Some(Ok(workspace)) = workspace.map(Path::canonicalize) else { return own };
    let words = config.toolsets.values().flat_map(|it| &it.command);
    let files = words.filter(|it| it.contains('/')).map(PathBuf::from).filter(|it| it.is_file());
    let is_in = |it: &PathBuf| it.canonicalize().is_ok_and(|it| it.starts_with(&workspace));
    files.filter(is_in).for_each(|it| own.file(it));
    own
}

/// Configuration, data, state and cache of this user.
fn usual_directories() -> Vec<PathBuf> {
    let Ok(xdg) = Xdg::new() else { return Vec::new() };
    let all =
        [Some(xdg.config_dir()), Some(xdg.data_dir()), xdg.state_dir(), Some(xdg.cache_dir())];
    all.into_iter().flatten().map(|it| it.join(NAME)).collect()
}

/// What a command line names that is a file: a child must not choose what it
/// does.
fn programs(line: &str) -> impl Iterator<Item = PathBuf> {
    let words = line.split(|it: char| it.is_whitespace() || "'\"`;|&()<>".contains(it));
    words.filter(|it| it.contains('/')).map(PathBuf::from).filter(|it| it.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Layers, PluginConfig},
        mcp::Server,
    };

    #[test]
    fn a_file_with_a_secret_and_a_program_that_prints_one_are_the_hosts_own() {
        let dir = tempfile::tempdir().unwrap();
        let [file, program] = ["token", "print-token"].map(|it| dir.path().join(it));
        [&file, &program].iter().for_each(|it| std::fs::write(it, "x").unwrap());
        let mut config = Config::load(&Layers::default()).unwrap();
        let command = KeySource::Command(format!("{} --all | head -1", program.display()));
        let secrets = [("a", KeySource::File(file.clone())), ("b", command)];
        let secrets = secrets.map(|(name, key)| (name.to_owned(), key)).into();
        let plugin = PluginConfig { secrets, ..PluginConfig::default() };
        config.plugins.insert("p".to_owned(), plugin);
        let own = files(OwnFiles::default(), &config, &Given::default(), None);
        let shown = format!("{own:?}");
        let server = dir.path().join("server");
        std::fs::write(&server, "x").unwrap();
        let command = vec!["sh".to_owned(), server.display().to_string(), "--all".to_owned()];
        config.toolsets.insert("s".to_owned(), Server { command, ..Server::default() });
        let own = with_servers(OwnFiles::default(), &config, Some(dir.path()));
        let shown = format!("{shown}{own:?}");
        for path in [file, program, server] {
            assert!(shown.contains(&path.display().to_string()), "{}", path.display());
        }
    }
}
