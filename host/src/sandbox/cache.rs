//! Compiled components on disk.
//!
//! What is loaded runs as native code, so a cached file is only believed when
//! a key that no guest and no other user can read says that this host wrote
//! it: each file begins with a keyed BLAKE3 of its name and body, and is
//! checked and loaded from the same buffer. The name covers the component's
//! digest, wasmtime's version and the engine's configuration.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use wasmtime::Engine;

use crate::id::Random;

/// Length of the key and of the seal in front of a file.
const SEAL: usize = blake3::OUT_LEN;

const KEY_FILE: &str = "key";

/// A directory of compiled components.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    key: [u8; SEAL],
    /// Changes with everything that makes machine code differ.
    engine: u64,
}

impl Cache {
    /// Opens the directory, creating it and its key (mode 0700 and 0600).
    pub(super) fn open(dir: &Path, engine: &Engine, random: &dyn Random) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let key = key(&dir.join(KEY_FILE), random)?;
        Ok(Self { dir: dir.to_owned(), key, engine: engine_hash(engine) })
    }

    /// The machine code of a component, when there is some that this host
    /// wrote. Anything else about the file means: compile again.
    pub(super) fn load(&self, component: &blake3::Hash) -> Option<Vec<u8>> {
        let name = self.name(component);
        let mut bytes = fs::read(self.dir.join(&name)).ok()?;
        let (seal, body) = bytes.split_at_checked(SEAL)?;
        let expect = self.seal(&name, body);
        // Comparison of two `Hash` values takes the same time for any bytes.
        if blake3::Hash::from_slice(seal).ok()? != expect {
            tracing::warn!(file = %name, "a cached component is not what this host wrote");
            return None;
        }
        bytes.drain(..SEAL);
        Some(bytes)
    }

    /// Keeps machine code. A cache that can't be written costs time, nothing
    /// else.
    pub(super) fn store(&self, component: &blake3::Hash, body: &[u8], random: &dyn Random) {
        let name = self.name(component);
        let seal = self.seal(&name, body);
        if let Err(err) = self.write(&name, seal.as_bytes(), body, random) {
            tracing::warn!(%err, dir = %self.dir.display(), "the component cache can't be written");
        }
    }

    fn name(&self, component: &blake3::Hash) -> String {
        format!("{}-{:016x}.cwasm", component.to_hex(), self.engine)
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
    format!(".{name}.{:016x}", u64::from_be_bytes(bytes))
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
    private().create_new(true).open(&draft)?.write_all(&key)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => Err(err),
        _ => {
            read_key(path)?.ok_or_else(|| io::Error::other("the key of the cache is not 32 bytes"))
        }
    }
}

fn read_key(path: &Path) -> io::Result<Option<[u8; SEAL]>> {
    let mut key = Vec::new();
    match File::open(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?.take(SEAL as u64 + 1).read_to_end(&mut key)?,
    };
    let damaged = |_| io::Error::other(format!("`{}` is not a key of 32 bytes", path.display()));
    key.try_into().map(Some).map_err(damaged)
}
