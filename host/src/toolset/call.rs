//! What a call of a tool is made with: who calls, who pays for it, and why it
//! gave nothing back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{grant::Grant, kept::Kept};
use crate::{session::Session, telemetry::Span};

/// Why a call gave nothing back; the WIT variant `tool-error` case by case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ToolError {
    /// Not granted.
    #[error("denied: {0}")]
    Denied(String),
    /// The arguments are wrong; the text says which and how to mend them.
    #[error("invalid arguments: {0}")]
    InvalidArguments(String),
    /// The tool ran and did not succeed.
    #[error("{0}")]
    Failed(String),
    /// The child is being interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The child is out of time.
    #[error("timed out")]
    TimedOut,
    /// A budget of the child is spent.
    #[error("exhausted: {0}")]
    Exhausted(String),
}

/// What a tool knows of the child that calls it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Id of the child, for the log.
    pub child: Arc<str>,
    /// Who asked for the child; never taken from a guest.
    pub session: Session,
    /// Set when the call's answer is no longer wanted. Long work looks at it
    /// between steps and ends.
    pub cancelled: CancellationToken,
    /// What the tools keep for this caller, from one call to the next.
    pub kept: Kept,
    /// What the caller holds: a tool that does its work with others' rights
    /// has those alone that its caller has, too. Never taken from a guest.
    pub grant: Arc<Grant>,
    /// What telemetry sees of the child, or of its call.
    pub span: Span,
}

impl ToolError {
    /// Why, in a word: its case in WIT.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::InvalidArguments(_) => "invalid-arguments",
            Self::Failed(_) => "failed",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed-out",
            Self::Exhausted(_) => "exhausted",
        }
    }
}

impl Caller {
    /// One that nobody has cancelled yet, that nothing is kept for, and that
    /// holds nothing.
    pub fn of(child: &str, session: Session) -> Self {
        let (cancelled, kept) = (CancellationToken::new(), Kept::default());
        let (grant, span) = (Arc::default(), Span::none());
        Self { child: child.into(), session, cancelled, kept, grant, span }
    }
}

/// Who pays for the calls of one child.
pub trait Meter: Send + Sync {
    /// Pays for one call, before it starts; the error is its answer.
    fn pay(&self) -> Result<(), ToolError>;
}
