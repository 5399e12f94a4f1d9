//! Stopping a child: first it is asked, then it is ended.
//!
//! A soft stop makes every host call answer `interrupted`, `timed-out` or
//! `exhausted`, so that the child may still return what it has; the hard stop
//! drops its store.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::toolset::ToolError;

/// The hand that whoever delegated keeps on running children.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    asked: CancellationToken,
    at_once: CancellationToken,
}

impl Interrupt {
    /// One that nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that is asked whenever this one is, and can be asked alone.
    pub fn below(&self) -> Self {
        Self { asked: self.asked.child_token(), at_once: self.at_once.child_token() }
    }

    /// Asks for a stop. A child has its grace to return what it has.
    pub fn ask(&self) {
        self.asked.cancel();
    }

    /// Ends the grace.
    pub fn at_once(&self) {
        self.asked.cancel();
        self.at_once.cancel();
    }

    /// Whether a stop was asked for.
    pub fn is_asked(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Waits until a stop is asked for.
    pub async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Waits until the grace is ended.
    pub async fn ended(&self) {
        self.at_once.cancelled().await;
    }
}

/// The hand of whoever keeps the books: says that a budget is spent which a
/// child shares with others.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    what: Arc<OnceLock<Arc<str>>>,
    said: CancellationToken,
}

impl Spent {
    /// One that nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the child. `what` says which budget is spent, to the child and in
    /// its result; the first one stands.
    pub fn spend_out(&self, what: String) {
        // A budget that is spent second changes nothing.
        let _ = self.what.set(Arc::from(what));
        self.said.cancel();
    }

    /// Which budget is spent, if one is.
    pub fn what(&self) -> Option<Arc<str>> {
        self.what.get().cloned()
    }

    /// Waits until a budget is spent, and says which.
    pub async fn out(&self) -> Arc<str> {
        self.said.cancelled().await;
        self.what().unwrap_or_default()
    }
}

/// Why a child was stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// From outside.
    Interrupted,
    /// Its wall clock, of this length, is spent.
    TimedOut(Duration),
    /// A budget that it shares with others is spent; the text says which.
    Spent(Arc<str>),
}

/// The stop of one child, as its host calls see it.
#[derive(Debug, Default)]
pub(super) struct Halt {
    reason: OnceLock<StopReason>,
    token: CancellationToken,
}

impl Halt {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The first reason stands.
    pub(super) fn stop(&self, reason: StopReason) {
        // A second stop changes nothing, so a lost race is none.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Ends what tools are still doing, without a reason that a guest sees.
    pub(super) fn release(&self) {
        self.token.cancel();
    }

    pub(super) fn reason(&self) -> Option<&StopReason> {
        self.reason.get()
    }

    /// What host calls answer once the child was asked to stop.
    pub(super) fn error(&self) -> Option<ToolError> {
        self.reason().map(|it| match it {
            StopReason::Interrupted => ToolError::Interrupted,
            StopReason::TimedOut(_) => ToolError::TimedOut,
            StopReason::Spent(what) => ToolError::Exhausted(what.to_string()),
        })
    }

    /// What `done` gives, unless the child is stopped before that.
    pub(super) async fn unless_stopped<T, E: From<ToolError>>(
        &self,
        done: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.before_stop(done).await.unwrap_or_else(|| Err(self.refusal().into()))
    }

    /// The same; `None` when the child is stopped before that.
    pub(super) async fn before_stop<T>(&self, done: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            res = done => Some(res),
            () = self.token.cancelled() => None,
        }
    }

    /// What a host call answers that a stop has cut off.
    pub(super) fn refusal(&self) -> ToolError {
        self.error().unwrap_or(ToolError::Interrupted)
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }
}
