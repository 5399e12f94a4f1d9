//! What a command reads and writes.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    process::Stdio,
};

use super::files::receive_file;

/// What it reads, of a program that the host talks with.
pub(super) struct Streams(Option<OwnedFd>);

impl Streams {
    /// From the host, if it hands something over.
    pub(super) fn receive(host: &UnixStream, talks: bool) -> io::Result<Self> {
        if !talks {
            return Ok(Self(None));
        }
        let input = receive_file(host)?;
        let missing = || io::Error::other("there is nothing that it could read");
        input.map(|it| Self(Some(it))).ok_or_else(missing)
    }

    /// Its standard input and output, opened while that is allowed. Who is
    /// talked with writes to the launcher's own output, and anybody else where
    /// its errors go.
    pub(super) fn into_stdio(self) -> io::Result<(Stdio, Stdio)> {
        match self.0 {
            Some(input) => Ok((input.into(), io::stdout().as_fd().try_clone_to_owned()?.into())),
            None => {
                let output = io::stderr().as_fd().try_clone_to_owned()?;
                Ok((File::open("/dev/null")?.into(), output.into()))
            }
        }
    }
}
