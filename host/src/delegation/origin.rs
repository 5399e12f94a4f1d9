//! What a unit was started with, as it is kept for a host that goes on with it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    budget::Narrow,
    executor::Work,
    journals::unread,
    request::{TaskRequest, WrittenBy},
};
use crate::{
    id::Random,
    journal::Start,
    store::{Blob, Head, StoreError},
};

/// Bytes of what is kept of a unit's tasks: a row of the store holds it.
const MOST_BYTES: usize = 4 << 20;

/// What a unit was started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// In the order of the request.
    pub(super) tasks: Vec<TaskOrigin>,
    pub(super) terms: Terms,
}

/// What holds for all tasks of a unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) strict: bool,
    pub(super) as_parent: bool,
    pub(super) written_by: WrittenBy,
    pub(super) failure_notices: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) budget: Narrow,
}

/// What one child was started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TaskOrigin {
    pub(super) asked: TaskRequest,
    /// BLAKE3 of its component, in hexadecimal.
    pub(super) component: String,
    pub(super) start: Start,
}

impl Origin {
    pub(super) fn new(works: &[Work], terms: Terms, random: &dyn Random) -> Self {
        let task = |work: &Work| TaskOrigin {
            asked: TaskRequest::clone(&work.task.asked),
            component: work.component.digest().to_hex().to_string(),
            start: Start::now(random),
        };
        Self { tasks: works.iter().map(task).collect(), terms }
    }

    /// As it is kept, with the components. `None` for one that is too long to be
    /// kept: it can't be gone on with.
    pub(super) fn head(&self, works: &[Work]) -> Option<Head> {
        let text = serde_json::to_string(self).ok().filter(|it| it.len() <= MOST_BYTES)?;
        let mut components: Vec<Blob> = Vec::new();
        for component in works.iter().map(|it| &it.component) {
            if components.iter().all(|it| it.digest() != component.digest().as_bytes()) {
                components.push(Blob::of(component.digest(), component.shared_bytes()));
            }
        }
        Some(Head { text, components })
    }

    pub(super) fn read(head: &Head) -> Result<Self, StoreError> {
        serde_json::from_str(&head.text).map_err(|it| unread("the start of a delegation", &it))
    }
}
