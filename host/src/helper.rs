//! Helper processes: the host's own program, started again for one piece of
//! work.
//!
//! What a stranger wrote is compiled in one, and a command of a child is
//! started from one: the host outlives whatever becomes of it, and a limit or
//! a sandbox that a process takes upon itself binds nothing of the host.
//!
//! The program is found by [`Program::find`]; a `main` that calls
//! [`crate::run_if_helper`] first is its own helper. Host and helper talk over
//! one socket, the helper's standard input.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt,
    io::{self, Read, Write},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::{Serialize, de::DeserializeOwned};

/// What a helper calls itself: how it is told from a run of the program that
/// a person began, and what `ps` shows.
const NAME: &str = "hermitage-helper";

/// The program that is running, whatever was put in its place on disk.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// The command line of Hermitage: it is a helper for applications that are
/// none.
const COMMAND_LINE: &str = "hermitage";

/// Host and helper are one version, or do not talk.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a helper that has mimalloc takes memory: what it does not use does not
/// count against its limit, and it asks the kernel nothing that its jail
/// refuses, on which memory is near.
const MEMORY: [(&str, &str); 2] =
    [("MIMALLOC_ARENA_EAGER_COMMIT", "0"), ("MIMALLOC_USE_NUMA_NODES", "1")];

/// Whether this process's own program can be its helper.
static IS_OWN: AtomicBool = AtomicBool::new(false);

/// What a helper is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Compiles one component.
    Compile,
    /// Starts one command, and stays until nothing of it is left.
    Launch,
}

impl Role {
    const ALL: [Self; 2] = [Self::Compile, Self::Launch];

    /// Its name on the helper's command line.
    fn name(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Launch => "launch",
        }
    }

    fn of_name(name: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|it| name == it.name())
    }
}

/// Why there is no helper, or why it does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperError {
    /// Nobody said where, and it is not where it is looked for.
    #[error(
        "no program can be the helper process of this host\n\
         hint: call `hermitage::run_if_helper()` first in `main`, put `hermitage` beside this \
         program, or name it with `Builder::helper`"
    )]
    NotFound,
    /// What was named is no file that can be run.
    #[error("`{}`, which was named as the helper of this host, is no program", .0.display())]
    NoProgram(PathBuf),
}

/// The role of this process, when it was started as a helper: `None` for one
/// that is not. A helper of another version ends here, in words.
pub(crate) fn role() -> io::Result<Option<Role>> {
    #[cfg(test)]
    if let Some(name) = env::var_os(tests::ROLE) {
        return Ok(Role::of_name(&name));
    }
    let mut words = env::args_os();
    if words.next().is_none_or(|it| it != NAME) {
        IS_OWN.store(true, Ordering::Relaxed);
        return Ok(None);
    }
    let (role, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match Role::of_name(&role) {
        Some(role) if version == VERSION => Ok(Some(role)),
        _ => Err(io::Error::other(format!("a helper of version {VERSION} was asked by another"))),
    }
}

/// The socket to the host, of a process that is a helper.
pub(crate) fn connection() -> io::Result<UnixStream> {
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// A program that can be a helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(PathBuf);

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl Program {
    /// The one that was named; else this process's own, when its `main` calls
    /// [`crate::run_if_helper`]; else the command line of Hermitage beside it
    /// or one directory further up, where cargo puts it.
    pub fn find(named: Option<&Path>) -> Result<Self, HelperError> {
        if let Some(path) = named {
            let no_program = || HelperError::NoProgram(path.to_owned());
            // It is started in another directory.
            let absolute = std::path::absolute(path).map_err(|_| no_program())?;
            return absolute.is_file().then_some(Self(absolute)).ok_or_else(no_program);
        }
        if cfg!(test) || IS_OWN.load(Ordering::Relaxed) {
            return Ok(Self(PathBuf::from(OWN_PROGRAM)));
        }
        let own = env::current_exe().map_err(|_| HelperError::NotFound)?;
        let beside = own.ancestors().skip(1).take(2).map(|it| it.join(COMMAND_LINE));
        beside.into_iter().find(|it| it.is_file()).map(Self).ok_or(HelperError::NotFound)
    }

    /// A helper that is not started yet, and this end of its socket. It has
    /// no output, and no environment but [`MEMORY`].
    pub(crate) fn command(&self, role: Role) -> io::Result<(Command, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&self.0);
        command.arg0(NAME).args(self.arguments(role)).env_clear().envs(MEMORY).current_dir("/");
        #[cfg(test)]
        command.env(tests::ROLE, role.name());
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        Ok((command, ours))
    }

    fn arguments(&self, role: Role) -> Vec<OsString> {
        let words: &[&str] = if cfg!(test) {
            // The program is the harness of these tests, and one of them
            // is the helper's `main`.
            &["--exact", "helper::tests::helper_main", "--test-threads=1", "--nocapture"]
        } else {
            &[role.name(), VERSION]
        };
        words.iter().map(OsString::from).collect()
    }
}

/// Sends one message.
pub(crate) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let bytes = bincode::serde::encode_to_vec(message, bincode::config::standard());
    let bytes = bytes.map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&len.to_le_bytes())?;
    to.write_all(&bytes)
}

/// Receives one message of at most `LIMIT` bytes: whoever sends it may be in a
/// stranger's hands.
pub(crate) fn receive<T: DeserializeOwned, const LIMIT: usize>(
    from: &mut impl Read,
) -> io::Result<T> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let len = usize::try_from(u32::from_le_bytes(len)).map_err(io::Error::other)?;
    if len > LIMIT {
        return Err(io::Error::other(format!("a message of {len} bytes, where {LIMIT} are taken")));
    }
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes)?;
    let config = bincode::config::standard().with_limit::<LIMIT>();
    let (message, _) =
        bincode::serde::decode_from_slice(&bytes, config).map_err(io::Error::other)?;
    Ok(message)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The variable that makes a run of these tests a helper.
    pub(super) const ROLE: &str = "HERMITAGE_TEST_HELPER";

    /// The `main` of helpers that tests start; a test like any other
    /// otherwise.
    #[test]
    fn helper_main() {
        crate::run_if_helper();
    }

    #[test]
    fn a_program_that_was_named_is_taken_or_nothing() {
        let err = Program::find(Some(Path::new("/nowhere/helper"))).unwrap_err().to_string();
        assert_eq!(
            err,
            "`/nowhere/helper`, which was named as the helper of this host, is no program"
        );
        let own = env::current_exe().unwrap();
        assert_eq!(Program::find(Some(&own)).unwrap(), Program(own));
    }

    #[test]
    fn a_message_is_the_same_on_the_other_side_and_bounded() {
        let mut sent = Vec::new();
        send(&mut sent, &("text", 7_u64)).unwrap();
        let read: (String, u64) = receive::<_, 64>(&mut sent.as_slice()).unwrap();
        assert_eq!(read, ("text".to_owned(), 7));
        let err = receive::<(String, u64), 4>(&mut sent.as_slice()).unwrap_err().to_string();
        assert_eq!(err, "a message of 6 bytes, where 4 are taken");
        let cut = sent.get(..5).unwrap();
        assert!(receive::<(String, u64), 64>(&mut &*cut).is_err());
    }
}
