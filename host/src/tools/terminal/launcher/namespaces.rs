//! A command in namespaces: the launcher starts `bwrap`, with what that reads
//! in files of memory.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead as _, BufReader, PipeReader, Read as _, Seek as _, Write as _},
    os::{
        fd::{AsFd, AsRawFd as _, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::Path,
    process::{Command, Stdio},
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::{FdFlags, fcntl_setfd},
    process::Pid,
};

use super::{
    Word, limits,
    serve::{Reach, Started},
};
use crate::tools::terminal::sandbox::EnterError;

/// Bytes of `bwrap`'s own words that are read.
const MAX_WORDS: u64 = 16 << 10;

/// What `bwrap` says of the command.
pub(super) struct Status(BufReader<PipeReader>);

/// Starts `bwrap`.
pub(super) fn start(
    program: &Path,
    words: Vec<Word>,
    command: &[String],
) -> Result<Started, EnterError> {
    let (report, writer) = io::pipe()?;
    let mut files = Vec::new();
    let mut arguments = Vec::new();
    for word in words {
        match word {
            Word::Text(text) => arguments.push(text),
            Word::File(content) => {
                let file = file_of(&content)?;
                arguments.push(number(&file));
                files.push(file);
            }
        }
    }
    arguments.extend([b"--json-status-fd".to_vec(), number(&writer)]);
    // Other users can read a command line, and there are variables among them.
    let all = file_of(&ended_by_nul(&arguments))?;
    for file in files.iter().chain([&all]).map(AsFd::as_fd).chain([writer.as_fd()]) {
        fcntl_setfd(file, FdFlags::empty()).map_err(io::Error::from)?;
    }
    let output = io::stderr().as_fd().try_clone_to_owned()?;
    let mut bwrap = Command::new(program);
    bwrap.arg("--args").arg(OsString::from_vec(number(&all))).arg("--").args(command);
    bwrap.stdin(Stdio::null()).stdout(output);
    let leader = Pid::from_child(&bwrap.spawn()?);
    limits::give_way(Some(leader));
    drop((writer, files, all));
    let status = Some(Status(BufReader::new(report)));
    Ok(Started { leader, reach: Reach::Children, status, version: None })
}

impl Status {
    /// Waits for the word that the namespace is there, `None` when none
    /// comes.
    pub(super) fn first_process(&mut self) -> Option<Pid> {
        let mut line = String::new();
        (&mut self.0).take(MAX_WORDS).read_line(&mut line).ok()?;
        Pid::from_raw(value(&line, "child-pid")?)
    }

    /// The exit code, `None` when the command did not even start.
    pub(super) fn exit_code(self) -> Option<i32> {
        let lines = self.0.take(MAX_WORDS).lines().map_while(Result::ok);
        lines.filter_map(|it| value(&it, "exit-code")).last()
    }
}

/// What `bwrap` says when it does not begin.
pub(super) fn words(output: PipeReader) -> String {
    let mut bytes = Vec::new();
    let _ = output.take(MAX_WORDS).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

fn value(line: &str, name: &str) -> Option<i32> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    i32::try_from(value.get(name)?.as_i64()?).ok()
}

fn file_of(content: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("arguments", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file.into())
}

fn number(file: &impl AsFd) -> Vec<u8> {
    file.as_fd().as_raw_fd().to_string().into_bytes()
}

fn ended_by_nul(words: &[Vec<u8>]) -> Vec<u8> {
    words.iter().flat_map(|it| it.iter().copied().chain([0])).collect()
}
