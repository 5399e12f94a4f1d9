//! Work that blocks, away from the guest's stack and off both runtimes.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::stop::Halt;
use crate::tools::file::tree::TreeError;

/// The way to the host's threads for such work. All of it is known to the
/// tracker of the run, which waits for it.
#[derive(Clone, Debug)]
pub(super) struct Blocking {
    runtime: Handle,
    tracker: TaskTracker,
    halt: Arc<Halt>,
}

impl Blocking {
    pub(super) fn new(runtime: &Handle, tracker: &TaskTracker, halt: &Arc<Halt>) -> Self {
        let (runtime, tracker) = (runtime.clone(), tracker.clone());
        Self { runtime, tracker, halt: Arc::clone(halt) }
    }

    /// Starts `work` at once. What comes back can be waited for, and does not
    /// wait longer than the guest may.
    pub(super) fn start<T: Send + 'static, W>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T, TreeError>> + Send + use<T, W>
    where
        W: FnOnce() -> Result<T, TreeError> + Send + 'static,
    {
        let stopped = self.halt.token().clone();
        let started = stopped.clone();
        let begin = move || if started.is_cancelled() { Err(TreeError::Stopped) } else { work() };
        let done = self.tracker.spawn_blocking_on(begin, &self.runtime);
        async move {
            tokio::select! {
                biased;
                done = done => done.unwrap_or_else(|error| {
                    tracing::error!(%error, "a file operation did not return");
                    Err(TreeError::Io)
                }),
                () = stopped.cancelled() => Err(TreeError::Stopped),
            }
        }
    }
}
