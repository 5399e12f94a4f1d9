//! Where the service of a store is: a directory beside the store, with the lock
//! that makes it the only one, its socket, and its log.
//!
//! Beside the store, since that is what all have in common who work on it. A
//! run-time directory they need not: cron and `su` have none or another, and a
//! logout takes it away, with the socket of a service that goes on.
//!
//! Nobody else may enter the directory: who can't reach it can't reach the
//! service. It is held open while it is used, so what was found out about it is
//! true of whatever is then done in it, and its path may be of any length,
//! which that of a socket may not.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind, Seek as _, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{fs::OFlags, process::geteuid};
use serde::{Deserialize, Serialize};

use crate::{completion::sanitize::clean_line, plain_file};

/// What is in the directory.
const LOCK: &str = "lock";
const SOCKET: &str = "socket";
const LOG: &str = "log";

/// Bytes of what the lock says of its holder.
const MAX_HOLDER_BYTES: u64 = 1 << 10;

/// Characters of a version that is shown.
const MAX_VERSION_CHARS: usize = 40;

/// That of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why there is no place for a service.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    #[error("`{}` can't be used: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("`{}` is not yours alone", path.display())]
    Open { path: PathBuf },
}

impl PlaceError {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "the service keeps its socket and its lock there: make room for \
                                them, or name another store with `--store`"
                .to_owned(),
            Self::Open { path } => format!("`chmod 700 {}`, if it is yours", path.display()),
        }
    }
}

/// The place of the service of one store.
#[derive(Clone, Debug)]
pub(super) struct Place {
    dir: PathBuf,
}

impl Place {
    /// The same for all paths that lead to the store.
    pub(super) fn beside(store: &Path) -> Self {
        let store = resolved(store);
        let mut name = store.file_name().unwrap_or_default().to_owned();
        name.push(".service");
        Self { dir: store.with_file_name(name) }
    }

    /// Where programs find the socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join(SOCKET)
    }

    /// What a service that was started on demand says to nobody.
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join(LOG)
    }

    /// Makes the directory.
    pub(super) fn make(&self) -> Result<(), PlaceError> {
        self.opened().map(drop)
    }

    fn opened(&self) -> Result<Dir, PlaceError> {
        let failed = |source| PlaceError::Io { path: self.dir.clone(), source };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.dir).map_err(failed)?;
        let dir = Dir::open(&self.dir).map_err(failed)?;
        dir.ok_or_else(|| PlaceError::Open { path: self.dir.clone() })
    }

    /// Becomes the only service, and says who that is. The kernel gives the
    /// lock back when this process ends, however it ends.
    pub(super) fn enter(&self, who: &Holder) -> Result<Entered, PlaceError> {
        let dir = self.opened()?;
        enter(dir, who).map_err(|source| PlaceError::Io { path: self.dir.clone(), source })
    }

    /// The service that was there last. It may be gone.
    pub(super) fn found(&self) -> Option<Found> {
        // A directory that others can write to could hold anybody's socket.
        let dir = Dir::open(&self.dir).ok()??;
        fs::symlink_metadata(dir.at(SOCKET)).ok()?;
        let lock =
            plain_file::open_with(OpenOptions::new().read(true), &dir.at(LOCK), OFlags::NOFOLLOW);
        Some(Found { holder: Holder::read(lock.ok()?)?, dir })
    }
}

/// A directory that is this user's, and that nobody else may enter, held open.
#[derive(Clone, Debug)]
struct Dir(Arc<File>);

impl Dir {
    /// `None` for one that others may enter.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits().cast_signed();
        let dir = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let about = dir.metadata()?;
        let is_private = about.uid() == geteuid().as_raw() && about.mode() & 0o077 == 0;
        Ok(is_private.then(|| Self(Arc::new(dir))))
    }

    /// The path of what is in it, for as long as it is held open.
    fn at(&self, name: &str) -> PathBuf {
        format!("/proc/self/fd/{}/{name}", self.0.as_raw_fd()).into()
    }
}

/// What came of an attempt to be the only one.
#[derive(Debug)]
pub(super) enum Entered {
    Alone(Alone),
    /// Another process is, if it has said so yet.
    Taken(Option<Holder>),
}

/// The right to be the service. Dropped, it lets the next one in.
#[derive(Debug)]
pub(super) struct Alone {
    dir: Dir,
    _lock: File,
}

impl Alone {
    /// Listens: a socket that is there is of one that was killed.
    pub(super) fn listen(&self) -> io::Result<UnixListener> {
        let path = self.dir.at(SOCKET);
        match fs::remove_file(&path) {
            Err(err) if err.kind() != ErrorKind::NotFound => return Err(err),
            _ => (),
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Takes the socket away, so that nobody asks one that is about to end.
    pub(super) fn close(&self) {
        // One that is left is replaced by the next service.
        let _ = fs::remove_file(self.dir.at(SOCKET));
    }
}

/// What a service says of itself in its lock. What a later version adds is
/// left out here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) process: u32,
    version: String,
    /// Whether it was started by a command that needed one, and gives way to
    /// one that a person starts.
    pub(super) on_demand: bool,
    /// What it was set up with.
    pub(super) settings: String,
}

impl Holder {
    /// This process.
    pub(super) fn this(on_demand: bool, settings: String) -> Self {
        Self { process: std::process::id(), version: VERSION.to_owned(), on_demand, settings }
    }

    /// Whether it is of the version of this program.
    pub(super) fn is_of_this_version(&self) -> bool {
        self.version == VERSION
    }

    /// Which versions it and this program are of.
    pub(super) fn versions(&self) -> String {
        let theirs = clean_line(&self.version, MAX_VERSION_CHARS);
        format!("the service that runs is of version {theirs}, and this program of {VERSION}")
    }

    /// What to do about that.
    pub(super) fn how_to_restart(&self) -> String {
        let process = self.process;
        format!(
            "restart it: `systemctl --user restart hermitage`, or `kill {process}` and \
                 `hermitage serve`"
        )
    }

    fn read(file: File) -> Option<Self> {
        serde_json::from_slice(&plain_file::bytes(file, MAX_HOLDER_BYTES).ok()?).ok()
    }
}

/// A service that was found. It may be gone.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) holder: Holder,
    dir: Dir,
}

impl Found {
    /// Where it listens, as long as this is there.
    pub(super) fn socket(&self) -> PathBuf {
        self.dir.at(SOCKET)
    }

    /// Whether it runs.
    pub(super) fn is_there(&self) -> bool {
        UnixStream::connect(self.socket()).is_ok()
    }
}

fn enter(dir: Dir, who: &Holder) -> io::Result<Entered> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut lock = plain_file::open_with(&mut options, &dir.at(LOCK), OFlags::NOFOLLOW)?;
    match lock.try_lock() {
        Ok(()) => {
            let text = serde_json::to_vec(who)?;
            lock.set_len(0)?;
            lock.rewind()?;
            lock.write_all(&text)?;
            Ok(Entered::Alone(Alone { dir, _lock: lock }))
        }
        Err(TryLockError::WouldBlock) => Ok(Entered::Taken(Holder::read(lock))),
        Err(TryLockError::Error(err)) => Err(err),
    }
}

/// The path without links, also where the last parts are not there yet.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|it| Some((it, fs::canonicalize(it).ok()?)));
    let Some((ancestor, real)) = there else { return path };
    match path.strip_prefix(ancestor) {
        Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
        _ => real,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn alone(place: &Place) -> Alone {
        match place.enter(&Holder::this(false, "some".to_owned())).unwrap() {
            Entered::Alone(alone) => alone,
            Entered::Taken(holder) => panic!("{holder:?}"),
        }
    }

    #[test]
    fn one_store_has_one_place_by_whichever_path_and_another_has_another() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        fs::create_dir(&real).unwrap();
        symlink(&real, dir.path().join("link")).unwrap();
        let place = |path: &str| Place::beside(&dir.path().join(path)).dir;
        let before = place("real/a.db");
        assert_eq!(before.file_name().unwrap(), "a.db.service");
        assert_eq!(place("link/a.db"), before);
        assert_ne!(place("real/b.db"), before);
        // It is the same once the file is there, and by a link to it.
        fs::write(real.join("a.db"), "").unwrap();
        symlink(real.join("a.db"), dir.path().join("to-a")).unwrap();
        for path in ["real/a.db", "link/a.db", "to-a"] {
            assert_eq!(place(path), before);
        }
    }

    #[test]
    fn one_is_alone_and_the_next_is_told_who() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::beside(&dir.path().join("a.db"));
        assert!(place.found().is_none());
        let held = alone(&place);
        let listener = held.listen().unwrap();
        let other = Holder::this(true, "others".to_owned());
        let Entered::Taken(holder) = place.enter(&other).unwrap() else { panic!("two") };
        let expect = Holder::this(false, "some".to_owned());
        let found = place.found().unwrap();
        assert_eq!((holder.as_ref(), &found.holder), (Some(&expect), &expect));
        assert!(found.is_there());
        // One that was killed leaves the words, and nobody behind the socket.
        drop((listener, held));
        assert!(!found.is_there());
        drop(alone(&place));
    }

    #[test]
    fn a_socket_is_the_users_alone_and_one_that_was_left_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::beside(&dir.path().join("a.db"));
        let alone = alone(&place);
        // As one that was killed leaves it.
        drop(alone.listen().unwrap());
        let _listener = alone.listen().unwrap();
        assert_eq!(fs::metadata(place.socket()).unwrap().mode() & 0o777, 0o600);
        assert!(UnixStream::connect(place.socket()).is_ok());
        alone.close();
        assert!(place.found().is_none());
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused_and_not_asked() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::beside(&dir.path().join("a.db"));
        let alone = alone(&place);
        let _listener = alone.listen().unwrap();
        assert!(place.found().is_some());
        let who = Holder::this(false, String::new());
        for mode in [0o750, 0o701, 0o777] {
            fs::set_permissions(&place.dir, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(place.enter(&who), Err(PlaceError::Open { .. })), "{mode:o}");
            assert!(place.found().is_none());
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let other = Place::beside(&dir.path().join("other.db"));
        let _listener = alone(&other).listen().unwrap();
        let place = Place::beside(&dir.path().join("a.db"));
        let who = Holder::this(false, String::new());
        symlink(&other.dir, &place.dir).unwrap();
        assert!(matches!(place.enter(&who), Err(PlaceError::Io { .. })));
        assert!(place.found().is_none());
        fs::remove_file(&place.dir).unwrap();
        place.make().unwrap();
        fs::write(place.socket(), "").unwrap();
        symlink(other.dir.join(LOCK), place.dir.join(LOCK)).unwrap();
        assert!(matches!(place.enter(&who), Err(PlaceError::Io { .. })));
        assert!(place.found().is_none());
    }

    #[test]
    fn a_path_may_be_longer_than_that_of_a_socket() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::beside(&dir.path().join("x".repeat(200)).join("a.db"));
        let alone = alone(&place);
        let _listener = alone.listen().unwrap();
        assert!(place.found().unwrap().is_there());
    }

    #[test]
    fn what_another_version_says_of_itself_is_read() {
        let later = r#"{"process": 7, "version": "99.0.0", "on_demand": true, "settings": "",
                        "more": []}"#;
        let holder: Holder = serde_json::from_str(later).unwrap();
        assert!(!holder.is_of_this_version());
        assert!(holder.versions().contains("of version 99.0.0, and this program of "));
        assert!(Holder::this(true, String::new()).is_of_this_version());
    }
}
