//! The domain of a launcher in rules of the kernel, which signals don't leave.

use rustix::process::{Pid, Signal, kill_process_group};

use super::rules;
use crate::tools::terminal::order::EnterError;

/// Of this thread and all that it starts: no signal of theirs leaves it. So
/// one to everybody reaches the command, and nothing else.
#[derive(Clone, Copy)]
pub(super) struct Domain(());

impl Domain {
    /// With the version of the kernel's interface.
    pub(super) fn enter() -> Result<(Self, i32), EnterError> {
        Ok((Self(()), rules::keep_signals_inside()?))
    }

    /// Ends every process in it but this one: at once, so that none can be
    /// born meanwhile.
    pub(super) fn kill(self) {
        // The group of number 1 is, to the kernel, everybody.
        let _ = kill_process_group(Pid::INIT, Signal::KILL);
    }
}
