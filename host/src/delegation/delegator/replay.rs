//! A child that ran, run again from its journal: offline, and without anything
//! being done or paid.

use std::{sync::Arc, time::Instant};

use tokio::sync::mpsc;

use super::{Delegator, prepare::Prepared, resume::Left};
use crate::{
    delegation::{
        budget::Budget,
        error::DelegateError,
        executor::{Batch, Bounds, Cells},
        feed::Feed,
        hand::Stop,
        live::Live,
        request::Rules,
    },
    event::ChildResult,
    id::DelegationId,
    journal::{Departure, Entry, Event, Journal},
    sandbox::Binary,
    telemetry::Span,
    toolset::{ChildTools, Kept, Meter, ToolError},
};

/// How a child is run again.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// Stops before the call behind so many.
    pub until: Option<u64>,
    /// Another component, in the place of the one that ran.
    pub component: Option<Binary>,
}

/// A child that was run again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The calls that it made, in their order, and what they were answered.
    pub calls: Vec<Entry>,
    /// Where it left what was recorded, if it did.
    pub departure: Option<Departure>,
    /// It was asked to stop where what was recorded ends.
    pub stopped: bool,
    /// What it came to.
    pub result: ChildResult,
    /// What it had come to then.
    pub recorded: Option<ChildResult>,
}

impl Replayed {
    /// Whether it reported what it had reported then.
    pub fn is_same(&self) -> bool {
        let report = |it: &ChildResult| (it.status, it.summary.clone(), it.error.clone());
        self.recorded.as_ref().is_some_and(|it| report(it) == report(&self.result))
    }
}

/// Everything was paid before.
struct Paid;

impl Meter for Paid {
    fn pay(&self) -> Result<(), ToolError> {
        Ok(())
    }
}

impl Delegator {
    /// Runs the child of one task again, by its place from 0.
    pub async fn replay(
        &self,
        unit: DelegationId,
        task_index: usize,
        replay: Replay,
    ) -> Result<Replayed, DelegateError> {
        let gone = || DelegateError::NoRecord(unit);
        let store = &self.parts().store;
        let left = store.read(move |tables| Left::read(tables, unit, None)).await?;
        let mut left = left.ok_or_else(gone)?;
        let recorded = left.past.results.iter().find(|it| it.task_index == task_index).cloned();
        let entries = left.past.entries.get_mut(task_index).map(std::mem::take).unwrap_or_default();
        let was_stopped = entries.last().is_some_and(|it| it.event == Event::Stopped);
        let start =
            left.origin.tasks.get(task_index).map(|it| it.start.clone()).ok_or_else(gone)?;
        let journal = Arc::new(Journal::to_read(start, entries.clone(), replay.until));
        let batch = self.batch(left, task_index, Arc::clone(&journal), replay.component)?;
        let (sender, mut results) = mpsc::channel(1);
        batch.run(sender).await;
        let result = results.recv().await.ok_or_else(gone)?;
        let is_answer = |it: &Entry| matches!(it.event, Event::Answered { .. });
        let calls = usize::try_from(journal.calls()).unwrap_or(usize::MAX);
        Ok(Replayed {
            calls: entries.into_iter().filter(is_answer).take(calls).collect(),
            departure: journal.departure(),
            stopped: was_stopped,
            result: *result,
            recorded,
        })
    }

    fn batch(
        &self,
        left: Left,
        task_index: usize,
        journal: Arc<Journal>,
        component: Option<Binary>,
    ) -> Result<Batch, DelegateError> {
        let core = self.core();
        let request = left.request();
        let mut top = core.top(&left.row.record.session, &request);
        top.depth = left.row.record.depth.saturating_sub(u32::from(!request.as_parent));
        // What it may use is what it had: nothing of that is used.
        let had = left.row.record.tasks.iter().flat_map(|it| &it.grant);
        let had = had.filter_map(|it| self.parts().tools.get(it)).collect();
        let rules = Rules { parent: had, ..core.rules(&top) };
        let Prepared { record, mut works, .. } = core.again(&top, left, request, &rules)?;
        if let (Some(work), Some(component)) = (works.get_mut(task_index), component) {
            work.component = component;
        }
        let limits = &self.parts().limits;
        let children = works.iter().map(|it| (it.task.asked.goal.clone(), it.agent.clone()));
        let (id, session) = (record.id, record.session.clone());
        let live = Live::new(id, session, Feed::new(), limits.stall_after, children);
        let registry = Arc::clone(&self.parts().tools);
        let of_children = Arc::clone(&registry);
        let others = (0..works.len()).filter(|it| *it != task_index);
        let mut journals = vec![None; works.len()];
        if let Some(place) = journals.get_mut(task_index) {
            *place = Some(journal);
        }
        Ok(Batch {
            cells: Cells { sandbox: Arc::clone(&self.parts().sandbox), elsewhere: None },
            registry,
            done: others.collect(),
            stop: Stop::of(works.len()),
            record: Arc::new(record),
            works,
            tools: Box::new(move |_, _, _, _| {
                let (registry, kept) = (Arc::clone(&of_children), Kept::default());
                ChildTools { registry, meter: Arc::new(Paid), kept }
            }),
            live,
            budget: Budget::new(self.parts().budget, Instant::now()),
            bounds: Bounds {
                max_concurrent_children: 1,
                timeout: limits.child_timeout,
                grace: limits.interrupt_grace,
                stop_stalled: false,
            },
            span: Span::none(),
            journals,
        })
    }
}
