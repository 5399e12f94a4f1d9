//! A dispatched unit in the hands of whoever asked for it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{hand::Stop, live::Live};
use crate::{event::CompletionEvent, id::DelegationId, unit::UnitRecord};

/// What became of a dispatch.
pub enum Dispatched {
    /// It goes on by itself; its events come to the session.
    Background(Handle),
    /// It runs as long as somebody waits for it.
    Foreground(Running),
}

impl Dispatched {
    /// A look at it.
    pub fn handle(&self) -> &Handle {
        match self {
            Dispatched::Background(handle) => handle,
            Dispatched::Foreground(running) => running.handle(),
        }
    }
}

/// A look at a dispatched unit.
#[derive(Clone)]
pub struct Handle {
    /// As it was recorded.
    pub record: Arc<UnitRecord>,
    /// What its children are doing.
    pub live: Arc<Live>,
}

impl Handle {
    /// Identity of the unit.
    pub fn id(&self) -> DelegationId {
        self.record.id
    }
}

/// Stops a unit.
#[derive(Clone)]
pub struct Stopper(Stop);

impl Stopper {
    /// Asks the children to stop; they have their grace.
    pub fn interrupt(&self) {
        self.0.ask(None);
    }

    /// Ends the grace.
    pub fn interrupt_at_once(&self) {
        self.0.interrupt.at_once();
    }
}

/// A unit in the foreground. Dropping it asks the children to stop: nobody
/// waits for them any more.
pub struct Running {
    handle: Handle,
    stop: Stop,
    event: oneshot::Receiver<Option<CompletionEvent>>,
}

impl Running {
    pub(super) fn new(
        handle: Handle,
        stop: Stop,
        event: oneshot::Receiver<Option<CompletionEvent>>,
    ) -> Self {
        Self { handle, stop, event }
    }

    /// The unit.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The hand that stops it, for whoever listens while another waits.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Waits for the end, which is recorded by then. `None` when the host
    /// broke down, which the next start will report, and when the event was
    /// handed out before.
    pub async fn wait(&mut self) -> Option<CompletionEvent> {
        if self.event.is_terminated() {
            return None;
        }
        (&mut self.event).await.ok().flatten()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // No effect on a unit that is over.
        self.stop.ask(None);
    }
}
