//! What a command was set up with, as one short text: two commands that have
//! the same one do the same with a request.
//!
//! A service says it beside its socket, and `run --background` hands nothing
//! over to one that would do it with another configuration, or with the key of
//! another account. Secrets are in it as a part of what is hashed; it is told
//! to nobody but this user.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use blake3::Hasher;

use super::Setup;
use crate::{
    config::{Config, KeySource, Layers},
    secret::Source,
};

/// What begins the name of a variable that sets something.
const PREFIX: &[u8] = b"HERMITAGE_";

/// Digits that are shown. They tell the settings of one user apart.
const DIGITS: usize = 32;

/// Parts, each with its length, so that no two lists look alike.
#[derive(Clone, Default)]
pub(super) struct Digest(Hasher);

impl Digest {
    /// Of the configuration without the file of any project: a service reads
    /// that one itself.
    pub(super) fn of(layers: &Layers, config: &Config) -> Self {
        let mut res = Self::default();
        res.add(env!("CARGO_PKG_VERSION"));
        if let Some(user) = &layers.user {
            res.add(&user.text);
            res.add_path(&user.dir);
        }
        let mut set: Vec<_> =
            layers.environment.iter().filter(|it| sets_something(&it.0)).collect();
        set.sort();
        for (name, value) in set {
            res.add(name);
            res.add(value);
        }
        for variable in variables(config) {
            res.add(variable);
            res.add(env::var_os(variable).unwrap_or_default());
        }
        res
    }

    fn add(&mut self, part: impl AsRef<OsStr>) {
        let bytes = part.as_ref().as_encoded_bytes();
        self.0.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }

    /// The same from whichever directory it is named.
    fn add_path(&mut self, path: &Path) {
        // An empty one is where the process is.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        self.add(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    }
}

impl Setup {
    /// What it was set up with.
    pub(in crate::cli) fn digest(&self) -> String {
        let mut res = self.digest.clone();
        res.add(env::current_exe().unwrap_or_default());
        let kept = [&self.memory, &self.tools, &self.library.build_dir];
        let kept = kept.into_iter().flatten().map(PathBuf::as_path);
        let dirs = self.library.dirs.iter().map(PathBuf::as_path);
        dirs.chain(kept).for_each(|it| res.add_path(it));
        res.0.finalize().to_hex().chars().take(DIGITS).collect()
    }
}

fn sets_something(name: &OsString) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(PREFIX) && name.windows(2).any(|it| it == b"__")
}

/// Those that hold a key.
fn variables(config: &Config) -> impl Iterator<Item = &str> {
    let of_plugins = config.plugins.values().flat_map(|it| it.secrets.values());
    let of_servers = config.toolsets.values().flat_map(|it| {
        let key = match &it.key {
            Some(Source::Variable(name)) => Some(name),
            _ => None,
        };
        it.environment.iter().chain(key)
    });
    let all = config.providers.values().filter_map(|it| it.key.as_ref()).chain(of_plugins);
    all.filter_map(|it| match it {
        KeySource::Variable(name) => Some(name.as_str()),
        KeySource::Command(_) | KeySource::File(_) => None,
    })
    .chain(of_servers.map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::args::Global, config::Source};

    fn digest(file: &str, variables: &[(&str, &str)], plugin_path: &[&str]) -> String {
        let dir = PathBuf::from("/etc");
        let user = Source { name: "c".to_owned(), text: file.to_owned(), dir };
        let variables = variables.iter().map(|it| (it.0.into(), it.1.into()));
        let layers = Layers { user: Some(user), project: None, environment: variables.collect() };
        let config = Config::load(&layers).unwrap();
        let plugin_path = plugin_path.iter().map(PathBuf::from).collect();
        let global = Global { config: None, plugin_path, store: None };
        let digest = Digest::of(&layers, &config);
        Setup { digest, ..Setup::with(&global, config) }.digest()
    }

    #[test]
    fn it_is_the_same_where_the_same_would_be_done_and_another_otherwise() {
        let plain = digest("", &[], &[]);
        let here = std::env::current_dir().unwrap().join("x");
        assert_eq!(digest("", &[("TERM", "x"), ("HERMITAGE_LOG", "debug")], &[]), plain);
        assert_eq!(digest("", &[], &["x"]), digest("", &[], &[here.to_str().unwrap()]));
        let others = [
            digest("[delegation]\nmax_depth = 1", &[], &[]),
            digest("", &[("HERMITAGE_DELEGATION__MAX_DEPTH", "1")], &[]),
            digest("", &[("HERMITAGE_DELEGATION__MAX_DEPTH", "2")], &[]),
            digest("", &[], &["x"]),
            // A variable that holds a key, and has another value there.
            digest("[providers.openai]\napi_key_env = 'PATH'", &[], &[]),
            digest("[providers.openai]\napi_key_env = 'HOME'", &[], &[]),
        ];
        let mut all: Vec<_> = others.into_iter().chain([plain]).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 7);
    }
}
