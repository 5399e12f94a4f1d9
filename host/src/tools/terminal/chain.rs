//! Tool chains that live in the person's home directory, where their installers
//! put them.

use std::{
    env, fs,
    path::{Component, Path, PathBuf},
};

/// Names that lead to one another in `nvm`. Bounds a circle of them.
const MAX_ALIASES: usize = 8;

/// One that commands can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToolChain {
    /// Compilers of Rust, and what `cargo install` made.
    Rustup,
    /// Packages that cargo has downloaded from registries.
    Cargo,
    /// Packages that it has from git.
    CargoGit,
    /// Versions of node.
    Nvm,
    /// Versions of Python.
    Pyenv,
}

impl ToolChain {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Rustup, Self::Cargo, Self::CargoGit, Self::Nvm, Self::Pyenv];

    /// As it is written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Cargo => "cargo",
            Self::CargoGit => "cargo-git",
            Self::Nvm => "nvm",
            Self::Pyenv => "pyenv",
        }
    }

    /// Looks for it, where its own variable says or else in the home directory.
    pub(super) fn find(self) -> Option<Parts> {
        let home = env::home_dir().filter(|it| it.is_absolute());
        self.find_by(|variable, below| {
            let said = env::var_os(variable).map(PathBuf::from).filter(|it| it.is_absolute());
            said.or_else(|| Some(home.as_ref()?.join(below)))
        })
    }

    fn find_by(self, root: impl Fn(&str, &str) -> Option<PathBuf>) -> Option<Parts> {
        let cargo = || root("CARGO_HOME", ".cargo");
        match self {
            Self::Rustup => rustup(&root("RUSTUP_HOME", ".rustup")?, &cargo()?),
            Self::Cargo => registry(&cargo()?),
            Self::CargoGit => checkouts(&cargo()?),
            Self::Nvm => nvm(&root("NVM_DIR", ".nvm")?),
            Self::Pyenv => pyenv(&root("PYENV_ROOT", ".pyenv")?),
        }
    }
}

/// What one of them is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Files and directories that commands read.
    pub(super) read_only: Vec<PathBuf>,
    /// Directories of programs.
    pub(super) path: Vec<PathBuf>,
    pub(super) variables: Vec<(&'static str, String)>,
    pub(super) mirrors: Vec<Mirror>,
}

/// A directory that a command finds in its own home: made of links, so that it
/// can add to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirror {
    pub(super) from: PathBuf,
    /// Below the command's home.
    pub(super) to: &'static str,
    /// How many levels of directories are real ones.
    pub(super) levels: usize,
}

/// The home of rustup has no secrets; that of cargo may, so its programs alone
/// are shown.
fn rustup(rustup: &Path, cargo: &Path) -> Option<Parts> {
    let bin = Some(cargo.join("bin")).filter(|it| it.is_dir());
    rustup.join("toolchains").is_dir().then(|| Parts {
        read_only: [rustup.to_owned()].into_iter().chain(bin.clone()).collect(),
        path: bin.into_iter().collect(),
        variables: vec![
            ("RUSTUP_HOME", rustup.to_string_lossy().into_owned()),
            // It says what is missing, and does not try to fetch it.
            ("RUSTUP_AUTO_INSTALL", "0".to_owned()),
        ],
        mirrors: Vec::new(),
    })
}

fn registry(cargo: &Path) -> Option<Parts> {
    mirrored(
        cargo,
        &[
            ("registry/index", ".cargo/registry/index", 2),
            ("registry/cache", ".cargo/registry/cache", 2),
            ("registry/src", ".cargo/registry/src", 2),
            ("config.toml", ".cargo/config.toml", 0),
        ],
    )
}

fn checkouts(cargo: &Path) -> Option<Parts> {
    let dirs = [("git/db", ".cargo/git/db", 1), ("git/checkouts", ".cargo/git/checkouts", 2)];
    mirrored(cargo, &dirs)
}

fn mirrored(cargo: &Path, dirs: &[(&str, &'static str, usize)]) -> Option<Parts> {
    let there = dirs.iter().map(|(from, to, levels)| (cargo.join(from), *to, *levels));
    let mirror = |(from, to, levels)| Mirror { from, to, levels };
    let mirrors: Vec<Mirror> = there.filter(|it| it.0.exists()).map(mirror).collect();
    let read_only: Vec<PathBuf> =
        mirrors.iter().filter(|it| it.levels > 0).map(|it| it.from.clone()).collect();
    (!read_only.is_empty()).then(|| Parts { read_only, mirrors, ..Parts::default() })
}

fn nvm(nvm: &Path) -> Option<Parts> {
    let node = node_of(nvm)?;
    // It is a clone, with settings of npm in it, which may hold a token.
    let parts = ["alias", "nvm-exec", "nvm.sh", "versions"].map(|it| nvm.join(it));
    Some(Parts {
        read_only: parts.into_iter().filter(|it| it.exists()).collect(),
        path: vec![node.join("bin")],
        variables: vec![("NVM_DIR", nvm.to_string_lossy().into_owned())],
        mirrors: Vec::new(),
    })
}

/// The version of node that a new shell would have.
fn node_of(nvm: &Path) -> Option<PathBuf> {
    let mut versions: Vec<(Vec<u64>, PathBuf)> = fs::read_dir(nvm.join("versions/node"))
        .ok()?
        .flatten()
        .filter_map(|it| Some((numbers(it.file_name().to_str()?)?, it.path())))
        .collect();
    versions.sort();
    let mut name = "default".to_owned();
    for _ in 0..MAX_ALIASES {
        let is_plain = Path::new(&name).components().all(|it| matches!(it, Component::Normal(_)));
        match fs::read_to_string(nvm.join("alias").join(&name)) {
            Ok(next) if is_plain => next.trim().clone_into(&mut name),
            _ => break,
        }
    }
    let wanted = numbers(&name).unwrap_or_default();
    let fitting = versions.iter().rfind(|it| it.0.starts_with(&wanted));
    fitting.or_else(|| versions.last()).map(|it| it.1.clone())
}

/// Of a version like `v20.11.1`, or the beginning of one.
fn numbers(version: &str) -> Option<Vec<u64>> {
    version.trim_start_matches('v').split('.').map(|it| it.parse().ok()).collect()
}

fn pyenv(pyenv: &Path) -> Option<Parts> {
    pyenv.join("versions").is_dir().then(|| Parts {
        read_only: vec![pyenv.to_owned()],
        path: ["shims", "bin"].map(|it| pyenv.join(it)).into(),
        variables: vec![("PYENV_ROOT", pyenv.to_string_lossy().into_owned())],
        mirrors: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(chain: ToolChain, home: &Path) -> Option<Parts> {
        chain.find_by(|variable, below| {
            let is_moved = variable == "CARGO_HOME" && home.join("moved").exists();
            Some(home.join(if is_moved { "moved" } else { below }))
        })
    }

    #[test]
    fn tool_chains_are_found_where_they_are() {
        let home = tempfile::tempdir().unwrap();
        let make = |dir: &str| fs::create_dir_all(home.path().join(dir)).unwrap();
        for it in ToolChain::ALL {
            assert_eq!(find(it, home.path()), None, "{}", it.name());
        }
        let dirs = [".rustup/toolchains", ".cargo/bin", ".cargo/registry/src", ".cargo/git/db"];
        dirs.into_iter().chain([".pyenv/versions"]).for_each(make);
        let all = ToolChain::ALL.map(|it| find(it, home.path()));
        let shown = |idx: usize| all[idx].as_ref().map(|it| it.read_only.clone());
        let at = |it: &str| home.path().join(it);
        assert_eq!(shown(0), Some(vec![at(".rustup"), at(".cargo/bin")]));
        assert_eq!(shown(1), Some(vec![at(".cargo/registry/src")]));
        assert_eq!(shown(2), Some(vec![at(".cargo/git/db")]));
        assert_eq!(shown(3), None);
        assert_eq!(all[4].as_ref().unwrap().path, [at(".pyenv/shims"), at(".pyenv/bin")]);
        make(".nvm/versions/node/v20.1.0/bin");
        fs::write(at(".nvm/.npmrc"), "package-lock=false").unwrap();
        fs::write(at(".nvm/nvm.sh"), "").unwrap();
        let nvm = find(ToolChain::Nvm, home.path()).unwrap();
        assert_eq!(nvm.read_only, [at(".nvm/nvm.sh"), at(".nvm/versions")]);
        assert_eq!(nvm.path, [at(".nvm/versions/node/v20.1.0/bin")]);
        make("moved/registry/cache");
        let moved = find(ToolChain::Cargo, home.path()).unwrap();
        assert_eq!(moved.read_only, [at("moved/registry/cache")]);
    }

    #[test]
    fn node_is_the_version_of_a_new_shell() {
        let nvm = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = nvm.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for version in ["v9.11.2", "v18.20.4", "v20.9.0", "v20.11.1", "v22.1.0"] {
            put(&format!("versions/node/{version}/bin/node"), "");
        }
        put("alias/lts/iron", "v20.9.0\n");
        put("alias/lts/*", "lts/iron\n");
        put("alias/circle", "circle");
        let check = |default: &str, expected: &str| {
            put("alias/default", default);
            let found = node_of(nvm.path()).unwrap();
            assert_eq!(found, nvm.path().join("versions/node").join(expected), "{default}");
        };
        check("20\n", "v20.11.1");
        check("v18.20.4", "v18.20.4");
        check("18.20", "v18.20.4");
        check("lts/*", "v20.9.0");
        check("node", "v22.1.0");
        check("v21.0.0", "v22.1.0");
        check("circle", "v22.1.0");
        check("../../x", "v22.1.0");
        fs::remove_file(nvm.path().join("alias/default")).unwrap();
        assert_eq!(node_of(nvm.path()).unwrap().file_name().unwrap(), "v22.1.0");
    }
}
