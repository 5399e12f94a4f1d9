//! What the application, or the person, brings along.

use std::{path::PathBuf, sync::Arc};

use crate::tools::clarify::Person;

/// What tools work with.
#[derive(Default)]
pub(super) struct Given {
    /// Where files and commands are.
    pub(super) workspace: Option<PathBuf>,
    /// Who answers questions.
    pub(super) person: Option<Arc<dyn Person>>,
    /// Where notes are kept.
    pub(super) notes: Option<PathBuf>,
    /// Nobody will ask for a command.
    pub(super) no_commands: bool,
}

impl Given {
    /// The workspace as people find it again.
    pub(super) fn workspace_name(&self) -> Option<String> {
        let dir = self.workspace.as_ref()?;
        let absolute = dir.canonicalize().or_else(|_| std::path::absolute(dir));
        Some(absolute.unwrap_or_else(|_| dir.clone()).display().to_string())
    }
}
