//! The words of WASI for what a tree says.

use wasmtime_wasi::p2::bindings::{
    clocks::wall_clock::Datetime,
    filesystem::types::{
        DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue,
        NewTimestamp, OpenFlags, PathFlags,
    },
};

use crate::tools::file::tree::{How, Moment, NewTime, NodeKind, NodeStat, TreeError};

/// Steps of the times of files, as those of the clocks: finer ones would help
/// a guest that times the host's caches.
const STEP_NANOS: u32 = 1_000_000;

pub(super) fn code(error: TreeError) -> ErrorCode {
    match error {
        TreeError::Access => ErrorCode::Access,
        TreeError::BadDescriptor => ErrorCode::BadDescriptor,
        TreeError::Busy => ErrorCode::Busy,
        TreeError::CrossDevice => ErrorCode::CrossDevice,
        TreeError::Exist => ErrorCode::Exist,
        TreeError::FileTooLarge => ErrorCode::FileTooLarge,
        TreeError::InsufficientSpace => ErrorCode::InsufficientSpace,
        TreeError::Invalid => ErrorCode::Invalid,
        TreeError::Io => ErrorCode::Io,
        TreeError::IsDirectory => ErrorCode::IsDirectory,
        TreeError::Loop => ErrorCode::Loop,
        TreeError::NameTooLong => ErrorCode::NameTooLong,
        TreeError::NoDevice => ErrorCode::NoSuchDevice,
        TreeError::NoEntry => ErrorCode::NoEntry,
        TreeError::NotDirectory => ErrorCode::NotDirectory,
        TreeError::NotEmpty => ErrorCode::NotEmpty,
        TreeError::NotPermitted => ErrorCode::NotPermitted,
        TreeError::Quota => ErrorCode::Quota,
        TreeError::ReadOnly => ErrorCode::ReadOnly,
        // `interrupted` would have every program try again.
        TreeError::Stopped => ErrorCode::NotRecoverable,
        TreeError::TooManyOpen => ErrorCode::InsufficientMemory,
    }
}

pub(super) fn kind(kind: NodeKind) -> DescriptorType {
    match kind {
        NodeKind::File => DescriptorType::RegularFile,
        NodeKind::Directory => DescriptorType::Directory,
        NodeKind::Symlink => DescriptorType::SymbolicLink,
        NodeKind::Other => DescriptorType::Unknown,
    }
}

pub(super) fn stat(stat: &NodeStat) -> DescriptorStat {
    let [read, changed, status] = stat.times.map(datetime);
    DescriptorStat {
        type_: kind(stat.kind),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: read,
        data_modification_timestamp: changed,
        status_change_timestamp: status,
    }
}

/// `None` before 1970, which WASI can't say.
fn datetime((seconds, nanos): Moment) -> Option<Datetime> {
    let seconds = u64::try_from(seconds).ok()?;
    Some(Datetime { seconds, nanoseconds: nanos - nanos % STEP_NANOS })
}

pub(super) fn new_time(time: NewTimestamp) -> Result<NewTime, ErrorCode> {
    Ok(match time {
        NewTimestamp::NoChange => NewTime::Keep,
        NewTimestamp::Now => NewTime::Now,
        NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }) => {
            let seconds = i64::try_from(seconds).map_err(|_| ErrorCode::Overflow)?;
            NewTime::At((seconds, nanoseconds))
        }
    })
}

pub(super) fn how(path: PathFlags, open: OpenFlags, flags: DescriptorFlags) -> How {
    How {
        follow: follows(path),
        create: open.contains(OpenFlags::CREATE),
        exclusive: open.contains(OpenFlags::EXCLUSIVE),
        directory: open.contains(OpenFlags::DIRECTORY),
        truncate: open.contains(OpenFlags::TRUNCATE),
        read: flags.contains(DescriptorFlags::READ),
        write: flags.contains(DescriptorFlags::WRITE),
    }
}

pub(super) fn follows(path: PathFlags) -> bool {
    path.contains(PathFlags::SYMLINK_FOLLOW)
}

/// What a file is, whatever it is called; programs take it for its inode.
pub(super) fn hash(stat: &NodeStat) -> MetadataHashValue {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&stat.identity.0.to_le_bytes()).update(&stat.identity.1.to_le_bytes());
    let mut reader = hasher.finalize_xof();
    let mut word = || {
        let mut bytes = [0; 8];
        reader.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    };
    MetadataHashValue { lower: word(), upper: word() }
}
