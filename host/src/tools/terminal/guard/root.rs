//! The workspace by one held handle: nothing is reached through a link.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, Permissions},
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, RenameFlags, ResolveFlags, Stat, Uid,
        fchmod, fchown, fstat, mkdirat, openat, openat2, readlinkat, renameat, renameat_with,
        statat, symlinkat, unlinkat,
    },
    io::Errno,
};

/// What a file that was replaced is called now, behind its name.
const ASIDE: &str = ".set-aside";

/// Files of one name that are kept aside; the last one is replaced.
const MAX_ASIDE: usize = 9;

/// Whether a file was replaced, by its name. Git looks for hooks by theirs, and
/// none is called so.
pub(super) fn is_aside(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let number = name.rsplit_once(ASIDE).map(|(_, rest)| rest);
    number.is_some_and(|it| it.is_empty() || it.strip_prefix('-').is_some_and(|it| it.len() == 1))
}

/// A workspace.
pub(super) struct Root {
    handle: OwnedFd,
    /// Its real path.
    pub(super) path: PathBuf,
    /// Where commands see it.
    pub(super) shown: PathBuf,
}

/// An entry of a directory.
pub(super) struct Listed {
    pub(super) name: OsString,
    pub(super) kind: FileType,
}

impl Root {
    pub(super) fn open(path: &Path, shown: PathBuf) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = openat(CWD, path, flags, Mode::empty())?;
        Ok(Self { handle, path: path.to_owned(), shown })
    }

    fn open_at(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        Ok(openat2(&self.handle, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?)
    }

    /// The directory above a path.
    fn above(&self, path: &Path) -> io::Result<OwnedFd> {
        self.open_at(path.parent().unwrap_or(Path::new("")), OFlags::PATH | OFlags::DIRECTORY)
    }

    /// What is there, a link for itself. An error when a link leads there.
    pub(super) fn stat(&self, path: &Path) -> io::Result<Stat> {
        Ok(fstat(self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW)?)?)
    }

    /// The same, quickly, and through links above.
    pub(super) fn stat_loosely(&self, path: &Path) -> io::Result<Stat> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Ok(statat(&self.handle, path, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// The entries of a directory. One that a command closed to its owner is
    /// opened again: git needs no right to list it.
    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let open = || self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW);
        let handle = match open() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.open_up(path)?;
                open()?
            }
            other => other?,
        };
        let mut res = Vec::new();
        for entry in Dir::new(handle)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                let kind = match entry.file_type() {
                    // Some file systems do not tell with the listing.
                    FileType::Unknown => {
                        let stat = self.stat_loosely(&path.join(name));
                        stat.map_or(FileType::Unknown, |it| FileType::from_raw_mode(it.st_mode))
                    }
                    known => known,
                };
                res.push(Listed { name: name.to_owned(), kind });
            }
        }
        Ok(res)
    }

    fn open_up(&self, path: &Path) -> io::Result<()> {
        let handle = self.open_at(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW)?;
        let mode = fstat(&handle)?.st_mode & 0o7777;
        let shown = format!("/proc/self/fd/{}", handle.as_raw_fd());
        fs::set_permissions(shown, Permissions::from_mode(mode | 0o700))
    }

    /// Gives the owner of the directories above a path every right to them.
    pub(super) fn open_way(&self, path: &Path) {
        let above: Vec<&Path> = path.ancestors().skip(1).collect();
        for directory in above.into_iter().rev() {
            // What can't be opened makes the next try fail, too.
            let _ = self.open_up(directory);
        }
    }

    /// The bytes of a regular file, `None` when there are more than `max`.
    pub(super) fn read(&self, path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut bytes = Vec::new();
        let file = File::from(self.open_at(path, flags)?);
        file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
        let fits = u64::try_from(bytes.len()).is_ok_and(|it| it <= max);
        Ok(fits.then_some(bytes))
    }

    pub(super) fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        let above = self.above(path)?;
        let target = readlinkat(&above, path.file_name().unwrap_or_default(), Vec::new())?;
        Ok(PathBuf::from(OsStr::from_bytes(target.to_bytes())))
    }

    /// Renames what is there, and gives its new name.
    pub(super) fn set_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let above = self.above(path)?;
        let name = path.file_name().unwrap_or_default();
        self.set_aside_in(&above, name, path)
    }

    fn set_aside_in(&self, above: &OwnedFd, from: &OsStr, path: &Path) -> io::Result<PathBuf> {
        let mut aside = OsString::new();
        for number in 0..=MAX_ASIDE {
            aside = path.file_name().unwrap_or_default().to_owned();
            aside.push(ASIDE);
            if number > 0 {
                aside.push(format!("-{number}"));
            }
            match renameat_with(above, from, above, &aside, RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => {}
                other => return other.map(|()| path.with_file_name(&aside)).map_err(Into::into),
            }
        }
        // The last one goes; a directory of that name stays, and is an error.
        renameat(above, from, above, &aside)?;
        Ok(path.with_file_name(aside))
    }

    /// Puts a file there, and what was there aside.
    pub(super) fn put(
        &self,
        path: &Path,
        bytes: &[u8],
        like: &Stat,
    ) -> io::Result<Option<PathBuf>> {
        let above = self.above(path)?;
        let name = path.file_name().unwrap_or_default();
        let temporary = OsString::from(format!(".hermitage-{:016x}.tmp", random()?));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(openat(&above, &temporary, flags, Mode::RUSR | Mode::WUSR)?);
        let made = (|| {
            file.write_all(bytes)?;
            // Fails when it belongs to somebody else, as it did before.
            let (user, group) = (Uid::from_raw(like.st_uid), Gid::from_raw(like.st_gid));
            let _ = fchown(&file, Some(user), Some(group));
            fchmod(&file, Mode::from_raw_mode(like.st_mode & 0o777))?;
            match renameat_with(&above, &temporary, &above, name, RenameFlags::EXCHANGE) {
                Ok(()) => self.set_aside_in(&above, &temporary, path).map(Some),
                Err(Errno::NOENT) => Ok(renameat(&above, &temporary, &above, name).map(|()| None)?),
                Err(error) => Err(error.into()),
            }
        })();
        if made.is_err() {
            let _ = unlinkat(&above, &temporary, AtFlags::empty());
        }
        made
    }

    /// Removes what is there, if it is no directory.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        let above = self.above(path)?;
        Ok(unlinkat(&above, path.file_name().unwrap_or_default(), AtFlags::empty())?)
    }

    /// Puts a symbolic link there.
    pub(super) fn put_link(&self, path: &Path, target: &Path) -> io::Result<()> {
        let above = self.above(path)?;
        Ok(symlinkat(target, &above, path.file_name().unwrap_or_default())?)
    }

    /// Makes the directories above a path that are missing, and sets a link
    /// aside that stands for one of them.
    pub(super) fn make_way(&self, path: &Path) -> io::Result<()> {
        let mut way = PathBuf::new();
        for name in path.parent().unwrap_or(Path::new("")) {
            way.push(name);
            match self.stat(&way) {
                Ok(it) if FileType::from_raw_mode(it.st_mode) == FileType::Directory => continue,
                Ok(_) => drop(self.set_aside(&way)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            mkdirat(&self.above(&way)?, name, Mode::from_raw_mode(0o755))?;
        }
        Ok(())
    }
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::other)
}
