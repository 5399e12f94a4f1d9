//! A command in rules of the kernel: Landlock decides which files are opened,
//! seccomp which calls are made.

use std::{
    fs::OpenOptions,
    io::{self, PipeWriter, Read as _, Write as _},
    os::{fd::AsFd as _, unix::process::CommandExt as _},
    process::Command,
};

use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process_group, set_parent_process_death_signal, setsid,
};

use super::{
    Confined,
    kernel::{self, Forked},
    limits,
    serve::{Reach, Started},
};
use crate::tools::terminal::{landlock, sandbox::EnterError};

/// Of this thread and all that it starts: no signal of theirs leaves it. So
/// one to everybody reaches the command, and nothing else.
#[derive(Clone, Copy)]
pub(super) struct Domain(());

impl Domain {
    /// With the version of the kernel's interface.
    fn enter() -> Result<(Self, i32), EnterError> {
        Ok((Self(()), landlock::keep_signals_inside()?))
    }

    /// Ends every process in it but this one: at once, so that none can be
    /// born meanwhile.
    pub(super) fn kill(self) {
        // The group of number 1 is, to the kernel, everybody.
        let _ = kill_process_group(Pid::INIT, Signal::KILL);
    }
}

/// Starts the command.
pub(super) fn start(confined: Confined) -> Result<Started, EnterError> {
    let (domain, version) = Domain::enter()?;
    let (mut refused, refuse) = io::pipe()?;
    let launcher = getpid();
    match kernel::fork()? {
        Forked::Child => {
            drop(refused);
            exit_with(&enter(confined, launcher), refuse)
        }
        Forked::Parent(leader) => {
            drop(refuse);
            // It ends without a word when the command begins.
            let mut reason = String::new();
            refused.read_to_string(&mut reason)?;
            if !reason.is_empty() {
                return Err(EnterError::Refused(reason));
            }
            Ok(Started {
                leader,
                reach: Reach::Domain(domain),
                status: None,
                version: Some(version),
            })
        }
    }
}

fn exit_with(error: &EnterError, mut refuse: PipeWriter) -> ! {
    let _ = refuse.write_all(error.to_string().as_bytes());
    std::process::exit(1)
}

/// Becomes the command; returns why it did not.
fn enter(confined: Confined, launcher: Pid) -> EnterError {
    match restrict(&confined, launcher).and_then(|()| command(&confined)) {
        Ok(mut command) => command.exec().into(),
        Err(error) => error,
    }
}

fn restrict(confined: &Confined, launcher: Pid) -> Result<(), EnterError> {
    // For the case that the launcher itself is killed from outside.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)?;
    if getppid() != Some(launcher) {
        return Err(EnterError::Refused("its launcher is gone".to_owned()));
    }
    setsid().map_err(io::Error::from)?;
    limits::give_way(None);
    std::env::set_current_dir(&confined.directory)?;
    landlock::restrict(confined)
}

fn command(confined: &Confined) -> Result<Command, EnterError> {
    let output = io::stderr().as_fd().try_clone_to_owned()?;
    let mut words = confined.command.iter();
    let mut command = Command::new(words.next().map_or("", |it| it));
    command.args(words).env_clear().envs(&confined.environment);
    command.stdin(OpenOptions::new().read(true).open("/dev/null")?).stdout(output);
    Ok(command)
}
