//! A command in rules of the kernel: Landlock decides which files are opened,
//! seccomp which calls are made.

use std::{
    io::{self, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::{net::UnixStream, process::CommandExt as _},
    },
    path::PathBuf,
    process::Command,
};

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal, setsid};

use super::{
    Confined,
    domain::Domain,
    files::{receive_file, send_file},
    kernel::{self, Forked},
    limits,
    mediator::{self, Mediator},
    rules,
    started::{Reach, Started},
    streams::Streams,
};
use crate::tools::terminal::order::EnterError;

/// Starts the command.
pub(super) fn start(confined: Confined, streams: Streams) -> Result<Started, EnterError> {
    let (domain, version) = Domain::enter()?;
    let (mut told, tell) = UnixStream::pair()?;
    let launcher = getpid();
    let (own, tasks) = (confined.own().map(PathBuf::clone), confined.tasks);
    match kernel::fork()? {
        Forked::Child => {
            drop(told);
            exit_with(&enter(confined, streams, launcher, &tell), tell)
        }
        Forked::Parent(leader) => {
            drop(tell);
            let listener = receive_file(&told)?;
            // It ends without a word when the command begins.
            let mut reason = String::new();
            told.read_to_string(&mut reason)?;
            let (Some(listener), true) = (listener, reason.is_empty()) else {
                return Err(EnterError::Refused(reason));
            };
            Mediator { listener, own, tasks }.start()?;
            let reach = Reach::Domain(domain);
            Ok(Started { leader, reach, status: None, version: Some(version) })
        }
    }
}

fn exit_with(error: &EnterError, mut tell: UnixStream) -> ! {
    let _ = tell.write_all(error.to_string().as_bytes());
    std::process::exit(1)
}

/// Becomes the command; returns why it did not.
fn enter(confined: Confined, streams: Streams, launcher: Pid, tell: &UnixStream) -> EnterError {
    let command = command(&confined, streams);
    match restrict(&confined, launcher, tell).and(command) {
        Ok(mut command) => command.exec().into(),
        Err(error) => error,
    }
}

fn restrict(confined: &Confined, launcher: Pid, tell: &UnixStream) -> Result<(), EnterError> {
    // For the case that the launcher itself is killed from outside.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)?;
    if getppid() != Some(launcher) {
        return Err(EnterError::Refused("its launcher is gone".to_owned()));
    }
    setsid().map_err(io::Error::from)?;
    limits::give_way(None);
    std::env::set_current_dir(&confined.directory)?;
    rules::restrict_files(confined)?;
    let forks = confined.tasks.map_or(&[] as &[_], |_| mediator::FORKS);
    let listener = kernel::ask_before(&[mediator::METADATA, forks].concat())?;
    send_file(tell, listener.as_fd())?;
    drop(listener);
    rules::restrict_calls(confined)
}

fn command(confined: &Confined, streams: Streams) -> Result<Command, EnterError> {
    let (input, output) = streams.into_stdio()?;
    let mut words = confined.command.iter();
    let mut command = Command::new(words.next().map_or("", |it| it));
    command.args(words).env_clear().envs(&confined.environment);
    command.stdin(input).stdout(output);
    Ok(command)
}
