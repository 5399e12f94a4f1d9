//! Why something was not done with a file, in the few words that programs know.

use std::io;

use rustix::io::Errno;

use crate::{tools::file::workspace::HostsOwn, toolset::ToolError};

/// Why a program's operation on a file failed. It names no path: what a
/// program is told goes on to whoever called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// A rule closes it, or its permissions do.
    #[error("permission denied")]
    Access,
    /// What was opened is not open for this, or its name leads elsewhere now.
    #[error("bad descriptor")]
    BadDescriptor,
    /// It is busy.
    #[error("resource busy")]
    Busy,
    /// Another file system, or a directory that would have to be moved as a
    /// whole: copy it instead.
    #[error("cross-device link")]
    CrossDevice,
    /// It is there already.
    #[error("file exists")]
    Exist,
    /// Larger than a file may be.
    #[error("file too large")]
    FileTooLarge,
    /// The disk is full.
    #[error("no space left")]
    InsufficientSpace,
    /// The arguments say nothing that can be done.
    #[error("invalid argument")]
    Invalid,
    /// The operating system failed.
    #[error("i/o error")]
    Io,
    /// A directory where a file is needed.
    #[error("is a directory")]
    IsDirectory,
    /// Symbolic links that are not followed.
    #[error("too many symbolic links")]
    Loop,
    /// A path or a name that is too long, or nested too deeply.
    #[error("name too long")]
    NameTooLong,
    /// A device, a socket or a pipe.
    #[error("no such device")]
    NoDevice,
    /// It is not there.
    #[error("no such file or directory")]
    NoEntry,
    /// A file where a directory is needed.
    #[error("not a directory")]
    NotDirectory,
    /// A directory with something in it.
    #[error("directory not empty")]
    NotEmpty,
    /// It leads out, or is nothing that is done here.
    #[error("operation not permitted")]
    NotPermitted,
    /// All that may be written is written.
    #[error("quota exceeded")]
    Quota,
    /// Nothing is changed here.
    #[error("read-only file system")]
    ReadOnly,
    /// The call has ended meanwhile.
    #[error("stopped")]
    Stopped,
    /// Too many files are open.
    #[error("too many open files")]
    TooManyOpen,
}

impl From<io::Error> for TreeError {
    fn from(error: io::Error) -> Self {
        let known = Errno::from_io_error(&error).map(of_errno);
        let known = known.unwrap_or_else(|| match error.kind() {
            _ if error.get_ref().is_some_and(|it| it.is::<HostsOwn>()) => Self::Access,
            // The one error that cap-std makes itself.
            io::ErrorKind::PermissionDenied => Self::NotPermitted,
            _ => Self::Io,
        });
        tracing::debug!(%error, "a plugin's file operation failed");
        known
    }
}

fn of_errno(errno: Errno) -> TreeError {
    match errno {
        Errno::ACCESS | Errno::PERM => TreeError::Access,
        Errno::BUSY | Errno::TXTBSY => TreeError::Busy,
        Errno::XDEV => TreeError::CrossDevice,
        Errno::EXIST => TreeError::Exist,
        Errno::FBIG | Errno::OVERFLOW => TreeError::FileTooLarge,
        Errno::NOSPC | Errno::DQUOT => TreeError::InsufficientSpace,
        Errno::INVAL => TreeError::Invalid,
        Errno::ISDIR => TreeError::IsDirectory,
        Errno::LOOP => TreeError::Loop,
        Errno::NAMETOOLONG => TreeError::NameTooLong,
        Errno::NXIO | Errno::NODEV => TreeError::NoDevice,
        Errno::NOENT => TreeError::NoEntry,
        Errno::NOTDIR => TreeError::NotDirectory,
        Errno::NOTEMPTY => TreeError::NotEmpty,
        Errno::ROFS => TreeError::ReadOnly,
        Errno::MFILE | Errno::NFILE => TreeError::TooManyOpen,
        _ => TreeError::Io,
    }
}

/// Of a rule, or of the quota.
impl From<ToolError> for TreeError {
    fn from(error: ToolError) -> Self {
        tracing::debug!(%error, "a plugin's file operation is refused");
        match error {
            ToolError::Exhausted(_) => Self::Quota,
            ToolError::Interrupted | ToolError::TimedOut => Self::Stopped,
            _ => Self::Access,
        }
    }
}
