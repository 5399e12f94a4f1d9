//! The hands on a running unit, and on each of its children.
//!
//! **Invariant:** whoever stops a child stops no sibling, and whoever stops a
//! unit stops all of them. The first reason stands.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;

use super::inbox::{Inbox, NotTaken};
use crate::{
    completion::sanitize::{clean_line, is_blank},
    event::LogLine,
    id::DelegationId,
    sandbox::Interrupt,
    store::StoreError,
};

/// Characters of a reason. It comes from outside, and stands in a result.
const MAX_REASON_CHARS: usize = 500;

/// Why nothing can be done to a child.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// Nobody knows of that delegation.
    #[error("there is no delegation `{0}`")]
    Unknown(DelegationId),
    /// It has fewer tasks.
    #[error("`{id}` has no task {}: it has {tasks}", task_index.saturating_add(1))]
    NoTask {
        /// The delegation.
        id: DelegationId,
        /// Place that was asked for, from 0.
        task_index: usize,
        /// Tasks that it has.
        tasks: usize,
    },
    /// It is over.
    #[error("task {} of `{id}` has ended", task_index.saturating_add(1))]
    Ended {
        /// The delegation.
        id: DelegationId,
        /// Its place, from 0.
        task_index: usize,
    },
    /// It runs, and what was asked for is for those that have ended.
    #[error(
        "task {} of `{id}` still runs: tell it with `steer` while it does",
        task_index.saturating_add(1)
    )]
    Running {
        /// The delegation.
        id: DelegationId,
        /// Its place, from 0.
        task_index: usize,
    },
    /// It asks no language model, which alone reads what it is told.
    #[error("task {} of `{id}` has no language model to tell that", task_index.saturating_add(1))]
    NoModel {
        /// The delegation.
        id: DelegationId,
        /// Its place, from 0.
        task_index: usize,
    },
    /// What it is to be told is empty or too much.
    #[error("{0}")]
    Text(String),
    /// Another host runs it.
    #[error("`{0}` runs in another host")]
    Elsewhere(DelegationId),
    /// The store could not be asked.
    #[error("the store could not be asked: {0}")]
    Store(#[from] StoreError),
}

impl ChildError {
    pub(super) fn not_taken(why: NotTaken, id: DelegationId, task_index: usize) -> Self {
        match why {
            NotTaken::NoReader => Self::NoModel { id, task_index },
            NotTaken::TooLate => Self::Ended { id, task_index },
            NotTaken::Text(why) => Self::Text(why),
        }
    }
}

/// The hand on one running unit.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    /// Stops the children.
    pub(super) interrupt: Interrupt,
    reason: Arc<OnceLock<String>>,
    children: Arc<[ChildHand]>,
}

/// The hand on one child.
#[derive(Clone, Debug)]
pub(super) struct ChildHand {
    /// Asked alone, or with the unit.
    pub(super) interrupt: Interrupt,
    reason: Arc<OnceLock<String>>,
    of_unit: Arc<OnceLock<String>>,
    /// What it is told while it works.
    pub(super) inbox: Arc<Inbox>,
    is_over: Arc<AtomicBool>,
}

impl Stop {
    /// On a unit with that many children.
    pub(super) fn of(children: usize) -> Self {
        let (interrupt, reason) = (Interrupt::new(), Arc::default());
        let children = (0..children).map(|_| ChildHand::of(&interrupt, &reason)).collect();
        Self { interrupt, reason, children }
    }

    /// Asks for a stop of all children.
    pub(super) fn ask(&self, reason: Option<&str>) {
        keep(&self.reason, reason);
        self.interrupt.ask();
    }

    /// The hand on one child. `None` when there is none at that place.
    pub(super) fn child(&self, task_index: usize) -> Option<&ChildHand> {
        self.children.get(task_index)
    }

    pub(super) fn children(&self) -> &[ChildHand] {
        &self.children
    }

    /// Waits until every child was asked to stop, together or one by one.
    pub(super) async fn all_asked(&self) {
        join_all(self.children.iter().map(|it| it.interrupt.asked())).await;
    }
}

impl ChildHand {
    fn of(unit: &Interrupt, of_unit: &Arc<OnceLock<String>>) -> Self {
        let (interrupt, of_unit) = (unit.below(), Arc::clone(of_unit));
        let (reason, inbox, is_over) = Default::default();
        Self { interrupt, reason, of_unit, inbox, is_over }
    }

    /// Asks this child alone to stop. `false` when it is over.
    pub(super) fn ask(&self, reason: Option<&str>) -> bool {
        if self.is_over() {
            return false;
        }
        if !self.interrupt.is_asked() {
            keep(&self.reason, reason);
        }
        self.interrupt.ask();
        true
    }

    /// Why it was stopped, if whoever asked said so.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.get().or_else(|| self.of_unit.get()).map(String::as_str)
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// It has its result: nothing can be done to it any more. Returns what it
    /// was told and has not read, for its log.
    pub(super) fn end(&self) -> Vec<LogLine> {
        self.is_over.store(true, Ordering::Release);
        self.inbox.close()
    }
}

/// A later reason is dropped: it did not stop anything.
fn keep(place: &OnceLock<String>, reason: Option<&str>) {
    if let Some(reason) = reason.filter(|it| !is_blank(it)) {
        let _ = place.set(clean_line(reason, MAX_REASON_CHARS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_stopped_alone_with_its_reason_and_a_unit_with_all_of_them() {
        let unit = Stop::of(3);
        let [first, second, third] = unit.children() else { panic!("three") };
        assert!(first.ask(Some("too\nslow\u{1b}[31m")));
        assert!(first.interrupt.is_asked() && !second.interrupt.is_asked());
        unit.ask(Some("the office closes"));
        assert!(third.ask(Some("too late")), "it has not ended");
        let reasons: Vec<_> = unit.children().iter().map(ChildHand::reason).collect();
        let closes = Some("the office closes");
        assert_eq!(reasons, [Some("too slow"), closes, closes]);
        second.end();
        assert!(!second.ask(None));
    }
}
