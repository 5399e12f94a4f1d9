//! The text of one layer, and the two ways to read one from a file: a file
//! that the user names is theirs, and one that lies in a workspace is not.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno};

use super::ConfigError;
use crate::plain_file;

/// Name of the file in a workspace.
pub const PROJECT_FILE: &str = ".hermitage.toml";

/// A file of configuration is some kilobytes: this bounds what a huge one, or
/// one without an end, takes of memory and of the parser's time.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// The text of a file, with its name for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// How errors name it.
    pub name: String,
    /// All of it.
    pub text: String,
    /// Where its relative paths start; when empty, where the process does.
    pub dir: PathBuf,
}

impl Source {
    /// A file of the user, or a pipe that they handed over (`<(…)`).
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let file = match plain_file::open_or_pipe(path) {
            Ok(file) => file,
            Err(source) => return Err(ConfigError::Read { file: name, source }),
        };
        // What comes out of a pipe lies nowhere.
        let is_file = file.metadata().is_ok_and(|it| it.is_file());
        let dir = match path.parent().filter(|_| is_file) {
            // A name alone.
            Some(dir) if dir.as_os_str().is_empty() => Path::new("."),
            dir => dir.unwrap_or(Path::new("")),
        };
        let dir = dir.to_owned();
        Ok(Self { dir, ..Self::of(name, file)? })
    }

    /// The same, of a file that need not be there. One that is there and can't
    /// be read is an error: it may allow less than the next layer does.
    pub fn read_if_there(path: &Path) -> Result<Option<Self>, ConfigError> {
        match Self::read(path) {
            Err(ConfigError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Ok(None)
            }
            res => res.map(Some),
        }
    }

    /// The file in a workspace, if there is one. It has to be a file and no
    /// link: a link would show lines of what it leads to in errors, and a pipe
    /// would be waited for.
    pub fn read_project(workspace: &Path) -> Result<Option<Self>, ConfigError> {
        Self::read_untrusted(&workspace.join(PROJECT_FILE))
    }

    /// As [`Source::read_project`], of a file with any name.
    pub fn read_untrusted(path: &Path) -> Result<Option<Self>, ConfigError> {
        let name = path.strip_prefix(".").unwrap_or(path).display().to_string();
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        let flags = i32::try_from(flags).unwrap_or_default();
        let is_link = |it: &io::Error| it.raw_os_error() == Some(Errno::LOOP.raw_os_error());
        // A workspace that is none is somebody else's error.
        let is_absent =
            |it: &io::Error| [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&it.kind());
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(err) if is_absent(&err) => return Ok(None),
            Err(err) if is_link(&err) => return Err(ConfigError::NoFile { file: name }),
            Err(source) => return Err(ConfigError::Read { file: name, source }),
        };
        match file.metadata() {
            Ok(it) if it.is_file() => Self::of(name, file).map(Some),
            Ok(_) => Err(ConfigError::NoFile { file: name }),
            Err(source) => Err(ConfigError::Read { file: name, source }),
        }
    }

    fn of(name: String, file: File) -> Result<Self, ConfigError> {
        let bytes = match plain_file::bytes(file, MAX_FILE_BYTES) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == ErrorKind::FileTooLarge => {
                return Err(ConfigError::TooLarge { file: name, max_kib: MAX_FILE_BYTES / 1024 });
            }
            Err(source) => return Err(ConfigError::Read { file: name, source }),
        };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text, dir: PathBuf::new() }),
            Err(_) => Err(ConfigError::NotText { origin: name }),
        }
    }
}
