//! What the command line says when it can't go on: one line, a hint where
//! there is one, and an exit code.

use hermitage_build::BuildError;

use super::Exit;
use crate::{
    config::ConfigError,
    delegation::RequestError,
    plugin::PluginError,
    sandbox::{LoadError, SandboxError},
    tools::file::WorkspaceError,
    toolset::GrantError,
};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(super) struct CliError {
    pub(super) exit: Exit,
    pub(super) error: anyhow::Error,
    pub(super) hint: Option<String>,
}

impl CliError {
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Prints it, and gives the exit code.
    pub(super) fn report(self) -> Exit {
        eprintln!("error: {:#}", self.error);
        if let Some(hint) = self.hint {
            eprintln!("hint: {hint}");
        }
        self.exit
    }

    /// A component that this host does not take.
    pub(super) fn load(component: &str, error: LoadError) -> Self {
        let hint = match &error {
            LoadError::Bounds(crate::sandbox::BoundsError::CoreModule) => {
                Some("make a component of it with `hermitage plugin build FOLDER`".to_owned())
            }
            _ => None,
        };
        let error = anyhow::Error::new(error).context(format!("`{component}` is refused"));
        Self { exit: Exit::Refused, error, hint }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint();
        Self { hint, ..Self::usage(error) }
    }
}

impl From<RequestError> for CliError {
    fn from(error: RequestError) -> Self {
        Self::usage(error)
    }
}

impl From<GrantError> for CliError {
    fn from(error: GrantError) -> Self {
        Self::usage(error)
    }
}

impl From<WorkspaceError> for CliError {
    fn from(error: WorkspaceError) -> Self {
        Self::usage(error)
    }
}

impl From<PluginError> for CliError {
    fn from(error: PluginError) -> Self {
        let (exit, hint) = (exit_of(&error), error.hint());
        Self { exit, error: error.into(), hint }
    }
}

impl From<SandboxError> for CliError {
    fn from(error: SandboxError) -> Self {
        Self { exit: Exit::NotCompleted, error: error.into(), hint: None }
    }
}

/// What is wrong with a folder is the caller's to mend; what is wrong with
/// building it is the tool chain's.
fn exit_of(error: &PluginError) -> Exit {
    match error {
        PluginError::Build { source, .. } => match source {
            BuildError::NoFolder { .. }
            | BuildError::NoManifest { .. }
            | BuildError::NotAPackage { .. }
            | BuildError::NoCdylib { .. }
            | BuildError::Variable { .. } => Exit::Usage,
            _ => Exit::ToolChain,
        },
        _ => Exit::Usage,
    }
}
