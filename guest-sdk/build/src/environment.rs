//! The process environment: the only reader of it.
//!
//! Owns what the variables mean, and which of them a nested cargo must not
//! inherit.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use crate::BuildError;
use crate::toolchain::Kind;

const TOOLCHAIN: &str = "HERMITAGE_WASM_TOOLCHAIN";
const INSTALL: &str = "HERMITAGE_INSTALL";

/// Variables of these prefixes say how *this* process was built, or change
/// what a compiler writes.
const CLEARED: [&str; 2] = ["CARGO", "RUST"];

/// Of those, the ones that only say where things are and how to get them.
const KEPT: [&str; 9] = [
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_UPDATE_ROOT",
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTR",
    "CARGO_TERM_",
    "CARGO_BUILD_JOBS",
];

/// Set by cargo for the programs it runs, to libraries of its own tool chain.
const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// What the environment says, read once for each build.
#[derive(Debug)]
pub(crate) struct Environment {
    forced: Option<Kind>,
    install_forbidden: bool,
    cargo_home: Option<PathBuf>,
    programs: Vec<PathBuf>,
    cleared: Vec<OsString>,
}

impl Environment {
    pub(crate) fn read() -> Result<Self, BuildError> {
        let forced = match env::var_os(TOOLCHAIN) {
            Some(value) => parse_toolchain(&value)?,
            None => None,
        };
        let home = || env::home_dir().map(|home| home.join(".cargo"));
        Ok(Self {
            forced,
            install_forbidden: env::var_os(INSTALL).is_some_and(|value| value == "0"),
            cargo_home: env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home),
            programs: env::var_os("PATH")
                .map(|path| env::split_paths(&path).filter(|dir| dir.is_absolute()).collect())
                .unwrap_or_default(),
            cleared: env::vars_os().map(|(name, _)| name).filter(|n| is_cleared(n)).collect(),
        })
    }

    /// The tool chain to use whatever else there is.
    pub(crate) fn forced(&self) -> Option<Kind> {
        self.forced
    }

    pub(crate) fn install_forbidden(&self) -> bool {
        self.install_forbidden
    }

    pub(crate) fn cargo_home(&self) -> Option<&PathBuf> {
        self.cargo_home.as_ref()
    }

    /// The directories that programs are looked for in.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &PathBuf> {
        self.programs.iter()
    }

    /// A command that does not inherit the settings of a cargo around us.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for name in &self.cleared {
            command.env_remove(name);
        }
        // Looking at a tool chain must not install one.
        command.env("RUSTUP_AUTO_INSTALL", "0");
        command
    }
}

fn parse_toolchain(value: &OsStr) -> Result<Option<Kind>, BuildError> {
    match value.to_str() {
        Some("") => Ok(None),
        Some("rustup") => Ok(Some(Kind::Active)),
        Some("debian") => Ok(Some(Kind::Debian)),
        _ => {
            let value = value.to_string_lossy().into_owned();
            Err(BuildError::Variable { name: TOOLCHAIN, value })
        }
    }
}

fn is_cleared(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    name == LIBRARIES || (starts(&CLEARED) && !starts(&KEPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_cargo_inherits_places_but_no_settings() {
        for (name, expect) in [
            ("CARGO", true),
            ("CARGO_HOME", false),
            ("CARGO_ENCODED_RUSTFLAGS", true),
            ("CARGO_MAKEFLAGS", true),
            ("CARGO_PROFILE_RELEASE_LTO", true),
            ("CARGO_TARGET_DIR", true),
            ("CARGO_BUILD_TARGET", true),
            ("CARGO_HTTP_CAINFO", false),
            ("CARGO_REGISTRIES_MINE_INDEX", false),
            ("RUSTC", true),
            ("RUSTC_BOOTSTRAP", true),
            ("RUSTC_WRAPPER", true),
            ("RUSTFLAGS", true),
            ("RUSTUP_TOOLCHAIN", true),
            ("RUSTUP_HOME", false),
            ("PATH", false),
            ("HOME", false),
        ] {
            assert_eq!(is_cleared(OsStr::new(name)), expect, "{name}");
        }
    }

    #[test]
    fn only_two_tool_chains_can_be_forced() {
        let parse = |value: &str| parse_toolchain(OsStr::new(value));
        assert_eq!(parse("rustup").unwrap(), Some(Kind::Active));
        assert_eq!(parse("debian").unwrap(), Some(Kind::Debian));
        assert_eq!(parse("").unwrap(), None);
        assert_eq!(parse("gcc").unwrap_err().to_string(), "`HERMITAGE_WASM_TOOLCHAIN` is `gcc`");
    }
}
