//! Components by name: where they are looked up, and building those that are
//! source.
//!
//! A name is looked up in the directories of `--plugin-path`, then in the
//! user's data directory, then in the source checkout that the program was
//! built in and still runs from, and last among the agents that the program
//! brings along. A directory may hold `NAME.wasm`, or a folder `NAME` with a
//! crate that is built first, when it is stale.

mod agents;
pub mod approval;
pub mod bundled;
pub mod cases;
pub mod describe;
pub mod installed;
pub mod manifest;
pub mod name;
pub mod secrets;
mod settings;
mod tool;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use hermitage_build::{BuildError, Options, Progress, build, built};

use crate::{plain_file, sandbox::Binary};

pub use self::{
    agents::Agents,
    approval::Approval,
    describe::{DescribeError, Described, describe},
    installed::Installed,
    manifest::Manifest,
    settings::{Personal, SecretSettings, TextSettings},
    tool::{Component, Place, Plugin},
};
/// Of the fields and errors here: what building needs and gives.
pub use hermitage_build::{BuildError as ComponentError, Built, Install};
/// Told while components are built, and the one that writes to standard
/// error.
pub use hermitage_build::{Progress as BuildProgress, Stderr as BuildOnStderr};

/// Where components are.
#[derive(Clone, Debug)]
pub struct Library {
    /// Directories, the first match wins.
    pub dirs: Vec<PathBuf>,
    /// Whether the agents that the program brings along are found behind them.
    pub bundled: bool,
    /// Where built components are kept; nothing can be built when absent.
    pub build_dir: Option<PathBuf>,
    /// Whether a missing tool chain may be installed to build one.
    pub install: Install,
    /// Bytes that are read of a component: what is longer is cut, and then
    /// refused by the sandbox, whose limit this is.
    pub max_bytes: usize,
}

/// A component that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name for people: the name asked for, or the file's.
    pub name: String,
    /// Its bytes.
    pub component: Binary,
}

/// Why there is no such component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// No directory holds it.
    #[error("unknown agent `{name}`: known are {known}")]
    Unknown {
        /// As it was asked for.
        name: String,
        /// All names, separated by commas.
        known: String,
    },
    /// There is nothing at the path.
    #[error("no component at `{}`", path.display())]
    Missing {
        /// As it was asked for.
        path: PathBuf,
    },
    /// The file can't be read.
    #[error("`{}` can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is source, and building it failed.
    #[error("`{name}` can't be built")]
    Build {
        /// Of the component.
        name: String,
        /// What went wrong.
        source: BuildError,
    },
    /// It is source, and there is no place of this user's to build it in.
    #[error("`{}` can't be built: there is no directory for it", path.display())]
    NoPlace {
        /// The folder.
        path: PathBuf,
    },
    /// It is source, and who asks may not have it built.
    #[error("`{name}` is source that is not built, or changed since")]
    NotBuilt {
        /// Of the component.
        name: String,
    },
    /// The folder makes several components, so its name says too little.
    #[error("`{}` builds {count} components: name one of their files", path.display())]
    Ambiguous {
        /// The folder.
        path: PathBuf,
        /// How many it makes.
        count: usize,
    },
}

impl PluginError {
    fn unknown(name: &str, names: impl IntoIterator<Item = String>) -> Self {
        let known: Vec<String> = names.into_iter().map(|it| format!("`{it}`")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Self::Unknown { name: name.to_owned(), known }
    }

    /// How to mend it, where that can be known.
    pub fn hint(&self) -> Option<String> {
        match self {
            PluginError::Unknown { .. } => Some(
                "name a component by its path, or add its directory with `--plugin-path`"
                    .to_owned(),
            ),
            PluginError::Build { source, .. } => source.hint(),
            PluginError::NotBuilt { .. } => {
                Some("build it with `hermitage plugin build FOLDER`".to_owned())
            }
            PluginError::NoPlace { .. } => Some("set `HOME` or `XDG_CACHE_HOME`".to_owned()),
            _ => None,
        }
    }
}

impl Library {
    /// The agents that the program brings along, and nothing of the disk but
    /// what is asked for by path.
    pub fn bundled(max_bytes: usize) -> Self {
        let install = Install::Forbidden;
        Self { dirs: Vec::new(), bundled: true, build_dir: None, install, max_bytes }
    }

    /// The bundled agents of a source checkout, built below its `target`. A
    /// missing tool chain is installed after asking.
    pub fn of_checkout(checkout: &Path, max_bytes: usize) -> Self {
        Self {
            dirs: vec![checkout.join("plugins")],
            bundled: false,
            build_dir: Some(checkout.join("target/components")),
            install: Install::Ask,
            max_bytes,
        }
    }

    /// Finds a component by name, or by path when the text looks like one.
    /// Blocks while it is built.
    pub fn find(&self, agent: &str, progress: &mut dyn Progress) -> Result<Found, PluginError> {
        if is_path(agent) {
            return self.at_path(Path::new(agent), progress);
        }
        self.named(agent, &mut |source| self.build(source, progress))
    }

    /// Finds a component by name, and builds nothing: building runs what is in
    /// the source with the rights of this user, and who asks may be a guest
    /// that has written it.
    pub fn find_built(&self, agent: &str) -> Result<Found, PluginError> {
        self.named(agent, &mut |source| {
            let found = built(source, &self.options(source)?);
            let name = folder_name(source);
            match found {
                Ok(Some(built)) => Ok(built),
                Ok(None) => Err(PluginError::NotBuilt { name }),
                Err(source) => Err(PluginError::Build { name, source }),
            }
        })
    }

    fn named(&self, agent: &str, build: &mut Build<'_>) -> Result<Found, PluginError> {
        // A name is one: `..` would lead out of the directories.
        let dirs = if is_name(agent) { self.dirs.as_slice() } else { &[] };
        for dir in dirs {
            if let Some(found) = self.in_dir(dir, agent, build)? {
                return Ok(found);
            }
        }
        match bundled::find(agent).filter(|_| self.bundled) {
            Some(component) => Ok(Found { name: agent.to_owned(), component }),
            None => Err(PluginError::unknown(agent, self.names())),
        }
    }

    /// Whether there is something of that name, or at that path. Reads and
    /// builds nothing.
    pub fn check(&self, agent: &str) -> Result<(), PluginError> {
        if is_path(agent) {
            return metadata(Path::new(agent)).map(|_| ());
        }
        let names = self.names();
        names.contains(agent).then_some(()).ok_or_else(|| PluginError::unknown(agent, names))
    }

    /// The names of all components that can be found.
    pub fn names(&self) -> BTreeSet<String> {
        let entries = self.dirs.iter().filter_map(|it| fs::read_dir(it).ok()).flatten().flatten();
        let bundled = bundled::names().filter(|_| self.bundled).map(str::to_owned);
        entries.filter_map(|it| component_name(&it.path())).chain(bundled).collect()
    }

    fn at_path(&self, path: &Path, progress: &mut dyn Progress) -> Result<Found, PluginError> {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let file = if metadata(path)?.is_dir() {
            one(path, &name, &self.build(path, progress)?)?
        } else {
            path.to_owned()
        };
        Ok(Found { name, component: self.read(&file)? })
    }

    fn in_dir(
        &self,
        dir: &Path,
        name: &str,
        build: &mut Build<'_>,
    ) -> Result<Option<Found>, PluginError> {
        let binary = dir.join(format!("{name}.wasm"));
        let source = dir.join(name);
        let file = if binary.is_file() {
            binary
        } else if is_agent(&source) {
            one(&source, name, &build(&source)?)?
        } else {
            return Ok(None);
        };
        Ok(Some(Found { name: name.to_owned(), component: self.read(&file)? }))
    }

    fn read(&self, path: &Path) -> Result<Binary, PluginError> {
        let limit = u64::try_from(self.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        let file = plain_file::open(path).and_then(|it| it.take(limit).read_to_end(&mut bytes));
        file.map_err(|source| PluginError::Read { path: path.to_owned(), source })?;
        Ok(Binary::new(bytes))
    }

    /// Builds every component of a folder.
    pub fn build(
        &self,
        source: &Path,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Built>, PluginError> {
        let name = || folder_name(source);
        build(source, &self.options(source)?, progress)
            .map_err(|source| PluginError::Build { name: name(), source })
    }

    fn options(&self, source: &Path) -> Result<Options, PluginError> {
        let no_place = || PluginError::NoPlace { path: source.to_owned() };
        Ok(Options::new(self.build_dir.as_ref().ok_or_else(no_place)?, self.install))
    }
}

/// Of what an agent's path leads to.
fn metadata(path: &Path) -> Result<fs::Metadata, PluginError> {
    fs::metadata(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            PluginError::Missing { path: path.to_owned() }
        }
        _ => PluginError::Read { path: path.to_owned(), source },
    })
}

/// Makes the components of a folder, or finds those that were made.
type Build<'a> = dyn FnMut(&Path) -> Result<Vec<Built>, PluginError> + 'a;

/// The component of that name, or the only one.
fn one(source: &Path, name: &str, all: &[Built]) -> Result<PathBuf, PluginError> {
    match all {
        [only] => Ok(only.path.clone()),
        all => match all.iter().find(|it| it.name == name) {
            Some(it) => Ok(it.path.clone()),
            None => Err(PluginError::Ambiguous { path: source.to_owned(), count: all.len() }),
        },
    }
}

fn folder_name(source: &Path) -> String {
    source.file_name().unwrap_or(source.as_os_str()).to_string_lossy().into_owned()
}

/// Whether an agent is asked for by path: such a one is a stranger's, and
/// gets fewer tools unless more are asked for (SEMANTICS.md §3).
pub fn is_path(agent: &str) -> bool {
    agent.contains('/') || Path::new(agent).extension().is_some_and(|it| it == "wasm")
}

fn is_name(agent: &str) -> bool {
    !agent.is_empty() && agent.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-'))
}

/// Whether a folder is the source of an agent: one with a manifest is that of a
/// tool plugin.
fn is_agent(source: &Path) -> bool {
    source.join("Cargo.toml").is_file() && !source.join(manifest::FILE).exists()
}

/// The name under which an entry of a directory is found.
fn component_name(path: &Path) -> Option<String> {
    let is_binary = path.extension().is_some_and(|it| it == "wasm") && path.is_file();
    let name = if is_binary {
        path.file_stem()
    } else {
        is_agent(path).then(|| path.file_name()).flatten()
    };
    Some(name?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Quiet;

    impl Progress for Quiet {
        fn say(&mut self, _: &str) {}

        fn confirm(&mut self, _: &str) -> bool {
            false
        }
    }

    fn library(dirs: &[&Path]) -> Library {
        let dirs: Vec<PathBuf> = dirs.iter().map(|it| it.to_path_buf()).collect();
        let build_dir = dirs.first().cloned();
        let install = Install::Forbidden;
        Library { dirs, bundled: false, build_dir, install, max_bytes: 100 }
    }

    #[test]
    fn what_the_program_brings_along_comes_after_every_directory() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("links.wasm"), "own").unwrap();
        let library = Library { bundled: true, ..library(&[dir.path()]) };
        let size = |agent: &str| library.find_built(agent).unwrap().component.bytes().len();
        assert_eq!(size("links"), 3);
        assert!(size("todos") > 1_000);
        let names: Vec<String> = library.names().into_iter().collect();
        assert_eq!(names, ["links", "orchestrator", "react", "steps", "survey", "todos"]);
        let without = Library { bundled: false, ..library };
        assert!(without.find_built("todos").is_err());
    }

    #[test]
    fn what_is_there_is_known_before_it_is_read_or_built() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("made")).unwrap();
        fs::write(dir.path().join("made/Cargo.toml"), "no manifest at all").unwrap();
        let library = library(&[dir.path()]);
        let check = |agent: &str| library.check(agent).map_err(|it| it.to_string());
        assert_eq!(check("made"), Ok(()));
        assert_eq!(check(dir.path().join("made").to_str().unwrap()), Ok(()));
        assert_eq!(check("links"), Err("unknown agent `links`: known are `made`".to_owned()));
        assert_eq!(check("./links"), Err("no component at `./links`".to_owned()));
    }

    #[test]
    fn the_first_directory_wins_and_a_path_is_no_name() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(one.path().join("a.wasm"), "first").unwrap();
        fs::write(two.path().join("a.wasm"), "second").unwrap();
        fs::write(two.path().join("b.wasm"), "other").unwrap();
        let library = library(&[one.path(), two.path()]);
        let check = |agent: &str, name: &str, bytes: &str| {
            let component = Binary::new(bytes.as_bytes());
            let expect = Found { name: name.to_owned(), component };
            assert_eq!(library.find(agent, &mut Quiet).unwrap(), expect);
        };
        check("a", "a", "first");
        check("b", "b", "other");
        let path = two.path().join("a.wasm");
        check(path.to_str().unwrap(), "a", "second");
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("survey.wasm"), "").unwrap();
        fs::write(dir.path().join("notes.txt"), "").unwrap();
        let library = library(&[dir.path(), Path::new("no-such-directory")]);
        let error = |agent: &str| library.find(agent, &mut Quiet).unwrap_err().to_string();
        assert_eq!(error("links"), "unknown agent `links`: known are `survey`");
        assert_eq!(error("./x.wasm"), "no component at `./x.wasm`");
        assert_eq!(error("x.wasm"), "no component at `x.wasm`");
    }
}
