//! Directories that are there as a whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::Path,
};

use rustix::{
    fs::{CWD, Mode, OFlags, RenameFlags, openat, renameat_with},
    io::Errno,
    process::geteuid,
};

use tempfile::TempDir;

use crate::plain_file;

/// What several processes that change something wait for. It is never removed.
const LOCK: &str = ".lock";

/// Before the name of what is on its way in or out. Nobody reads it, and
/// whoever holds the lock may remove it.
const DRAFT: &str = ".draft-";

/// A directory that was opened once: what is read of it later is from the same
/// one, also when another one took its place.
pub(super) struct Folder(File);

impl Folder {
    /// `None` when there is nothing of that name.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(CWD, path, flags, Mode::empty()) {
            Ok(dir) => Ok(Some(Self(dir.into()))),
            Err(Errno::NOENT) => Ok(None),
            Err(err) => Err(err.into()),
        }
    }

    /// Whether nobody but this user, or root, can put something else into it.
    pub(super) fn is_private(&self) -> io::Result<bool> {
        let metadata = self.0.metadata()?;
        let is_ours = [0, geteuid().as_raw()].contains(&metadata.uid());
        Ok(is_ours && metadata.mode() & 0o022 == 0)
    }

    /// Whether another one took its place, or none: then it may have been taken
    /// apart while it was read.
    pub(super) fn is_gone_from(&self, path: &Path) -> io::Result<bool> {
        let own = self.0.metadata()?;
        let now = Self::open(path)?.map(|it| it.0.metadata()).transpose()?;
        Ok(now.is_none_or(|it| (it.dev(), it.ino()) != (own.dev(), own.ino())))
    }

    fn file(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = match openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT) => return Ok(None),
            Err(err) => return Err(err.into()),
        };
        match file.metadata()?.is_file() {
            true => Ok(Some(file)),
            false => Err(io::Error::other("it is no regular file")),
        }
    }

    /// A text of the directory, if it is there.
    pub(super) fn text(&self, name: &str, max_bytes: u64) -> io::Result<Option<String>> {
        let Some(file) = self.file(name)? else { return Ok(None) };
        let bytes = plain_file::bytes(file, max_bytes)?;
        String::from_utf8(bytes).map(Some).map_err(|_| io::Error::other("it is no UTF-8 text"))
    }

    /// Whether there is a file of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.file(name).is_ok_and(|it| it.is_some())
    }
}

/// Waits until no other process changes anything in the directory, which is
/// made. The lock goes when it is dropped.
pub(super) fn lock(dir: &Path) -> io::Result<File> {
    private().recursive(true).create(dir)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = plain_file::open_with(&mut options, &dir.join(LOCK), OFlags::NOFOLLOW)?;
    file.lock()?;
    Ok(file)
}

/// Removes what processes that were killed left behind.
pub(super) fn sweep(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_draft = |it: &fs::DirEntry| it.file_name().to_string_lossy().starts_with(DRAFT);
    for draft in entries.filter(is_draft) {
        if let Err(err) = fs::remove_dir_all(draft.path()) {
            tracing::warn!(%err, "what an earlier `plugin add` left can't be removed");
        }
    }
}

/// Makes a directory with these files, or has it take the place of the one
/// that is there.
pub(super) fn replace(dir: &Path, name: &str, files: &[(&str, &[u8])]) -> io::Result<()> {
    let draft = draft(dir)?;
    for (file, bytes) in files {
        let mut file = new_file(&draft.path().join(file))?;
        file.write_all(bytes)?;
        // Otherwise a crash could leave the name on an empty file.
        file.sync_all()?;
    }
    File::open(draft.path())?.sync_all()?;
    let place = dir.join(name);
    match renameat_with(CWD, draft.path(), CWD, &place, RenameFlags::EXCHANGE) {
        // What was there lies in the draft, and goes with it.
        Ok(()) => drop(draft),
        Err(Errno::NOENT) => fs::rename(draft.keep(), &place)?,
        // Not every file system can exchange two names.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            remove(dir, name)?;
            fs::rename(draft.keep(), &place)?;
        }
        Err(err) => return Err(err.into()),
    }
    File::open(dir)?.sync_all()
}

/// Takes a directory away at once, and then apart. `false` when there is none.
pub(super) fn remove(dir: &Path, name: &str) -> io::Result<bool> {
    let draft = draft(dir)?;
    match fs::rename(dir.join(name), draft.path().join(name)) {
        Ok(()) => (),
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(err) => return Err(err),
    }
    File::open(dir)?.sync_all()?;
    draft.close()?;
    Ok(true)
}

fn draft(dir: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(DRAFT).permissions(Permissions::from_mode(0o700)).tempdir_in(dir)
}

fn private() -> DirBuilder {
    let mut res = DirBuilder::new();
    res.mode(0o700);
    res
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
