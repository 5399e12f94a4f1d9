//! Files that the host itself reads: opened so that nothing can hold it up.
//!
//! A pipe that lies where a file should be is not waited for, a device is not
//! read, and what has no end is given up. Where a person may hand over a pipe
//! instead (`--config <(…)`), it has to be one that this process was given,
//! and not one with a name, which may have nobody at its other end.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl, fstatfs};

/// The file system of pipes without a name (`man 2 statfs`).
const PIPEFS_MAGIC: u64 = 0x5049_5045;

/// Opens a regular file for reading; a link is followed.
///
/// Fails on anything else, without waiting for it or reading from it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path, OFlags::empty())
}

/// The same with options, and flags beyond those that keep it from waiting.
pub(crate) fn open_with(options: &mut OpenOptions, path: &Path, more: OFlags) -> io::Result<File> {
    let file = without_waiting(options, path, more)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(irregular()) }
}

/// Opens a regular file, or a pipe that this process was handed.
pub(crate) fn open_or_pipe(path: &Path) -> io::Result<File> {
    let file = without_waiting(OpenOptions::new().read(true), path, OFlags::empty())?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let is_nameless =
        || Ok::<_, io::Error>(u64::try_from(fstatfs(&file)?.f_type) == Ok(PIPEFS_MAGIC));
    if !kind.is_fifo() || !is_nameless()? {
        return Err(irregular());
    }
    // Whoever handed it over writes to it, as to standard input.
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// All of it.
///
/// Fails with [`io::ErrorKind::FileTooLarge`] when there is more.
pub(crate) fn bytes(file: impl io::Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more byte tells a file of that size from a longer one.
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|it| it <= max_bytes) {
        return Ok(bytes);
    }
    let text = format!("it has more than {max_bytes} bytes");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, text))
}

fn without_waiting(options: &mut OpenOptions, path: &Path, more: OFlags) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | more;
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

fn irregular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::fd::AsRawFd as _, os::unix::net::UnixListener};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_neither_waited_for_nor_read() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, pipe, socket] =
            ["file", "link", "pipe", "socket"].map(|it| dir.path().join(it));
        fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        for open in [open, open_or_pipe] {
            for good in [&file, &link] {
                assert_eq!(bytes(open(good).unwrap(), 4).unwrap(), b"text");
            }
            for bad in [&pipe, &socket, dir.path(), Path::new("/dev/zero"), &dir.path().join("no")]
            {
                let bad: &Path = bad;
                assert!(open(bad).is_err(), "{}", bad.display());
            }
            assert_eq!(open(&pipe).unwrap_err().to_string(), "it is no regular file");
        }
    }

    #[test]
    fn a_pipe_that_was_handed_over_is_read_to_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert!(open(Path::new(&path)).is_err());
        let file = open_or_pipe(Path::new(&path)).unwrap();
        // Nothing is there yet: it is waited for.
        let thread = std::thread::spawn(move || bytes(file, 10).unwrap());
        io::Write::write_all(&mut writer, b"late").unwrap();
        drop(writer);
        assert_eq!(thread.join().unwrap(), b"late");
    }

    #[test]
    fn what_has_no_end_is_given_up() {
        let err = bytes(io::repeat(0), 7).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(err.to_string(), "it has more than 7 bytes");
    }
}
