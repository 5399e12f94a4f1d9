//! The home directory of one session's commands: outside of the workspace, and
//! gone with the session.
//!
//! Programs keep caches and settings there. What a command leaves in it is
//! trusted by the next command of the same session, and by nobody else.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, symlink},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::runtime::Handle;

use super::{
    chain::Mirror,
    scratch::{self, Scratch},
};

/// Bytes that one may hold between two commands. Bounds what a session leaves
/// on the disk of the host.
const MAX_BYTES: u64 = 1 << 30;

/// Files and directories, likewise.
const MAX_ENTRIES: usize = 200_000;

/// Links of one mirror; a directory with more is one link itself, and can't be
/// added to. Bounds how long a session waits for its first command.
const MAX_LINKS: usize = 50_000;

/// Bytes of a file that is copied and not linked.
const MAX_COPIED: u64 = 64 << 10;

/// Words in a file of settings of which nothing is shown then.
const SECRET_WORDS: [&str; 10] = [
    "access_key",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "credential",
    "passw",
    "secret",
    "token",
    "@",
];

/// It goes when this is dropped.
pub(super) struct Home {
    path: PathBuf,
    scratch: Arc<Scratch>,
    mirrors: Vec<Mirror>,
}

impl Home {
    /// Makes one (mode 0700). Blocks.
    pub(super) fn new(scratch: &Arc<Scratch>, mirrors: &[Mirror]) -> io::Result<Self> {
        let path = scratch.home()?.keep();
        let this = Self { path, scratch: Arc::clone(scratch), mirrors: mirrors.to_vec() };
        this.fill()?;
        Ok(this)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// After a command: a home that holds too much becomes a new one. Gives the
    /// words for that. Blocks.
    pub(super) fn tidy(&self) -> Option<String> {
        if fits(&self.path) {
            return None;
        }
        let emptied = self.empty().and_then(|()| self.fill());
        if let Err(error) = emptied {
            tracing::warn!(%error, "the home directory of commands was not emptied");
        }
        Some(format!(
            "the home directory of commands held more than {} MiB or {MAX_ENTRIES} files, and \
             was emptied",
            MAX_BYTES >> 20
        ))
    }

    fn empty(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => scratch::remove(&entry.path()),
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    }

    fn fill(&self) -> io::Result<()> {
        for Mirror { from, to, levels } in &self.mirrors {
            let to = self.path.join(to);
            directory(to.parent().unwrap_or(&self.path))?;
            let mut left = MAX_LINKS;
            mirror(from, &to, *levels, &mut left)?;
        }
        Ok(())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let (path, scratch) = (std::mem::take(&mut self.path), Arc::clone(&self.scratch));
        let remove = move || {
            scratch::remove(&path);
            // The place of all homes may go with the last of them.
            drop(scratch);
        };
        match Handle::try_current() {
            // When the runtime ends instead, it goes with that place.
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

fn directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn mirror(from: &Path, to: &Path, levels: usize, left: &mut usize) -> io::Result<()> {
    let is_dir = from.is_dir();
    if is_dir && levels > 0 {
        let entries = fs::read_dir(from)?.collect::<Result<Vec<_>, _>>()?;
        if entries.len() <= *left {
            *left -= entries.len();
            directory(to)?;
            for entry in entries {
                mirror(&entry.path(), &to.join(entry.file_name()), levels - 1, left)?;
            }
            return Ok(());
        }
    }
    let is_settings = to.extension().is_some_and(|it| it == "json" || it == "toml");
    match is_settings && !is_dir {
        // A program that writes it anew must be able to.
        true => copy_settings(from, to),
        false => symlink(from, to),
    }
}

/// Settings that may hold a secret are left out, and so are large ones.
fn copy_settings(from: &Path, to: &Path) -> io::Result<()> {
    if fs::metadata(from)?.len() > MAX_COPIED {
        return Ok(());
    }
    let text = fs::read_to_string(from).unwrap_or_default();
    let folded = text.to_ascii_lowercase();
    match SECRET_WORDS.iter().any(|it| folded.contains(it)) {
        true => Ok(()),
        false => fs::write(to, text),
    }
}

/// Whether a directory is within the bounds. A link counts for itself.
fn fits(home: &Path) -> bool {
    let (mut bytes, mut entries, mut todo) = (0_u64, 0_usize, vec![home.to_owned()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            entries += 1;
            if metadata.is_dir() {
                todo.push(entry.path());
            } else {
                bytes = bytes.saturating_add(metadata.len());
            }
            if bytes > MAX_BYTES || entries > MAX_ENTRIES {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(mirrors: &[Mirror]) -> Home {
        Home::new(&Arc::new(Scratch::new().unwrap()), mirrors).unwrap()
    }

    #[test]
    fn a_home_that_holds_too_much_is_emptied() {
        let outer = tempfile::tempdir().unwrap();
        fs::create_dir_all(outer.path().join("index/one")).unwrap();
        let from = outer.path().join("index");
        let home = home(&[Mirror { from, to: ".cargo/registry/index", levels: 1 }]);
        let cache = home.path().join(".cache/deep");
        directory(&cache).unwrap();
        // Blocks of it that nobody wrote take no place, but count.
        fs::File::create(cache.join("a")).unwrap().set_len(MAX_BYTES / 2).unwrap();
        assert_eq!(home.tidy(), None);
        fs::File::create(cache.join("b")).unwrap().set_len(MAX_BYTES / 2 + 1).unwrap();
        let told = home.tidy().unwrap();
        assert!(told.contains("1024 MiB") && !cache.exists(), "{told}");
        assert!(home.path().join(".cargo/registry/index/one").is_dir());
        assert_eq!(home.tidy(), None);
        let path = home.path().to_owned();
        drop(home);
        assert!(!path.exists());
    }

    #[test]
    fn a_mirror_can_be_added_to_and_tells_no_secret() {
        let outer = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = outer.path().join(path);
            directory(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("src/index/serde-1.0/lib.rs", "lib");
        put("index/index/config.json", "{\"dl\":\"https://static.crates.io\"}");
        put("index/index/.cache/se/rd/serde", "cache");
        put("config.toml", "[source.crates-io]\nreplace-with = \"mirror\"\n");
        put("other.toml", "[registry]\nToken = \"x\"\n");
        put("third.toml", "index = \"https://me:pass@example.org\"\n");
        let part = |from: &str, to, levels| Mirror { from: outer.path().join(from), to, levels };
        let home = home(&[
            part("src", ".cargo/registry/src", 2),
            part("index", ".cargo/registry/index", 2),
            part("config.toml", ".cargo/config.toml", 0),
            part("other.toml", ".cargo/other.toml", 0),
            part("third.toml", ".cargo/third.toml", 0),
        ]);
        let at = |it: &str| home.path().join(".cargo").join(it);
        assert_eq!(fs::read_to_string(at("registry/src/index/serde-1.0/lib.rs")).unwrap(), "lib");
        assert!(at("registry/src/index/serde-1.0").is_symlink());
        assert!(!at("registry/src/index").is_symlink());
        fs::create_dir(at("registry/src/index/new-1.0")).unwrap();
        assert!(at("registry/index/index/.cache").is_symlink());
        assert!(!at("registry/index/index/config.json").is_symlink());
        assert!(at("config.toml").is_file());
        assert!(!at("other.toml").exists() && !at("third.toml").exists());
        assert_eq!(fs::read_dir(outer.path().join("src/index")).unwrap().count(), 1);
    }
}
