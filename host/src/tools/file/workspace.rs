//! The held handle on the workspace, and what is opened below it.
//!
//! A path is resolved below the root first (in cap-std, by `openat2` with
//! `RESOLVE_BENEATH` where there is one). What comes out has no symbolic link
//! in it: the rules are asked about those names, and then just those are
//! opened, one from the other and following nothing. So there is no moment
//! between a check and its use. What is mounted below the workspace is not
//! entered, and the kind of a file is asked of the opened handle. A text of
//! the operating system never reaches the caller: it could name a path of the
//! host.

use std::{
    io,
    os::fd::AsFd,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use cap_std::{
    ambient_authority,
    fs::{Dir, File, Metadata, OpenOptions, OpenOptionsExt as _},
};
use rustix::{
    fs::{AtFlags, FileType, OFlags, Stat, StatxFlags, fstat, statat, statx},
    io::Errno,
};

use super::path::{Quoted, WorkspacePath};
use crate::{tools::closed::Closed, toolset::ToolError};

/// The workspace directory, held open.
#[derive(Debug)]
pub(super) struct Workspace {
    root: Dir,
    mount: Mount,
    /// Files of the host, which are not opened.
    closed: Arc<Closed>,
}

/// Permissions of a new file, of which the mask of this process takes some
/// away.
const NEW_MODE: u32 = 0o666;

/// What a path led to.
pub(super) enum Opened {
    /// A regular file, open for reading.
    File(File, Metadata),
    /// A directory that can be listed.
    Directory(Dir),
}

impl Workspace {
    /// The one use of an ambient path.
    pub(super) fn open(path: &Path, closed: Arc<Closed>) -> io::Result<Self> {
        let root = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { mount: Mount::of(&root, &fstat(&root)?), root, closed })
    }

    pub(super) fn root(&self) -> &Dir {
        &self.root
    }

    /// Where a path leads: relative to the workspace, and without symbolic
    /// links.
    pub(super) fn real(&self, path: &WorkspacePath) -> Result<PathBuf, ToolError> {
        self.resolve(path.as_path()).map_err(|error| failed(path.given(), &error))
    }

    /// The same for any path below the root.
    pub(super) fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let real = self.root.canonicalize(path)?;
        // The workspace itself is `.`, which no other name begins with.
        Ok(real.components().filter(|it| *it != Component::CurDir).collect())
    }

    /// Opens a file or a directory by its real path; anything else is an error
    /// at once.
    pub(super) fn open_any(&self, path: &WorkspacePath, real: &Path) -> Result<Opened, ToolError> {
        let failed = |error: io::Error| failed(path.given(), &error);
        let file = self.open_real(real, OFlags::empty()).map_err(failed)?;
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
    pub(super) fn open_file(
        &self,
        path: &WorkspacePath,
        real: &Path,
    ) -> Result<(File, Metadata), ToolError> {
        match self.open_any(path, real)? {
            Opened::File(file, metadata) => Ok((file, metadata)),
            Opened::Directory(_) => Err(failed(path.given(), &Errno::ISDIR.into())),
        }
    }

    /// Opens a directory by its real path.
    pub(super) fn open_dir(&self, real: &Path) -> io::Result<Dir> {
        let directory = self.open_real(real, OFlags::DIRECTORY)?;
        Ok(Dir::from_std_file(directory.into_std()))
    }

    /// Opens a file or a directory by its real path.
    pub(super) fn open_real(&self, real: &Path, flags: OFlags) -> io::Result<File> {
        match real.file_name() {
            None => open(&self.root, Path::new("."), flags),
            Some(name) => self.open_in(&self.above(real)?, Path::new(name), flags),
        }
    }

    /// Opens the directory that a real path is in, one name after the other.
    /// None of them need be readable, and what comes out can't be listed.
    pub(super) fn above(&self, real: &Path) -> io::Result<Dir> {
        let mut above = self.root.try_clone()?;
        for directory in real.parent().into_iter().flat_map(Path::components) {
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            let next = self.open_in(&above, directory.as_ref(), flags)?;
            above = Dir::from_std_file(next.into_std());
        }
        Ok(above)
    }

    /// Opens a regular file by its real path to change it where it is.
    ///
    /// `to_read` opens it for that, too; `new` makes it, and fails when
    /// something has its name.
    pub(super) fn open_to_write(&self, real: &Path, to_read: bool, new: bool) -> io::Result<File> {
        let name = real.file_name().ok_or(Errno::ISDIR)?;
        let mut options = OpenOptions::new();
        options.read(to_read).write(true).create_new(new);
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        options.mode(NEW_MODE).custom_flags(flags.bits().cast_signed());
        let file = self.above(real)?.open_with(name, &options)?;
        self.check_opened(&file)?;
        Ok(file)
    }

    /// What is at a real path. A symbolic link there is not followed.
    pub(super) fn stat(&self, real: &Path) -> io::Result<Stat> {
        let stat = match real.file_name() {
            None => fstat(&self.root)?,
            Some(name) => statat(&self.above(real)?, name, AtFlags::SYMLINK_NOFOLLOW)?,
        };
        self.check_own(&stat)?;
        Ok(stat)
    }

    /// Opens a name in a directory, unless it is a link, a mount or a file of
    /// the host.
    pub(super) fn open_in(&self, dir: &Dir, name: &Path, flags: OFlags) -> io::Result<File> {
        let file = open(dir, name, flags | OFlags::NOFOLLOW)?;
        self.check_opened(&file)?;
        Ok(file)
    }

    fn check_opened(&self, file: &File) -> io::Result<()> {
        let stat = fstat(file)?;
        if !self.mount.has(&Mount::of(file, &stat)) {
            return Err(Errno::XDEV.into());
        }
        self.check_own(&stat)
    }

    /// Refuses a file of the host by what it is: its name may be another one.
    pub(super) fn check_own(&self, stat: &Stat) -> io::Result<()> {
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let is_linked = is_file && stat.st_nlink > 1;
        match self.closed.is_own_file((stat.st_dev, stat.st_ino), is_linked) {
            true => Err(io::Error::other(HostsOwn)),
            false => Ok(()),
        }
    }
}

/// What a file is mounted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mount {
    /// Differs also for a directory of the same device that is mounted twice.
    /// `None` on kernels before 5.8.
    id: Option<u64>,
    device: u64,
    is_directory: bool,
}

impl Mount {
    fn of(file: impl AsFd, stat: &Stat) -> Self {
        let asked = statx(&file, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok();
        let told = asked.filter(|it| it.stx_mask & StatxFlags::MNT_ID.bits() != 0);
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        Self { id: told.map(|it| it.stx_mnt_id), device: stat.st_dev, is_directory }
    }

    /// Whether another file is on this mount. Files of an overlay have the
    /// devices of its layers, so that without ids its directories alone tell.
    fn has(&self, other: &Mount) -> bool {
        match (self.id, other.id) {
            (Some(own), Some(other)) => own == other,
            _ => !other.is_directory || self.device == other.device,
        }
    }
}

/// Opens `path` below `dir` for reading.
///
/// `NONBLOCK` is for pipes, which would wait for a writer, and `NOCTTY` for
/// terminals, which would become this process's own. A path alone waits for
/// nothing, and takes neither.
pub(super) fn open(dir: &Dir, path: &Path, flags: OFlags) -> io::Result<File> {
    let waits = !flags.contains(OFlags::PATH);
    let flags = if waits { flags | OFlags::NONBLOCK | OFlags::NOCTTY } else { flags };
    dir.open_with(path, OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()))
}

/// The error of an operation on a path, in fixed words.
pub(super) fn failed(given: &str, error: &io::Error) -> ToolError {
    tracing::debug!(path = given, %error, "a file operation failed");
    ToolError::Failed(format!("{} {}", Quoted(given), reason(error)))
}

/// What an opened file turned out to be.
#[derive(Debug, thiserror::Error)]
#[error("a file of the host")]
pub(super) struct HostsOwn;

/// Why such a file is not opened.
pub(super) const HOSTS_OWN: &str = "is the host's own: take another file";

fn reason(error: &io::Error) -> &'static str {
    if error.get_ref().is_some_and(|it| it.is::<HostsOwn>()) {
        return HOSTS_OWN;
    }
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
        Errno::XDEV => "lies in a file system that is mounted there: give a path outside of it",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_told_by_its_id_or_by_the_device_of_a_directory() {
        let mount = |id, device, is_directory| Mount { id, device, is_directory };
        let root = mount(Some(1), 10, true);
        for (other, expect) in [
            (mount(Some(1), 10, true), true),
            (mount(Some(1), 11, false), true),
            (mount(Some(2), 10, true), false),
            (mount(Some(2), 10, false), false),
            (mount(None, 10, true), true),
            (mount(None, 11, true), false),
            (mount(None, 11, false), true),
        ] {
            assert_eq!(root.has(&other), expect, "{other:?}");
        }
    }

    #[test]
    fn this_system_tells_mounts_apart() {
        let mount = |it| {
            let file = std::fs::File::open(it).unwrap();
            Mount::of(&file, &fstat(&file).unwrap())
        };
        let (root, proc) = (mount("/"), mount("/proc"));
        assert!(root.has(&root) && !root.has(&proc));
    }
}
