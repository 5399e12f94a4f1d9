//! Compilers that are not cargo: found, never installed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::BuildError;
use crate::environment::Environment;
use crate::probe;
use crate::toolchain::Identity;

/// A compiler that is there.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
}

impl Program {
    /// The first of `candidates` that is there; a name without a slash is
    /// looked for where programs are.
    pub(crate) fn find(candidates: &[PathBuf], environment: &Environment) -> Option<Self> {
        candidates.iter().find_map(|candidate| Self::at(candidate, environment))
    }

    fn at(candidate: &Path, environment: &Environment) -> Option<Self> {
        let path = if candidate.components().count() > 1 {
            candidate.is_file().then(|| candidate.to_owned())?
        } else {
            environment.programs().map(|dir| dir.join(candidate)).find(|path| path.is_file())?
        };
        // The program itself, and not one of its names.
        let program = fs::canonicalize(&path).ok()?;
        let version = probe::output(&path, &["--version"], Path::new("/"), environment);
        // Not all of them tell.
        let version = version.unwrap_or_default().lines().next().unwrap_or_default().to_owned();
        let (bytes, modified_ns) = probe::file_state(&program).ok()?;
        let identity = Identity { kind: None, program, bytes, modified_ns, version };
        Some(Self { path, identity })
    }

    /// Its first line about itself, or else its name.
    pub(crate) fn describe(&self) -> String {
        match self.identity.version.as_str() {
            "" => format!("`{}`", self.path.display()),
            version => version.to_owned(),
        }
    }

    /// Runs it in `folder`. What it says goes to standard error, since a
    /// program may be waiting for our result.
    pub(crate) fn run(
        &self,
        name: &str,
        folder: &Path,
        environment: &Environment,
        arguments: impl FnOnce(&mut Command),
    ) -> Result<(), BuildError> {
        let program = self.path.display().to_string();
        let mut command = environment.command(&self.path);
        command.current_dir(folder).stdin(Stdio::null()).stdout(io::stderr());
        arguments(&mut command);
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(BuildError::Compiler { program, name: name.to_owned() }),
            Err(source) => Err(BuildError::Program { program, source }),
        }
    }
}
