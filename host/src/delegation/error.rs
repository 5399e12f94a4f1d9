//! Why a delegation was not dispatched. Nothing of it was recorded then.

use super::{admission::Rejection, budget::Spent, request::RequestError};
use crate::{
    id::DelegationId, plugin::PluginError, provider::UnknownModel, store::StoreError,
    toolset::ToolError,
};

/// Why a call was refused as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DelegateError {
    /// The request is wrong.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A component can't be found or built.
    #[error(transparent)]
    Agent(#[from] PluginError),
    /// A task names no agent, and there is none to take instead.
    #[error("no agent is named")]
    NoAgent {
        /// Those that there are.
        known: Vec<String>,
    },
    /// One task of several is wrong.
    #[error("task {task}: {error}")]
    InTask {
        /// Place in the list, from 1.
        task: usize,
        /// What is wrong with it.
        error: Box<DelegateError>,
    },
    /// A guest or a model gave a path.
    #[error("`{0}` is a path: agents are named here")]
    Path(String),
    /// A task names a model that there is none of.
    #[error(transparent)]
    Model(#[from] UnknownModel),
    /// There is no place for it now.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The tree has no budget left for it.
    #[error(transparent)]
    Spent(#[from] Spent),
    /// The key stands for another request.
    #[error("the idempotency key `{key}` was used for another request, `{id}`")]
    KeyUsed {
        /// The key.
        key: String,
        /// What that request became.
        id: DelegationId,
    },
    /// The request was made before with that key, and what became of it is
    /// listed no more.
    #[error("`{0}`, which this repeats, has ended and is listed no more")]
    Forgotten(DelegationId),
    /// Its children can't be run again.
    #[error("nothing is kept of what the children of `{0}` were told")]
    NoRecord(DelegationId),
    /// Its host was killed, and no other can go on with it.
    #[error("it can't be gone on with: {0}")]
    Lost(String),
    /// It could not be recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DelegateError {
    pub(super) fn cant_go_on(why: &str) -> Self {
        Self::Lost(why.to_owned())
    }

    /// Names the task by its place, from 0, where there are several.
    pub(super) fn in_task(self, index: usize, total: usize) -> Self {
        match total {
            0 | 1 => self,
            _ => Self::InTask { task: index.saturating_add(1), error: Box::new(self) },
        }
    }

    /// How to mend it, where that can be known.
    pub fn hint(&self) -> Option<String> {
        match self {
            DelegateError::Agent(it) => it.hint(),
            DelegateError::NoAgent { known, .. } => {
                let known: Vec<String> = known.iter().map(|it| format!("`{it}`")).collect();
                Some(format!("name one: {}", known.join(", ")))
            }
            DelegateError::InTask { error, .. } => error.hint(),
            DelegateError::KeyUsed { .. } => Some("a new request needs a new key".to_owned()),
            DelegateError::Rejected(it) => it.hint().map(str::to_owned),
            DelegateError::NoRecord(_) => Some(
                "`delegation.resume` was `off`, or it was more than `delegation.journal_mib`"
                    .to_owned(),
            ),
            DelegateError::Path(_) => Some("install it, and give its name".to_owned()),
            _ => None,
        }
    }
}

impl From<DelegateError> for ToolError {
    /// For a guest: what it can mend, and nothing of the host's files.
    fn from(it: DelegateError) -> Self {
        match it {
            DelegateError::Request(it) => Self::InvalidArguments(it.to_string()),
            DelegateError::Model(it) => Self::InvalidArguments(it.to_string()),
            DelegateError::Agent(it @ PluginError::Unknown { .. })
            | DelegateError::Agent(it @ PluginError::NotBuilt { .. }) => {
                Self::InvalidArguments(it.to_string())
            }
            DelegateError::NoAgent { .. } | DelegateError::Path(_) => {
                let hint = it.hint().unwrap_or_default();
                Self::InvalidArguments(format!("{it}; {hint}"))
            }
            // No guest has one.
            it @ (DelegateError::KeyUsed { .. } | DelegateError::Forgotten(_)) => {
                Self::InvalidArguments(it.to_string())
            }
            DelegateError::Spent(it) if it.is_all() => Self::Exhausted(it.to_string()),
            DelegateError::InTask { task, error } => match Self::from(*error) {
                Self::InvalidArguments(it) => Self::InvalidArguments(format!("task {task}: {it}")),
                error => error,
            },
            // Less would do.
            DelegateError::Spent(it) => Self::InvalidArguments(it.to_string()),
            DelegateError::Rejected(it) => Self::Failed(it.to_string()),
            it @ (DelegateError::Lost(_) | DelegateError::NoRecord(_)) => {
                Self::Failed(it.to_string())
            }
            DelegateError::Agent(err) => of_the_host(&err, "the component can't be read"),
            DelegateError::Store(err) => of_the_host(&err, "the host can't record it"),
        }
    }
}

/// The operator reads the log.
fn of_the_host(err: &dyn std::fmt::Display, text: &str) -> ToolError {
    tracing::error!(err = %err, "a delegation of a child failed");
    ToolError::Failed(text.to_owned())
}
