//! Compiled components on disk.
//!
//! What is loaded runs as native code, so a cached file is only believed when
//! a key that no guest and no other user can read says that this host wrote
//! it: each file begins with a keyed BLAKE3 of its name and body, and is
//! checked and loaded from the same buffer. The name covers the component's
//! digest, wasmtime's version and the engine's configuration.

mod room;

use std::{
    fs::{self, DirBuilder, Metadata, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use wasmtime::Engine;

use super::bounds;
use crate::{
    defence::{Defence, Defences},
    id::Random,
    plain_file,
};

/// Length of the key and of the seal in front of a file.
const SEAL: usize = blake3::OUT_LEN;

const KEY_FILE: &str = "key";

/// How the names of compiled components end, and those of drafts begin.
const SUFFIX: &str = ".cwasm";
const DRAFT: &str = ".";

/// Largest cached file. A Python interpreter's machine code is 60 MB.
pub(super) const MAX_CODE_BYTES: u64 = 512 << 20;

/// A directory of compiled components.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    key: [u8; SEAL],
    /// Changes with everything that makes machine code differ.
    engine: u64,
    /// Of all its files, but the one that was written last.
    max_bytes: u64,
    defences: Defences,
}

impl Cache {
    /// Opens the directory, creating it and its key (mode 0700 and 0600).
    pub(super) fn open(
        dir: &Path,
        engine: &Engine,
        max_bytes: u64,
        defences: Defences,
        random: &dyn Random,
    ) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        if !is_ours(&fs::metadata(dir)?, 0o022) {
            let text = format!("`{}` can be written by other users", dir.display());
            return Err(io::Error::other(text));
        }
        let key = key(&dir.join(KEY_FILE), random)?;
        Ok(Self { dir: dir.to_owned(), key, engine: engine_hash(engine), max_bytes, defences })
    }

    /// The machine code of a component, when there is some that this host
    /// wrote. Anything else about the file means: compile again.
    pub(super) fn load(&self, component: &blake3::Hash) -> Option<Vec<u8>> {
        let name = self.name(component);
        let mut bytes = read(&self.dir.join(&name)).ok()?;
        let (seal, body) = bytes.split_at_checked(SEAL)?;
        let expect = self.seal(&name, body);
        // Comparison of two `Hash` values takes the same time for any bytes.
        let is_ours = blake3::Hash::from_slice(seal).ok()? == expect;
        if !is_ours && self.defences.has(Defence::CacheSeal) {
            tracing::warn!(file = %name, "a cached component is not what this host wrote");
            return None;
        }
        bytes.drain(..SEAL);
        Some(bytes)
    }

    /// Keeps machine code, and makes room for it. A cache that can't be written
    /// costs time, nothing else.
    pub(super) fn store(&self, component: &blake3::Hash, body: &[u8], random: &dyn Random) {
        let name = self.name(component);
        let seal = self.seal(&name, body);
        let written = self.write(&name, seal.as_bytes(), body, random);
        if let Err(err) = written.and_then(|()| room::make(&self.dir, self.max_bytes, &name)) {
            tracing::warn!(%err, dir = %self.dir.display(), "the component cache can't be written");
        }
    }

    fn name(&self, component: &blake3::Hash) -> String {
        let bounds = bounds::VERSION;
        format!("{}-{:016x}-{bounds}{SUFFIX}", component.to_hex(), self.engine)
    }

    fn seal(&self, name: &str, body: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(name.as_bytes()).update(b"\0").update(body);
        hasher.finalize()
    }

    fn write(&self, name: &str, seal: &[u8], body: &[u8], random: &dyn Random) -> io::Result<()> {
        let draft = self.dir.join(draft_name(name, random));
        let mut file = private().create_new(true).open(&draft)?;
        let written = file.write_all(seal).and_then(|()| file.write_all(body));
        let res = written.and_then(|()| fs::rename(&draft, self.dir.join(name)));
        if res.is_err() {
            // The first error is the one worth telling.
            let _ = fs::remove_file(&draft);
        }
        res
    }
}

fn engine_hash(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

fn draft_name(name: &str, random: &dyn Random) -> String {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    format!("{DRAFT}{name}.{:016x}", u64::from_be_bytes(bytes))
}

fn private() -> OpenOptions {
    let mut res = OpenOptions::new();
    res.write(true).mode(0o600);
    res
}

/// Reads the key of this installation, or makes one. Two hosts that start at
/// the same time end with the same key: a link is only made once.
fn key(path: &Path, random: &dyn Random) -> io::Result<[u8; SEAL]> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let mut key = [0; SEAL];
    random.fill(&mut key);
    let draft = path.with_file_name(draft_name(KEY_FILE, random));
    let mut file = private().create_new(true).open(&draft)?;
    // On disk before it has its name: a key that was cut short by a crash
    // would have to be removed by hand.
    let written = file.write_all(&key).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => Err(err),
        _ => {
            read_key(path)?.ok_or_else(|| io::Error::other("the key of the cache is not 32 bytes"))
        }
    }
}

fn read_key(path: &Path) -> io::Result<Option<[u8; SEAL]>> {
    let refused = |err: io::Error| io::Error::other(format!("`{}`: {err}", path.display()));
    let file = match plain_file::open(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(refused)?,
    };
    if !is_ours(&file.metadata()?, 0o077) {
        let text = format!("`{}` is open to other users: remove it", path.display());
        return Err(io::Error::other(text));
    }
    let mut key = Vec::new();
    file.take(SEAL as u64 + 1).read_to_end(&mut key)?;
    let damaged = |_| {
        let text = format!("`{}` is not a key of {SEAL} bytes: remove it", path.display());
        io::Error::other(text)
    };
    key.try_into().map(Some).map_err(damaged)
}

/// Whether it belongs to this user and gives others none of these
/// permissions. Whoever knows the key could have machine code of their own
/// loaded; whoever writes to the directory could make a read of it hang.
fn is_ours(metadata: &Metadata, others: u32) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & others == 0
}

/// Reads a regular file, up to [`MAX_CODE_BYTES`], and notes that it was used.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = plain_file::open_with(OpenOptions::new().read(true), path, OFlags::NOFOLLOW)?;
    let metadata = file.metadata()?;
    if metadata.len() > MAX_CODE_BYTES {
        return Err(io::Error::other("no cached component"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    (&file).take(MAX_CODE_BYTES).read_to_end(&mut bytes)?;
    room::touch(&file);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::id::OsRandom;

    const BODY: &[u8] = b"machine code";

    /// For two of them, with their seals.
    const ROOM: u64 = 2 * (12 + SEAL as u64);

    struct Case {
        _dir: tempfile::TempDir,
        cache: Cache,
        component: blake3::Hash,
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let cache = open(&dir.path().join("compiled")).unwrap();
            let component = blake3::hash(b"component");
            cache.store(&component, BODY, &OsRandom);
            Self { _dir: dir, cache, component }
        }

        fn file(&self) -> PathBuf {
            self.cache.dir.join(self.cache.name(&self.component))
        }

        fn load(&self) -> Option<Vec<u8>> {
            self.cache.load(&self.component)
        }
    }

    fn open(dir: &Path) -> io::Result<Cache> {
        Cache::open(dir, &Engine::default(), ROOM, Defences::ALL, &OsRandom)
    }

    #[test]
    fn what_was_stored_is_loaded_also_by_another_host_of_this_installation() {
        let case = Case::new();
        assert_eq!(case.load().as_deref(), Some(BODY));
        let other = open(&case.cache.dir).unwrap();
        assert_eq!(other.load(&case.component).as_deref(), Some(BODY));
    }

    #[test]
    fn one_changed_byte_anywhere_is_noticed() {
        let case = Case::new();
        let good = fs::read(case.file()).unwrap();
        for idx in 0..good.len() {
            let mut bad = good.clone();
            bad[idx] ^= 1;
            fs::write(case.file(), bad).unwrap();
            assert_eq!(case.load(), None, "byte {idx}");
        }
        for len in 0..good.len() {
            fs::write(case.file(), &good[..len]).unwrap();
            assert_eq!(case.load(), None, "{len} bytes");
        }
    }

    #[test]
    fn the_code_of_one_component_is_not_taken_for_another() {
        let case = Case::new();
        let other = blake3::hash(b"other component");
        fs::copy(case.file(), case.cache.dir.join(case.cache.name(&other))).unwrap();
        assert_eq!(case.cache.load(&other), None);
        fs::remove_file(case.cache.dir.join(case.cache.name(&other))).unwrap();
        symlink(case.file(), case.cache.dir.join(case.cache.name(&other))).unwrap();
        assert_eq!(case.cache.load(&other), None);
    }

    #[test]
    fn the_code_of_another_engine_is_not_found() {
        let case = Case::new();
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config).unwrap();
        let other = Cache::open(&case.cache.dir, &engine, ROOM, Defences::ALL, &OsRandom).unwrap();
        assert_eq!(other.load(&case.component), None);
    }

    #[test]
    fn the_code_of_another_installation_is_not_believed() {
        let (one, two) = (Case::new(), Case::new());
        fs::copy(one.file(), two.file()).unwrap();
        assert_eq!(two.load(), None);
    }

    #[test]
    fn the_cache_is_bounded_and_what_is_used_stays() {
        let case = Case::new();
        let others = [blake3::hash(b"one"), blake3::hash(b"two")];
        let age = |component: &blake3::Hash| {
            let file = fs::File::open(case.cache.dir.join(case.cache.name(component))).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        };
        case.cache.store(&others[0], BODY, &OsRandom);
        age(&case.component);
        age(&others[0]);
        assert!(case.load().is_some(), "used now");
        case.cache.store(&others[1], BODY, &OsRandom);
        assert!(case.cache.load(&others[0]).is_none(), "used the longest time ago");
        assert!(case.load().is_some());
        assert!(case.cache.load(&others[1]).is_some());
    }

    #[test]
    fn directory_key_and_files_are_private() {
        let case = Case::new();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&case.cache.dir), 0o700);
        assert_eq!(mode(&case.cache.dir.join(KEY_FILE)), 0o600);
        assert_eq!(mode(&case.file()), 0o600);
        let n_files = fs::read_dir(&case.cache.dir).unwrap().count();
        assert_eq!(n_files, 2, "drafts are left");
    }

    #[test]
    fn a_directory_that_others_write_to_is_refused() {
        let case = Case::new();
        fs::set_permissions(&case.cache.dir, fs::Permissions::from_mode(0o777)).unwrap();
        let err = open(&case.cache.dir).unwrap_err().to_string();
        assert!(err.ends_with("can be written by other users"), "{err}");
    }

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        let case = Case::new();
        fs::remove_file(case.file()).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            case.file(),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert_eq!(case.load(), None);
    }

    #[test]
    fn a_key_that_is_a_pipe_or_a_directory_is_refused_and_not_waited_for() {
        let case = Case::new();
        let key = case.cache.dir.join(KEY_FILE);
        let check = || {
            let err = open(&case.cache.dir).unwrap_err().to_string();
            assert!(err.ends_with("/compiled/key`: it is no regular file"), "{err}");
        };
        fs::remove_file(&key).unwrap();
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, &key, kind, mode, 0).unwrap();
        check();
        fs::remove_file(&key).unwrap();
        fs::create_dir(&key).unwrap();
        check();
    }

    #[test]
    fn a_key_that_others_could_know_is_refused() {
        let case = Case::new();
        let key = case.cache.dir.join(KEY_FILE);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let err = open(&case.cache.dir).unwrap_err().to_string();
        assert!(err.ends_with("is open to other users: remove it"), "{err}");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, "short").unwrap();
        let err = open(&case.cache.dir).unwrap_err().to_string();
        assert!(err.ends_with("is not a key of 32 bytes: remove it"), "{err}");
    }
}
