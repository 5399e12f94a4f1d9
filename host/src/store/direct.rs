//! Tables that need no disk, and so no thread: an operation runs where it is
//! asked for, one at a time.
//!
//! A hop to a thread and back costs more than all that such an operation does.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::{
    StoreError, Tables,
    writer::{Job, Kind, Operation, Worker, log_failure},
};

/// The way to such tables.
pub(super) struct Direct {
    worker: Mutex<Worker>,
    /// What nobody waits for, sent while an operation ran: perhaps by that
    /// very operation, which must not wait for itself.
    left: Mutex<Vec<Box<dyn Job>>>,
}

impl Direct {
    pub(super) fn new(tables: Box<dyn Tables>) -> Self {
        Self { worker: Mutex::new(Worker::new(tables)), left: Mutex::default() }
    }

    /// Runs an operation. It sees what was sent before it.
    pub(super) fn ask<T, F>(&self, kind: Kind, op: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send,
        T: Send,
    {
        let mut told = None;
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_left(&mut worker);
        worker.run(kind, Box::new(Operation::new(op, |res| told = Some(res))));
        drop(worker);
        self.run_left();
        told.unwrap_or(Err(StoreError::Closed))
    }

    /// Runs an operation that nobody waits for: now, or after the one that
    /// runs.
    pub(super) fn send<F>(&self, op: F)
    where
        F: FnOnce(&mut dyn Tables) -> Result<(), StoreError> + Send + 'static,
    {
        self.left().push(Box::new(Operation::new(op, log_failure)));
        self.run_left();
    }

    /// Whoever runs an operation meanwhile comes here after it.
    fn run_left(&self) {
        while !self.left().is_empty() {
            match self.worker.try_lock() {
                Ok(mut worker) => self.take_left(&mut worker),
                Err(TryLockError::Poisoned(err)) => self.take_left(&mut err.into_inner()),
                Err(TryLockError::WouldBlock) => return,
            }
        }
    }

    fn take_left(&self, worker: &mut Worker) {
        loop {
            let left = std::mem::take(&mut *self.left());
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(|it| worker.run(Kind::Write, it));
        }
    }

    fn left(&self) -> MutexGuard<'_, Vec<Box<dyn Job>>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
