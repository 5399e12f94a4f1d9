//! The replacement of a file as a whole, which `write_file` and `patch` share.
//!
//! A file changes at once or not at all: the content goes to a temporary file
//! in the same directory, which then takes the name. Neither a failure nor a
//! reader at the wrong moment meets half of it.

use std::{
    borrow::Cow,
    io,
    io::Write as _,
    path::{Path, PathBuf},
};

use cap_std::fs::{Dir, File, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::{
    fs::{AtFlags, Mode, fchmod, statat},
    io::Errno,
};

use super::{
    Job, bytes,
    encoding::Encoding,
    path::{Quoted, WorkspacePath, join, openable},
    quota::Spent,
    text::load,
    workspace::failed,
};
use crate::toolset::ToolError;

/// How the name of a temporary file begins and ends. One that is being written
/// is no business of a search.
const TEMPORARY: (&str, &str) = (".hermitage-", ".tmp");

/// Permissions that a file keeps: a child writes no set-user-id program.
const KEPT_MODE: u32 = 0o777;

/// Permissions of which a file that may be replaced has one at least.
const WRITABLE: u32 = 0o222;

/// How the file that is replaced is written: whoever reads it besides reads
/// it so. UTF-8 for a new one, and for one that is no text or too large to
/// find out.
pub(super) fn encoding(job: &Job, path: &WorkspacePath) -> Encoding {
    let file = job.open_file(path).ok();
    let mut buffer = Vec::new();
    let text = file.and_then(|it| load(it.0, job.config().max_patch_bytes, &mut buffer).ok());
    text.flatten().map_or(Encoding::Utf8, |it| it.encoding)
}

/// The bytes of a text in the encoding of the file at `path`.
pub(super) fn encode<'a>(
    path: &WorkspacePath,
    encoding: Encoding,
    text: &'a str,
) -> Result<Cow<'a, [u8]>, ToolError> {
    encoding.encode(text).map_err(|missing| {
        let (path, name) = (Quoted(path.given()), encoding.name().unwrap_or_default());
        ToolError::Failed(format!(
            "{path} is unchanged: it is in {name}, which has no `{missing}`: leave that out, or \
             write another file"
        ))
    })
}

/// Checks the path of a file that is going to be written.
pub(super) fn target(job: &Job, given: &str) -> Result<WorkspacePath, ToolError> {
    let path = WorkspacePath::parse_file(given, job.config())?;
    job.shared.check_write(&path, path.as_path())?;
    Ok(path)
}

/// Gives the file at `path` the content `content`; the caller holds the lock.
/// Returns whether it is a new one.
pub(super) fn replace(
    job: &Job,
    spent: &mut Spent,
    path: &WorkspacePath,
    content: &[u8],
) -> Result<bool, ToolError> {
    check_size(job, path, content.len())?;
    check_way(job, path)?;
    let made = MadeDirectories::above(job.workspace().root(), path)?;
    let parent = open_parent(job, path)?;
    let old = replaceable(job, &parent, path)?;
    let growth = bytes(content.len()).saturating_sub(old.map_or(0, |it| it.bytes));
    let entries = made.count().saturating_add(u64::from(old.is_none()));
    let after = spent.with(growth, entries, job.config())?;
    let mode = old.map(|it| it.mode);
    put(&parent, path.split().1, mode, content).map_err(|error| failed(path.given(), &error))?;
    made.keep();
    *spent = after;
    Ok(old.is_none())
}

/// Refuses more than a file may have.
pub(super) fn check_size(job: &Job, path: &WorkspacePath, size: usize) -> Result<(), ToolError> {
    let max = job.config().max_write_bytes;
    if bytes(size) <= max {
        return Ok(());
    }
    let path = Quoted(path.given());
    Err(ToolError::Failed(format!("{path} would have {size} bytes: at most {max} can be written")))
}

/// Refuses a path whose directories lead to what is closed, before any is
/// made. A symbolic link to `.git` has another name.
fn check_way(job: &Job, path: &WorkspacePath) -> Result<(), ToolError> {
    let failed = |error: io::Error| failed(path.given(), &error);
    let mut there = path.as_path();
    let mut missing = PathBuf::new();
    loop {
        let name = there.file_name().unwrap_or_default();
        missing = if missing.as_os_str().is_empty() {
            name.into()
        } else {
            Path::new(name).join(missing)
        };
        there = there.parent().unwrap_or(Path::new(""));
        let existing = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        match job.workspace().resolve(existing) {
            Ok(real) => {
                job.shared.check_write(path, &real.join(missing))?;
                return job.workspace().open_dir(&real).map(|_| ()).map_err(failed);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && existing == there => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Opens the directory that the file is in. From here on its handle is what
/// counts, wherever its path leads meanwhile.
fn open_parent(job: &Job, path: &WorkspacePath) -> Result<Dir, ToolError> {
    let failed = |error| failed(path.given(), &error);
    let (parent, _) = path.split();
    let real = job.workspace().resolve(openable(parent)).map_err(failed)?;
    job.shared.check_write(path, &real.join(path.split().1))?;
    job.workspace().open_dir(&real).map_err(failed)
}

/// The file that goes.
#[derive(Clone, Copy)]
struct Old {
    mode: u32,
    bytes: u64,
}

/// The file that is replaced, `None` when there is none.
///
/// A file with further hard links may be replaced, unless one of them is the
/// host's: the rename gives this name another file, and what the other names
/// lead to stays as it is.
fn replaceable(job: &Job, parent: &Dir, path: &WorkspacePath) -> Result<Option<Old>, ToolError> {
    if let Ok(stat) = statat(parent, path.split().1, AtFlags::SYMLINK_NOFOLLOW) {
        job.workspace().check_own(&stat).map_err(|error| failed(path.given(), &error))?;
    }
    match parent.symlink_metadata(path.split().1) {
        // A rename would not ask for it.
        Ok(it) if it.is_file() && it.mode() & WRITABLE == 0 => {
            let path = Quoted(path.given());
            Err(ToolError::Failed(format!("{path} is read-only and stays as it is")))
        }
        Ok(it) if it.is_file() => Ok(Some(Old { mode: it.mode() & KEPT_MODE, bytes: it.len() })),
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

fn put(parent: &Dir, name: &str, mode: Option<u32>, content: &[u8]) -> io::Result<()> {
    let (mut file, temporary) = TemporaryFile::create(parent, mode)?;
    if let Some(mode) = mode {
        // The mask of this process may have taken some away.
        fchmod(&file, Mode::from_raw_mode(mode))?;
    }
    file.write_all(content)?;
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

    fn count(&self) -> u64 {
        bytes(self.made.len())
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
