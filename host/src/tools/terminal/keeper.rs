//! The thread that stays with a command from its start until nothing of it is
//! left.
//!
//! A thread, because the kernel ends a sandbox with the thread that started
//! it, and because what it does blocks.

use std::{
    fs,
    io::{self, PipeReader},
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    sync::Arc,
    thread,
};

use tokio::sync::oneshot;

use super::{
    bubblewrap,
    ceiling::Ceiling,
    kept::{self, Kept},
    leash::Leash,
    sandbox::{EnterError, Entered, Order, Sandbox},
    shell::KEPT,
};

/// A command in the hands of its keeper.
pub(super) struct Running {
    pub(super) leash: Arc<Leash>,
    pub(super) started: oneshot::Receiver<Result<PipeReader, EnterError>>,
    pub(super) ended: oneshot::Receiver<Ended>,
}

/// What is left of a command.
#[derive(Debug)]
pub(super) struct Ended {
    /// Exit code, or 128 + the signal; `None` when it did not start.
    pub(super) code: Option<i32>,
    pub(super) kept: Option<Kept>,
}

/// Starts a command. It is ended when it was not waited for.
/// `max_tasks` are the most processes and threads that it may have.
pub(super) fn start(sandbox: Arc<Sandbox>, order: Order, max_tasks: u64) -> io::Result<Running> {
    let leash = Arc::new(Leash::default());
    let (started_sender, started) = oneshot::channel();
    let (ended_sender, ended) = oneshot::channel();
    let held = Arc::clone(&leash);
    thread::Builder::new().name("terminal".to_owned()).spawn(move || {
        let ceiling = Ceiling::over_this_thread(max_tasks);
        match sandbox.enter(&order, &held) {
            Err(error) => drop(started_sender.send(Err(error))),
            Ok((entered, output)) => {
                if started_sender.send(Ok(output)).is_err() {
                    held.kill();
                }
                let ended = keep(entered, &held, &order);
                remove(order);
                // Before anybody hears of the end, and perhaps exits.
                drop(ceiling);
                // Nobody waits any more when the call was dropped.
                let _ = ended_sender.send(ended);
            }
        }
    })?;
    Ok(Running { leash, started, ended })
}

/// Waits for the command, and ends what it left running.
fn keep(entered: Entered, leash: &Leash, order: &Order) -> Ended {
    let Entered { mut leader, report, holder } = entered;
    let status = leader.wait();
    leash.end();
    // Only now may its number go to another process.
    if let Some(mut holder) = holder {
        let _ = holder.wait();
    }
    let code = match report {
        Some(report) => bubblewrap::exit_code(report),
        None => status.ok().map(code_of),
    };
    Ended { code, kept: kept::read(&order.scratch.path().join(KEPT)) }
}

fn code_of(status: ExitStatus) -> i32 {
    status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(-1)
}

/// A child can close its directories to their owner, who is the host.
fn remove(order: Order) {
    let path = order.scratch.keep();
    if fs::remove_dir_all(&path).is_err() {
        open_up(&path);
        if let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(%error, "the directory of a command is left");
        }
    }
}

/// Makes every directory below one that its owner may change.
fn open_up(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut todo = vec![path.to_owned()];
    while let Some(path) = todo.pop() {
        let _ = fs::set_permissions(&path, fs::Permissions::from_mode(0o700));
        let entries = fs::read_dir(&path).into_iter().flatten().flatten();
        // A link is none of its directories.
        todo.extend(
            entries.filter(|it| it.file_type().is_ok_and(|it| it.is_dir())).map(|it| it.path()),
        );
    }
}
