//! The walk of a search: every entry below a directory, in one fixed order.
//!
//! Depth first, the entries of a directory sorted by the bytes of their names,
//! a directory before what is in it. The order is what makes a cursor work:
//! the walk of the next page opens no directory that lies before it. Opens
//! each directory from the handle of the one above and follows no symbolic
//! link, so the walk cannot leave the tree, whatever happens to it meanwhile.

use std::{
    ffi::OsString,
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    vec,
};

use cap_std::fs::{Dir, DirEntry, File, FileType};
use rustix::fs::OFlags;

use super::hit::EntryKind;
use super::{
    Job, bytes,
    cursor::Cursor,
    ignored::Ignored,
    length,
    path::{MAX_PATH_BYTES, Quoted, WorkspacePath, join},
    skipped::{Passed, Reason},
    text::cut,
    workspace::failed,
    write::is_temporary,
};
use crate::toolset::ToolError;

/// An entry that the walk came to. It can be opened until the next one.
#[derive(Debug)]
pub(super) struct Found {
    /// Relative to the workspace.
    pub(super) path: String,
    /// Where the last name starts in `path`.
    name: usize,
    pub(super) kind: EntryKind,
    /// Its lines up to this one were hits of an earlier page.
    pub(super) after_line: u64,
}

impl Found {
    pub(super) fn new(path: String, kind: EntryKind, after_line: u64) -> Self {
        let name = path.rfind('/').map_or(0, |it| it + 1);
        Self { path, name, kind, after_line }
    }

    pub(super) fn name(&self) -> &str {
        self.path.get(self.name..).unwrap_or_default()
    }
}

/// A walk under way.
pub(super) struct Walk<'a> {
    job: &'a Job,
    /// Where it starts: as the caller named it, in bytes, and in truth.
    start: (usize, PathBuf),
    /// From the start of the walk down to where it is.
    levels: Vec<Level>,
    ignored: Ignored,
    /// Where the page before ended, until the walk is past it.
    resume: Option<Cursor>,
    /// The directory that was found last: its entries are next.
    entering: Option<String>,
    /// What it could not come to since [`Self::take_passed`].
    passed: Passed,
}

struct Level {
    dir: Dir,
    path: String,
    entries: vec::IntoIter<Entry>,
    /// Layers of [`Walk::ignored`] before this directory's own.
    ignored: usize,
}

struct Entry {
    name: OsString,
    kind: EntryKind,
}

impl<'a> Walk<'a> {
    /// Walks the directory `dir`, which is at `start`, in truth at `real`.
    pub(super) fn new(
        job: &'a Job,
        start: &WorkspacePath,
        real: PathBuf,
        dir: Dir,
        resume: Option<Cursor>,
    ) -> Result<Self, ToolError> {
        let ignored = ignored_above(job, start);
        let start_at = (start.normal().len(), real);
        let levels = Vec::new();
        let (entering, passed) = (None, Passed::default());
        let mut this = Self { job, start: start_at, levels, ignored, resume, entering, passed };
        let entries = this.entries(&dir, start.normal())?;
        let entries = entries.map_err(|error| failed(start.given(), &error))?;
        this.push(dir, start.normal().to_owned(), entries);
        Ok(this)
    }

    /// The next entry, `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Found>, ToolError> {
        if let Some(path) = self.entering.take() {
            self.enter(path)?;
        }
        loop {
            self.job.check()?;
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            let Some(entry) = level.entries.next() else {
                self.ignored.truncate(level.ignored);
                self.levels.pop();
                continue;
            };
            let Some(name) = entry.name.to_str() else {
                self.pass_nameless(&entry);
                continue;
            };
            let path = join(&level.path, name);
            if let Some(found) = self.visit(path, name, entry.kind)? {
                return Ok(Some(found));
            }
        }
    }

    /// Notes an entry whose name no path of a caller can spell.
    fn pass_nameless(&mut self, entry: &Entry) {
        let above = self.levels.last().map_or("", |it| &it.path);
        let path = Path::new(above).join(&entry.name);
        let is_directory = entry.kind == EntryKind::Directory;
        if !self.ignored.excludes(path.as_os_str().as_bytes(), is_directory) {
            self.passed.add(Reason::NotUtf8Name, &readable(path.as_os_str().as_bytes()));
        }
    }

    /// What was passed over since the last call.
    pub(super) fn take_passed(&mut self) -> Passed {
        std::mem::take(&mut self.passed)
    }

    /// Opens the regular file that was found last, unless it is a secret.
    pub(super) fn open(&self, found: &Found) -> Result<File, Reason> {
        if self.job.shared.rules.is_secret(&self.real(&found.path)) {
            return Err(Reason::Secret);
        }
        let name = Path::new(found.name());
        let open = |dir: &Dir| self.job.workspace().open_in(dir, name, OFlags::empty());
        self.dir().and_then(open).map_err(|error| {
            tracing::debug!(path = found.path, %error, "a file is passed over");
            Reason::Unreadable
        })
    }

    /// The size of the regular file that was found last, 0 when it is gone.
    pub(super) fn size(&self, found: &Found) -> u64 {
        let metadata = self.dir().and_then(|it| it.symlink_metadata(found.name()));
        metadata.map_or(0, |it| it.len())
    }

    /// Where a path of the walk is in truth.
    fn real(&self, path: &str) -> PathBuf {
        let (start, real) = &self.start;
        real.join(path.get(*start..).unwrap_or_default().trim_start_matches('/'))
    }

    fn dir(&self) -> io::Result<&Dir> {
        self.levels.last().map(|it| &it.dir).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn visit(
        &mut self,
        path: String,
        name: &str,
        kind: EntryKind,
    ) -> Result<Option<Found>, ToolError> {
        let is_directory = kind == EntryKind::Directory;
        if self.ignored.excludes(path.as_bytes(), is_directory)
            || self.job.shared.closed.is_own(&self.real(&path))
        {
            return Ok(None);
        }
        if path.len() > MAX_PATH_BYTES {
            self.passed.add(Reason::TooDeep, cut(&path, MAX_SHOWN_BYTES));
            return Ok(None);
        }
        let seen = self.seen(name);
        // What is nested deeper has a path that no tool takes.
        let is_deep = path.split('/').count() >= length(self.job.config().max_depth.into());
        if is_directory && is_deep && matches!(seen, Seen::No) {
            self.passed.add(Reason::TooDeep, &path);
        }
        if is_directory && !is_deep {
            match seen {
                Seen::No => self.entering = Some(path.clone()),
                Seen::Yes | Seen::UpTo(_) => self.enter(path.clone())?,
            }
        }
        Ok(match seen {
            Seen::Yes => None,
            Seen::No => Some(Found::new(path, kind, 0)),
            Seen::UpTo(line) => (line > 0).then(|| Found::new(path, kind, line)),
        })
    }

    /// How much of an entry came before the cursor. Entries that are wholly
    /// before it were dropped with [`Self::push`].
    fn seen(&mut self, name: &str) -> Seen {
        let Some(cursor) = &self.resume else { return Seen::No };
        let depth = self.levels.len();
        if cursor.names.get(depth - 1).is_none_or(|it| it != name) {
            self.resume = None;
            return Seen::No;
        }
        if depth < cursor.names.len() {
            return Seen::Yes;
        }
        let line = cursor.line;
        self.resume = None;
        Seen::UpTo(line)
    }

    /// Opens a directory of the innermost one. One that is gone or closed is
    /// passed over.
    fn enter(&mut self, path: String) -> Result<(), ToolError> {
        let name = path.rsplit('/').next().unwrap_or_default();
        let workspace = self.job.workspace();
        let open = |dir: &Dir| workspace.open_in(dir, Path::new(name), OFlags::DIRECTORY);
        let opened = self.dir().and_then(open);
        let listed = opened.map(|it| Dir::from_std_file(it.into_std()));
        let error = match listed {
            Ok(dir) => match self.entries(&dir, &path)? {
                Ok(entries) => {
                    self.push(dir, path, entries);
                    return Ok(());
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        tracing::debug!(path, %error, "a directory is passed over");
        self.passed.add(Reason::Unreadable, &path);
        Ok(())
    }

    fn push(&mut self, dir: Dir, path: String, mut entries: Vec<Entry>) {
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let ignored = self.ignored.len();
        let max = self.job.config().max_gitignore_bytes;
        self.ignored.enter(&dir, GITIGNORE, &path, max);
        let from = self.resume.as_ref().and_then(|it| it.names.get(self.levels.len()));
        if let Some(from) = from {
            entries.retain(|it| it.name.as_bytes() >= from.as_bytes());
        }
        self.levels.push(Level { dir, path, entries: entries.into_iter(), ignored });
    }

    /// The entries of a directory that a search may come to. The inner error
    /// is that of this directory alone.
    fn entries(&self, dir: &Dir, path: &str) -> Result<io::Result<Vec<Entry>>, ToolError> {
        let max = self.job.config().max_dir_entries;
        let mut entries = Vec::new();
        let listing = match dir.entries() {
            Ok(listing) => listing,
            Err(error) => return Ok(Err(error)),
        };
        for entry in listing {
            self.job.check()?;
            match entry {
                Ok(entry) => entries.extend(searchable(&entry)),
                Err(error) => return Ok(Err(error)),
            }
            if bytes(entries.len()) > max {
                let path = Quoted(if path.is_empty() { "." } else { path });
                return Err(ToolError::Failed(format!(
                    "{path} has more than {max} entries: search another directory, or exclude it \
                     in `.gitignore`"
                )));
            }
        }
        Ok(Ok(entries))
    }
}

/// How much of an entry was on the pages before.
#[derive(Clone, Copy)]
enum Seen {
    No,
    /// It, but not all of what is in it.
    Yes,
    /// It was the last hit, at this line, 0 when hits are not lines.
    UpTo(u64),
}

const GITIGNORE: &str = ".gitignore";

/// Bytes of a path that is named although no tool takes it.
const MAX_SHOWN_BYTES: usize = 200;

/// A path that is not UTF-8, with escapes for what is none of it.
fn readable(path: &[u8]) -> String {
    let shown: String = path
        .utf8_chunks()
        .flat_map(|it| [it.valid().to_owned(), it.invalid().escape_ascii().to_string()])
        .collect();
    cut(&shown, MAX_SHOWN_BYTES).to_owned()
}

/// Leaves out what is git's own, and what is being written.
fn searchable(entry: &DirEntry) -> Option<Entry> {
    let name = entry.file_name();
    if name == ".git" || name.to_str().is_some_and(is_temporary) {
        return None;
    }
    let listed = entry.file_type().ok().map_or(EntryKind::Other, kind);
    let kind = match listed {
        // Some file systems do not tell with the listing.
        EntryKind::Other => entry.metadata().map_or(EntryKind::Other, |it| kind(it.file_type())),
        known => known,
    };
    Some(Entry { name, kind })
}

fn kind(file_type: FileType) -> EntryKind {
    if file_type.is_file() {
        EntryKind::File
    } else if file_type.is_dir() {
        EntryKind::Directory
    } else if file_type.is_symlink() {
        EntryKind::Symlink
    } else {
        EntryKind::Other
    }
}

/// The rules of the directories above the start of a search. They hold for
/// what is below it; the start itself was named by the caller, so that no rule
/// excludes it.
fn ignored_above(job: &Job, start: &WorkspacePath) -> Ignored {
    let max = job.config().max_gitignore_bytes;
    let mut ignored = Ignored::of_repository(job.workspace().root(), max);
    let mut directory = String::new();
    for name in start.names() {
        ignored.enter(job.workspace().root(), &join(&directory, GITIGNORE), &directory, max);
        directory = join(&directory, name);
    }
    ignored
}
