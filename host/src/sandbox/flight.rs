//! Work that several may wait for, and that is done once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};

use super::{compile::Loaded, load_error::LoadError};

type Outcome = Result<Arc<Loaded>, LoadError>;

/// One component: on its way, or known.
///
/// Whoever asks while it is on its way waits for the same work, and the work
/// goes on for as long as anybody waits: it ends with the last of them.
#[derive(Debug, Default)]
pub(super) struct Flight(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    New,
    OnItsWay(WeakShared<BoxFuture<'static, Outcome>>),
    Known(Outcome),
}

impl Flight {
    /// What became of it: now, or when `work`, or that of an earlier caller,
    /// is done. What another try may mend is not remembered.
    pub(super) async fn outcome<F>(self: Arc<Self>, work: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        match self.join(work) {
            Ok(outcome) => outcome,
            Err(work) => work.await,
        }
    }

    fn join<F>(
        self: &Arc<Self>,
        work: impl FnOnce() -> F,
    ) -> Result<Outcome, Shared<BoxFuture<'static, Outcome>>>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut state = self.lock();
        match &*state {
            State::Known(outcome) => return Ok(outcome.clone()),
            State::OnItsWay(work) => {
                if let Some(work) = work.upgrade() {
                    return Err(work);
                }
            }
            State::New => (),
        }
        let (flight, work) = (Arc::clone(self), work());
        let work = async move {
            let outcome = work.await;
            flight.land(&outcome);
            outcome
        };
        let work = work.boxed().shared();
        *state = work.downgrade().map_or(State::New, State::OnItsWay);
        Err(work)
    }

    fn land(&self, outcome: &Outcome) {
        let is_transient = outcome.as_ref().is_err_and(LoadError::is_transient);
        *self.lock() = if is_transient { State::New } else { State::Known(outcome.clone()) };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::poll_immediate;
    use tokio::sync::oneshot;

    use super::*;
    use crate::sandbox::load_error::Cost;

    fn refused() -> Outcome {
        Err(LoadError::too_costly(Cost::Cpu, 1))
    }

    #[tokio::test]
    async fn whoever_asks_meanwhile_waits_for_the_same_work_which_ends_with_the_last() {
        let flight = Arc::new(Flight::default());
        let (begun, tell) = (AtomicUsize::new(0), oneshot::channel::<()>());
        let (sender, receiver) = tell;
        let mut receiver = Some(receiver);
        let ask = |receiver: Option<oneshot::Receiver<()>>| {
            let flight = Arc::clone(&flight);
            let begun = &begun;
            Box::pin(flight.outcome(move || {
                begun.fetch_add(1, Ordering::Relaxed);
                async move {
                    if let Some(receiver) = receiver {
                        let _ = receiver.await;
                    }
                    refused()
                }
            }))
        };
        let (mut one, mut two) = (ask(receiver.take()), ask(None));
        assert!(poll_immediate(&mut one).await.is_none());
        assert!(poll_immediate(&mut two).await.is_none());
        drop(one);
        assert!(!sender.is_closed(), "the second still waits");
        drop(two);
        assert!(sender.is_closed(), "nobody waits");
        assert_eq!(ask(None).await.err(), refused().err());
        assert_eq!(ask(None).await.err(), refused().err());
        assert_eq!(begun.load(Ordering::Relaxed), 2, "known from then on");
    }

    #[tokio::test]
    async fn what_another_try_may_mend_is_tried_again() {
        let flight = Arc::new(Flight::default());
        let failed = || async { Err(LoadError::NoCompiler("no memory".to_owned())) };
        assert!(Arc::clone(&flight).outcome(failed).await.is_err_and(|it| it.is_transient()));
        let second = Arc::clone(&flight).outcome(|| async { refused() }).await;
        assert_eq!(second.err(), refused().err());
    }
}
