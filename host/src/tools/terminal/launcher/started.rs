//! A command that was started, and how to end all of it.

use rustix::process::{Pid, Signal, kill_process};

use super::{domain::Domain, status::Status};
use crate::tools::terminal::process;

/// A command that was started.
pub(super) struct Started {
    /// Ends when the command does.
    pub(super) leader: Pid,
    pub(super) reach: Reach,
    /// What the sandbox itself says of the command.
    pub(super) status: Option<Status>,
    /// Of the kernel's interface that was used, where it has one.
    pub(super) version: Option<i32>,
}

/// How to end all processes of a command.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    /// In one call, all that are in this domain.
    Domain(Domain),
    /// With the children of this process: they hold all others.
    Children,
}

impl Reach {
    pub(super) fn kill(self) {
        match self {
            Self::Domain(it) => it.kill(),
            Self::Children => {
                // One that ended waits to be asked for, so its number is no
                // other's; one that is asked for meanwhile is not killed again
                // before its number comes round.
                for id in process::children().unwrap_or_default() {
                    let _ = Pid::from_raw(id).map(|it| kill_process(it, Signal::KILL));
                }
            }
        }
    }
}
