//! A command in namespaces: the launcher starts `bwrap`, with what that reads
//! in files of memory.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Seek as _, Write as _},
    os::{
        fd::{AsFd, AsRawFd as _, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::Path,
    process::Command,
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::{FdFlags, fcntl_setfd},
    process::Pid,
};

use super::{
    Word, limits,
    started::{Reach, Started},
    status::Status,
    streams::Streams,
};
use crate::tools::terminal::order::EnterError;

/// Starts `bwrap`.
pub(super) fn start(
    program: &Path,
    words: Vec<Word>,
    command: &[String],
    streams: Streams,
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
    let (input, output) = streams.into_stdio()?;
    let mut bwrap = Command::new(program);
    bwrap.arg("--args").arg(OsString::from_vec(number(&all))).arg("--").args(command);
    bwrap.stdin(input).stdout(output);
    let leader = Pid::from_child(&bwrap.spawn()?);
    limits::give_way(Some(leader));
    drop((writer, files, all));
    let status = Some(Status::new(report));
    Ok(Started { leader, reach: Reach::Children, status, version: None })
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
