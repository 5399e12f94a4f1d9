//! The held handle on the workspace, and what is opened below it.
//!
//! Every open resolves the whole path below the root at once (in cap-std, by
//! `openat2` with `RESOLVE_BENEATH` where there is one), so there is no moment between a check and its use, and
//! the kind of a file is asked of the opened handle. A text of the operating
//! system never reaches the caller: it could name a path of the host.

use std::{io, path::Path};

use cap_std::{
    ambient_authority,
    fs::{Dir, File, Metadata, OpenOptions, OpenOptionsExt as _},
};
use rustix::{fs::OFlags, io::Errno};

use super::path::{Quoted, WorkspacePath, openable};
use crate::toolset::call::ToolError;

/// The workspace directory, held open.
#[derive(Debug)]
pub(super) struct Workspace {
    root: Dir,
}

/// What a path led to.
pub(super) enum Opened {
    /// A regular file, open for reading.
    File(File, Metadata),
    /// A directory that can be listed.
    Directory(Dir),
}

impl Workspace {
    /// The one use of an ambient path.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { root: Dir::open_ambient_dir(path, ambient_authority())? })
    }

    pub(super) fn root(&self) -> &Dir {
        &self.root
    }

    /// Opens a file or a directory; anything else is an error at once.
    pub(super) fn open_any(&self, path: &WorkspacePath) -> Result<Opened, ToolError> {
        let failed = |error: io::Error| failed(path.given(), &error);
        let file = open(&self.root, path.as_path(), OFlags::empty()).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Ok(Opened::Directory(Dir::from_std_file(file.into_std())));
        }
        if metadata.is_file() {
            return Ok(Opened::File(file, metadata));
        }
        Err(failed(Errno::NXIO.into()))
    }

    /// Opens a regular file for reading.
    pub(super) fn open_file(&self, path: &WorkspacePath) -> Result<(File, Metadata), ToolError> {
        match self.open_any(path)? {
            Opened::File(file, metadata) => Ok((file, metadata)),
            Opened::Directory(_) => Err(failed(path.given(), &Errno::ISDIR.into())),
        }
    }

    /// Opens the directory with the normal path `directory`.
    pub(super) fn open_dir(&self, directory: &str) -> io::Result<Dir> {
        self.root.open_dir(openable(directory))
    }
}

/// Opens `path` below `dir` for reading.
///
/// `NONBLOCK` is for pipes, which would wait for a writer, and `NOCTTY` for
/// terminals, which would become this process's own.
pub(super) fn open(dir: &Dir, path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
    dir.open_with(path, OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()))
}

/// The error of an operation on a path, in fixed words.
pub(super) fn failed(given: &str, error: &io::Error) -> ToolError {
    tracing::debug!(path = given, %error, "a file operation failed");
    ToolError::Failed(format!("{} {}", Quoted(given), reason(error)))
}

fn reason(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(errno) => errno_reason(errno),
        // The one error that cap-std makes itself.
        None if error.kind() == io::ErrorKind::PermissionDenied => {
            "leads out of the workspace through a symbolic link: give a path that stays in it"
        }
        None => REFUSED,
    }
}

const REFUSED: &str = "cannot be used: the operating system refused";

fn errno_reason(errno: Errno) -> &'static str {
    match errno {
        Errno::NOENT => "does not exist: search_files lists what does",
        Errno::ISDIR => "is a directory: give the path of a file",
        Errno::NOTDIR => "has a file where a directory is needed: give another path",
        Errno::EXIST => "exists already: give another path",
        Errno::ACCESS | Errno::PERM => "is closed to this host: its permissions do not allow it",
        Errno::LOOP => "goes through symbolic links that cannot be followed: give a direct path",
        Errno::NAMETOOLONG => "holds a name that is too long: give a shorter one",
        Errno::NXIO | Errno::NODEV => {
            "is a device, a socket or a pipe: only regular files can be used"
        }
        Errno::NOSPC | Errno::DQUOT => "cannot be written: the disk is full",
        Errno::FBIG => "cannot be written: it would be too large",
        Errno::ROFS => "cannot be written: its file system is read-only",
        Errno::MFILE | Errno::NFILE => "cannot be opened now: too many files are open, try again",
        _ => REFUSED,
    }
}
