//! The ledger of one unit: keeps each result as it comes, and ends each group
//! of tasks with its event as soon as its last result is there.
//!
//! **Invariant:** a group ends exactly once, in the transaction that queues
//! its event; and when the ledger is closed every group has ended, whatever
//! became of the children.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(super) use self::books::Books;

use self::books::{News, end};
use super::{
    feed::{Feed, Progress},
    journals::Past,
    retry::may_pass,
};
use crate::{
    event::{ChildResult, CompletionEvent, Status},
    sandbox::Interrupt,
    store::{EventBody, EventId, Finish, MOST_SUMMARY, NewEvent, StoreError},
    unit::{Mode, UnitRecord},
};

mod books;
#[cfg(test)]
mod tests;

/// How long a unit keeps its slot, and its caller waiting, when the store
/// takes no writes. After that its end is tried again beside it, for as long
/// as the host lives.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same for a unit that was asked to stop: whoever asked wants to leave,
/// and gets what is known.
const PATIENCE_OF_A_STOP: Duration = Duration::from_secs(1);

/// What stands in the result of a child that the host lost.
const CRASHED: &str = "the host crashed while it ran this child";

/// What the caller of a unit is told whose end is not on disk.
const NOT_RECORDED: &str =
    "the end of this was not recorded, so a later start will report it once more, as `unknown`";

/// What the caller is told when that may still change.
const NOT_YET_RECORDED: &str = "the end of this is not on disk yet, and is tried again; \
    should this host end first, a later start will report it once more, as `unknown`";

/// What stands in the results of a unit whose task was dropped, by a panic or
/// by a runtime that was shut down without its host.
const DROPPED: &str = "the host stopped while it ran this child, and nobody saw how it ended";

/// The ledger of one unit.
pub(super) struct Ledger {
    books: Books,
    feed: Feed,
    record: Arc<UnitRecord>,
    start: Instant,
    failure_notices: bool,
    /// Of tasks whose group has not ended.
    results: Vec<Option<ChildResult>>,
    /// Tasks without a result.
    left: usize,
    /// For each group whether it has ended.
    ended: Vec<bool>,
    /// On its way to the store.
    writing: Option<Arc<Finish>>,
    /// Until when all writes of this unit are tried, once the first began.
    patience: Option<Instant>,
    /// Of its children.
    stop: Interrupt,
    /// The events of the groups that have ended, for a caller that waits.
    events: Vec<Arc<Finish>>,
    /// Whether an event is to be offered when the slot is free.
    offered: bool,
    /// When hosts went on with it that were not the first.
    resumed: Vec<f64>,
}

impl Ledger {
    pub(super) fn new(
        books: Books,
        feed: Feed,
        record: Arc<UnitRecord>,
        failure_notices: bool,
        stop: Interrupt,
    ) -> Self {
        let (tasks, groups) = (record.tasks.len(), record.groups.len());
        Self {
            books,
            feed,
            record,
            start: Instant::now(),
            failure_notices,
            results: (0..tasks).map(|_| None).collect(),
            left: tasks,
            ended: vec![false; groups],
            writing: None,
            patience: None,
            stop,
            events: Vec::new(),
            offered: false,
            resumed: Vec::new(),
        }
    }

    /// With what another host had done of it. A group whose results were all
    /// kept has its event.
    pub(super) fn gone_on_with(mut self, past: &Past, now: f64) -> Self {
        let has_result = |idx: &usize| past.results.iter().any(|it| it.task_index == *idx);
        for (group, ended) in self.record.groups.iter().zip(&mut self.ended) {
            *ended = group.tasks.iter().all(has_result);
        }
        for result in &past.results {
            if let Some(place @ None) = self.results.get_mut(result.task_index) {
                *place = Some(result.clone());
                self.left = self.left.saturating_sub(1);
            }
        }
        self.resumed.clone_from(&past.resumed);
        self.resumed.push(now);
        let start = Instant::now();
        self.start = start.checked_sub(past.time_used()).unwrap_or(start);
        self
    }

    /// Takes the result of one child. The first one of a task stands.
    pub(super) async fn take(&mut self, result: ChildResult) {
        let index = result.task_index;
        let group = self.record.groups.iter().position(|it| it.tasks.contains(&index));
        let Some(group) = group.filter(|it| !self.has_ended(*it)) else {
            return;
        };
        match self.results.get_mut(index) {
            Some(place @ None) => *place = Some(result),
            _ => return,
        }
        self.left = self.left.saturating_sub(1);
        if self.is_complete(group) {
            self.finish(group, Some(index)).await;
        } else {
            self.keep(index).await;
        }
    }

    /// Ends every group that has not ended: children that gave no result were
    /// lost by the host.
    pub(super) async fn close(&mut self) {
        self.fill(Status::Error, CRASHED);
        for group in 0..self.ended.len() {
            if !self.has_ended(group) {
                self.finish(group, None).await;
            }
        }
    }

    /// There is nothing to end: the unit was not recorded.
    pub(super) fn discard(&mut self) {
        self.ended.fill(true);
    }

    /// Gives every task a result that has none.
    fn fill(&mut self, status: Status, why: &str) {
        for index in 0..self.results.len() {
            if let Some(place @ None) = self.results.get_mut(index) {
                *place = self.record.lost(index, status, why);
            }
        }
    }

    /// Wakes whoever waits for the events.
    pub(super) fn offer(&self) {
        if self.offered {
            self.books.queue.offered(&self.record.session);
        }
    }

    /// The event, for the caller of a unit in the foreground.
    pub(super) fn into_event(mut self) -> Option<CompletionEvent> {
        let finish = self.events.pop()?;
        let event = Arc::clone(&finish.event);
        drop(finish);
        Some(Arc::unwrap_or_clone(event))
    }

    fn has_ended(&self, group: usize) -> bool {
        self.ended.get(group).copied().unwrap_or(true)
    }

    fn is_complete(&self, group: usize) -> bool {
        let has_result = |idx: &usize| self.results.get(*idx).is_some_and(Option::is_some);
        self.record.groups.get(group).is_some_and(|it| it.tasks.iter().all(has_result))
    }

    /// Keeps a result for the case that this host dies before the others
    /// come, and tells of a failure if the caller wanted to know.
    async fn keep(&self, index: usize) {
        let Some(result) = self.results.get(index).cloned().flatten() else {
            return;
        };
        let is_failed = result.status != Status::Completed;
        // A caller that waits has the results as its answer.
        let is_wanted = self.failure_notices && self.record.mode == Mode::Background;
        let notice = (is_failed && is_wanted).then(|| self.notice(result.clone()));
        let news = News {
            books: self.books.clone(),
            feed: self.feed.clone(),
            record: Arc::clone(&self.record),
            result: Arc::new(result),
            notice,
        };
        let kept = news.keep().await;
        if may_pass(&kept) {
            // Beside the other children, and their end, which wait for nobody.
            tokio::spawn(async move {
                let kept = news.books.trouble.outlast(|| news.keep()).await;
                news.tell(kept);
            });
        } else {
            news.tell(kept);
        }
    }

    /// News of a child that ended: only when its result is on disk, so that
    /// what a person saw is what the next start reports.
    fn tell(&self, result: &ChildResult) {
        let (child, status, reason) = (result.child_id, result.status, result.exit_reason);
        for it in &result.tool_trace {
            tracing::debug!(%child, tool = %it.tool, ok = it.ok, ms = it.ms, "called");
        }
        let (status, reason) = (status.as_str(), reason.as_str());
        tracing::debug!(%child, agent = result.agent, status, reason, "ended");
        let news = || Progress::ChildEnded(Arc::new(result.clone()));
        self.feed.send(self.record.id, &self.record.session, news);
    }

    fn notice(&self, result: ChildResult) -> NewEvent {
        let now = self.books.clock.now();
        let dedup = format!("{}/{}", self.record.id, result.task_index);
        let notice = self.record.failure(result, self.left, now);
        NewEvent {
            kind: notice.kind.to_owned(),
            dedup,
            session: self.record.session.clone(),
            body: EventBody::Failure(Box::new(notice)),
            created_at: now,
        }
    }

    /// `last` is the task whose result completed it.
    async fn finish(&mut self, group: usize, last: Option<usize>) {
        let Some(finish) = self.end(group) else {
            return;
        };
        self.writing = Some(Arc::clone(&finish));
        let mut written = self.books.write(&self.record, &finish).await;
        if may_pass(&written) {
            written = self.go_on_trying(&finish).await.unwrap_or(written);
        }
        self.writing = None;
        self.written(written, finish, last);
    }

    /// Has the end of a group tried again until the store takes it, or the
    /// host ends. `None` when it has not within the patience of the unit.
    async fn go_on_trying(
        &mut self,
        finish: &Arc<Finish>,
    ) -> Option<Result<Option<EventId>, StoreError>> {
        let (books, record) = (self.books.clone(), Arc::clone(&self.record));
        let finish = Arc::clone(finish);
        let trying = tokio::spawn(async move {
            let written = books.trouble.outlast(|| books.write(&record, &finish)).await;
            books.queue.offered(&record.session);
            written
        });
        let patience = *self.patience.get_or_insert_with(|| Instant::now() + PATIENCE);
        let is_wanted = async {
            self.stop.asked().await;
            tokio::time::sleep(PATIENCE_OF_A_STOP).await;
        };
        tokio::select! {
            written = trying => written.ok(),
            () = tokio::time::sleep_until(patience.into()) => None,
            () = is_wanted => None,
        }
    }

    /// The end of a group, from the results that are there.
    fn end(&mut self, group: usize) -> Option<Arc<Finish>> {
        let members = self.record.groups.get(group)?;
        let results = members.tasks.iter().filter_map(|idx| self.results.get_mut(*idx)?.take());
        let (results, now) = (results.collect(), self.books.clock.now());
        let mut event = self.record.completion(members, results, now, self.start.elapsed());
        event.notes.extend(event.results.iter().filter_map(too_long));
        event.resumed.clone_from(&self.resumed);
        event.notes.extend(gone_on(self.resumed.len()));
        let finish = Arc::new(Finish {
            id: self.record.id,
            group,
            event: Arc::new(event),
            acked: self.record.mode == Mode::Foreground,
        });
        if let Some(ended) = self.ended.get_mut(group) {
            *ended = true;
        }
        Some(finish)
    }

    fn written(
        &mut self,
        written: Result<Option<EventId>, StoreError>,
        mut finish: Arc<Finish>,
        last: Option<usize>,
    ) {
        let is_tried = may_pass(&written);
        if let Err(err) = written {
            let id = self.record.id;
            // Whoever waits has the results all the same, and knows.
            let words = if is_tried { NOT_YET_RECORDED } else { NOT_RECORDED };
            if !is_tried {
                tracing::error!(%err, delegation = %id, "the end of a delegation was not recorded");
            }
            let note = format!("{words}: {err}");
            Arc::make_mut(&mut Arc::make_mut(&mut finish).event).notes.push(note);
        }
        if !finish.acked {
            // The last one is offered when the slot is free.
            self.offered = self.ended.iter().all(|it| *it);
            if !self.offered {
                self.books.queue.offered(&self.record.session);
            }
        }
        let mut results = finish.event.results.iter();
        if let Some(result) = results.find(|it| Some(it.task_index) == last) {
            self.tell(result);
        }
        self.feed.send(self.record.id, &self.record.session, || Progress::Ended {
            group: finish.event.group.clone(),
            status: finish.event.status,
        });
        self.events.push(finish);
    }
}

impl Drop for Ledger {
    /// A ledger that was not closed: the task of its unit is gone. The host
    /// may live on, and nobody would recover the unit then.
    fn drop(&mut self) {
        let mut left: Vec<Arc<Finish>> = self.writing.take().into_iter().collect();
        self.fill(Status::Unknown, DROPPED);
        for group in 0..self.ended.len() {
            if !self.has_ended(group) {
                left.extend(self.end(group));
            }
        }
        for finish in left {
            let (queue, session) = (self.books.queue.clone(), self.record.session.clone());
            let (record, owner) = (Arc::clone(&self.record), self.books.store.host());
            self.books.store.send(move |tables| {
                end(tables, &record, owner, &finish)?;
                // Those who are woken ask the store after this operation.
                queue.offered(&session);
                Ok(())
            });
        }
    }
}

/// The word about a unit whose host was killed.
fn gone_on(times: usize) -> Option<String> {
    match times {
        0 => None,
        1 => Some("its host was killed: another one went on with it".to_owned()),
        _ => Some(format!("its hosts were killed {times} times: others went on with it")),
    }
}

/// The word about a summary of which the store keeps a part.
fn too_long(result: &ChildResult) -> Option<String> {
    let bytes = result.full_summary.as_ref()?.len();
    let task = result.task_index.saturating_add(1);
    (MOST_SUMMARY < bytes).then(|| {
        format!(
            "the whole summary of task {task} has {bytes} bytes: the first {MOST_SUMMARY} are kept"
        )
    })
}
