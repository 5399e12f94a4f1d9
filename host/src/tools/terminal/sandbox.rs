//! The two kinds of sandbox, as one: what a command is started in.

use std::{
    fmt,
    io::PipeReader,
    path::{Path, PathBuf},
};

use super::{
    bubblewrap::Bubblewrap,
    landlock::Landlock,
    launcher::Launched,
    leash::Leash,
    order::{EnterError, Order, Places},
};

/// What a sandbox is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SandboxKind {
    /// Namespaces, by the program `bwrap`: the host's files, processes and
    /// network are not there.
    Bubblewrap,
    /// Rules in the kernel (Landlock, seccomp): they are there, and refused.
    /// The real path of the workspace is seen. See [`Self::differences`].
    Landlock,
}

impl fmt::Display for SandboxKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SandboxKind::Bubblewrap => "bubblewrap",
            SandboxKind::Landlock => "landlock",
        })
    }
}

impl SandboxKind {
    /// What is not as on the machine itself, where everyday work meets it.
    pub fn differences(self) -> Option<&'static str> {
        match self {
            SandboxKind::Bubblewrap => Some(
                "no way to change the configuration and the hooks of the workspace's own \
                 repository (`git config`, `git remote add`)",
            ),
            SandboxKind::Landlock => Some(
                "no list of processes (`ps`), no shared memory by name (`/dev/shm`), no extended \
                 attributes, no watches on directories, no network but one that is granted",
            ),
        }
    }
}

/// A sandbox of either kind, for all commands of one workspace.
pub(super) enum Sandbox {
    Bubblewrap(Bubblewrap),
    Landlock(Landlock),
}

impl Sandbox {
    pub(super) fn kind(&self) -> SandboxKind {
        match self {
            Sandbox::Bubblewrap(_) => SandboxKind::Bubblewrap,
            Sandbox::Landlock(_) => SandboxKind::Landlock,
        }
    }

    /// Starts a command, and puts it on the leash. With it comes the end of
    /// the pipe that both of its outputs go into, or its errors alone where it
    /// has ends of its own. Blocks for some milliseconds.
    pub(super) fn enter(
        &self,
        order: &Order,
        leash: &Leash,
    ) -> Result<(Launched, PipeReader), EnterError> {
        match self {
            Sandbox::Bubblewrap(it) => it.enter(order, leash),
            Sandbox::Landlock(it) => it.enter(order, leash),
        }
    }

    /// Where a command with these directories of its own finds things.
    pub(super) fn places(&self, scratch: &Path, home: &Path) -> Places {
        match self {
            Sandbox::Bubblewrap(_) => Bubblewrap::places(),
            Sandbox::Landlock(it) => it.places(scratch, home),
        }
    }

    /// Where every command finds the workspace.
    pub(super) fn workspace(&self) -> PathBuf {
        self.places(Path::new(""), Path::new("")).workspace
    }

    /// The limit of processes that the kernel itself can hold a command to,
    /// in the words of `ulimit`.
    pub(super) fn kernel_processes(&self, tasks: u32) -> String {
        match self {
            // The first process is of the sandbox, and the last is one too
            // many, for the watcher to see and to say so.
            Sandbox::Bubblewrap(_) => tasks.saturating_add(2).to_string(),
            // It would count all processes of the host's user. When that is
            // root, the launcher has set it.
            Sandbox::Landlock(_) => "unlimited".to_owned(),
        }
    }
}
