//! What a command leaves for the next one: its directory and the variables
//! that it exported. Written by the child, and read here as such.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FileType, Mode, OFlags};

/// Bytes of the file that are read; of a longer one nothing is kept.
const MAX_BYTES: u64 = 128 << 10;

/// Variables that are kept, in the order in which they come.
const MAX_VARIABLES: usize = 256;

/// Bytes of a name.
const MAX_NAME_BYTES: usize = 256;

/// Set anew for each command.
const OF_THE_SHELL: &[&str] = &["PWD", "OLDPWD", "SHLVL", "TMPDIR", "_"];

/// They change what runs before the child's own line does: the dynamic
/// linker, and the shell that sets the limits. In the sandbox they would not
/// lead out of it, but a child could be without a limit for the rest of its
/// session.
const BEFORE_THE_LINE: &[&str] = &[
    "BASHOPTS",
    "BASH_ENV",
    "ENV",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "IFS",
    "LOCPATH",
    "NLSPATH",
    "POSIXLY_CORRECT",
    "PS4",
    "SHELLOPTS",
];

/// What the next command of a session starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// Real path of the directory, as the sandbox shows it. Not checked.
    pub(super) directory: Option<PathBuf>,
    /// Names and values, checked.
    pub(super) variables: BTreeMap<String, String>,
}

/// Reads the file that a command left, `None` when it left none of use.
pub(super) fn read(path: &Path) -> Option<Kept> {
    parse(&bytes_of(path).ok()??)
}

/// A link is not followed, and a pipe not waited for.
fn bytes_of(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::from(file).take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_BYTES).then_some(bytes))
}

fn parse(bytes: &[u8]) -> Option<Kept> {
    let mut texts = bytes.split(|it| *it == 0).map(str::from_utf8);
    let directory = texts.next()?.ok().filter(|it| it.starts_with('/')).map(PathBuf::from);
    let variable = |it: &str| {
        let (name, value) = it.split_once('=')?;
        may_be_kept(name).then(|| (name.to_owned(), value.to_owned()))
    };
    let variables = texts.flatten().filter_map(variable).take(MAX_VARIABLES).collect();
    Some(Kept { directory, variables })
}

fn may_be_kept(name: &str) -> bool {
    is_name(name)
        && !name.starts_with("LD_")
        && !OF_THE_SHELL.contains(&name)
        && !BEFORE_THE_LINE.contains(&name)
}

/// Letters, digits and `_`, and no digit first.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn check(bytes: &[u8], directory: Option<&str>, variables: &[(&str, &str)]) {
        let directory = directory.map(PathBuf::from);
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables = variables.iter().map(own).collect();
        let expected = Kept { directory, variables };
        assert_eq!(parse(bytes), Some(expected), "{}", bytes.escape_ascii());
    }

    #[test]
    fn names_and_values_are_read_and_surprises_are_not() {
        check(b"", None, &[]);
        check(
            b"/workspace\0A=1\0B=two words\nand lines\0",
            Some("/workspace"),
            &[("A", "1"), ("B", "two words\nand lines")],
        );
        check(b"relative\0A=\0B==\0", None, &[("A", ""), ("B", "=")]);
        check(b"\xff\0A=1\0B=\xff\0", None, &[("A", "1")]);
        check(
            b"/\0=1\x001A=1\x00A-B=1\0BASH_FUNC_x%%=() { :; }\0\xc3\xa9=1\0none\0",
            Some("/"),
            &[],
        );
        check(
            b"/\0LD_PRELOAD=x\0BASH_ENV=x\0ENV=x\0IFS=x\0SHELLOPTS=x\0PWD=/\0_=x\0",
            Some("/"),
            &[],
        );
        check(b"/\0GLIBC_TUNABLES=x\0PS4=$(id)\0_x=1\0", Some("/"), &[("_x", "1")]);
        let long = format!("/\0{}=1\0{}=1\0", "A".repeat(257), "A".repeat(256));
        check(long.as_bytes(), Some("/"), &[(&"A".repeat(256), "1")]);
        let many: String = (0..1000).map(|it| format!("\0V{it}=")).collect();
        assert_eq!(parse(many.as_bytes()).unwrap().variables.len(), MAX_VARIABLES);
    }

    #[test]
    fn only_a_file_of_bounded_size_is_read() {
        let outer = tempfile::tempdir().unwrap();
        let path = |name| outer.path().join(name);
        fs::write(path("good"), "/\0A=1\0").unwrap();
        fs::write(path("huge"), vec![b'x'; 200 << 10]).unwrap();
        symlink(path("good"), path("link")).unwrap();
        fs::create_dir(path("directory")).unwrap();
        let fifo = FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), fifo, Mode::RWXU, 0).unwrap();
        assert!(read(&path("good")).is_some());
        for name in ["huge", "link", "directory", "fifo", "missing"] {
            assert_eq!(read(&path(name)), None, "{name}");
        }
    }
}
