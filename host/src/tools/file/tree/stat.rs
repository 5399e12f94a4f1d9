//! What programs are told of a file besides its content.

use rustix::fs::{FileType, Stat};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a pipe.
    Other,
}

/// A moment: seconds since 1970, and nanoseconds.
pub type Moment = (i64, u32);

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStat {
    /// What it is.
    pub kind: NodeKind,
    /// In bytes.
    pub size: u64,
    /// Names that it has.
    pub links: u64,
    /// When it was last read, changed, and when something was last known
    /// otherwise of it.
    pub times: [Moment; 3],
    /// Device and inode: what it is, whatever it is called.
    pub identity: (u64, u64),
}

impl NodeKind {
    pub(super) fn of(stat: &Stat) -> Self {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            _ => Self::Other,
        }
    }
}

impl NodeStat {
    pub(super) fn of(stat: &Stat) -> Self {
        let nanos = |it| u32::try_from(it).unwrap_or_default();
        Self {
            kind: NodeKind::of(stat),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            links: stat.st_nlink,
            times: [
                (stat.st_atime, nanos(stat.st_atime_nsec)),
                (stat.st_mtime, nanos(stat.st_mtime_nsec)),
                (stat.st_ctime, nanos(stat.st_ctime_nsec)),
            ],
            identity: (stat.st_dev, stat.st_ino),
        }
    }
}

/// What a time of a file becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// It stays.
    Keep,
    /// Now.
    Now,
    /// This moment.
    At(Moment),
}
