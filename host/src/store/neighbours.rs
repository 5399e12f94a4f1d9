//! What other processes do to the same store, seen within milliseconds and
//! without asking for it all the time.
//!
//! The kernel tells (inotify) that the log of the database was written to,
//! and that the lock of a host was closed or removed. A write shows in the log
//! before it counts, so the database is asked a few times after each.

use std::{
    io::{self, PipeReader, PipeWriter},
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
};
use tokio::sync::watch;

use super::{StoreError, writer::WeakWriter};

/// When the database is asked after its log was written to. The sum is longer
/// than a commit waits for a disk; after that the usual looks find it.
const LOOKS: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(100),
    Duration::from_millis(300),
];

/// Between two questions at least, and twice what the last answer took: own
/// commits are seen in the log, too, and must not wait for these.
const PAUSE: Duration = Duration::from_millis(5);

/// Bytes of news that are read at a time.
const BUFFER: usize = 4096;

/// News of other processes. The thread behind it ends with the value.
#[derive(Debug)]
pub(super) struct Neighbours {
    changed: Arc<watch::Sender<()>>,
    ended: Arc<watch::Sender<()>>,
    /// Closed when it is dropped, which the thread notices.
    _stop: PipeWriter,
}

impl Neighbours {
    /// Starts to watch a database that is set up, and the locks beside it.
    pub(super) fn watch(database: &Path, locks: &Path, store: WeakWriter) -> io::Result<Self> {
        let news = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let log = inotify::add_watch(&news, Path::new(&log), WatchFlags::MODIFY)?;
        let closed = WatchFlags::CLOSE_WRITE | WatchFlags::DELETE;
        inotify::add_watch(&news, locks, closed)?;
        let (stopped, stop) = io::pipe()?;
        let (changed, ended) = (Arc::new(watch::Sender::new(())), Arc::new(watch::Sender::new(())));
        let thread = Thread {
            news,
            log,
            stopped,
            store,
            changed: Arc::clone(&changed),
            ended: Arc::clone(&ended),
        };
        thread::Builder::new()
            .name("hermitage-news".to_owned())
            .spawn(move || drop(thread.run()))?;
        Ok(Self { changed, ended, _stop: stop })
    }
}

/// News of one kind, from when it was asked for.
#[derive(Clone, Debug)]
pub struct News(Option<watch::Receiver<()>>);

impl News {
    pub(super) fn of_changes(neighbours: Option<&Neighbours>) -> Self {
        Self(neighbours.map(|it| it.changed.subscribe()))
    }

    pub(super) fn of_ends(neighbours: Option<&Neighbours>) -> Self {
        Self(neighbours.map(|it| it.ended.subscribe()))
    }

    /// The next one. Never, for a store that no other process can reach or
    /// that can't be watched.
    pub async fn next(&mut self) {
        if let Some(news) = &mut self.0
            && news.changed().await.is_ok()
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
    changed: Arc<watch::Sender<()>>,
    ended: Arc<watch::Sender<()>>,
}

impl Thread {
    /// Until the store is gone.
    fn run(self) -> io::Result<()> {
        let mut looks = LOOKS.iter();
        let mut wait = None;
        while self.wait(wait)? {
            if self.read_news()? {
                looks = LOOKS.iter();
            }
            wait = looks.next().copied();
            if wait.is_some() && self.changed.receiver_count() > 0 {
                let start = Instant::now();
                match self.store.ask(|tables| tables.changed_elsewhere()) {
                    Ok(true) => self.changed.send_replace(()),
                    Err(StoreError::Closed) => return Ok(()),
                    Ok(false) | Err(_) => (),
                }
                thread::sleep(PAUSE.max(start.elapsed().saturating_mul(2)));
            }
        }
        Ok(())
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
