//! What a child leaves behind while it runs: its log, its checkpoint and the
//! trace of its tool calls. Bounded, and kept outside the store, so that a
//! hard stop loses none of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::ToolTrace;
pub use crate::event::{Level, LogLine};

/// Calls of tools that the trace keeps one by one; the rest is counted. An
/// event must stay small however often a child calls.
const MAX_TRACE: usize = 1_000;

/// Longest activity text (WIT `progress.report`).
const MAX_ACTIVITY_BYTES: usize = 256;

/// Told what a child is doing while it does it. Called on the guest's stack:
/// must be quick and shallow. Texts are untrusted.
pub trait Observer: Send + Sync {
    /// The child got its cell and starts.
    fn started(&self);
    /// The child said what it is doing.
    fn activity(&self, text: &str);
    /// A tool call begins; `subject` is what it is about.
    fn tool_started(&self, tool: &'static str, subject: &str);
    /// That call ended.
    fn tool_ended(&self);
    /// A chat with the model begins.
    fn model_started(&self);
    /// That chat ended.
    fn model_ended(&self);
    /// The child wrote a line into its log, and it found room there.
    fn logged(&self, line: &LogLine);
    /// The child handed over a newer partial summary.
    fn checkpoint(&self, _summary: &str) {}
}

/// Watches nothing.
pub struct Nobody;

impl Observer for Nobody {
    fn started(&self) {}
    fn activity(&self, _: &str) {}
    fn tool_started(&self, _: &'static str, _: &str) {}
    fn tool_ended(&self) {}
    fn model_started(&self) {}
    fn model_ended(&self) {}
    fn logged(&self, _: &LogLine) {}
}

/// What is kept of a run.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    /// In the order they came, up to the configured number of bytes.
    pub log: Vec<LogLine>,
    /// Lines that found no room.
    pub log_dropped: u64,
    /// The newest partial summary.
    pub checkpoint: Option<String>,
    /// The first calls of tools.
    pub tools: Vec<ToolTrace>,
    /// All calls of tools.
    pub tool_calls: u64,
}

/// The shared side of [`Traces`].
pub(super) struct Record {
    max_log_bytes: usize,
    max_checkpoint_bytes: usize,
    observer: Arc<dyn Observer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    traces: Traces,
    log_bytes: usize,
}

impl Record {
    pub(super) fn new(
        max_log_bytes: usize,
        max_checkpoint_bytes: usize,
        observer: Arc<dyn Observer>,
    ) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self { max_log_bytes, max_checkpoint_bytes, observer, state })
    }

    pub(super) fn started(&self) {
        self.observer.started();
    }

    pub(super) fn activity(&self, text: &str) {
        self.observer.activity(cut(text, MAX_ACTIVITY_BYTES));
    }

    pub(super) fn log(&self, level: Level, text: String) {
        let mut state = self.state();
        // An empty line takes memory too.
        let cost = text.len().saturating_add(size_of::<LogLine>());
        let bytes = state.log_bytes.saturating_add(cost);
        if bytes > self.max_log_bytes {
            state.traces.log_dropped = state.traces.log_dropped.saturating_add(1);
            return;
        }
        state.log_bytes = bytes;
        let line = LogLine { level, text };
        self.observer.logged(&line);
        state.traces.log.push(line);
    }

    /// Lines that found no room where the cell is.
    pub(super) fn dropped(&self, lines: u64) {
        let mut state = self.state();
        state.traces.log_dropped = state.traces.log_dropped.saturating_add(lines);
    }

    pub(super) fn checkpoint(&self, summary: String) {
        let kept = cut(&summary, self.max_checkpoint_bytes).len();
        let mut summary = summary;
        summary.truncate(kept);
        self.observer.checkpoint(&summary);
        self.state().traces.checkpoint = Some(summary);
    }

    pub(super) fn tool_started(&self, tool: &'static str, subject: &str) {
        self.observer.tool_started(tool, cut(subject, MAX_ACTIVITY_BYTES));
    }

    pub(super) fn model_started(&self) {
        self.observer.model_started();
    }

    pub(super) fn model_ended(&self) {
        self.observer.model_ended();
    }

    pub(super) fn tool_ended(&self, trace: ToolTrace) {
        self.observer.tool_ended();
        let mut state = self.state();
        state.traces.tool_calls = state.traces.tool_calls.saturating_add(1);
        if state.traces.tools.len() < MAX_TRACE {
            state.traces.tools.push(trace);
        }
    }

    pub(super) fn take(&self) -> Traces {
        std::mem::take(&mut self.state().traces)
    }

    /// A panic while the lock is held leaves nothing half done here.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first `max` bytes, less what would cut a character.
fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_what_fits_and_counts_the_rest() {
        let line = size_of::<LogLine>();
        let record = Record::new(2 * line + 10, 10, Arc::new(Nobody));
        for text in ["12345", "123456", "12345", "1"] {
            record.log(Level::Info, text.to_owned());
        }
        let traces = record.take();
        assert_eq!(traces.log.len(), 2);
        assert_eq!(traces.log_dropped, 2);
    }

    #[test]
    fn empty_lines_are_not_free() {
        let record = Record::new(1_000, 10, Arc::new(Nobody));
        for _ in 0..1_000 {
            record.log(Level::Info, String::new());
        }
        assert!(record.take().log.len() < 50);
    }

    #[test]
    fn a_checkpoint_replaces_the_one_before_and_is_cut_between_characters() {
        let record = Record::new(10, 4, Arc::new(Nobody));
        record.checkpoint("old".to_owned());
        record.checkpoint("éééé".to_owned());
        assert_eq!(record.take().checkpoint.as_deref(), Some("éé"));
    }
}
