//! By what all processes of a command are counted and ended, wherever they
//! went.

use std::{
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::process::Pid;

use super::process::{self, Load};

/// Held by whoever waits for a command; to kill twice, too early or too late
/// does no harm.
#[derive(Default)]
pub(super) struct Leash(Mutex<Held>);

#[derive(Default)]
struct Held {
    ending: bool,
    /// To the launcher, which ends the command with it.
    launcher: Option<UnixStream>,
    /// All processes of the command are below this one.
    root: Option<Pid>,
}

impl Leash {
    /// Takes hold of a command by its launcher. It ends at once when that was
    /// asked for before.
    pub(super) fn hold(&self, launcher: UnixStream) {
        let mut held = self.lock();
        if held.ending {
            hang_up(&launcher);
        }
        held.launcher = Some(launcher);
    }

    /// Now its processes can be counted.
    pub(super) fn watch(&self, root: Option<Pid>) {
        self.lock().root = root;
    }

    /// Ends every process of the command. Does not wait.
    pub(super) fn kill(&self) {
        let mut held = self.lock();
        held.ending = true;
        if let Some(launcher) = &held.launcher {
            hang_up(launcher);
        }
    }

    /// Nothing is left of it.
    pub(super) fn let_go(&self) {
        let mut held = self.lock();
        (held.launcher, held.root) = (None, None);
    }

    /// What the command takes now, nothing when it is not held.
    ///
    /// No more than `enough` processes are looked at: against a fork bomb,
    /// whoever counts to the end has lost.
    pub(super) fn load(&self, enough: usize) -> io::Result<Load> {
        // The lock is free meanwhile: to kill must not wait for a count.
        let Some(root) = self.lock().root else { return Ok(Load::default()) };
        Ok(Load::of(process::below(process::all()?, root.as_raw_pid(), enough).into_iter()))
    }

    /// A panic while it is locked leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the launcher has to say is still read.
fn hang_up(launcher: &UnixStream) {
    if let Err(error) = launcher.shutdown(Shutdown::Write) {
        tracing::debug!(%error, "the launcher of a command is gone already");
    }
}
