//! What commands see of the host besides its system: directories that the
//! person names, and their tool chains. Read-only.
//!
//! Each of them is looked at before it is shown: what a command can read
//! leaves the machine with the next model call.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use super::{
    TerminalConfig, TerminalError, ToolChain,
    chain::{Mirror, Parts},
    shell::PROGRAM_DIRS,
};
use crate::tools::{
    closed::{Closed, homes},
    names::fold_name,
};

/// Directories of the kernel, of services and of settings.
const OF_THE_SYSTEM: [&str; 5] = ["/dev", "/etc", "/proc", "/run", "/sys"];

/// Names below which, or in which, programs keep keys and passwords.
const SECRETS: [&str; 25] = [
    ".authinfo",
    ".aws",
    ".azure",
    ".docker",
    ".env",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".mozilla",
    ".netrc",
    ".npmrc",
    ".password-store",
    ".pgpass",
    ".pki",
    ".pypirc",
    ".ssh",
    ".terraform.d",
    "_netrc",
    "credentials",
    "credentials.json",
    "credentials.toml",
    "gcloud",
    "id_ed25519",
    "id_rsa",
    "keyrings",
];

/// Levels of a directory that are looked at for such names, and entries.
/// Deeper down are the parts of packages, which have test data of all kinds.
const SECRET_LEVELS: usize = 2;
const MAX_ENTRIES: usize = 20_000;

/// All of it, by real paths.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) read_only: Vec<PathBuf>,
    /// Directories of programs, the first one first.
    pub(super) path: Vec<PathBuf>,
    pub(super) variables: BTreeMap<&'static str, String>,
    pub(super) mirrors: Vec<Mirror>,
    /// What there is of it, for a person.
    pub(super) chains: Vec<(ToolChain, Result<(), String>)>,
}

/// What must not be shown, whatever it is called.
pub(super) struct Kept<'a> {
    /// By its real path.
    pub(super) workspace: &'a Path,
    pub(super) closed: &'a Closed,
}

impl Shown {
    /// Fails on a path of the configuration that is not there, or must not be
    /// shown. A tool chain that must not be is left out. Blocks.
    pub(super) fn new(config: &TerminalConfig, kept: &Kept<'_>) -> Result<Self, TerminalError> {
        let mut this = Self::default();
        for (key, named) in [("path", &config.path), ("read_only", &config.read_only)] {
            for path in named {
                let error = |why: String| TerminalError::Shown { key, path: path.clone(), why };
                let real = kept.real(path).map_err(error)?;
                if key == "path" {
                    if !real.is_dir() {
                        return Err(error("it is no directory".to_owned()));
                    }
                    this.path.push(real.clone());
                }
                this.show(real);
            }
        }
        for chain in &config.tool_chains {
            if let Some(parts) = chain.find() {
                let added = this.add(parts, kept);
                if *chain == ToolChain::Cargo && !config.network {
                    // It says so at once, and does not try for a while.
                    this.variables.insert("CARGO_NET_OFFLINE", "true".to_owned());
                }
                this.chains.push((*chain, added));
            }
        }
        Ok(this)
    }

    /// Where programs are looked for: what the person named comes first.
    pub(super) fn program_dirs(&self) -> impl Iterator<Item = &Path> {
        self.path.iter().map(PathBuf::as_path).chain(PROGRAM_DIRS.iter().map(Path::new))
    }

    /// The same as a variable.
    pub(super) fn search_path(&self) -> String {
        let dirs = self.program_dirs().map(|it| it.to_string_lossy());
        dirs.collect::<Vec<_>>().join(":")
    }

    fn add(&mut self, parts: Parts, kept: &Kept<'_>) -> Result<(), String> {
        let real = |it: &PathBuf| {
            kept.real(it).map_err(|why| format!("`{}` is not shown: {why}", it.display()))
        };
        let read_only = parts.read_only.iter().map(real).collect::<Result<Vec<_>, _>>()?;
        read_only.into_iter().for_each(|it| self.show(it));
        // Below a link in the home directory there is nothing to be seen.
        let real = |it: &Path| it.canonicalize().unwrap_or_else(|_| it.to_owned());
        self.path.extend(parts.path.iter().map(|it| real(it)).filter(|it| it.is_dir()));
        for (name, value) in parts.variables {
            let value = if value.starts_with('/') { real(Path::new(&value)) } else { value.into() };
            self.variables.insert(name, value.to_string_lossy().into_owned());
        }
        let mirrors = parts.mirrors.into_iter();
        self.mirrors.extend(mirrors.map(|it| Mirror { from: real(&it.from), ..it }));
        Ok(())
    }

    fn show(&mut self, real: PathBuf) {
        if !self.read_only.iter().any(|it| real.starts_with(it)) {
            self.read_only.retain(|it| !it.starts_with(&real));
            self.read_only.push(real);
        }
    }
}

impl Kept<'_> {
    /// The real path of what may be shown, or why it may not.
    fn real(&self, path: &Path) -> Result<PathBuf, String> {
        if !path.is_absolute() {
            return Err("it does not begin with `/`".to_owned());
        }
        let real = path.canonicalize().map_err(|it| it.to_string())?;
        let meets = |it: &Path| it.starts_with(&real) || real.starts_with(it);
        let temporary = env::temp_dir();
        let temporary = temporary.canonicalize().unwrap_or(temporary);
        let why = if homes().iter().any(|it| it.starts_with(&real)) {
            "it holds your home directory"
        } else if OF_THE_SYSTEM.iter().any(|it| real.starts_with(it)) || real.parent().is_none() {
            "it belongs to the system"
        } else if meets(self.workspace) {
            "it holds the workspace, or lies in it"
        } else if temporary.starts_with(&real) {
            "it holds the directory for temporary files"
        } else if self.closed.meets(&real) {
            "it holds files of this host"
        } else if let Some(secret) = secret_in(&real) {
            return Err(format!("`{}` is a place for keys or passwords", secret.display()));
        } else {
            return Ok(real);
        };
        Err(why.to_owned())
    }
}

/// A place for secrets: the path itself, one above, or one right below.
fn secret_in(real: &Path) -> Option<PathBuf> {
    let is_secret = |it: &Path| {
        let name = it.file_name().map(|it| fold_name(&it.to_string_lossy()));
        name.is_some_and(|it| SECRETS.contains(&&*it))
    };
    if let Some(above) = real.ancestors().find(|it| is_secret(it)) {
        return Some(above.to_owned());
    }
    let (mut todo, mut left) = (vec![(real.to_owned(), SECRET_LEVELS)], MAX_ENTRIES);
    while let Some((dir, levels)) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            left = left.saturating_sub(1);
            if is_secret(&path) || left == 0 {
                return Some(path);
            }
            if levels > 1 && entry.file_type().is_ok_and(|it| it.is_dir()) {
                todo.push((path, levels - 1));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::closed::OwnFiles;

    #[test]
    fn what_must_not_be_shown_is_refused_and_says_why() {
        let outer = tempfile::tempdir().unwrap();
        let outer = outer.path().canonicalize().unwrap();
        let at = |it: &str| outer.join(it);
        for dir in ["w/sub", "tools/bin", "cargo/bin", "a/b/c/.ssh", "deep/.ssh", "state/own"] {
            fs::create_dir_all(at(dir)).unwrap();
        }
        for file in ["cargo/credentials.toml", "tools/bin/run", "key/.ssh/x", "npm/.npmrc"] {
            fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            fs::write(at(file), "").unwrap();
        }
        std::os::unix::fs::symlink(at("key/.ssh"), at("innocent")).unwrap();
        let mut own = OwnFiles::default();
        own.file(at("state/own/store.db"));
        let workspace = at("w");
        let closed = own.below(&workspace, false).unwrap();
        let kept = Kept { workspace: &workspace, closed: &closed };
        let check = |path: &Path, expected: &str| {
            let found = kept.real(path).map_or_else(|it| it, |it| it.display().to_string());
            assert!(found.contains(expected), "{}: {found}", path.display());
        };
        let home = env::home_dir().unwrap();
        for path in [Path::new("/"), &home, home.parent().unwrap()] {
            check(path, "it holds your home directory");
        }
        for path in ["/etc", "/etc/ssl", "/proc/self", "/run", "/dev/shm", "/sys/kernel"] {
            check(Path::new(path), "it belongs to the system");
        }
        for path in ["w", "w/sub", ""] {
            check(&at(path), "it holds the workspace, or lies in it");
        }
        check(&env::temp_dir(), "it holds the ");
        for path in ["state", "state/own"] {
            check(&at(path), "it holds files of this host");
        }
        for path in ["cargo", "cargo/credentials.toml", "key", "key/.ssh/x", "innocent", "npm"] {
            check(&at(path), "is a place for keys or passwords");
        }
        check(&at("deep"), "is a place for keys or passwords");
        check(&at("none"), "No such file");
        for path in ["tools", "tools/bin", "tools/bin/run", "cargo/bin", "a"] {
            check(&at(path), at(path).to_str().unwrap());
        }
    }
}
