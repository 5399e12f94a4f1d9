//! The plugins that a person has added: one directory for each, with the
//! component, its manifest, and what was agreed to.
//!
//! A plugin is there as a whole or not at all, whenever this process or the
//! machine stops, and several processes may add and remove at once. Whoever
//! reads needs no lock: a directory is never changed, and is read anew when
//! another one took its place meanwhile.

mod files;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    approval::Approval,
    manifest::{self, Manifest},
    tool::{Component, Plugin},
};
use crate::sandbox::Binary;

use self::files::Folder;

/// In the directory of each.
const COMPONENT: &str = "component.wasm";
const APPROVAL: &str = "approved.json";

/// Bytes of an approval: the most tools with the largest schemas, written for
/// people.
const MAX_APPROVAL_BYTES: u64 = 8 << 20;

/// Plugins of one user: each is read at every start of a host.
const MAX_PLUGINS: usize = 256;

/// How often a plugin is read anew that others replace meanwhile.
const MAX_TRIES: u32 = 100;

/// Where the plugins of a user are.
#[derive(Clone, Debug)]
pub struct Installed {
    dir: PathBuf,
}

/// A plugin that a person has added.
#[derive(Clone, Debug)]
pub struct InstalledPlugin {
    /// What was agreed to.
    pub approval: Approval,
    /// As it came, but for its name: that is the approval's.
    pub manifest: Manifest,
    /// Where its component is.
    pub component: PathBuf,
}

/// Something to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// What a person agreed to.
    pub approval: &'a Approval,
    /// The text of its manifest.
    pub manifest: Option<&'a str>,
    /// Its component.
    pub component: &'a Binary,
}

/// What came of adding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there now.
    New,
    /// It was there already, all of it.
    Same,
}

/// Why a plugin is not there, or can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstalledError {
    /// The directory can't be read or written.
    #[error("`{}` can't be used", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is not what was written.
    #[error(
        "the plugin `{name}` is damaged: {why}\n\
         hint: add it again with `hermitage plugin add`, or take it out with \
         `hermitage plugin remove {name}`"
    )]
    Damaged {
        /// Its directory.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// Another process added another one meanwhile.
    #[error("the plugin `{name}` was changed by another process meanwhile\nhint: try again")]
    Changed {
        /// Of the plugin.
        name: String,
    },
    /// There are very many.
    #[error("there are {MAX_PLUGINS} plugins already\nhint: `hermitage plugin remove` makes room")]
    TooMany,
}

impl Installed {
    /// In this directory, which need not be there.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The names of all, whole or damaged, in their order.
    ///
    /// # Errors
    ///
    /// The directory can't be read.
    pub fn names(&self) -> Result<Vec<String>, InstalledError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(err) => return Err(failed(&self.dir)(err)),
        };
        let mut res = Vec::new();
        for entry in entries.take(MAX_PLUGINS.saturating_mul(4)) {
            let name = entry.map_err(failed(&self.dir))?.file_name();
            let name = name.to_string_lossy();
            // What is on its way in or out, and the lock.
            if !name.starts_with('.') {
                res.push(name.into_owned());
            }
        }
        res.sort_unstable();
        res.truncate(MAX_PLUGINS);
        Ok(res)
    }

    /// All of them; of one that can't be used, why.
    ///
    /// # Errors
    ///
    /// The directory can't be read.
    pub fn all(&self) -> Result<Vec<Result<InstalledPlugin, InstalledError>>, InstalledError> {
        let all = self.names()?.into_iter().filter_map(|it| self.get(&it).transpose());
        Ok(all.collect())
    }

    /// The plugin of that name, if there is one.
    ///
    /// # Errors
    ///
    /// It can't be used.
    pub fn get(&self, name: &str) -> Result<Option<InstalledPlugin>, InstalledError> {
        let path = self.dir.join(name);
        let mut tries = 0;
        while let Some(folder) = Folder::open(&path).map_err(failed(&path))? {
            let res = self.read(name, &folder);
            tries += 1;
            if res.is_ok()
                || tries == MAX_TRIES
                || !folder.is_gone_from(&path).map_err(failed(&path))?
            {
                return res.map(Some);
            }
        }
        Ok(None)
    }

    fn read(&self, name: &str, folder: &Folder) -> Result<InstalledPlugin, InstalledError> {
        let damaged = |why: String| InstalledError::Damaged { name: name.to_owned(), why };
        let text = |file: &str, max| {
            folder.text(file, max).map_err(|err| damaged(format!("`{file}` can't be read: {err}")))
        };
        let missing = |file: &str| damaged(format!("`{file}` is missing"));
        if !folder.is_private().map_err(failed(&self.dir.join(name)))? {
            return Err(damaged("other users may write into its directory".to_owned()));
        }
        let approval = text(APPROVAL, MAX_APPROVAL_BYTES)?.ok_or_else(|| missing(APPROVAL))?;
        let approval = Approval::from_json(&approval).map_err(|it| damaged(reason(&it)))?;
        if approval.name != name {
            return Err(damaged(format!("it is approved as `{}`", approval.name)));
        }
        let written = text(manifest::FILE, manifest::MAX_BYTES)?;
        let manifest = of_approved(&approval, written.as_deref()).map_err(damaged)?;
        if !folder.has(COMPONENT) {
            return Err(missing(COMPONENT));
        }
        let component = self.dir.join(name).join(COMPONENT);
        Ok(InstalledPlugin { approval, manifest, component })
    }

    /// Adds a plugin, in the place of the one that was there `before`.
    ///
    /// # Errors
    ///
    /// Nothing has changed: another one is there, or it can't be written.
    pub fn add(
        &self,
        draft: Draft<'_>,
        before: Option<&Approval>,
    ) -> Result<Added, InstalledError> {
        let name = &draft.approval.name;
        let _lock = files::lock(&self.dir).map_err(failed(&self.dir))?;
        files::sweep(&self.dir);
        let (now, is_there) = match self.get(name) {
            Ok(now) => (now.as_ref().map(|it| it.approval.clone()), now.is_some()),
            // Whatever is left of it makes place.
            Err(InstalledError::Damaged { .. }) => (None, true),
            Err(err) => return Err(err),
        };
        if now.as_ref().is_some_and(|it| it.is_same(draft.approval)) {
            return Ok(Added::Same);
        }
        if now.as_ref() != before {
            return Err(InstalledError::Changed { name: name.clone() });
        }
        if !is_there && self.names()?.len() >= MAX_PLUGINS {
            return Err(InstalledError::TooMany);
        }
        self.put(draft).map_err(failed(&self.dir.join(name)))?;
        Ok(Added::New)
    }

    fn put(&self, draft: Draft<'_>) -> io::Result<()> {
        let approval = draft.approval.to_json()?;
        let manifest = draft.manifest.map(|it| (manifest::FILE, it.as_bytes()));
        let files = [(COMPONENT, draft.component.bytes()), (APPROVAL, approval.as_bytes())];
        let files: Vec<_> = files.into_iter().chain(manifest).collect();
        files::replace(&self.dir, &draft.approval.name, &files)
    }

    /// Takes a plugin out. `false` when there is none.
    ///
    /// # Errors
    ///
    /// It is still there.
    pub fn remove(&self, name: &str) -> Result<bool, InstalledError> {
        // Names of nothing else lie here, and `..` is none.
        if !self.names()?.iter().any(|it| it == name) {
            return Ok(false);
        }
        let _lock = files::lock(&self.dir).map_err(failed(&self.dir))?;
        files::sweep(&self.dir);
        files::remove(&self.dir, name).map_err(failed(&self.dir.join(name)))
    }
}

impl InstalledPlugin {
    /// For a host.
    pub fn into_plugin(self) -> Plugin {
        Plugin {
            name: self.approval.name,
            asks: self.manifest.asks,
            tools: self.approval.tools,
            digest: self.approval.digest,
            component: Component::File(self.component),
        }
    }
}

/// The manifest, if it is the one that was agreed to.
fn of_approved(approval: &Approval, written: Option<&str>) -> Result<Manifest, String> {
    if written.map(|it| blake3::hash(it.as_bytes())) != approval.manifest {
        return Err(format!("`{}` is not the one that was approved", manifest::FILE));
    }
    let manifest = match written {
        Some(text) => Manifest::parse(manifest::FILE, text).map_err(|it| reason(&it))?,
        None => Manifest::of_nothing(&approval.name).map_err(|it| reason(&it))?,
    };
    // This program may read the same text in another way than an older one.
    if manifest.asks.words() != approval.asks {
        return Err("what it asks for is no longer what was approved".to_owned());
    }
    Ok(Manifest { name: approval.name.clone(), ..manifest })
}

/// On one line, without the hint of its own.
fn reason(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    text.split("\nhint: ").next().unwrap_or_default().replace('\n', "; ")
}

fn failed(path: &Path) -> impl Fn(io::Error) -> InstalledError {
    let path = path.to_owned();
    move |source| InstalledError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests;
