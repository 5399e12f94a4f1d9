//! What tool chains and installers this machine has.
//!
//! Looks and never changes anything; what follows from it is decided in
//! [`crate::toolchain`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::UNIX_EPOCH;

use crate::BuildError;
use crate::environment::Environment;
use crate::install::PACKAGES;
use crate::toolchain::{Facts, Identity, Kind, TARGET, Toolchain};

pub(crate) const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
pub(crate) const DEBIAN_CARGO: &str = "/usr/bin/cargo";
pub(crate) const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-22";
/// The library sources; only `rust-web-src` puts them here for this compiler.
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std";

/// `source` decides which tool chain rustup calls the active one.
pub(crate) fn facts(source: &Path, environment: &Environment, updated: bool) -> Facts {
    let wanted = |kind| environment.forced().is_none_or(|forced| forced == kind);
    let active = active_sysroot(source, environment);
    let facts = Facts {
        active: active.is_some_and(|sysroot| has_core(&sysroot)),
        debian: [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_LINKER, DEBIAN_SOURCES]
            .iter()
            .all(|path| Path::new(path).exists()),
        updated,
        ..Facts::default()
    };
    if (facts.active && wanted(Kind::Active)) || (facts.debian && wanted(Kind::Debian)) {
        return facts;
    }
    let apt = Path::new("/usr/bin/apt-get").exists();
    Facts {
        root: is_root(),
        apt,
        listed: apt && packages_listed(environment),
        rustup: output("rustup", &["--version"], source, environment).is_ok(),
        ..facts
    }
}

/// The tool chain of that kind, which the facts said is there.
pub(crate) fn toolchain(
    kind: Kind,
    source: &Path,
    environment: &Environment,
) -> Result<Toolchain, BuildError> {
    let (cargo, rustc) = match kind {
        Kind::Active => {
            let program = || "rustc".to_owned();
            let sysroot = active_sysroot(source, environment).ok_or_else(|| {
                BuildError::Program { program: program(), source: io::ErrorKind::NotFound.into() }
            })?;
            ("cargo", sysroot.join("bin").join("rustc"))
        }
        Kind::Debian => (DEBIAN_CARGO, PathBuf::from(DEBIAN_RUSTC)),
    };
    let failed = |source| BuildError::Program { program: rustc.display().to_string(), source };
    let version = output(&rustc, &["--version"], source, environment).map_err(failed)?;
    let (bytes, modified_ns) = file_state(&rustc).map_err(failed)?;
    let version = version.lines().next().unwrap_or_default().to_owned();
    let cargo = PathBuf::from(cargo);
    let identity = Identity { kind: Some(kind), program: rustc, bytes, modified_ns, version };
    Ok(Toolchain { kind, identity, cargo })
}

/// The compiler of `identity` is still the same file.
pub(crate) fn is_unchanged(identity: &Identity) -> bool {
    file_state(&identity.program).is_ok_and(|state| state == (identity.bytes, identity.modified_ns))
}

pub(crate) fn file_state(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((metadata.len(), u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX)))
}

fn active_sysroot(source: &Path, environment: &Environment) -> Option<PathBuf> {
    let sysroot = output("rustc", &["--print", "sysroot"], source, environment).ok()?;
    Some(PathBuf::from(sysroot.trim()))
}

fn has_core(sysroot: &Path) -> bool {
    let library = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let Ok(entries) = fs::read_dir(library) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn packages_listed(environment: &Environment) -> bool {
    let arguments: Vec<&str> = [&["madison"], PACKAGES.as_slice()].concat();
    let lines = output("apt-cache", &arguments, Path::new("/"), environment);
    lines.is_ok_and(|lines| all_listed(&lines))
}

/// `lines` are those of `apt-cache madison`: name, version and source of each
/// package that there is.
fn all_listed(lines: &str) -> bool {
    let listed: Vec<&str> =
        lines.lines().filter_map(|line| line.split('|').next()).map(str::trim).collect();
    PACKAGES.iter().all(|package| listed.contains(package))
}

#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // The owner of a process's own directory is its effective user.
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// Standard output of a program that succeeded.
pub(crate) fn output(
    program: impl AsRef<std::ffi::OsStr>,
    arguments: &[&str],
    directory: &Path,
    environment: &Environment,
) -> io::Result<String> {
    let mut command = environment.command(program);
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(output.status.to_string()));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_packages_must_be_listed() {
        let line = |name: &&str| format!(" {name} | 1.96.0+dfsg | http://deb.example trixie\n");
        let all: String = PACKAGES.iter().map(line).collect();
        assert!(all_listed(&all));
        let some: String = PACKAGES.iter().skip(1).map(line).collect();
        assert!(!all_listed(&some));
        assert!(!all_listed(""));
    }
}
