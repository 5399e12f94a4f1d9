//! `write_file`, and the replacement of a file that `patch` shares.
//!
//! A file changes at once or not at all: the content goes to a temporary file
//! in the same directory, which then takes the name. Neither a failure nor a
//! reader at the wrong moment meets half of it.

use std::{
    io,
    io::Write as _,
    path::{Component, PathBuf},
    sync::PoisonError,
};

use cap_std::fs::{Dir, File, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::{
    fs::{Mode, fchmod},
    io::Errno,
};

use super::{
    Job, bytes,
    path::{Quoted, WorkspacePath, join, openable},
    workspace::failed,
};
use crate::toolset::call::{ToolError, WriteFile, Written};

/// How the name of a temporary file begins and ends. One that is being written
/// is no business of a search.
const TEMPORARY: (&str, &str) = (".hermitage-", ".tmp");

/// Permissions that a file keeps: a child writes no set-user-id program.
const KEPT_MODE: u32 = 0o777;

/// Permissions of which a file that may be replaced has one at least.
const WRITABLE: u32 = 0o222;

/// Does one call.
pub(super) fn write(job: &Job, call: &WriteFile) -> Result<Written, ToolError> {
    let path = target(job, &call.path)?;
    let _writing = job.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
    // Others may have written for long meanwhile.
    job.check()?;
    let created = replace(job, &path, &call.content)?;
    Ok(Written { bytes: bytes(call.content.len()), created })
}

/// Checks the path of a file that is going to be written.
pub(super) fn target(job: &Job, given: &str) -> Result<WorkspacePath, ToolError> {
    let path = WorkspacePath::parse_file(given, job.config())?;
    if path.names().any(is_git) { Err(is_of_git(&path)) } else { Ok(path) }
}

/// Git runs programs that files below `.git` name, with the rights of whoever
/// calls it next. Any case, for file systems that ignore it.
fn is_git(name: &str) -> bool {
    name.eq_ignore_ascii_case(".git")
}

fn is_of_git(path: &WorkspacePath) -> ToolError {
    let path = Quoted(path.given());
    ToolError::Failed(format!("{path} belongs to git: write outside `.git`"))
}

/// Gives the file at `path` the content `content`; the caller holds the lock.
/// Returns whether it is a new one.
pub(super) fn replace(job: &Job, path: &WorkspacePath, content: &str) -> Result<bool, ToolError> {
    let max = job.config().max_write_bytes;
    if bytes(content.len()) > max {
        let size = content.len();
        let path = Quoted(path.given());
        return Err(ToolError::Failed(format!(
            "{path} would have {size} bytes: at most {max} can be written"
        )));
    }
    let made = MadeDirectories::above(job.workspace().root(), path)?;
    let parent = open_parent(job, path)?;
    let mode = replaceable_mode(&parent, path)?;
    put(&parent, path.split().1, mode, content).map_err(|error| failed(path.given(), &error))?;
    made.keep();
    Ok(mode.is_none())
}

/// Opens the directory that the file is in. From here on its handle is what
/// counts, wherever its path leads meanwhile.
fn open_parent(job: &Job, path: &WorkspacePath) -> Result<Dir, ToolError> {
    let failed = |error| failed(path.given(), &error);
    let (parent, _) = path.split();
    // A symbolic link to `.git` has another name.
    let real = job.workspace().root().canonicalize(openable(parent)).map_err(failed)?;
    if real.iter().filter_map(|it| it.to_str()).any(is_git) {
        return Err(is_of_git(path));
    }
    // The workspace itself is `.`, which no other name begins with.
    let real: PathBuf = real.components().filter(|it| *it != Component::CurDir).collect();
    if job.shared.is_closed(&real.join(path.split().1)) {
        let path = Quoted(path.given());
        return Err(ToolError::Failed(format!("{path} is the host's own: write another file")));
    }
    job.workspace().open_dir(parent).map_err(failed)
}

/// The permissions of the file that is replaced, `None` when there is none.
///
/// A file with further hard links may be replaced: the rename gives this name
/// another file, and what the other names lead to stays as it is.
fn replaceable_mode(parent: &Dir, path: &WorkspacePath) -> Result<Option<u32>, ToolError> {
    match parent.symlink_metadata(path.split().1) {
        // A rename would not ask for it.
        Ok(it) if it.is_file() && it.mode() & WRITABLE == 0 => {
            let path = Quoted(path.given());
            Err(ToolError::Failed(format!("{path} is read-only and stays as it is")))
        }
        Ok(it) if it.is_file() => Ok(Some(it.mode() & KEPT_MODE)),
        Ok(it) => Err(not_a_file(path, &it)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path.given(), &error)),
    }
}

fn not_a_file(path: &WorkspacePath, metadata: &Metadata) -> ToolError {
    if metadata.is_dir() {
        return failed(path.given(), &Errno::ISDIR.into());
    }
    if metadata.is_symlink() {
        let path = Quoted(path.given());
        return ToolError::Failed(format!(
            "{path} is a symbolic link: write to the file it points to"
        ));
    }
    failed(path.given(), &Errno::NXIO.into())
}

fn put(parent: &Dir, name: &str, mode: Option<u32>, content: &str) -> io::Result<()> {
    let (mut file, temporary) = TemporaryFile::create(parent, mode)?;
    if let Some(mode) = mode {
        // The mask of this process may have taken some away.
        fchmod(&file, Mode::from_raw_mode(mode))?;
    }
    file.write_all(content.as_bytes())?;
    // Otherwise a crash could leave the new name on an empty file.
    file.sync_all()?;
    temporary.rename(name)
}

/// A file that vanishes unless it is given its real name.
struct TemporaryFile<'a> {
    parent: &'a Dir,
    name: String,
    renamed: bool,
}

impl<'a> TemporaryFile<'a> {
    /// Creates one that did not exist, so nothing planted is written through.
    fn create(parent: &'a Dir, mode: Option<u32>) -> io::Result<(File, Self)> {
        let random = getrandom::u64().map_err(io::Error::other)?;
        let name = format!("{}{random:016x}{}", TEMPORARY.0, TEMPORARY.1);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode.unwrap_or(0o666));
        let file = parent.open_with(&name, &options)?;
        Ok((file, Self { parent, name, renamed: false }))
    }

    fn rename(mut self, name: &str) -> io::Result<()> {
        self.parent.rename(&self.name, self.parent, name)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for TemporaryFile<'_> {
    fn drop(&mut self) {
        if self.renamed {
            return;
        }
        if let Err(error) = self.parent.remove_file(&self.name) {
            tracing::warn!(name = self.name, %error, "a temporary file is left in the workspace");
        }
    }
}

/// Whether a name is that of a [`TemporaryFile`].
pub(super) fn is_temporary(name: &str) -> bool {
    let middle = name.strip_prefix(TEMPORARY.0).and_then(|it| it.strip_suffix(TEMPORARY.1));
    middle.is_some_and(|it| it.len() == 16 && it.bytes().all(|it| it.is_ascii_hexdigit()))
}

/// Directories created for a file, which vanish with it when it fails.
struct MadeDirectories<'a> {
    root: &'a Dir,
    /// From the workspace down.
    made: Vec<String>,
}

impl<'a> MadeDirectories<'a> {
    /// Creates the directories above `path` that are missing. Always from the
    /// root: a link on the way may lead to a sibling of where it is.
    fn above(root: &'a Dir, path: &WorkspacePath) -> Result<Self, ToolError> {
        let mut this = Self { root, made: Vec::new() };
        let (parent, _) = path.split();
        if root.is_dir(openable(parent)) {
            return Ok(this);
        }
        let mut directory = String::new();
        for name in parent.split('/') {
            directory = join(&directory, name);
            match root.create_dir(&directory) {
                Ok(()) => this.made.push(directory.clone()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(path.given(), &error)),
            }
        }
        Ok(this)
    }

    fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for MadeDirectories<'_> {
    fn drop(&mut self) {
        for directory in self.made.iter().rev() {
            // Fails when another call has put something there: then it stays.
            let _ = self.root.remove_dir(directory);
        }
    }
}
