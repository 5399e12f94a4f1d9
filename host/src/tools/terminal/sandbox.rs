//! What both kinds of sandbox have in common: what goes in, what comes out,
//! and what is shown of the host.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, PipeReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use super::{
    bubblewrap::Bubblewrap,
    guard::Watch,
    home::Home,
    landlock::Landlock,
    launcher::{Identity, Launched},
    leash::Leash,
};
use crate::defence::{Defence, Defences};

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

/// Directories with programs and libraries, shown when they exist. Read-only.
pub(super) const SYSTEM: [&str; 7] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What programs need of `/etc`, and holds no secret. Read-only.
pub(super) const SETTINGS: [&str; 20] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    // Where a program asks for one of these and may not read it, it gives up;
    // where there is none, it goes on.
    "/etc/debian_version",
    "/etc/java-11-openjdk",
    "/etc/java-17-openjdk",
    "/etc/java-21-openjdk",
    "/etc/java-25-openjdk",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/protocols",
    "/etc/services",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];

/// The same for a command that may use the network.
pub(super) const NETWORK_SETTINGS: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];

/// How much a command gives way to everything else on the machine, in the
/// steps of `nice`. Whoever watches over a hundred processes that spin must
/// get to run.
pub(super) const NICE: i32 = 10;

/// One command, on its way into a sandbox.
pub(super) struct Order {
    /// A program of the sandbox by its absolute path, and its arguments.
    pub(super) arguments: Vec<String>,
    /// Relative to the workspace.
    pub(super) directory: PathBuf,
    pub(super) environment: BTreeMap<String, String>,
    /// Of this command alone: its script, and what it leaves.
    pub(super) scratch: TempDir,
    /// Of the session.
    pub(super) home: Arc<Home>,
    /// Looks after what git obeys in the workspace.
    pub(super) watch: Option<Watch>,
}

/// Why a command could not enter. For the operator: it may name host paths.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnterError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
}

/// Where a command finds its directories.
pub(super) struct Places {
    pub(super) workspace: PathBuf,
    pub(super) scratch: PathBuf,
    pub(super) tmp: PathBuf,
    pub(super) home: PathBuf,
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
    /// the pipe that both of its outputs go into. Blocks for some milliseconds.
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

/// What a command must reach as another user than the host's, when that is
/// root.
pub(super) fn identity(
    workspace: &Path,
    order: &Order,
    read_only: &[PathBuf],
    defences: Defences,
) -> Option<Identity> {
    let is_root = rustix::process::geteuid().is_root();
    (is_root && defences.has(Defence::CommandUser)).then(|| Identity {
        workspace: workspace.to_owned(),
        scratch: order.scratch.path().to_owned(),
        home: order.home.path().to_owned(),
        read_only: read_only.to_vec(),
    })
}
