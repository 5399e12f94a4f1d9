//! Why the command line can't go on: an error, a hint where there is one, and
//! an exit code.

use hermitage_build::BuildError as ComponentError;

use super::{Exit, place::PlaceError};
use crate::{
    cluster::ClusterError,
    config::ConfigError,
    delegation::{DelegateError, RequestError},
    host::BuildError,
    plugin::{
        PluginError,
        installed::InstalledError,
        manifest::{Mistake, ReadManifestError},
        name::NameError,
    },
    sandbox::{BoundsError, LoadError, SandboxError},
    serve::{OpenError, TokenError},
    store::StoreError,
    tools::delegation::TasksError,
    tools::file::WorkspaceError,
    toolset::GrantError,
};

/// What the standard library says of a text that is no number, for people.
const OF_NUMBERS: [(&str, &str); 4] = [
    ("invalid digit found in string", "it is no whole number"),
    ("cannot parse integer from empty string", "it is empty"),
    ("number too large to fit in target type", "it is too large"),
    ("number would be zero for non-zero type", "it begins at 1"),
];

/// What is told of an option that there is not.
const DASH: &str = "see `--help`; a text that begins with `-` stands behind `--`";

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(super) struct CliError {
    exit: Exit,
    error: anyhow::Error,
    /// What is told below it, a line each.
    more: Vec<String>,
    hint: Option<String>,
}

impl CliError {
    /// The person asked for something that can't be.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into(), more: Vec::new(), hint: None }
    }

    /// This machine does not play along.
    pub(super) fn host(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::NotCompleted, ..Self::usage(error) }
    }

    /// The person changed their mind before anything started.
    pub(super) fn interrupted() -> Self {
        let error = anyhow::anyhow!("interrupted before anything started");
        Self::host(error).exiting(Exit::Interrupted)
    }

    /// A component that this host does not take.
    pub(super) fn refused(component: &str, error: LoadError) -> Self {
        let hint = match &error {
            LoadError::Bounds(BoundsError::NotWasm | BoundsError::CoreModule) => {
                Some("make a component with `hermitage plugin build FOLDER`".to_owned())
            }
            LoadError::Bounds(BoundsError::Damaged { .. }) => {
                Some("get the file again, or build it again".to_owned())
            }
            _ => None,
        };
        let error = Self { exit: Exit::Refused, hint, ..Self::usage(error) };
        error.context(format!("`{component}` is refused"))
    }

    /// Names the task by its place, from 0, where there are several.
    pub(super) fn in_task(self, index: usize, total: usize) -> Self {
        match total {
            0 | 1 => self,
            _ => self.context(format!("task {}", index.saturating_add(1))),
        }
    }

    /// Arguments that are none, in one line like any other error.
    pub(super) fn arguments(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let mut paragraphs = text.split("\n\n").map(str::trim);
        let what = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
        let words = OF_NUMBERS.iter().fold(what.to_owned(), |it, (from, to)| it.replace(from, to));
        let hint = match paragraphs.find_map(|it| it.strip_prefix("tip: ")) {
            // An option that there is not is rarely meant as a text.
            Some(tip) if tip.starts_with("to pass ") => DASH,
            tip => tip.unwrap_or("see `--help`"),
        };
        Self::usage(anyhow::Error::msg(words)).hint(hint)
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says first what could not be done.
    pub(super) fn context(self, what: impl Into<String>) -> Self {
        Self { error: self.error.context(what.into()), ..self }
    }

    /// With that code.
    pub(super) fn exiting(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// With these lines below it.
    pub(super) fn more(self, lines: impl IntoIterator<Item = String>) -> Self {
        Self { more: lines.into_iter().collect(), ..self }
    }

    /// What is told below it.
    pub(super) fn lines(&self) -> &[String] {
        &self.more
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// What could not be done, and why, as it would be printed.
    pub(super) fn text(&self) -> String {
        self.parts().0
    }

    /// How to mend it.
    pub(super) fn how(&self) -> Option<String> {
        self.hint.clone().or_else(|| self.parts().1)
    }

    /// The error and its causes, each told once, and a hint that one of them
    /// has at its end.
    fn parts(&self) -> (String, Option<String>) {
        let mut text = String::new();
        for cause in self.error.chain().map(ToString::to_string) {
            if text.contains(&cause) {
                continue;
            }
            let colon = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{colon}{cause}");
        }
        match text.split_once("\nhint: ") {
            Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint();
        let error = match error {
            // Its own text quotes the file over several lines.
            ConfigError::Toml { file, source } => {
                Self::usage(anyhow::anyhow!("{file}: no valid TOML: {}", source.message()))
            }
            error => Self::usage(error),
        };
        Self { hint, ..error }
    }
}

impl From<RequestError> for CliError {
    fn from(error: RequestError) -> Self {
        let hint = match &error {
            RequestError::Nothing => Some("give a goal, or a list of tasks with `--tasks FILE`"),
            RequestError::Tasks(TasksError::NoList(_)) => {
                Some("tasks are a JSON list of objects: `[{\"goal\": \"…\", \"agent\": \"…\"}, …]`")
            }
            _ => None,
        };
        Self { hint: hint.map(str::to_owned), ..Self::usage(error) }
    }
}

impl From<DelegateError> for CliError {
    fn from(error: DelegateError) -> Self {
        match error {
            DelegateError::Request(error) => error.into(),
            DelegateError::Agent(error) => error.into(),
            DelegateError::InTask { task, error } => {
                CliError::from(*error).context(format!("task {task}"))
            }
            DelegateError::NoAgent { .. } => {
                let hint = error.hint().unwrap_or_default();
                Self::usage(error).hint(hint.replacen("name one", "name one with `--agent`", 1))
            }
            DelegateError::Model(_) => Self::usage(error).hint(
                "name one of them, or PROVIDER/MODEL; `[models]` in the configuration adds more",
            ),
            DelegateError::Store(error) => error.into(),
            error => Self::host(error),
        }
    }
}

impl From<BuildError> for CliError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Config(error) => error.into(),
            BuildError::Sandbox(error) => error.into(),
            BuildError::Workspace(error) => error.into(),
            BuildError::Home(error) => {
                let hint = error.hint();
                Self::usage(error).hint(hint)
            }
            BuildError::Store(error) => error.into(),
            BuildError::Cluster(error) => error.into(),
            BuildError::NoState => Self::host(error)
                .hint("set `HOME`, name a file with `--store`, or add `--ephemeral`"),
            error => Self::host(error),
        }
    }
}

impl From<ClusterError> for CliError {
    fn from(error: ClusterError) -> Self {
        let hint = error.hint();
        match error {
            ClusterError::NoServer | ClusterError::NobodyTrusted => Self::usage(error).hint(hint),
            error => Self::host(error).hint(hint),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::Open { why, .. } if why.starts_with("it is no file") => {
                Some("`--ephemeral` keeps nothing; or name a file with `--store`")
            }
            StoreError::Open { .. } => Some("name another file with `--store`"),
            StoreError::Newer { .. } => {
                Some("use the newer version of this program, or another file with `--store`")
            }
            StoreError::Full(_) => Some("make room on the disk, and try again"),
            StoreError::Unwritable(_) => {
                Some("is a quota or a limit reached? Make room, and try again")
            }
            StoreError::Busy(text) if text.contains("is stopped") => {
                Some("let that process go on (`kill -CONT`), or end it, and try again")
            }
            StoreError::Busy(_) => Some("another process holds it: try again"),
            StoreError::Lost { .. } => {
                Some("start again; name the copy with `--store` to see what was in it")
            }
            error => error.how_to_mend(),
        };
        Self { hint: hint.map(str::to_owned), ..Self::host(error) }
    }
}

impl From<PlaceError> for CliError {
    fn from(error: PlaceError) -> Self {
        let hint = error.hint();
        Self::host(error).context("there is no place for a service").hint(hint)
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        let (error, hint) = (anyhow::Error::msg(error.message), error.hint);
        Self { hint, ..Self::host(error) }
    }
}

impl From<TokenError> for CliError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Name(_) | TokenError::Unknown(_) => Self::usage(error),
            _ => Self::host(error),
        }
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
        Self { exit, hint, ..Self::usage(error) }
    }
}

/// Every mistake on a line of its own, and the hint of the first that has one.
impl From<ReadManifestError> for CliError {
    fn from(error: ReadManifestError) -> Self {
        let ReadManifestError::Wrong(wrong) = error else { return Self::usage(error) };
        let line = |it: &Mistake| format!("{}:{}: {}", wrong.file, it.line, it.text);
        let mut lines = wrong.mistakes.iter().map(line);
        let first = Self::usage(anyhow::Error::msg(lines.next().unwrap_or_default()));
        let hint = wrong.mistakes.iter().find_map(|it| it.hint.clone());
        Self { hint, ..first.more(lines) }
    }
}

impl From<NameError> for CliError {
    fn from(error: NameError) -> Self {
        Self::usage(error)
    }
}

impl From<InstalledError> for CliError {
    fn from(error: InstalledError) -> Self {
        Self::host(error)
    }
}

impl From<SandboxError> for CliError {
    fn from(error: SandboxError) -> Self {
        Self::host(error)
    }
}

/// What is wrong with a folder is the caller's to mend; what is wrong with
/// building it is the tool chain's.
fn exit_of(error: &PluginError) -> Exit {
    match error {
        PluginError::Build { source, .. } => match source {
            ComponentError::NoFolder { .. }
            | ComponentError::NoSource { .. }
            | ComponentError::NoWit { .. }
            | ComponentError::SeveralLanguages { .. }
            | ComponentError::SeveralFiles { .. }
            | ComponentError::NotAPackage { .. }
            | ComponentError::NoCdylib { .. }
            | ComponentError::Variable { .. } => Exit::Usage,
            _ => Exit::ToolChain,
        },
        _ => Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cause\nhint: mend it")]
    struct Cause;

    #[derive(Debug, thiserror::Error)]
    #[error("place: {source}")]
    struct Whole {
        source: Cause,
    }

    #[test]
    fn a_cause_is_told_once_and_a_hint_on_a_line_of_its_own() {
        let error = CliError::usage(Whole { source: Cause }).context("first");
        assert_eq!(error.text(), "first: place: cause");
        assert_eq!(error.how().as_deref(), Some("mend it"));
    }
}
