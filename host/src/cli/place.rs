//! Where the service of a store is: its socket, and the lock that makes it the
//! only one.
//!
//! Both lie in a directory that nobody else may enter, named after the store's
//! path: who can't reach the directory can't reach the service.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind, Read as _, Seek as _, Write as _},
    os::unix::{
        fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};

/// The name of our directories.
const NAME: &str = "hermitage";

/// Digits of a store's name. They tell the stores of one user apart.
const DIGITS: usize = 16;

/// Bytes of what the lock says of its holder.
const MAX_HOLDER_BYTES: u64 = 256;

/// Bytes of a path that a socket can have: the kernel's `sun_path`, and the
/// zero at its end.
const MAX_SOCKET_BYTES: usize = 107;

/// Why there is no place for a service.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    #[error("`{}` can't be used: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("`{}` is not yours alone", path.display())]
    Open { path: PathBuf },
    #[error("`{}` is too long for a socket", path.display())]
    TooLong { path: PathBuf },
}

impl PlaceError {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "set `XDG_RUNTIME_DIR` to a directory of yours".to_owned(),
            Self::Open { path } => format!("`chmod 700 {}`, if it is yours", path.display()),
            Self::TooLong { .. } => "set `XDG_RUNTIME_DIR` to a shorter path".to_owned(),
        }
    }
}

/// The place of the service of one store.
#[derive(Clone, Debug)]
pub(super) struct Place {
    dir: PathBuf,
    name: String,
}

impl Place {
    /// `runtime` is the user's run-time directory, where there is one;
    /// otherwise it lies beside the state.
    pub(super) fn of(store: &Path, runtime: Option<&Path>, state: &Path) -> Self {
        let dir = runtime.map_or_else(|| state.join("run"), |it| it.join(NAME));
        let digest = blake3::hash(resolved(store).as_os_str().as_encoded_bytes()).to_hex();
        Self { dir, name: digest.chars().take(DIGITS).collect() }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join(format!("{}.sock", self.name))
    }

    /// The name of what is kept for this store elsewhere.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The socket, if a service may be behind it. One in a directory that
    /// others can write to could be anybody's.
    pub(super) fn socket_to_ask(&self) -> Option<PathBuf> {
        let is_ours = is_private(&self.dir).unwrap_or(false);
        Some(self.socket()).filter(|it| is_ours && it.exists())
    }

    /// Makes the directory.
    pub(super) fn make(&self) -> Result<(), PlaceError> {
        let path = || self.dir.clone();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
        let is_private = made.and_then(|()| is_private(&self.dir));
        if !is_private.map_err(|source| PlaceError::Io { path: path(), source })? {
            return Err(PlaceError::Open { path: path() });
        }
        let socket = self.socket();
        match socket.as_os_str().len() {
            0..=MAX_SOCKET_BYTES => Ok(()),
            _ => Err(PlaceError::TooLong { path: socket }),
        }
    }

    /// Becomes the only service, and says so. The kernel gives the lock back
    /// when this process ends, however it ends.
    pub(super) fn enter(&self, settings: &str) -> Result<Entered, PlaceError> {
        self.make()?;
        let path = self.lock();
        enter(&path, settings).map_err(|source| PlaceError::Io { path, source })
    }

    /// Listens, as the only one: a socket that is there is of one that was
    /// killed.
    pub(super) fn listen(&self, _alone: &Alone) -> Result<UnixListener, PlaceError> {
        let path = self.socket();
        listen(&path).map_err(|source| PlaceError::Io { path, source })
    }

    /// Takes the socket away, so that nobody asks one that is about to end.
    pub(super) fn close(&self, _alone: &Alone) {
        // One that is left is replaced by the next service.
        let _ = fs::remove_file(self.socket());
    }

    /// Who is the service, if somebody is.
    pub(super) fn holder(&self) -> Option<Holder> {
        UnixStream::connect(self.socket_to_ask()?).ok()?;
        Holder::read(options().open(self.lock()).ok()?)
    }

    fn lock(&self) -> PathBuf {
        self.dir.join(format!("{}.lock", self.name))
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
    _lock: File,
}

/// What a service says of itself beside its socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) process: u32,
    /// What it was set up with.
    pub(super) settings: String,
}

impl Holder {
    fn read(file: File) -> Option<Self> {
        let mut text = String::new();
        file.take(MAX_HOLDER_BYTES).read_to_string(&mut text).ok()?;
        let (process, settings) = text.trim_end().split_once(' ')?;
        Some(Self { process: process.parse().ok()?, settings: settings.to_owned() })
    }
}

fn options() -> OpenOptions {
    let mut res = OpenOptions::new();
    res.read(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    res
}

fn enter(path: &Path, settings: &str) -> io::Result<Entered> {
    let mut file = options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{} {settings}", std::process::id())?;
            Ok(Entered::Alone(Alone { _lock: file }))
        }
        Err(TryLockError::WouldBlock) => Ok(Entered::Taken(Holder::read(file))),
        Err(TryLockError::Error(err)) => Err(err),
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != ErrorKind::NotFound => return Err(err),
        _ => (),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Whether a directory is this user's, and nobody else may enter it.
fn is_private(dir: &Path) -> io::Result<bool> {
    let about = fs::symlink_metadata(dir)?;
    let is_ours = about.uid() == geteuid().as_raw();
    Ok(about.is_dir() && is_ours && about.mode() & 0o077 == 0)
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

    #[test]
    fn one_store_has_one_place_by_whichever_path_and_another_has_another() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        fs::create_dir(&real).unwrap();
        symlink(&real, dir.path().join("link")).unwrap();
        let name = |path: &str| {
            let place = Place::of(&dir.path().join(path), None, dir.path());
            place.name().to_owned()
        };
        let before = name("real/a.db");
        assert_eq!(name("link/a.db"), before);
        assert_ne!(name("real/b.db"), before);
        // It is the same once the file is there.
        fs::write(real.join("a.db"), "").unwrap();
        assert_eq!([name("real/a.db"), name("link/a.db")], [before.clone(), before]);
    }

    #[test]
    fn one_is_alone_and_the_next_is_told_who() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(Path::new("/nowhere/a.db"), Some(dir.path()), dir.path());
        assert_eq!(place.holder(), None);
        let Entered::Alone(held) = place.enter("some").unwrap() else { panic!("no other") };
        let listener = place.listen(&held).unwrap();
        let Entered::Taken(holder) = place.enter("others").unwrap() else { panic!("two") };
        let expect = Holder { process: std::process::id(), settings: "some".to_owned() };
        assert_eq!((holder.as_ref(), place.holder().as_ref()), (Some(&expect), Some(&expect)));
        // One that was killed leaves the words, and nobody behind the socket.
        drop((listener, held));
        assert_eq!(place.holder(), None);
        assert!(matches!(place.enter("others").unwrap(), Entered::Alone(_)));
    }

    #[test]
    fn a_socket_is_the_users_alone_and_one_that_was_left_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(Path::new("/nowhere/a.db"), Some(dir.path()), dir.path());
        let Entered::Alone(alone) = place.enter("").unwrap() else { panic!("there is no other") };
        // As one that was killed leaves it.
        drop(place.listen(&alone).unwrap());
        let _listener = place.listen(&alone).unwrap();
        let mode = fs::metadata(place.socket()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(UnixStream::connect(place.socket()).is_ok());
        place.close(&alone);
        assert_eq!(place.socket_to_ask(), None);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused_and_not_asked() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(Path::new("/nowhere/a.db"), Some(dir.path()), dir.path());
        place.make().unwrap();
        fs::write(place.socket(), "").unwrap();
        assert_eq!(place.socket_to_ask(), Some(place.socket()));
        for mode in [0o750, 0o701, 0o777] {
            fs::set_permissions(&place.dir, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(place.enter(""), Err(PlaceError::Open { .. })), "{mode:o}");
            assert_eq!(place.socket_to_ask(), None);
        }
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("x".repeat(MAX_SOCKET_BYTES));
        let place = Place::of(Path::new("/nowhere/a.db"), None, &long);
        let err = place.enter("").unwrap_err();
        assert!(matches!(err, PlaceError::TooLong { .. }), "{err}");
    }
}
