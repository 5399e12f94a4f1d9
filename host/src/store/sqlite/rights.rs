//! What keeps this user from a file: which right they have not, and whose it
//! is.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{self, Path},
};

use rustix::{
    fs::{Access, access},
    io::Errno,
    process::geteuid,
};

/// The bits of a mode that are rights.
const RIGHTS: u32 = 0o777;

/// In words, the first right that is needed to use the file, or to make it, and
/// that this user has not. `None` where something else is in the way.
pub(in crate::store) fn missing(file: &Path) -> Option<String> {
    let file = path::absolute(file).ok()?;
    if fs::metadata(&file).is_ok() {
        return denied(&file, Access::READ_OK, "read")
            .or_else(|| denied(&file, Access::WRITE_OK, "written to"))
            .or_else(|| denied(file.parent()?, Access::WRITE_OK, "written to"));
    }
    // The last directory on the way to it that can be seen.
    let dir = file.ancestors().skip(1).find(|it| it.is_dir())?;
    denied(dir, Access::EXEC_OK, "entered").or_else(|| denied(dir, Access::WRITE_OK, "written to"))
}

fn denied(path: &Path, right: Access, word: &str) -> Option<String> {
    let why = match access(path, right) {
        Err(Errno::ROFS) => "its file system takes no writes".to_owned(),
        Err(Errno::ACCESS | Errno::PERM) => owner(path)?,
        _ => return None,
    };
    Some(format!("`{}` can't be {word}: {why}", path.display()))
}

fn owner(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let mode = found.permissions().mode() & RIGHTS;
    Some(match found.uid() {
        own if own == geteuid().as_raw() => format!("its rights are {mode:03o}"),
        other => format!("it belongs to another user (uid {other}), and its rights are {mode:03o}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_that_are_there_are_not_missed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("store.db");
        assert_eq!(missing(&file), None);
        fs::write(&file, "").unwrap();
        assert_eq!(missing(&file), None);
        assert_eq!(missing(&file.join("below")), None, "a file is no directory");
    }
}
