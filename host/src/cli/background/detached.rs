//! A delegation with a process of its own, which outlives its command and its
//! terminal.
//!
//! The command starts this program once more. That process does what `run`
//! does, where the person sees it, until the delegation is recorded: what is
//! wrong is told at once. Then it says the handle, leaves the terminal, and
//! stays until the end of the delegation is on disk. It is a host like any
//! other on the store, so `list`, `wait` and `stop` know it, and one that is
//! killed is settled by the next.

use std::{
    env,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Read as _},
    path::Path,
    process::{Command, Stdio},
};

use rustix::{process::setsid, stdio};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    super::{
        Exit,
        args::{DETACHED, Run},
        error::CliError,
        log_file, output,
        signals::Signals,
    },
    tell_handle,
};
use crate::{
    delegation::{Dispatched, Handle, Prepared, Progress, Update},
    host::{Answer, Host, Reply},
};

/// Starts the process that runs it, and prints its handle.
pub(in crate::cli) fn start(args: &Run) -> Result<Exit, CliError> {
    let told = |what: &'static str| move |it: io::Error| CliError::host(it).context(what);
    // A list of tasks may come from there; nothing else is read.
    let reads_stdin = args.tasks.as_deref() == Some(Path::new("-"));
    let stdin = if reads_stdin { Stdio::inherit() } else { Stdio::null() };
    let program = env::current_exe().map_err(told("this program is not found"))?;
    let first = OsString::from(format!("--{DETACHED}"));
    let arguments = [first].into_iter().chain(env::args_os().skip(1));
    let mut command = Command::new(program);
    let process = command.args(arguments).stdin(stdin).stdout(Stdio::piped()).spawn();
    let mut process = process.map_err(told("no process can be started"))?;
    let mut said = String::new();
    if let Some(mut stdout) = process.stdout.take() {
        stdout.read_to_string(&mut said).map_err(told("the process can't be heard"))?;
    }
    match serde_json::from_str(&said) {
        Ok(reply @ Reply::Dispatched { .. }) => {
            tell_handle(&reply, args.common.json, args.common.quiet)
        }
        // It said why, on standard error or as JSON.
        _ => {
            if !said.is_empty() {
                output::result(said.trim_end())?;
            }
            let status = process.wait().map_err(told("the process can't be waited for"))?;
            Ok(exit_of(status.code()))
        }
    }
}

/// The code that the other process ended with, which nothing was started by.
fn exit_of(code: Option<i32>) -> Exit {
    let all = [Exit::Usage, Exit::Refused, Exit::ToolChain, Exit::Interrupted];
    all.into_iter().find(|it| Some(i32::from(*it as u8)) == code).unwrap_or(Exit::NotCompleted)
}

/// In that process: dispatches, leaves the terminal, and stays until the end.
pub(in crate::cli) async fn go_on(
    host: &Host,
    prepared: Prepared,
    mut signals: Signals,
    log: &Path,
) -> Result<(), CliError> {
    let updates = host.subscribe();
    // Whatever is in the way of leaving is told before anything starts.
    let streams = Streams::open(log)
        .map_err(|it| CliError::host(it).context(format!("`{}`", log.display())))?;
    let Dispatched::Background(handle) = host.dispatch(prepared).await? else {
        return Err(CliError::host(anyhow::anyhow!("it does not run in the background")));
    };
    output::json(&Answer::dispatched(&handle.record))?;
    streams.leave().map_err(|it| CliError::host(it).context("the terminal can't be left"))?;
    tokio::select! {
        () = ended(host, &handle, updates) => (),
        () = signals.next() => (),
    }
    host.shutdown().await;
    Ok(())
}

/// Where the streams of a process go that nobody looks at.
struct Streams {
    nowhere: File,
    log: File,
}

impl Streams {
    fn open(log: &Path) -> io::Result<Self> {
        let nowhere = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        Ok(Self { nowhere, log: log_file::open(log)? })
    }

    /// Neither Ctrl-C in the terminal nor its end reaches this process from
    /// here on. Standard output goes last: that it ends is what the command
    /// waits for.
    fn leave(self) -> io::Result<()> {
        setsid()?;
        stdio::dup2_stdin(&self.nowhere)?;
        stdio::dup2_stderr(&self.log)?;
        stdio::dup2_stdout(&self.nowhere)?;
        Ok(())
    }
}

/// Returns when every group of the delegation has ended.
async fn ended(host: &Host, handle: &Handle, mut updates: Receiver<Update>) {
    let id = handle.id();
    let mut left = handle.record.groups.len();
    while left > 0 {
        match updates.recv().await {
            Ok(it) if it.delegation_id != id => continue,
            Ok(Update { progress: Progress::Ended { .. }, .. }) => left = left.saturating_sub(1),
            Ok(_) => continue,
            Err(RecvError::Lagged(_)) => (),
            Err(RecvError::Closed) => return,
        }
        // Of updates that were missed, the store knows.
        let unit = host.store().read(move |tables| tables.unit(id)).await;
        if unit.is_ok_and(|it| it.is_none_or(|it| it.ended.is_some())) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_the_other_process_is_that_of_the_command() {
        for exit in [Exit::Usage, Exit::Refused, Exit::ToolChain, Exit::Interrupted] {
            assert_eq!(exit_of(Some(i32::from(exit as u8))), exit);
        }
        // One that ended without a handle did not do what it was asked to.
        for code in [None, Some(0), Some(1), Some(101)] {
            assert_eq!(exit_of(code), Exit::NotCompleted);
        }
    }
}
