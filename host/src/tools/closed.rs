//! The host's own files: one list for the file tools and for the terminal.
//!
//! A child that could write to them would act as the person at the next run:
//! the configuration names commands, notes go into prompts, plugins and
//! machine code are run, the store tells every session what happened. So they
//! are closed, wherever the workspace is: to the file tools under every name,
//! and out of sight of commands.

use std::{
    collections::{HashMap, HashSet},
    env, fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
    sync::OnceLock,
};

use super::{
    git::is_git,
    names::{fold, fold_name},
};

mod home;
mod settings;

pub use home::HomeError;
use home::Personal;
pub(super) use home::homes;
pub use settings::WorkspaceConfig;

/// Entries below the host's own directories that are looked at for the further
/// names of a file. Bounds what a full cache takes of a call's time; past it
/// every file with several names is taken for one of them.
const MAX_ENTRIES: usize = 100_000;

/// Device and inode: what a file is, whatever it is called.
pub(super) type Identity = (u64, u64);

/// What of a place is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// A directory with all that is in it.
    Directory,
    /// A file.
    File,
    /// A file and all that begins with its name: a store has a log, and the
    /// locks of its hosts, beside it.
    Family,
}

/// The host's own files, wherever they lie. They need not be there yet.
#[derive(Clone, Debug, Default)]
pub struct OwnFiles {
    places: Vec<(PathBuf, Extent)>,
    /// The directories that all hosts of a user share.
    usual: Vec<PathBuf>,
}

impl OwnFiles {
    /// Closes a directory, but for a workspace in it.
    pub fn directory(&mut self, path: impl Into<PathBuf>) {
        self.places.push((path.into(), Extent::Directory));
    }

    /// Closes one of the directories that every host of this user has. A
    /// workspace above it is not taken for granted.
    pub fn usual_directory(&mut self, path: impl Into<PathBuf>) {
        let path = path.into();
        self.usual.push(path.clone());
        self.directory(path);
    }

    /// Closes a file.
    pub fn file(&mut self, path: impl Into<PathBuf>) {
        self.places.push((path.into(), Extent::File));
    }

    /// Closes a file and all that begins with its name.
    pub fn family(&mut self, path: impl Into<PathBuf>) {
        self.places.push((path.into(), Extent::Family));
    }

    /// What of it matters in a workspace. `allow_home` takes a workspace that
    /// holds the home directory of the user.
    ///
    /// # Errors
    ///
    /// When such a workspace is not allowed, and for one that is the host's
    /// own, or git's.
    pub fn below(&self, workspace: &Path, allow_home: bool) -> Result<Closed, HomeError> {
        let workspace = absolute(workspace);
        let real = workspace.canonicalize().unwrap_or(workspace);
        let all: Vec<_> = self.places.iter().map(|(at, extent)| (Way::to(at), *extent)).collect();
        let usual: Vec<PathBuf> = self.usual.iter().map(|it| Way::to(it).real).collect();
        if usual.iter().any(|it| real.starts_with(it)) {
            return Err(HomeError::Own { path: real });
        }
        // What is written there is run, or obeyed, by the next git.
        if real.iter().any(|it| is_git(&fold_name(&it.to_string_lossy()))) {
            return Err(HomeError::Git { path: real });
        }
        let personal = Personal::of(&real, &usual, allow_home)?;
        let places: Vec<_> =
            all.iter().flat_map(|(way, extent)| way.below(&real, *extent)).collect();
        // A workspace in a directory of components is one that they are made in.
        let is_above = |way: &Way| real.starts_with(&way.real);
        let others = || all.iter().map(|it| &it.0).filter(|it| !is_above(it));
        let identities = others().filter_map(|it| identity(&it.real).ok()).collect();
        let links = OnceLock::new();
        let everywhere = others().map(|it| it.real.clone()).collect();
        let closed = Closed { workspace: real, places, identities, everywhere, links, personal };
        // What lies in the workspace can be moved before it is asked about.
        if !closed.places.is_empty() {
            closed.links();
        }
        Ok(closed)
    }
}

/// What is closed in one workspace.
#[derive(Debug, Default)]
pub struct Closed {
    /// Its real path.
    workspace: PathBuf,
    places: Vec<Place>,
    /// Of the places themselves.
    identities: HashSet<Identity>,
    /// Every place by its real path, also outside of the workspace.
    everywhere: Vec<PathBuf>,
    links: OnceLock<Links>,
    personal: Option<Personal>,
}

/// A place of the host in the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Relative to the workspace.
    pub(super) below: PathBuf,
    pub(super) extent: Extent,
    /// A symbolic link in the workspace leads to it, which a command could
    /// replace.
    pub(super) linked: bool,
    folded: String,
}

impl Closed {
    /// The places in the workspace.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Whether a file, by its real path below the workspace, is the host's
    /// own.
    pub(super) fn is_own(&self, real: &Path) -> bool {
        !self.places.is_empty() && {
            let folded = fold(real);
            self.places.iter().any(|it| it.holds(&folded))
        }
    }

    /// Whether an opened file is one of the host's, under whatever name.
    /// `is_linked` tells that it is a file with several.
    pub(super) fn is_own_file(&self, identity: Identity, is_linked: bool) -> bool {
        self.identities.contains(&identity) || (is_linked && self.links().hold(identity))
    }

    /// Whether a program of the person obeys a file of this real path, because
    /// of where it lies in their home directory.
    pub(super) fn is_personal(&self, real: &Path) -> bool {
        self.personal.as_ref().is_some_and(|it| it.closes(&self.workspace.join(real)))
    }

    /// Where in the workspace the home directory is, when it lies in it.
    pub(super) fn personal(&self) -> Option<&Personal> {
        self.personal.as_ref()
    }

    /// Whether a path, by its real name, holds something of the host's own or
    /// lies in it, be that in the workspace or not.
    pub(super) fn meets(&self, real: &Path) -> bool {
        self.everywhere.iter().any(|it| it.starts_with(real) || real.starts_with(it))
    }

    /// The files of the host that have several names.
    pub(super) fn links(&self) -> &Links {
        self.links.get_or_init(|| Links::of(&self.everywhere))
    }
}

impl Place {
    fn holds(&self, folded: &str) -> bool {
        let Some(rest) = folded.strip_prefix(&self.folded) else { return false };
        match self.extent {
            Extent::Directory => rest.is_empty() || rest.starts_with('/'),
            Extent::File => rest.is_empty(),
            Extent::Family => true,
        }
    }
}

/// Files of the host with names besides those that are closed anyway.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// How many names each of them has elsewhere.
    found: HashMap<Identity, u64>,
    /// There was too much to look at.
    cut: bool,
}

impl Links {
    fn of(places: &[PathBuf]) -> Self {
        let mut this = Self::default();
        let mut todo = places.to_vec();
        let mut entered = HashSet::new();
        let mut left = MAX_ENTRIES;
        while let Some(path) = todo.pop() {
            let Ok(metadata) = path.symlink_metadata() else { continue };
            if metadata.is_file() && metadata.nlink() > 1 {
                let left = this.found.entry((metadata.dev(), metadata.ino()));
                let left = left.or_insert(metadata.nlink());
                *left = left.saturating_sub(1);
            }
            // One place can lie in another.
            let identity = (metadata.dev(), metadata.ino());
            if !metadata.is_dir() || !entered.insert(identity) {
                continue;
            }
            for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
                if left == 0 {
                    tracing::warn!("the host's own files are too many to look for further names");
                    return Self { cut: true, ..this };
                }
                left -= 1;
                todo.push(entry.path());
            }
        }
        this.found.retain(|_, left| *left > 0);
        this
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && !self.cut
    }

    pub(super) fn hold(&self, identity: Identity) -> bool {
        self.cut || self.found.contains_key(&identity)
    }
}

pub(super) fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|it| (it.dev(), it.ino()))
}

/// How a path leads to a place, which need not be there yet.
#[derive(Debug)]
struct Way {
    /// Where it leads.
    real: PathBuf,
    /// Every symbolic link on the way.
    links: Vec<PathBuf>,
}

impl Way {
    fn to(path: &Path) -> Self {
        let (mut real, mut links) = (PathBuf::from("/"), Vec::new());
        for name in absolute(path).components() {
            match name {
                Component::Normal(name) => real.push(name),
                Component::ParentDir => drop(real.pop()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
            }
            if let Ok(target) = real.canonicalize() {
                if real.is_symlink() {
                    links.push(real);
                }
                real = target;
            }
        }
        Self { real, links }
    }

    /// What of it lies in a workspace: the place, and the links to it.
    fn below(&self, workspace: &Path, extent: Extent) -> Vec<Place> {
        let links = self.links.iter().map(|it| (it, Extent::File, true));
        let all = links.chain([(&self.real, extent, false)]);
        let below = |(path, extent, linked): (&PathBuf, _, _)| {
            let below = path.strip_prefix(workspace).ok()?.to_owned();
            let folded = fold(&below);
            (!folded.is_empty()).then_some(Place { below, extent, linked, folded })
        };
        all.filter_map(below).collect()
    }
}

/// Relative paths are those of the moment.
fn absolute(path: &Path) -> PathBuf {
    env::current_dir().map_or_else(|_| path.to_owned(), |it| it.join(path))
}

/// Whether a name is one that a directory of this folded name has.
fn is_named(name: &std::ffi::OsStr, folded: &str) -> bool {
    fold_name(&name.to_string_lossy()) == folded
}

#[cfg(test)]
mod tests;
