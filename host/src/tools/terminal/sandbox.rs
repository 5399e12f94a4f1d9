//! What both kinds of sandbox have in common: what goes in, what comes out,
//! and what is shown of the host.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, BufReader, PipeReader},
    path::{Path, PathBuf},
    process::Child,
};

use tempfile::TempDir;

use super::{bubblewrap::Bubblewrap, landlock::Landlock, leash::Leash, shell::Shell};

/// What a sandbox is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SandboxKind {
    /// Namespaces, by the program `bwrap`: the host's files, processes and
    /// network are not there.
    Bubblewrap,
    /// Rules in the kernel (Landlock, seccomp): they are there, and refused.
    /// Stricter in what a command may do to its own files: no mode, owner or
    /// time of a file is changed by its path, and no directory is watched.
    /// The real path of the workspace is seen.
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

/// Directories with programs and libraries, shown when they exist. Read-only.
pub(super) const SYSTEM: [&str; 7] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What programs need of `/etc`, and holds no secret. Read-only.
pub(super) const SETTINGS: [&str; 11] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
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
}

/// A command that runs.
pub(super) struct Entered {
    /// Ends when the command does.
    pub(super) leader: Child,
    /// What the sandbox itself says of the command's end.
    pub(super) report: Option<BufReader<PipeReader>>,
    /// Keeps the number of the process group from being taken by others.
    pub(super) holder: Option<Child>,
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
    /// the pipe that both of its outputs go into. On the thread that stays
    /// until it ended; blocks for some milliseconds.
    pub(super) fn enter(
        &self,
        order: &Order,
        leash: &Leash,
    ) -> Result<(Entered, PipeReader), EnterError> {
        match self {
            Sandbox::Bubblewrap(it) => it.enter(order, leash),
            Sandbox::Landlock(it) => it.enter(order, leash),
        }
    }

    /// Where a command with this directory of its own finds things.
    pub(super) fn places(&self, scratch: &Path) -> Places {
        match self {
            Sandbox::Bubblewrap(_) => Bubblewrap::places(),
            Sandbox::Landlock(it) => it.places(scratch),
        }
    }

    /// The limit of processes that the kernel itself can hold a command to,
    /// in the words of `ulimit`.
    pub(super) fn kernel_processes(&self, tasks: u64) -> String {
        match self {
            Sandbox::Bubblewrap(_) => tasks.to_string(),
            // It would count all processes of the host's user.
            Sandbox::Landlock(_) => "unlimited".to_owned(),
        }
    }
}

/// File descriptors that a program started by this process would have: those
/// it inherited itself. What Rust opens is closed on the way.
pub(super) fn inherited(shell: &Shell) -> Result<String, EnterError> {
    let mut res = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(descriptor) = name.to_str().and_then(|it| it.parse::<u32>().ok()) else {
            continue;
        };
        if descriptor <= 2 || !is_passed_on(descriptor) {
            continue;
        }
        if !shell.closes(descriptor) {
            return Err(EnterError::Refused(format!(
                "file descriptor {descriptor}, which the host inherited, would be open to the \
                 command; install `bash`, which can close it, or start the host without it"
            )));
        }
        res.push(descriptor.to_string());
    }
    Ok(res.join(" "))
}

fn is_passed_on(descriptor: u32) -> bool {
    // Closed meanwhile when there is no file.
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).unwrap_or_default();
    let flags = info.lines().find_map(|it| it.strip_prefix("flags:"));
    let flags = flags.and_then(|it| i32::from_str_radix(it.trim(), 8).ok());
    flags.is_some_and(|it| it & libc::O_CLOEXEC == 0)
}
