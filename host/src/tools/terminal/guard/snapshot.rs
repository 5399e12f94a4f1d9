//! What git obeys in a workspace, at one moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{FileType, Stat};

use super::{
    root::{Root, is_aside},
    tree::{Stamp, Tree},
};
use crate::tools::git::obeyed::{MAX_CONFIG_BYTES, Obeyed, Repository, What, from_above};

/// Files of a repository that it is configured by, or that point elsewhere.
const FILES: [&str; 4] = ["config", "config.worktree", "commondir", "gitdir"];

/// Directories of a repository whose files are run, or name other ones.
const DIRECTORIES: [&str; 3] = ["hooks", "remotes", "branches"];

/// Files that git reads in every directory that it works in.
const EVERYWHERE: [&str; 4] = [".gitattributes", ".gitignore", ".gitmodules", ".mailmap"];

/// Bytes of a file that are kept to be put back. A larger one is known by its
/// time alone, and set aside when that changes.
const MAX_FILE_BYTES: u64 = MAX_CONFIG_BYTES;

/// Entries that are kept. Bounds what a workspace that is made of repositories
/// takes of the host's memory; beyond it nothing is promised, and the answer
/// says so.
const MAX_ENTRIES: usize = 50_000;

/// Directories in a directory of hooks that are looked into.
const MAX_DEPTH: usize = 4;

/// How far an included file may include another one.
const MAX_INCLUDES: usize = 4;

/// What is at a path.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    File(Content),
    Link(PathBuf),
    /// A directory where a file should be, a pipe, or behind a link.
    Other,
}

/// A file.
#[derive(Clone, Debug)]
pub(super) struct Content {
    stamp: Stamp,
    pub(super) stat: Stat,
    /// `None` when there are too many.
    pub(super) bytes: Option<Arc<[u8]>>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Entry::File(this), Entry::File(other)) => {
                let same_mode = this.stat.st_mode == other.stat.st_mode;
                same_mode
                    && match (&this.bytes, &other.bytes) {
                        (Some(this), Some(other)) => this == other,
                        (None, None) => this.stamp.is_still(&other.stamp),
                        _ => false,
                    }
            }
            (Entry::Link(this), Entry::Link(other)) => this == other,
            (Entry::Other, Entry::Other) => true,
            _ => false,
        }
    }
}

impl Entry {
    /// The text of a file.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Entry::File(it) => {
                it.bytes.as_deref().map(|it| String::from_utf8_lossy(it).into_owned())
            }
            Entry::Link(_) | Entry::Other => None,
        }
    }
}

/// Why git obeys a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// `.git` that is no directory.
    Pointer,
    /// A configuration of a repository.
    Config,
    /// What leads from one repository to another.
    Common,
    /// A hook, or an old kind of remote.
    Hook,
    /// A symbolic link in a repository, through which git would write.
    Link,
    /// A pipe where git reads a file: it would wait at it.
    Pipe,
    /// A configuration names it.
    Named(What),
}

/// Everything that git obeys.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) entries: BTreeMap<PathBuf, (Role, Entry)>,
    pub(super) repositories: BTreeSet<PathBuf>,
    /// What configurations name.
    named: Vec<Obeyed>,
    /// There are more than [`MAX_ENTRIES`].
    is_cut: bool,
}

impl Snapshot {
    /// Of a moment when all that is there is the person's.
    pub(super) fn trusted(root: &Root, tree: &Tree, before: &Snapshot) -> Self {
        let mut this = Self::of_repositories(root, tree, before);
        let mut named: BTreeSet<Obeyed> = from_above(&root.path).into_iter().collect();
        named.extend(this.named_by_configurations(root));
        named.extend(this.behind_links());
        this.named = named.into_iter().collect();
        this.add_named(root, before);
        this
    }

    /// Of a moment after that: configurations name nothing new that counts.
    pub(super) fn after(root: &Root, tree: &Tree, trusted: &Snapshot) -> Self {
        let mut this = Self::of_repositories(root, tree, trusted);
        this.named.clone_from(&trusted.named);
        this.add_named(root, trusted);
        this
    }

    /// What was not looked at, in words.
    pub(super) fn unseen(&self) -> Option<String> {
        self.is_cut.then(|| {
            format!(
                "git obeys more than {MAX_ENTRIES} files here: what is in the rest was not checked"
            )
        })
    }

    /// The repository that a path is a part of; a pointer is its own.
    pub(super) fn owner<'a>(&self, role: Role, path: &'a Path) -> Option<&'a Path> {
        match role {
            Role::Pointer => Some(path),
            Role::Named(_) => None,
            _ => path.ancestors().skip(1).find(|it| self.repositories.contains(*it)),
        }
    }

    /// Repositories and pointers that were not there before.
    pub(super) fn owners_beyond(&self, before: &Snapshot) -> Vec<PathBuf> {
        let pointers = self.entries.iter().filter(|it| it.1.0 == Role::Pointer).map(|it| it.0);
        let pointers = pointers.filter(|it| !before.entries.contains_key(*it));
        self.repositories.difference(&before.repositories).chain(pointers).cloned().collect()
    }

    /// Whether all of a repository is what it was.
    pub(super) fn holds_the_same(&self, owner: &Path, before: &Snapshot) -> bool {
        let of = |snapshot: &Self| -> Vec<(PathBuf, Entry)> {
            let is_of = |it: &(&PathBuf, &(Role, Entry))| {
                snapshot.owner(it.1.0, it.0).is_some_and(|it| it == owner)
            };
            let entries = snapshot.entries.iter().filter(is_of);
            entries.map(|(path, (_, entry))| (path.clone(), entry.clone())).collect()
        };
        of(self) == of(before)
    }

    fn of_repositories(root: &Root, tree: &Tree, before: &Snapshot) -> Self {
        let mut this = Self::default();
        for (path, node) in &tree.nodes {
            for name in &node.pointers {
                this.add(root, path.join(name), Role::Pointer, before);
            }
            if node.is_repository {
                this.repositories.insert(path.clone());
            }
        }
        for repository in this.repositories.clone() {
            for name in FILES {
                let role = if name.starts_with("config") { Role::Config } else { Role::Common };
                this.add(root, repository.join(name), role, before);
            }
            for name in DIRECTORIES {
                this.add_all(root, &repository.join(name), Role::Hook, before, MAX_DEPTH);
            }
        }
        for (path, node) in &tree.nodes {
            let special = node.links.is_empty() && node.pipes.is_empty();
            let is_inside = || path.ancestors().any(|it| this.repositories.contains(it));
            let is_inside = !special && is_inside();
            for name in node.links.iter().filter(|_| is_inside) {
                this.add(root, path.join(name), Role::Link, before);
            }
            let is_read = |it: &&OsString| is_inside || EVERYWHERE.iter().any(|name| *it == *name);
            for name in node.pipes.iter().filter(is_read) {
                this.add(root, path.join(name), Role::Pipe, before);
            }
        }
        this
    }

    fn add(&mut self, root: &Root, path: PathBuf, role: Role, before: &Snapshot) {
        if self.entries.contains_key(&path) {
            return;
        }
        if self.entries.len() >= MAX_ENTRIES {
            self.is_cut = true;
            return;
        }
        let known = before.entries.get(&path).map(|it| &it.1);
        if let Some(entry) = entry(root, &path, known) {
            self.entries.insert(path, (role, entry));
        }
    }

    /// Every file of a directory, but the samples that git brings along.
    fn add_all(&mut self, root: &Root, path: &Path, role: Role, before: &Snapshot, depth: usize) {
        for it in root.list(path).unwrap_or_default() {
            let below = path.join(&it.name);
            if it.kind == FileType::Directory {
                if depth > 0 {
                    self.add_all(root, &below, role, before, depth - 1);
                }
            } else if !it.name.to_string_lossy().ends_with(".sample") && !is_aside(&it.name) {
                self.add(root, below, role, before);
            }
        }
    }

    fn named_by_configurations(&self, root: &Root) -> Vec<Obeyed> {
        let mut res = Vec::new();
        for (path, (role, entry)) in &self.entries {
            let (Role::Config, Some(text)) = (role, entry.text()) else { continue };
            let directory = root.path.join(path.parent().unwrap_or(Path::new("")));
            let top = match directory.file_name() {
                Some(name) if name == ".git" => directory.parent().unwrap_or(&directory).to_owned(),
                _ => directory.clone(),
            };
            let found = Repository { directory, top: top.clone() }.obeyed(&text, &root.path);
            res.extend(included(root, &found, &top, MAX_INCLUDES));
            res.extend(found);
        }
        res
    }

    /// Hooks can be a link to a directory of the workspace.
    fn behind_links(&self) -> Vec<Obeyed> {
        let target = |(path, (_, entry)): (&PathBuf, &(Role, Entry))| {
            let Entry::Link(_) = entry else { return None };
            let real = target_inside(path, entry)?;
            Some(Obeyed { path: real, what: What::Hooks })
        };
        self.entries.iter().filter_map(target).collect()
    }

    fn add_named(&mut self, root: &Root, before: &Snapshot) {
        for it in self.named.clone() {
            let role = Role::Named(it.what);
            if it.what == What::Hooks {
                self.add_all(root, &it.path, role, before, MAX_DEPTH);
            }
            let is_directory = root
                .stat(&it.path)
                .is_ok_and(|it| FileType::from_raw_mode(it.st_mode) == FileType::Directory);
            if !is_directory {
                self.add(root, it.path, role, before);
            }
        }
    }
}

/// The target of a relative link, when it stays in the workspace.
fn target_inside(path: &Path, entry: &Entry) -> Option<PathBuf> {
    let Entry::Link(target) = entry else { return None };
    let mut res = path.parent()?.to_owned();
    for it in target.components() {
        match it {
            std::path::Component::Normal(name) => res.push(name),
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if res.pop() => {}
            _ => return None,
        }
    }
    (!res.as_os_str().is_empty()).then_some(res)
}

/// What included files name.
fn included(root: &Root, found: &[Obeyed], top: &Path, depth: usize) -> Vec<Obeyed> {
    let mut res = Vec::new();
    for it in found.iter().filter(|it| it.what == What::Included) {
        let Ok(Some(bytes)) = root.read(&it.path, MAX_CONFIG_BYTES) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let directory = root.path.join(it.path.parent().unwrap_or(Path::new("")));
        let more = Repository { directory, top: top.to_owned() }.obeyed(&text, &root.path);
        if depth > 0 {
            res.extend(included(root, &more, top, depth - 1));
        }
        res.extend(more);
    }
    res
}

fn entry(root: &Root, path: &Path, known: Option<&Entry>) -> Option<Entry> {
    let stat = match root.stat(path) {
        Ok(stat) => stat,
        // Behind a link, or not to be looked at.
        Err(_) => return root.stat_loosely(path).ok().map(|_| Entry::Other),
    };
    Some(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let stamp = Stamp::of(&stat);
            if let Some(Entry::File(known)) = known
                && known.stamp.is_still(&stamp)
            {
                return Some(Entry::File(known.clone()));
            }
            let bytes = root.read(path, MAX_FILE_BYTES).ok().flatten().map(Into::into);
            Entry::File(Content { stamp, stat, bytes })
        }
        FileType::Symlink => root.link_target(path).map_or(Entry::Other, Entry::Link),
        _ => Entry::Other,
    })
}
