//! Runs the commands that install a tool chain, each shown before it runs.
//!
//! Owns the commands and their time limit; which of them, and whether at all,
//! is decided by [`crate::toolchain`] and the caller.

use std::io;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use wait_timeout::ChildExt as _;

use crate::environment::Environment;
use crate::toolchain::TARGET;
use crate::{BuildError, Install, Progress};

/// Debian's compiler, its library sources, and the linker of the same LLVM.
pub(crate) const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

/// Several times what a slow line takes for 60 MB; a host that answers
/// nothing must not hold a build for ever.
const TIME_LIMIT: Duration = Duration::from_secs(15 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installation {
    /// Fetches the package list, to learn whether it has the packages.
    AptUpdate,
    AptInstall,
    RustupTarget,
}

impl Installation {
    fn command(self) -> Vec<&'static str> {
        match self {
            Self::AptUpdate => vec!["apt-get", "update"],
            Self::AptInstall => {
                let install = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y"];
                [install.as_slice(), PACKAGES.as_slice()].concat()
            }
            Self::RustupTarget => vec!["rustup", "target", "add", TARGET],
        }
    }
}

/// `agreed`: the person was asked about an earlier command of this build.
pub(crate) fn run(
    step: Installation,
    agreed: bool,
    source: &Path,
    environment: &Environment,
    install: Install,
    progress: &mut dyn Progress,
) -> Result<(), BuildError> {
    let line = step.command().join(" ");
    let allowed = match install {
        _ if environment.install_forbidden() => false,
        Install::Forbidden => false,
        Install::Allowed => true,
        Install::Ask => {
            let question = format!("no tool chain for WebAssembly: install one with `{line}`?");
            agreed || progress.confirm(&question)
        }
    };
    if !allowed {
        return Err(BuildError::InstallForbidden { command: line });
    }
    progress.say(&format!("installing a tool chain for WebAssembly: `{line}`"));
    execute(step, source, environment)
        .map_err(|source| BuildError::InstallFailed { command: line, source })
}

fn execute(step: Installation, source: &Path, environment: &Environment) -> io::Result<()> {
    let words = step.command();
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = environment.command(program);
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .current_dir(source)
        .stdin(Stdio::null())
        // Standard output may be read by a program that waits for our result.
        .stdout(io::stderr());
    wait(command.spawn()?)
}

fn wait(mut child: Child) -> io::Result<()> {
    match child.wait_timeout(TIME_LIMIT)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(io::Error::other(status.to_string())),
        None => {
            child.kill()?;
            child.wait()?;
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answer(bool, Vec<String>);

    impl Progress for Answer {
        fn say(&mut self, line: &str) {
            self.1.push(line.to_owned());
        }

        fn confirm(&mut self, question: &str) -> bool {
            self.1.push(question.to_owned());
            self.0
        }
    }

    #[test]
    fn nothing_runs_without_permission() {
        let environment = Environment::read().unwrap();
        for (install, expect_asked) in [(Install::Forbidden, 0), (Install::Ask, 1)] {
            let mut answer = Answer(false, Vec::new());
            let step = Installation::AptInstall;
            let result = run(step, false, Path::new("/"), &environment, install, &mut answer);
            let error = result.unwrap_err();
            assert!(matches!(&error, BuildError::InstallForbidden { command }
                if command == "apt-get -o DPkg::Lock::Timeout=120 install -y rustc-web cargo-web rust-web-src lld-22"));
            assert_eq!(answer.1.len(), expect_asked);
        }
    }
}
