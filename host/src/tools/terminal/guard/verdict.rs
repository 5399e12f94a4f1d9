//! What is done about what a command left: nothing, for all that does no harm.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use super::{
    root::Root,
    snapshot::{Entry, Role, Snapshot},
};
use crate::tools::git::{
    config::harmless,
    is_git,
    obeyed::{What, pointer},
};

/// What is done with a path.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) path: PathBuf,
    pub(super) what: Sentence,
}

/// How.
#[derive(Debug)]
pub(super) enum Sentence {
    /// It becomes what it was.
    Restore(Entry),
    /// It gets another name.
    SetAside,
    /// It goes: there is nothing in it.
    Remove,
    /// It becomes this text, and what it was gets another name.
    Reduce(String),
}

/// Everything that has to be done for git to obey nothing that is not trusted.
pub(super) fn verdicts(
    trusted: &Snapshot,
    now: &Snapshot,
    made: &BTreeSet<PathBuf>,
    root: &Root,
) -> Vec<Verdict> {
    let is_made = |role, path| trusted.owner(role, path).is_some_and(|it| made.contains(it));
    let changed = trusted.entries.iter().filter_map(|(path, (role, was))| {
        let is = now.entries.get(path).map(|it| &it.1);
        let what = match is {
            Some(is) if is == was => return None,
            _ if *role == Role::Pipe => return None,
            Some(is) if is_made(*role, path) => of_new(path, *role, is, now, root)?,
            None if is_made(*role, path) => return None,
            Some(_) => restore(was),
            // What leads elsewhere leads nowhere then; a repository that is gone
            // is not made again.
            None if matches!(role, Role::Pointer | Role::Link) => return None,
            None if !is_left(trusted, now, *role, path) => return None,
            None => restore(was),
        };
        Some(Verdict { path: path.clone(), what })
    });
    let new = now.entries.iter().filter(|(path, _)| !trusted.entries.contains_key(*path));
    let new = new.filter_map(|(path, (role, is))| {
        let what = of_new(path, *role, is, now, root)?;
        Some(Verdict { path: path.clone(), what })
    });
    changed.chain(new).collect()
}

fn restore(was: &Entry) -> Sentence {
    let is_kept = !matches!(was, Entry::File(it) if it.bytes.is_none());
    match was {
        Entry::Other => Sentence::SetAside,
        was if is_kept => Sentence::Restore(was.clone()),
        _ => Sentence::SetAside,
    }
}

/// Whether the repository that it was a part of is still there.
fn is_left(trusted: &Snapshot, now: &Snapshot, role: Role, path: &Path) -> bool {
    let own = path.ancestors().skip(1).find(|it| trusted.repositories.contains(*it));
    matches!(role, Role::Named(_)) || own.is_some_and(|it| now.repositories.contains(it))
}

fn of_new(path: &Path, role: Role, is: &Entry, now: &Snapshot, root: &Root) -> Option<Sentence> {
    match (role, is) {
        (Role::Config, Entry::File(_)) => match is.text() {
            Some(text) => harmless(&text).map(Sentence::Reduce),
            None => Some(Sentence::SetAside),
        },
        (Role::Pointer, Entry::File(_)) if leads_inside(path, is, now, root) => None,
        (Role::Common, Entry::File(_)) if is_worktree(path, is, now) => None,
        (Role::Pipe, Entry::Other) => Some(Sentence::Remove),
        (Role::Pipe, _) => None,
        // A word without a slash is a program of the system first.
        (Role::Named(What::Word), _) => None,
        _ => Some(Sentence::SetAside),
    }
}

/// Whether a file points to a repository that is looked after, too.
fn leads_inside(path: &Path, is: &Entry, now: &Snapshot, root: &Root) -> bool {
    let text = is.text().unwrap_or_default();
    let Some(target) = pointer(&text).map(Path::new) else { return false };
    if target.is_absolute() && !target.starts_with(&root.path) && target.exists() {
        return false;
    }
    let inside = [&root.path, &root.shown].into_iter().find_map(|it| target.strip_prefix(it).ok());
    let (mut res, target) = match inside {
        Some(inside) => (PathBuf::new(), inside),
        None => (path.parent().unwrap_or(Path::new("")).to_owned(), target),
    };
    let mut is_down = false;
    for it in target.components() {
        match it {
            Component::Normal(name) => {
                res.push(name);
                is_down = true;
            }
            Component::CurDir => {}
            // Behind a link it would lead elsewhere.
            Component::ParentDir if !is_down && res.pop() => {}
            _ => return false,
        }
    }
    now.repositories.contains(&res)
}

/// Whether it is a file of a linked worktree: `worktrees/NAME` of a repository,
/// which obeys that and no other.
fn is_worktree(path: &Path, is: &Entry, now: &Snapshot) -> bool {
    let above = |count: usize| path.ancestors().nth(count);
    let is_in_worktrees = above(2).and_then(Path::file_name).is_some_and(|it| it == "worktrees");
    let is_of_repository = above(3).is_some_and(|it| now.repositories.contains(it));
    let text = is.text().unwrap_or_default();
    let is_common = path.file_name().is_some_and(|it| it == "commondir");
    let is_usual = if is_common { text.trim_end() == "../.." } else { names_git(&text) };
    is_in_worktrees && is_of_repository && is_usual
}

fn names_git(text: &str) -> bool {
    Path::new(text.trim_end()).file_name().is_some_and(|it| is_git(&it.to_string_lossy()))
}
