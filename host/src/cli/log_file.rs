//! The log of a process that nobody looks at.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// Bytes of a log that is begun anew: bounds what processes that complain keep
/// on the disk.
const MAX_BYTES: u64 = 1 << 20;

/// To write at its end. Begun anew when it is too long; what was in it stays
/// beside it once.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    if fs::metadata(path).is_ok_and(|it| it.len() > MAX_BYTES) {
        fs::rename(path, old(path))?;
    }
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

fn old(path: &Path) -> PathBuf {
    path.with_extension("log.old")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_log_is_the_users_alone_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("a/background.log");
        let file = open(&log).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        file.set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(open(&log).unwrap().metadata().unwrap().len(), 0);
        assert!(old(&log).is_file());
    }
}
