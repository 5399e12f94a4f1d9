//! `run --background`: a delegation that outlives its command and its terminal.
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
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    process::{Command, Stdio},
};

use rustix::{fs::OFlags, process::setsid, stdio};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    Exit,
    args::{DETACHED, Run},
    error::CliError,
    output::{self, say},
    signals::Signals,
};
use crate::{
    delegation::{Dispatched, Handle, Prepared, Progress, Update},
    host::{Answer, Host, Reply},
};

/// Bytes of a log that is begun anew: bounds what hosts that complain keep on
/// the disk.
const MAX_LOG_BYTES: u64 = 1 << 20;

/// Starts the process that runs it, and prints its handle.
pub(super) fn start(args: &Run) -> Result<Exit, CliError> {
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
        Ok(reply @ Reply::Dispatched { .. }) => told_handle(&reply, args),
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

fn told_handle(reply: &Reply, args: &Run) -> Result<Exit, CliError> {
    let Reply::Dispatched { delegation_id, .. } = reply else { return Ok(Exit::NotCompleted) };
    match args.common.json {
        true => output::json(reply)?,
        false => output::result(&delegation_id.to_string())?,
    }
    if !args.common.quiet {
        say(&format!("hint: `hermitage wait {delegation_id}` tells what came of it"));
    }
    Ok(Exit::Completed)
}

/// The code that the other process ended with, which nothing was started by.
fn exit_of(code: Option<i32>) -> Exit {
    let all = [Exit::Usage, Exit::Refused, Exit::ToolChain, Exit::Interrupted];
    all.into_iter().find(|it| Some(i32::from(*it as u8)) == code).unwrap_or(Exit::NotCompleted)
}

/// In that process: dispatches, leaves the terminal, and stays until the end.
pub(super) async fn go_on(
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
        Ok(Self { nowhere, log: open_log(log)? })
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

/// Begun anew when it is too long; what was in it stays beside it once.
fn open_log(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    if fs::metadata(path).is_ok_and(|it| it.len() > MAX_LOG_BYTES) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
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
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_log_is_the_users_alone_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("a/background.log");
        let file = open_log(&log).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        file.set_len(MAX_LOG_BYTES + 1).unwrap();
        assert_eq!(open_log(&log).unwrap().metadata().unwrap().len(), 0);
        assert!(log.with_extension("log.old").is_file());
    }

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
