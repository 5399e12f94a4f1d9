//! The thread that owns the tables, and the queue before it.
//!
//! Group commit without a timer: while one commit waits for the disk, the
//! next operations pile up, and they share the next commit. Each of them
//! stands in a savepoint, so that one that fails is undone alone.
//!
//! Nothing here blocks a thread of the async runtime: a commit takes
//! milliseconds.

use std::{
    convert::Infallible,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, mpsc as sync_mpsc},
    thread::{self, ThreadId},
    time::Duration,
};

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{StoreError, Tables, owner::Held};

/// Operations that wait before a sender has to: a few batches, so that the
/// disk is never idle, and little enough that memory is bounded.
const QUEUE: usize = 2048;

/// Operations of one commit. More would only make the first one wait longer:
/// at this size the commit's own cost is spread thin.
const BATCH: usize = 512;

/// How long the drop of the last handle waits for what is still queued. A
/// process that exits with its last handle would cut it off otherwise.
const CLOSING: Duration = Duration::from_millis(250);

/// Where the writer is. The names are those of failure points in tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many operations share the next commit.
    Taken(usize),
    /// The transaction has begun.
    Begun,
    /// Every operation was applied.
    Applied,
    /// They are durable.
    Committed,
    /// Those who wait were told.
    Answered,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Taken(_) => "taken",
            Step::Begun => "begun",
            Step::Applied => "applied",
            Step::Committed => "committed",
            Step::Answered => "answered",
        })
    }
}

/// Sees the writer's steps: for metrics, and to crash at each in tests.
pub trait Watch: Send + Sync {
    /// Called on the writer's thread, which waits for it. A batch of reads
    /// alone has no steps.
    fn at(&self, step: Step) {
        let _ = step;
    }
}

/// Looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWatch;

impl Watch for NoWatch {}

/// Whether an operation needs a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Write,
    Read,
}

/// An operation on its way, whatever its result type.
pub(super) trait Job: Send {
    /// Runs it. Its result is kept until the answer.
    fn apply(&mut self, tables: &mut dyn Tables) -> Result<(), StoreError>;

    /// Hands out its own result; that of the batch when it succeeded alone.
    fn answer(self: Box<Self>, batch: Result<(), StoreError>);
}

type Jobs<'a> = Vec<Box<dyn Job + 'a>>;

pub(super) struct Operation<T, F, A> {
    op: Option<F>,
    /// `None` before it ran, and when it panicked.
    outcome: Option<Result<T, StoreError>>,
    answer: A,
}

impl<T, F, A> Operation<T, F, A> {
    /// `answer` is told how it ended.
    pub(super) fn new(op: F, answer: A) -> Self {
        Self { op: Some(op), outcome: None, answer }
    }
}

impl<T, F, A> Job for Operation<T, F, A>
where
    F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send,
    A: FnOnce(Result<T, StoreError>) + Send,
    T: Send,
{
    fn apply(&mut self, tables: &mut dyn Tables) -> Result<(), StoreError> {
        let res = self.op.take().map(|op| op(tables));
        let status =
            res.as_ref().map_or(Ok(()), |it| it.as_ref().map(|_| ()).map_err(Clone::clone));
        self.outcome = res;
        status
    }

    fn answer(self: Box<Self>, batch: Result<(), StoreError>) {
        (self.answer)(match self.outcome {
            Some(own) => own.and_then(|it| batch.map(|()| it)),
            None => batch.and_then(|()| Err(crashed())),
        });
    }
}

fn crashed() -> StoreError {
    StoreError::Io("the operation crashed".to_owned())
}

struct Message {
    kind: Kind,
    job: Box<dyn Job>,
}

/// The sending side.
pub(super) struct Writer {
    /// `None` while it is dropped.
    sender: Option<mpsc::Sender<Message>>,
    /// Disconnects when the thread has ended.
    ended: Mutex<sync_mpsc::Receiver<Infallible>>,
    thread: ThreadId,
}

impl Writer {
    /// Starts the thread. `held` is dropped when it has ended: the host lives
    /// for as long as it may write.
    pub(super) fn start(
        tables: Box<dyn Tables>,
        watch: Arc<dyn Watch>,
        held: Option<Held>,
    ) -> Result<Self, StoreError> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let (end, ended) = sync_mpsc::channel();
        let mut worker = Worker { tables, watch, latched: None };
        let serve = move || {
            worker.serve(queue);
            drop(held);
            drop(end);
        };
        let thread = thread::Builder::new()
            .name("hermitage-store".to_owned())
            .spawn(serve)
            .map_err(|err| StoreError::Io(format!("its thread can't be started: {err}")))?;
        let thread = thread.thread().id();
        Ok(Self { sender: Some(sender), ended: Mutex::new(ended), thread })
    }

    /// A way to it that does not keep it alive.
    pub(super) fn downgrade(&self) -> Option<WeakWriter> {
        self.sender.as_ref().map(|it| WeakWriter(it.downgrade()))
    }

    /// Sends an operation and waits for its answer.
    pub(super) async fn ask<T, F>(&self, kind: Kind, op: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        // Who asked may be gone: the operation counts all the same.
        let tell = move |res| drop(sender.send(res));
        let message = Message { kind, job: Box::new(Operation::new(op, tell)) };
        let queue = self.sender.as_ref().ok_or(StoreError::Closed)?;
        queue.send(message).await.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Sends an operation behind all that were sent before, and does not wait
    /// for its answer.
    pub(super) async fn post<F>(&self, op: F) -> Result<(), StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<(), StoreError> + Send + 'static,
    {
        let job = Box::new(Operation::new(op, log_failure));
        let message = Message { kind: Kind::Write, job };
        let queue = self.sender.as_ref().ok_or(StoreError::Closed)?;
        queue.send(message).await.map_err(|_| StoreError::Closed)
    }

    /// Sends an operation that nobody waits for.
    pub(super) fn send<F>(&self, op: F)
    where
        F: FnOnce(&mut dyn Tables) -> Result<(), StoreError> + Send + 'static,
    {
        let job = Box::new(Operation::new(op, log_failure));
        let message = Message { kind: Kind::Write, job };
        let Some(queue) = self.sender.clone() else {
            return;
        };
        match queue.try_send(message) {
            Ok(()) => (),
            Err(TrySendError::Full(message)) => send_later(queue, message),
            Err(TrySendError::Closed(_)) => log_failure(Err(StoreError::Closed)),
        }
    }
}

/// A way to the thread that does not keep it alive.
pub(super) struct WeakWriter(mpsc::WeakSender<Message>);

impl WeakWriter {
    /// Sends an operation that reads, and blocks until its answer. Not for a
    /// thread of the async runtime.
    pub(super) fn ask<T, F>(&self, op: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (sender, answer) = sync_mpsc::channel();
        let tell = move |res| drop(sender.send(res));
        let message = Message { kind: Kind::Read, job: Box::new(Operation::new(op, tell)) };
        let queue = self.0.upgrade().ok_or(StoreError::Closed)?;
        queue.blocking_send(message).map_err(|_| StoreError::Closed)?;
        drop(queue);
        answer.recv().unwrap_or(Err(StoreError::Closed))
    }
}

pub(super) fn log_failure(res: Result<(), StoreError>) {
    if let Err(err) = res {
        tracing::error!(%err, "an operation of the store that nobody waits for failed");
    }
}

/// A full queue is rare, and a thread outlives a runtime that shuts down.
fn send_later(queue: mpsc::Sender<Message>, message: Message) {
    let send = move || {
        if queue.blocking_send(message).is_err() {
            log_failure(Err(StoreError::Closed));
        }
    };
    let name = "hermitage-store-send".to_owned();
    if let Err(err) = thread::Builder::new().name(name).spawn(send) {
        tracing::error!(%err, "an operation of the store was dropped: no thread to send it");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        // An operation may own the last handle.
        if thread::current().id() == self.thread {
            return;
        }
        if let Ok(ended) = self.ended.lock() {
            // Nothing is ever sent: this returns when the thread has ended.
            let _ = ended.recv_timeout(CLOSING);
        }
    }
}

/// The receiving side.
pub(super) struct Worker {
    tables: Box<dyn Tables>,
    watch: Arc<dyn Watch>,
    /// Why a commit failed in a way that leaves open what is on disk.
    latched: Option<StoreError>,
}

impl Worker {
    pub(super) fn new(tables: Box<dyn Tables>) -> Self {
        Self { tables, watch: Arc::new(NoWatch), latched: None }
    }

    fn serve(&mut self, mut queue: mpsc::Receiver<Message>) {
        while let Some(first) = queue.blocking_recv() {
            let (writes, reads) = take(first, &mut queue);
            if !writes.is_empty() {
                self.write(writes);
            }
            // After the writes: a read sees what was sent before it.
            for read in reads {
                self.read(read);
            }
        }
    }

    /// Runs one operation alone.
    pub(super) fn run(&mut self, kind: Kind, job: Box<dyn Job + '_>) {
        match kind {
            Kind::Write => self.write(vec![job]),
            Kind::Read => self.read(job),
        }
    }

    fn write(&mut self, mut jobs: Jobs<'_>) {
        self.watch.at(Step::Taken(jobs.len()));
        let res = match &self.latched {
            Some(err) => Err(err.clone()),
            None => self.transaction(&mut jobs),
        };
        for job in jobs {
            job.answer(res.clone());
        }
        self.watch.at(Step::Answered);
    }

    fn transaction(&mut self, jobs: &mut [Box<dyn Job + '_>]) -> Result<(), StoreError> {
        let res = self.apply_all(jobs).and_then(|()| self.commit());
        if res.is_err() {
            self.tables.rollback();
        }
        res
    }

    fn apply_all(&mut self, jobs: &mut [Box<dyn Job + '_>]) -> Result<(), StoreError> {
        self.tables.begin()?;
        self.watch.at(Step::Begun);
        for job in jobs {
            self.apply(job.as_mut())?;
        }
        self.watch.at(Step::Applied);
        Ok(())
    }

    /// An error means that the whole transaction is gone.
    fn apply(&mut self, job: &mut (dyn Job + '_)) -> Result<(), StoreError> {
        self.tables.savepoint()?;
        let res = apply_caught(job, self.tables.as_mut());
        let released = self.tables.release(res.is_ok());
        // Why the operation failed is also why nothing could be undone.
        released.map_err(|err| res.err().unwrap_or(err))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let res = self.tables.commit();
        match &res {
            Ok(()) => self.watch.at(Step::Committed),
            Err(err) if err.leaves_all_as_it_was() => (),
            Err(err) => {
                tracing::error!(%err, "a commit failed: the store takes no more writes");
                self.latched = Some(err.clone());
            }
        }
        res
    }

    fn read(&mut self, mut job: Box<dyn Job + '_>) {
        // The operation keeps its own error.
        let _ = apply_caught(job.as_mut(), self.tables.as_mut());
        job.answer(Ok(()));
    }
}

/// What waits now, up to [`BATCH`].
fn take(first: Message, queue: &mut mpsc::Receiver<Message>) -> (Jobs<'static>, Jobs<'static>) {
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    while let Some(Message { kind, job }) = next {
        match kind {
            Kind::Write => writes.push(job),
            Kind::Read => reads.push(job),
        }
        let is_full = BATCH <= writes.len() + reads.len();
        next = if is_full { None } else { queue.try_recv().ok() };
    }
    (writes, reads)
}

/// A panic is the end of one operation, not of the store.
fn apply_caught(job: &mut (dyn Job + '_), tables: &mut dyn Tables) -> Result<(), StoreError> {
    catch_unwind(AssertUnwindSafe(|| job.apply(tables))).unwrap_or_else(|_| Err(crashed()))
}
