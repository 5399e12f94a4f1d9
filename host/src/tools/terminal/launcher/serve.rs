//! The launcher's own side, in the process that it is.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::net::UnixStream,
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{Pid, WaitOptions, WaitStatus, getpid, set_child_subreaper, setsid, wait},
};

use super::{
    Inside, Launch, MAX_ORDER_BYTES, Report, confine, identity, kernel, limits, namespaces,
    started::{Reach, Started},
    streams::Streams,
};
use crate::{
    helper::{connection, receive, send},
    tools::terminal::order::EnterError,
};

/// Pause between two times that everything is killed.
const KILL_AGAIN: Duration = Duration::from_millis(2);

/// Starts the command that the host asks for on the socket, and returns when
/// nothing of it is left: the exit code of this process.
pub(crate) fn serve() -> i32 {
    let Ok(mut host) = connection() else { return 1 };
    let Ok(launch) = receive::<Launch, MAX_ORDER_BYTES>(&mut host) else { return 1 };
    let Ok(streams) = Streams::receive(&host, launch.talks) else { return 1 };
    let report = match begin(launch, streams) {
        Ok(started) => keep(started, &mut host),
        Err(EnterError::Io(error)) => Report::Refused(error.to_string()),
        Err(EnterError::Refused(reason)) => Report::Refused(reason),
    };
    // A host that is gone asks no more.
    i32::from(send(&mut host, &report).is_err())
}

fn begin(launch: Launch, streams: Streams) -> Result<Started, EnterError> {
    // A key on the terminal of the host is for the host.
    setsid().map_err(io::Error::from)?;
    set_child_subreaper(Some(getpid())).map_err(io::Error::from)?;
    kernel::pass_no_files_on()?;
    limits::take(&launch.limits, launch.identity.is_some())?;
    if let Some(identity) = &launch.identity {
        identity::take(identity)?;
    }
    identity::drop_capabilities()?;
    match launch.inside {
        Inside::Rules(confined) => confine::start(confined, streams),
        Inside::Namespaces { program, words, command } => {
            namespaces::start(&program, words, &command, streams)
        }
    }
}

/// Stays until the last process of the command was waited for.
fn keep(started: Started, host: &mut UnixStream) -> Report {
    let Started { leader, reach, mut status, version } = started;
    // It ends when the command's own do.
    let released = release_output();
    let watched = released.and_then(|()| end_with_the_host(host.try_clone()?, reach));
    // All processes of the command are below this one.
    let root = match &mut status {
        Some(it) => it.first_process(),
        None => Some(getpid()),
    };
    let told = root.is_some_and(|it| {
        let report = Report::Started { root: it.as_raw_pid(), version };
        send(host, &report).is_ok()
    });
    if watched.is_err() || !told {
        reach.kill();
    }
    let ended = wait_for_all(leader, reach);
    match (root, status) {
        (None, _) => Report::Refused(String::new()),
        (_, Some(it)) => Report::Ended { code: it.exit_code() },
        (_, None) => Report::Ended { code: ended.and_then(code_of) },
    }
}

/// Waits for every process of the command; they end with the first.
fn wait_for_all(leader: Pid, reach: Reach) -> Option<WaitStatus> {
    let mut ended = None;
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((id, status))) if id == leader => {
                ended = Some(status);
                reach.kill();
            }
            // Its own children are children of this process from now on.
            Ok(Some(_)) if ended.is_some() => reach.kill(),
            Ok(_) | Err(Errno::INTR) => {}
            // There is no child any more, and every orphan became one.
            Err(_) => return ended,
        }
    }
}

/// The host says nothing: the socket ends when it does, or when it wants the
/// command ended.
fn end_with_the_host(mut host: UnixStream, reach: Reach) -> io::Result<()> {
    thread::Builder::new().spawn(move || {
        let _ = host.read(&mut [0]);
        // Until this process ends: the children of one that was killed are
        // its own a moment later.
        loop {
            reach.kill();
            thread::sleep(KILL_AGAIN);
        }
    })?;
    Ok(())
}

fn release_output() -> io::Result<()> {
    let null = OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(rustix::stdio::dup2_stderr(null)?)
}

fn code_of(status: WaitStatus) -> Option<i32> {
    status.exit_status().or_else(|| Some(128 + status.terminating_signal()?))
}
