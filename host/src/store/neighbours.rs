//! What other processes do to the same store, seen within milliseconds and
//! without asking for it all the time.
//!
//! The kernel tells (inotify) that the log of the database was written to,
//! and that the lock of a host was closed or removed. A write shows in the log
//! before it counts, so the database is asked a few times after each.
//!
//! It does not tell who wrote. But only one process writes at a time, so what
//! was written while it was not this one's turn is another's ([`Writes`]). In
//! its own turn the connection sees by itself what was written before, so a
//! store that commits all the time is never asked.

use std::{
    io::{self, PipeReader, PipeWriter},
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::Path,
    slice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
};
use tokio::{
    sync::watch,
    time::{sleep_until, timeout},
};

use super::{StoreError, writer::WeakWriter};

/// When the database is asked after another process wrote to its log, besides
/// at once. The sum is longer than a commit waits for a disk; after that the
/// usual looks find it.
const AFTER_OTHERS: [Duration; 6] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(100),
    Duration::from_millis(300),
];

/// The same after writes of this process, unless its next turn comes before:
/// another may have written right behind it.
const AFTER_OWN: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(100),
    Duration::from_millis(300),
];

/// After own writes, of which there may be thousands a second, and between two
/// questions at least; and twice what the last answer took.
const PAUSE: Duration = Duration::from_millis(5);

/// How long after the news of a host that ended its lock is free: the kernel
/// tells of a file that is closed just before it gives up the lock.
const UNTIL_UNLOCKED: Duration = Duration::from_millis(5);

/// Bytes of news that are read at a time.
const BUFFER: usize = 4096;

/// Who writes to the database, told by the connection of this process.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// Counts the beginnings and the ends of own turns: odd within one.
    turns: AtomicU64,
    elsewhere: watch::Sender<()>,
}

impl Writes {
    /// From now on what is written is this process's.
    pub(super) fn begin(&self) {
        self.turns.fetch_or(1, Ordering::SeqCst);
    }

    /// From now on it is not. May be said twice.
    pub(super) fn end(&self) {
        let turns = self.turns.load(Ordering::SeqCst);
        self.turns.store(turns.saturating_add(turns % 2), Ordering::SeqCst);
    }

    /// Another process wrote.
    pub(super) fn tell(&self) {
        self.elsewhere.send_replace(());
    }

    /// What others write, from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.elsewhere.subscribe()
    }

    fn turns(&self) -> u64 {
        self.turns.load(Ordering::SeqCst)
    }

    /// Whether no own turn was in between.
    fn are_of_others(&self, since: u64) -> bool {
        since.is_multiple_of(2) && since == self.turns()
    }
}

/// News of other processes. The thread behind it ends with the value.
#[derive(Debug)]
pub(super) struct Neighbours {
    writes: Arc<Writes>,
    ended: Arc<watch::Sender<()>>,
    /// Closed when it is dropped, which the thread notices.
    _stop: PipeWriter,
}

impl Neighbours {
    /// Starts to watch a database that is set up, and the locks beside it.
    pub(super) fn watch(
        database: &Path,
        locks: &Path,
        store: WeakWriter,
        writes: Arc<Writes>,
    ) -> io::Result<Self> {
        let news = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let log = inotify::add_watch(&news, Path::new(&log), WatchFlags::MODIFY)?;
        let closed = WatchFlags::CLOSE_WRITE | WatchFlags::DELETE;
        inotify::add_watch(&news, locks, closed)?;
        let (stopped, stop) = io::pipe()?;
        let ended = Arc::new(watch::Sender::new(()));
        let thread = Thread {
            news,
            log,
            stopped,
            store,
            writes: Arc::clone(&writes),
            ended: Arc::clone(&ended),
        };
        thread::Builder::new()
            .name("hermitage-news".to_owned())
            .spawn(move || drop(thread.run()))?;
        Ok(Self { writes, ended, _stop: stop })
    }
}

/// News of one kind, from when it was asked for.
#[derive(Debug)]
pub struct News {
    /// `None` for a store that no other process can reach or that can't be
    /// watched.
    told: Option<watch::Receiver<()>>,
    /// How long after it was told there is something to see.
    until_seen: Duration,
    /// When there is, of what was told.
    due: Option<Instant>,
}

impl News {
    pub(super) fn of_changes(neighbours: Option<&Neighbours>) -> Self {
        Self::new(neighbours.map(|it| it.writes.subscribe()), Duration::ZERO)
    }

    pub(super) fn of_ends(neighbours: Option<&Neighbours>) -> Self {
        Self::new(neighbours.map(|it| it.ended.subscribe()), UNTIL_UNLOCKED)
    }

    fn new(told: Option<watch::Receiver<()>>, until_seen: Duration) -> Self {
        Self { told, until_seen, due: None }
    }

    /// The next one; never where there are none. The future may be dropped at
    /// any point: what it has heard of is kept for the next.
    pub async fn next(&mut self) {
        if self.due.is_none() {
            self.told().await;
            self.due = Some(Instant::now() + self.until_seen);
        }
        if let Some(due) = self.due.filter(|_| !self.until_seen.is_zero()) {
            sleep_until(due.into()).await;
        }
        self.due = None;
    }

    /// The same, or so long without one: it may be that nothing is told.
    pub async fn next_within(&mut self, look: Duration) {
        // It is time to look either way.
        let _ = timeout(look, self.next()).await;
    }

    async fn told(&mut self) {
        if let Some(told) = &mut self.told
            && told.changed().await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}

struct Thread {
    news: OwnedFd,
    log: i32,
    stopped: PipeReader,
    store: WeakWriter,
    writes: Arc<Writes>,
    ended: Arc<watch::Sender<()>>,
}

impl Thread {
    /// Until the store is gone.
    fn run(self) -> io::Result<()> {
        let mut looks: slice::Iter<'_, Duration> = [].iter();
        let mut since = self.writes.turns();
        loop {
            let next = looks.as_slice().first().copied();
            if !self.wait(next)? {
                return Ok(());
            }
            let turns = self.writes.turns();
            let is_written = self.read_news()?;
            let is_of_others = self.writes.are_of_others(since);
            since = turns;
            match (is_written, next) {
                (true, _) if is_of_others => looks = AFTER_OTHERS.iter(),
                (true, _) => {
                    looks = AFTER_OWN.iter();
                    thread::sleep(PAUSE);
                    continue;
                }
                (false, Some(_)) => {
                    looks.next();
                }
                (false, None) => continue,
            }
            if !self.look() {
                return Ok(());
            }
        }
    }

    /// Asks the database, unless nobody wants to know; `false` when the store
    /// is gone.
    fn look(&self) -> bool {
        if self.writes.elsewhere.receiver_count() == 0 {
            return true;
        }
        let start = Instant::now();
        match self.store.ask(|tables| tables.changed_elsewhere()) {
            Ok(true) => self.writes.tell(),
            Err(StoreError::Closed) => return false,
            Ok(false) | Err(_) => (),
        }
        thread::sleep(PAUSE.max(start.elapsed().saturating_mul(2)));
        true
    }

    /// Waits for news; `false` when there will be none. `None` waits for ever.
    fn wait(&self, at_most: Option<Duration>) -> io::Result<bool> {
        let at_most = at_most.and_then(|it| Timespec::try_from(it).ok());
        let mut fds =
            [PollFd::new(&self.news, PollFlags::IN), PollFd::new(&self.stopped, PollFlags::IN)];
        loop {
            match poll(&mut fds, at_most.as_ref()) {
                Err(rustix::io::Errno::INTR) => (),
                res => {
                    res?;
                    break;
                }
            }
        }
        Ok(fds.last().is_none_or(|it| it.revents().is_empty()))
    }

    /// Takes all that there is; `true` when the log was written to.
    fn read_news(&self) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = inotify::Reader::new(&self.news, &mut buffer);
        let (mut is_written, mut has_ended) = (false, false);
        loop {
            match reader.next() {
                Ok(event) => {
                    let is_all = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                    is_written |= is_all || event.wd() == self.log;
                    has_ended |= is_all || event.wd() != self.log;
                }
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => (),
                Err(err) => return Err(err.into()),
            }
        }
        if has_ended {
            self.ended.send_replace(());
        }
        Ok(is_written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_outside_of_own_turns_is_another_s() {
        let writes = Writes::default();
        let before = writes.turns();
        assert!(writes.are_of_others(before));
        writes.begin();
        let within = writes.turns();
        assert!(!writes.are_of_others(before) && !writes.are_of_others(within));
        writes.end();
        assert!(!writes.are_of_others(before) && !writes.are_of_others(within));
        let after = writes.turns();
        writes.end();
        assert!(writes.are_of_others(after));
    }
}
