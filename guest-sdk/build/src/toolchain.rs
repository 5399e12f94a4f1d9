//! Which tool chain builds a guest, and what to install when there is none.
//!
//! [`decide`] is a pure function of the facts that [`crate::probe`] found;
//! [`crate::install`] runs what it says.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::install::{self, Installation};
use crate::{BuildError, Install, Progress, probe};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The two ways to a module for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The active rustc has the target's standard library.
    #[serde(rename = "rustup")]
    Active,
    /// Debian's rust-web packages, which build the standard library from
    /// source.
    Debian,
}

/// A tool chain that is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Toolchain {
    pub(crate) kind: Kind,
    pub(crate) identity: Identity,
    pub(crate) cargo: PathBuf,
}

/// What says that two builds used the same compiler. Cheap to check: the
/// compiler is not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// Of compilers of Rust.
    pub(crate) kind: Option<Kind>,
    /// The compiler itself, not a proxy of it.
    pub(crate) program: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) modified_ns: u64,
    /// Its first line about itself.
    pub(crate) version: String,
}

impl Toolchain {
    pub(crate) fn describe(&self) -> String {
        let version = &self.identity.version;
        match self.kind {
            Kind::Active => format!("the active tool chain ({version})"),
            Kind::Debian => format!("Debian's tool chain and its library sources ({version})"),
        }
    }
}

/// What is on this machine. Installers are looked for only when they matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The active rustc has `core` for the target.
    pub(crate) active: bool,
    /// All of Debian's four packages are installed.
    pub(crate) debian: bool,
    pub(crate) root: bool,
    /// There is an `apt-get`.
    pub(crate) apt: bool,
    /// Its package list has all four packages.
    pub(crate) listed: bool,
    /// The package list was fetched by us.
    pub(crate) updated: bool,
    pub(crate) rustup: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Use(Kind),
    Install(Installation),
    GiveUp,
}

/// The next step towards a tool chain.
pub(crate) fn decide(facts: Facts, forced: Option<Kind>) -> Decision {
    let wanted = |kind| forced.is_none_or(|forced| forced == kind);
    if wanted(Kind::Active) && facts.active {
        return Decision::Use(Kind::Active);
    }
    if wanted(Kind::Debian) && facts.debian {
        return Decision::Use(Kind::Debian);
    }
    if wanted(Kind::Debian) && facts.root && facts.apt {
        if facts.listed {
            return Decision::Install(Installation::AptInstall);
        }
        if !facts.updated {
            return Decision::Install(Installation::AptUpdate);
        }
    }
    if wanted(Kind::Active) && facts.rustup {
        return Decision::Install(Installation::RustupTarget);
    }
    Decision::GiveUp
}

/// Follows [`decide`] until there is a tool chain or no way left.
pub(crate) fn find_or_install(
    source: &Path,
    environment: &Environment,
    install: Install,
    progress: &mut dyn Progress,
) -> Result<Toolchain, BuildError> {
    let forced = environment.forced();
    let mut updated = false;
    let mut last = None;
    loop {
        let facts = probe::facts(source, environment, updated);
        let step = match decide(facts, forced) {
            Decision::Use(kind) => return probe::toolchain(kind, source, environment),
            Decision::Install(step) => step,
            Decision::GiveUp => return Err(BuildError::NoToolchain),
        };
        if last == Some(step) {
            // It succeeded and changed nothing: doing it again won't either.
            return Err(BuildError::NoToolchain);
        }
        install::run(step, last.is_some(), source, environment, install, progress)?;
        updated |= step == Installation::AptUpdate;
        last = Some(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `facts` are the names of those that hold.
    #[track_caller]
    fn check(facts: &str, forced: Option<Kind>, expect: Decision) {
        let has = |name| facts.split_whitespace().any(|fact| fact == name);
        let facts = Facts {
            active: has("active"),
            debian: has("debian"),
            root: has("root"),
            apt: has("apt"),
            listed: has("listed"),
            updated: has("updated"),
            rustup: has("rustup"),
        };
        assert_eq!(decide(facts, forced), expect, "{facts:?} {forced:?}");
    }

    #[test]
    fn what_is_there_is_used_and_the_active_one_first() {
        check("active debian rustup", None, Decision::Use(Kind::Active));
        check("debian root apt listed rustup", None, Decision::Use(Kind::Debian));
        check("debian", None, Decision::Use(Kind::Debian));
    }

    #[test]
    fn root_on_debian_installs_packages_and_others_a_target() {
        let install = Decision::Install;
        check("root apt listed rustup", None, install(Installation::AptInstall));
        check("apt listed rustup", None, install(Installation::RustupTarget));
        check("root rustup", None, install(Installation::RustupTarget));
        check("rustup", None, install(Installation::RustupTarget));
    }

    #[test]
    fn a_package_list_that_lacks_them_is_fetched_once() {
        let install = Decision::Install;
        check("root apt rustup", None, install(Installation::AptUpdate));
        check("root apt rustup updated", None, install(Installation::RustupTarget));
        check("root apt updated listed", None, install(Installation::AptInstall));
        check("root apt updated", None, Decision::GiveUp);
    }

    #[test]
    fn without_any_way_it_gives_up() {
        check("", None, Decision::GiveUp);
        check("root", None, Decision::GiveUp);
        check("apt listed", None, Decision::GiveUp);
    }

    #[test]
    fn a_forced_tool_chain_leaves_the_other_alone() {
        let install = Decision::Install;
        let (rustup, debian) = (Some(Kind::Active), Some(Kind::Debian));
        check("active debian", debian, Decision::Use(Kind::Debian));
        check("active debian", rustup, Decision::Use(Kind::Active));
        check("debian rustup", rustup, install(Installation::RustupTarget));
        check("debian root apt listed", rustup, Decision::GiveUp);
        check("active root apt listed", debian, install(Installation::AptInstall));
        check("active rustup", debian, Decision::GiveUp);
    }
}
