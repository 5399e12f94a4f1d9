//! A child whose cell is on another host, as this one sees it: its calls are
//! made here, with all that its grant and its budgets say, and what it leaves
//! behind is kept here.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Ended, Job, Outcome, Sandbox, StopReason,
    calls::Calls,
    far::{FarAnswer, FarCall},
    instance::{self, Watch},
    limits::Limit,
    record::LogLine,
};
use crate::journal::Departure;

/// What a child said since it was asked last. Untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// What it is doing.
    pub activity: Option<String>,
    /// Lines of its log.
    pub lines: Vec<LogLine>,
    /// Its newest partial summary.
    pub checkpoint: Option<String>,
}

/// The host's side of a child whose cell is elsewhere.
pub struct RemoteCalls {
    calls: Calls,
    watch: Watch,
    result_bytes: usize,
}

impl Sandbox {
    /// That of a job, for whoever has it run on another host.
    pub fn remote_calls(&self, job: &Job) -> RemoteCalls {
        let watch = Watch::new(&self.config, Arc::clone(&job.observer));
        let policy = Arc::clone(job.admitted.policy());
        let port = instance::port(&watch, job);
        let calls = instance::calls(&self.config, &watch, policy, port, job.journal.clone());
        RemoteCalls { calls, watch, result_bytes: self.config.result_bytes }
    }
}

impl RemoteCalls {
    /// The child has a cell.
    pub fn started(&self) {
        self.watch.record.started();
    }

    /// Makes one call of the child.
    ///
    /// # Errors
    ///
    /// The child does not do what its journal says: it is to be ended.
    pub async fn call(&self, call: FarCall) -> Result<FarAnswer, Departure> {
        if let Some(err) = self.watch.halt.error() {
            self.calls.refused().await;
            return Ok(Err(err.into()));
        }
        self.calls.call_far(call).await
    }

    /// Keeps what the child said.
    pub fn hear(&self, news: News) {
        let record = &self.watch.record;
        news.lines.into_iter().for_each(|it| record.log(it.level, it.text));
        news.activity.iter().for_each(|it| record.activity(it));
        news.checkpoint.into_iter().for_each(|it| record.checkpoint(it));
    }

    /// Counts lines that its log had no room for where it ran.
    pub fn dropped(&self, lines: u64) {
        self.watch.record.dropped(lines);
    }

    /// Asks the child to stop: its calls say so from here on.
    pub fn stop(&self, reason: StopReason) {
        self.watch.halt.stop(reason);
    }

    /// All that is left of it, once its calls have ended.
    pub async fn end(
        &self,
        job: &Job,
        outcome: Outcome,
        cpu: Duration,
        duration: Duration,
    ) -> Ended {
        self.watch.until_tools_end(&job.child, job.grace, &job.interrupt).await;
        let outcome = self.checked(outcome);
        let (stopped, traces) = (self.watch.halt.reason().cloned(), self.watch.record.take());
        Ended { outcome, stopped, traces, cpu, duration }
    }

    /// What a cell here would have ended with: a worker may claim anything.
    fn checked(&self, outcome: Outcome) -> Outcome {
        let Outcome::Returned { report, .. } = &outcome else { return outcome };
        if let Some(journal) = &self.calls.journal
            && let Err(departure) = journal.end()
        {
            return Outcome::Departed(departure);
        }
        if report.len() > self.result_bytes { Outcome::Limit(Limit::Result) } else { outcome }
    }
}
