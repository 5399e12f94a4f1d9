//! By what all processes of a command are counted and ended, wherever they
//! went.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process_group, pidfd_send_signal},
};

use super::process::{self, Load, Process};

/// How long the last process of a command, which was killed, may take to be
/// gone: the kernel may be busy with its memory.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// Pause between two looks at a process group that is being killed.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// All processes of a command.
pub(super) enum Reach {
    /// Those of a pid namespace: they end with its first process.
    Namespace { init: Pid, handle: OwnedFd },
    /// Those of a process group. Nobody else gets its number while its
    /// leader, which is not of the command, was not waited for.
    Group { leader: Pid },
}

/// Held by whoever waits for a command; to kill twice, too early or too late
/// does no harm.
#[derive(Default)]
pub(super) struct Leash(Mutex<Held>);

#[derive(Default)]
struct Held {
    ending: bool,
    reach: Option<Reach>,
}

impl Leash {
    /// Takes hold of a command. It ends at once when that was asked for
    /// before.
    pub(super) fn hold(&self, reach: Reach) {
        let mut held = self.lock();
        if held.ending {
            kill(&reach);
        }
        held.reach = Some(reach);
    }

    /// Ends every process of the command. Does not wait.
    pub(super) fn kill(&self) {
        let mut held = self.lock();
        held.ending = true;
        if let Some(reach) = &held.reach {
            kill(reach);
        }
    }

    /// Nothing is left of it.
    pub(super) fn let_go(&self) {
        self.lock().reach = None;
    }

    /// Kills what is left, waits until it is gone, and lets go. Blocks.
    pub(super) fn end(&self) {
        self.kill();
        let Some(reach) = self.lock().reach.take() else { return };
        let gone = match &reach {
            Reach::Namespace { handle, .. } => is_gone(handle),
            Reach::Group { leader } => group_is_gone(*leader),
        };
        if !gone.as_ref().is_ok_and(|it| *it) {
            tracing::error!(?gone, "processes of a command that were killed are still there");
        }
    }

    /// What the command takes now, nothing when it is not held.
    ///
    /// No more than `enough` processes are looked at: against a fork bomb,
    /// whoever counts to the end has lost.
    pub(super) fn load(&self, enough: usize) -> io::Result<Load> {
        // The lock is free meanwhile: to kill must not wait for a count.
        let (root, is_group) = match &self.lock().reach {
            None => return Ok(Load::default()),
            Some(Reach::Namespace { init, .. }) => (*init, false),
            Some(Reach::Group { leader }) => (*leader, true),
        };
        let all = process::all()?;
        Ok(if is_group {
            Load::of(all.filter(|it| in_group(it, root)).take(enough))
        } else {
            Load::of(process::below(all, root.as_raw_pid(), enough).into_iter())
        })
    }

    /// A panic while it is locked leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_group(process: &Process, leader: Pid) -> bool {
    let leader = leader.as_raw_pid();
    process.group == leader && process.id != leader
}

fn kill(reach: &Reach) {
    let killed = match reach {
        Reach::Namespace { handle, .. } => pidfd_send_signal(handle, Signal::KILL),
        Reach::Group { leader } => kill_process_group(*leader, Signal::KILL),
    };
    match killed {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => tracing::error!(%error, "a command can't be killed"),
    }
}

/// The first process of a namespace ends after all others.
fn is_gone(handle: &OwnedFd) -> io::Result<bool> {
    let timeout = Timespec::try_from(GONE_WITHIN).map_err(io::Error::other)?;
    let mut waited = [PollFd::from_borrowed_fd(handle.as_fd(), PollFlags::IN)];
    Ok(rustix::io::retry_on_intr(|| poll(&mut waited, Some(&timeout)))? > 0)
}

/// Nothing tells when the last of a group ends, so it is looked for.
fn group_is_gone(leader: Pid) -> io::Result<bool> {
    let since = Instant::now();
    loop {
        if process::all()?.filter(|it| in_group(it, leader)).all(|it| it.ended) {
            return Ok(true);
        }
        if since.elapsed() > GONE_WITHIN {
            return Ok(false);
        }
        thread::sleep(LOOK_AGAIN);
    }
}
