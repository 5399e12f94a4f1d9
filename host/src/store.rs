//! What outlives a host: dispatched units, the results of their children, and
//! the queue of events.
//!
//! A [`Store`] is a handle on one thread that owns the [`Tables`]; operations
//! are closures that are sent to it, and those that wait at the same time
//! share one commit. (Tables in memory have no commit to share, and no thread.) An operation that was answered is on disk. Many hosts
//! may use one file: each owns what it dispatched for as long as it holds its
//! lock, and [`Store::recover`] settles what hosts left that are gone.
//!
//! Bodies are kept as versioned records in a checksummed envelope; a row that
//! can't be read is set aside and named, and never in the way of the others.

mod codec;
mod direct;
mod error;
mod journal;
mod keys;
mod memory;
mod neighbours;
#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;
mod owner;
mod record;
#[cfg(test)]
mod sample;
mod sqlite;
#[cfg(test)]
mod suite;
mod tables;
#[cfg(test)]
mod tests;
mod words;
mod writer;

pub(crate) use self::record::MOST_SUMMARY;
#[cfg(feature = "bench")]
pub(crate) use self::sqlite::{Floor, Sizes};
pub use self::{
    error::StoreError,
    journal::{Blob, Head, KeptHead, Line, Place},
    keys::{KEY_LIFE, Keyed, MOST_KEYS, RequestKey},
    neighbours::News,
    tables::{
        CLOCK_SLACK, ClaimFilter, ClaimToken, Corrupt, EventBody, EventFilter, EventId, EventRow,
        EventState, Finish, Interruption, LONGEST_PAUSE, Leave, NewEvent, Recovered, Settled,
        StateFilter, ToStop, UnitRow,
    },
    writer::{NoWatch, Step, Watch},
};

/// The tables are nobody's but this crate's: with them a host could be made to
/// forget or to invent an end.
#[cfg(not(feature = "switches"))]
pub(crate) use self::tables::Tables;
#[cfg(feature = "switches")]
pub use self::tables::Tables;

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::{
    direct::Direct,
    memory::Memory,
    neighbours::Neighbours,
    owner::{Held, Hosts},
    sqlite::Sqlite,
    writer::{Kind, Writer},
};
use crate::id::{DelegationId, HostId, Random};

/// A handle on what is kept. Clones are handles on the same; when the last
/// one is dropped, what was sent is still written.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    way: Way,
    host: HostId,
    /// `None` when no other process can reach it.
    file: Option<OnDisk>,
}

/// How operations reach the tables.
enum Way {
    /// By the thread that owns them.
    Writer(Writer),
    /// At once.
    Direct(Direct),
}

impl Way {
    async fn ask<T, F>(&self, kind: Kind, op: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        match self {
            Way::Writer(writer) => writer.ask(kind, op).await,
            Way::Direct(direct) => {
                // A caller that asks in a loop leaves room for others.
                tokio::task::coop::consume_budget().await;
                direct.ask(kind, op)
            }
        }
    }
}

/// What the commits of a store in a test answer, instead of what they should.
#[cfg(test)]
pub(crate) type Breaks = Arc<std::sync::Mutex<Option<StoreError>>>;

struct OnDisk {
    path: PathBuf,
    /// `None` for one that is open for reading alone.
    hosts: Option<Hosts>,
    /// `None` when the kernel does not tell of them.
    neighbours: Option<Neighbours>,
}

impl Store {
    /// A store that ends with its last handle.
    pub fn memory(random: &dyn Random) -> Self {
        let way = Way::Direct(Direct::new(Box::new(Memory::default())));
        Self { shared: Arc::new(Shared { way, host: HostId::new(random), file: None }) }
    }

    /// One in memory, and what its commits answer.
    #[cfg(test)]
    pub(crate) fn breakable(random: &dyn Random) -> (Self, Breaks) {
        let tables = Memory::default();
        let broken = Arc::clone(&tables.broken);
        let store = Self::over(Box::new(tables), HostId::new(random), Arc::new(NoWatch));
        (store.expect("a thread starts"), broken)
    }

    /// Opens or makes the database at `path`, as a new host. The file is the
    /// user's alone (mode 0600), and so is its directory if it is made here.
    ///
    /// # Errors
    ///
    /// When the file can't be used or is no database of this program: then it
    /// is left as it was.
    pub fn open(path: &Path, random: &dyn Random) -> Result<Self, StoreError> {
        Self::open_watched(path, random, Arc::new(NoWatch))
    }

    /// Like [`Store::open`], with something that sees every step of a write.
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`].
    pub fn open_watched(
        path: &Path,
        random: &dyn Random,
        watch: Arc<dyn Watch>,
    ) -> Result<Self, StoreError> {
        let path = sqlite::prepare(path)?;
        check_has_one_name(&path)?;
        let host = HostId::new(random);
        let found = Sqlite::find(&path)?;
        let hosts = Hosts::beside(&path).map_err(|err| sqlite::failed(&path, &err))?;
        // Held before anything is written: whoever sees a row of this host
        // without its lock takes the host for dead.
        let held = hosts.enter(host).map_err(|err| open_error(&path, &err))?;

        let tables = found.set_up().map_err(|err| sqlite::in_words(&path, err))?;
        let writes = tables.writes();
        let writer = Writer::start(Box::new(tables), watch, Some(held))?;
        let watch = |it| Neighbours::watch(&path, hosts.dir(), it, writes);
        let watched = writer.downgrade().map(watch);
        let neighbours = watched.transpose().unwrap_or_else(|err| {
            tracing::debug!(%err, "what other processes write is seen late");
            None
        });
        let file = Some(OnDisk { path, hosts: Some(hosts), neighbours });
        Ok(Self { shared: Arc::new(Shared { way: Way::Writer(writer), host, file }) })
    }

    /// Whether there is a file at `path`.
    ///
    /// # Errors
    ///
    /// When this user may not look there.
    pub(crate) fn is_at(path: &Path) -> Result<bool, StoreError> {
        sqlite::is_there(path)
    }

    /// Opens the database at `path` to look at it, where nothing can be
    /// written: on a full disk, or in a directory of somebody else. Nothing is
    /// made or settled, and every operation that writes fails with
    /// [`StoreError::ReadOnly`].
    ///
    /// # Errors
    ///
    /// When there is no such file, it can't be read, or is no database of this
    /// program.
    pub fn open_to_read(path: &Path, random: &dyn Random) -> Result<Self, StoreError> {
        let path = fs::canonicalize(path).map_err(|err| sqlite::failed(path, &err))?;
        let tables = Sqlite::to_read(&path)?;
        let writer = Writer::start(Box::new(tables), Arc::new(NoWatch), None)?;
        let file = Some(OnDisk { path, hosts: None, neighbours: None });
        let (way, host) = (Way::Writer(writer), HostId::new(random));
        Ok(Self { shared: Arc::new(Shared { way, host, file }) })
    }

    /// A store over other tables, which no other process can reach: every
    /// owner in them but `host` is taken to be gone.
    ///
    /// # Errors
    ///
    /// When its thread can't be started.
    #[cfg(test)]
    pub(crate) fn over(
        tables: Box<dyn Tables>,
        host: HostId,
        watch: Arc<dyn Watch>,
    ) -> Result<Self, StoreError> {
        let writer = Writer::start(tables, watch, None)?;
        Ok(Self { shared: Arc::new(Shared { way: Way::Writer(writer), host, file: None }) })
    }

    /// Who writes through this store and its clones.
    pub fn host(&self) -> HostId {
        self.shared.host
    }

    /// Whether it outlives the process.
    pub fn is_durable(&self) -> bool {
        self.shared.file.is_some()
    }

    /// The database, if it is one.
    pub fn path(&self) -> Option<&Path> {
        self.shared.file.as_ref().map(|it| it.path.as_path())
    }

    /// Runs an operation that writes. When this returns, what it did is
    /// durable, or undone if it failed.
    ///
    /// # Errors
    ///
    /// That of the operation; or why it could not be made durable. An
    /// operation that panics is undone and gives [`StoreError::Io`].
    pub(crate) async fn run<T, F>(&self, op: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.shared.way.ask(Kind::Write, op).await.map_err(|err| self.in_words(err))
    }

    /// Whether it takes writes now: makes one durable that changes nothing.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub(crate) async fn try_to_write(&self) -> Result<(), StoreError> {
        self.run(|tables| tables.write_nothing()).await
    }

    /// Runs an operation that only reads, between two commits and without one
    /// of its own. It sees what was sent before it.
    ///
    /// # Errors
    ///
    /// That of the operation.
    pub(crate) async fn read<T, F>(&self, op: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.shared.way.ask(Kind::Read, op).await.map_err(|err| self.in_words(err))
    }

    /// News of what other processes write, from now on: each may mean that
    /// there is something to see, and none that there is not.
    pub fn changes_elsewhere(&self) -> News {
        News::of_changes(self.neighbours())
    }

    /// News of other hosts that ended, from now on: what they left is free.
    pub fn ends_elsewhere(&self) -> News {
        News::of_ends(self.neighbours())
    }

    fn neighbours(&self) -> Option<&Neighbours> {
        self.shared.file.as_ref()?.neighbours.as_ref()
    }

    /// What is full, by its name.
    fn in_words(&self, err: StoreError) -> StoreError {
        match self.path() {
            Some(path) => sqlite::in_words(path, err),
            None => err,
        }
    }

    /// Sends an operation that writes, behind all that were sent before, and does
    /// not wait for it. A failure is logged.
    ///
    /// # Errors
    ///
    /// When the store is closed.
    pub(crate) async fn post<F>(&self, op: F) -> Result<(), StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<(), StoreError> + Send + 'static,
    {
        match &self.shared.way {
            Way::Writer(writer) => writer.post(op).await,
            Way::Direct(direct) => {
                direct.send(op);
                Ok(())
            }
        }
    }

    /// Sends an operation that nobody waits for, such as those of destructors.
    /// Never blocks; a failure is logged.
    pub(crate) fn send<F>(&self, op: F)
    where
        F: FnOnce(&mut dyn Tables) -> Result<(), StoreError> + Send + 'static,
    {
        match &self.shared.way {
            Way::Writer(writer) => writer.send(op),
            Way::Direct(direct) => direct.send(op),
        }
    }

    /// Settles what hosts left behind that are gone, one transaction for each
    /// and under its lock, so that two hosts never settle the same. What can be
    /// gone on with may be left to a host that does.
    ///
    /// # Errors
    ///
    /// When the store fails. Rows that can't be read are no reason to.
    pub async fn recover(&self, now: f64, leave: Leave) -> Result<Recovered, StoreError> {
        let mut res = Recovered::default();
        let host = self.host();
        let owners = self.read(|tables| tables.owners()).await?;
        for dead in owners.into_iter().filter(|it| *it != host) {
            match self.recover_one(dead, now, leave).await {
                Ok(it) => res.add(it),
                Err(err @ StoreError::Closed) => return Err(err),
                // One lock that can't be had is no reason not to start.
                Err(err) => tracing::error!(%err, %dead, "a host's leftovers are not settled"),
            }
        }
        self.forget_hosts().await?;
        Ok(res)
    }

    /// The lock is returned with the answer, that is after the commit, and
    /// removed here.
    async fn recover_one(
        &self,
        dead: HostId,
        now: f64,
        leave: Leave,
    ) -> Result<Recovered, StoreError> {
        let settled = self.in_place_of(dead, move |tables| tables.recover(dead, now, leave));
        settled.await.map(Option::unwrap_or_default)
    }

    /// The units of hosts that are gone that can be run again, and that no child
    /// asked for; with the host of each.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(crate) async fn lost(&self) -> Result<Vec<(DelegationId, HostId)>, StoreError> {
        let (host, hosts) = (self.host(), self.hosts());
        // One that is open for reading alone knows of no hosts.
        if hosts.is_none() && self.is_durable() {
            return Ok(Vec::new());
        }
        let lost = self.read(move |tables| {
            let mut res = Vec::new();
            for owner in tables.owners()?.into_iter().filter(|it| *it != host) {
                let is_gone = hosts.as_ref().map_or(Ok(true), |it| it.is_gone(owner));
                if is_gone.map_err(|err| StoreError::Io(format!("the lock of {owner}: {err}")))? {
                    res.extend(tables.resumable(owner)?.into_iter().map(|it| (it, owner)));
                }
            }
            Ok(res)
        });
        lost.await
    }

    /// Reports a unit as `unknown` that nobody can go on with, and why.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(crate) async fn give_up(
        &self,
        unit: DelegationId,
        why: String,
        now: f64,
    ) -> Result<(), StoreError> {
        self.run(move |tables| tables.give_up(unit, &why, now).map(drop)).await
    }

    /// Makes a unit this host's that was `dead`'s. `false` when it is not to be
    /// had: it has ended, or another host goes on with it.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(crate) async fn take_over(
        &self,
        unit: DelegationId,
        dead: HostId,
        now: f64,
    ) -> Result<bool, StoreError> {
        let host = self.host();
        let taken = self.in_place_of(dead, move |tables| {
            let is_left = tables.unit(unit)?.is_some_and(|it| it.owner == dead);
            Ok(is_left && tables.take_over(unit, host, now)?)
        });
        Ok(taken.await?.unwrap_or(false))
    }

    /// Does something for a host that is gone, under its lock. `None` when it
    /// lives, or another host is at it.
    async fn in_place_of<T, F>(&self, dead: HostId, op: F) -> Result<Option<T>, StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let hosts = self.hosts();
        let op = move |tables: &mut dyn Tables| {
            let held = match &hosts {
                None => None,
                Some(hosts) => match take_over(hosts, dead)? {
                    None => return Ok((None, None)),
                    held => held,
                },
            };
            Ok((Some(op(tables)?), held))
        };
        self.run(op).await.map(|(res, _held)| res)
    }

    /// Removes the locks of hosts that are gone and have nothing left.
    async fn forget_hosts(&self) -> Result<(), StoreError> {
        let (Some(hosts), host) = (self.hosts(), self.host()) else {
            return Ok(());
        };
        let op = move |_: &mut dyn Tables| {
            let known = hosts.known().map_err(|err| StoreError::Io(err.to_string()))?;
            for gone in known.into_iter().filter(|it| *it != host) {
                drop(take_over(&hosts, gone)?);
            }
            Ok(())
        };
        self.read(op).await
    }

    fn hosts(&self) -> Option<Hosts> {
        self.shared.file.as_ref()?.hosts.clone()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("host", &self.host())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// For the tests of other packages, which have the feature.
#[cfg(feature = "switches")]
impl Store {
    /// An operation that writes, on the tables themselves.
    ///
    /// # Errors
    ///
    /// That of the operation; or why it could not be made durable.
    pub async fn write_raw<T, F>(&self, op: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.run(op).await
    }

    /// An operation that reads, on the tables themselves.
    ///
    /// # Errors
    ///
    /// That of the operation.
    pub async fn read_raw<T, F>(&self, op: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut dyn Tables) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.read(op).await
    }
}

fn take_over(hosts: &Hosts, dead: HostId) -> Result<Option<Held>, StoreError> {
    hosts.take_over(dead).map_err(|err| StoreError::Io(format!("the lock of {dead}: {err}")))
}

/// SQLite keeps a log beside the name by which a file was opened: hosts that
/// open it by two would write over each other.
fn check_has_one_name(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path).map_or(1, |it| it.nlink()) {
        0 | 1 => Ok(()),
        names => {
            let why = format!(
                "it has {names} names (hard links), and would be damaged by whoever opens it by \
                 another one: put a copy in its place (`cp`)"
            );
            Err(open_error(path, &why))
        }
    }
}

fn open_error(path: &Path, err: &dyn fmt::Display) -> StoreError {
    StoreError::Open { path: path.to_owned(), why: err.to_string() }
}
