//! Why a delegation was not dispatched. Nothing of it was recorded then.

use super::{admission::Rejection, budget::Spent, request::RequestError};
use crate::{plugin::PluginError, store::StoreError, toolset::ToolError};

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
    #[error("{} has no agent", name(*task))]
    NoAgent {
        /// Place in the list, from 0; `None` for a single task.
        task: Option<usize>,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A guest gave a path.
    #[error("`{0}` is a path: an agent's children are named")]
    Path(String),
    /// There is no place for it now.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The tree has no budget left for it.
    #[error(transparent)]
    Spent(#[from] Spent),
    /// It could not be recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn name(task: Option<usize>) -> String {
    task.map_or_else(|| "the task".to_owned(), |it| format!("task {it}"))
}

impl DelegateError {
    /// How to mend it, where that can be known.
    pub fn hint(&self) -> Option<String> {
        match self {
            DelegateError::Agent(it) => it.hint(),
            DelegateError::NoAgent { known, .. } => {
                let known: Vec<String> = known.iter().map(|it| format!("`{it}`")).collect();
                Some(format!("name one: {}", known.join(", ")))
            }
            DelegateError::Path(_) => Some("install it, and give its name".to_owned()),
            _ => None,
        }
    }
}

impl From<DelegateError> for ToolError {
    fn from(it: DelegateError) -> Self {
        let hint = it.hint().map(|it| format!("; {it}")).unwrap_or_default();
        let text = format!("{it}{hint}");
        match it {
            DelegateError::Request(_)
            | DelegateError::Agent(_)
            | DelegateError::NoAgent { .. }
            | DelegateError::Path(_) => Self::InvalidArguments(text),
            DelegateError::Spent(_) => Self::Exhausted(text),
            DelegateError::Rejected(_) | DelegateError::Store(_) => Self::Failed(text),
        }
    }
}
