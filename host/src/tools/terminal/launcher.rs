//! The process between the host and a command: it takes all limits upon
//! itself, starts the command inside, and stays until nothing of it is left.
//!
//! A process of its own, so that no part of the host is ever in what confines
//! a command: the kernel lets signals pass within it. It is the parent of
//! every process whose own parent ended, so a command may lead sessions and
//! groups as it likes and nothing of it gets away. It lives as long as the
//! host holds the other end of its socket: however a host ends, its commands
//! end with it.

use std::{
    collections::BTreeMap,
    io::{self, PipeReader},
    os::{fd::AsFd as _, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::Child,
};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::{
    TerminalConfig,
    leash::Leash,
    order::{Ends, EnterError, Order},
};
use crate::{
    defence::{Defence, Defences},
    helper::{Program, Role, receive, send},
};

mod confine;
mod domain;
mod files;
mod identity;
mod kernel;
mod limits;
mod mediator;
mod namespaces;
mod rules;
mod serve;
mod started;
mod status;
mod streams;

pub(crate) use serve::serve;

/// Bytes of what a launcher is asked: an environment and a line.
const MAX_ORDER_BYTES: usize = 4 << 20;

/// Bytes of what it says.
const MAX_REPORT_BYTES: usize = 64 << 10;

/// What a launcher is asked to start.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Launch {
    pub(super) limits: Limits,
    /// Of a host that is root: directories that the command must reach.
    pub(super) identity: Option<Identity>,
    /// Whether what it reads comes behind this on the socket, and what it
    /// writes has a pipe of its own.
    pub(super) talks: bool,
    pub(super) inside: Inside,
}

/// What the kernel holds each process of a command to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Limits {
    cpu_seconds: u64,
    data_bytes: u64,
    file_bytes: u64,
    /// Processes and threads together, where a user of its own makes that
    /// possible.
    tasks: u64,
}

impl Limits {
    /// Seconds beyond the limit, so that the watcher, which can say why, is
    /// first.
    const CPU_GRACE: u64 = 1;

    pub(super) fn new(config: &TerminalConfig) -> Self {
        Self {
            cpu_seconds: config.cpu.as_secs().max(1).saturating_add(Self::CPU_GRACE),
            data_bytes: config.memory_bytes,
            file_bytes: config.max_file_bytes,
            tasks: config.max_processes.into(),
        }
    }
}

/// What root has a command do as somebody else for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Stays writable; what is made there belongs to its owner.
    pub(super) workspace: PathBuf,
    /// Of this command alone.
    pub(super) scratch: PathBuf,
    /// Of the commands of one session.
    pub(super) home: PathBuf,
    /// Is seen, and not written by anybody.
    pub(super) read_only: Vec<PathBuf>,
}

impl Identity {
    /// What a command must reach as another user than the host's, when that is
    /// root.
    pub(super) fn of(
        order: &Order,
        workspace: &Path,
        read_only: &[PathBuf],
        defences: Defences,
    ) -> Option<Self> {
        let is_root = rustix::process::geteuid().is_root();
        (is_root && defences.has(Defence::CommandUser)).then(|| Self {
            workspace: workspace.to_owned(),
            scratch: order.scratch.path().to_owned(),
            home: order.home.path().to_owned(),
            read_only: read_only.to_vec(),
        })
    }
}

/// How a command is started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Inside {
    /// In rules of the kernel.
    Rules(Confined),
    /// In namespaces that a program makes.
    Namespaces {
        /// `bwrap`.
        program: PathBuf,
        /// Its arguments.
        words: Vec<Word>,
        /// The command and its arguments.
        command: Vec<String>,
    },
}

/// A command in rules of the kernel.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Confined {
    pub(super) workspace: PathBuf,
    pub(super) scratch: PathBuf,
    pub(super) home: PathBuf,
    pub(super) read_only: Vec<PathBuf>,
    pub(super) network: bool,
    /// Processes and threads together, where the kernel can't count them for
    /// this command alone.
    pub(super) tasks: Option<u64>,
    /// Where it begins.
    pub(super) directory: PathBuf,
    /// The command and its arguments.
    pub(super) command: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) defences: Defences,
}

impl Confined {
    /// Where the command's own files are.
    pub(super) fn own(&self) -> [&PathBuf; 3] {
        [&self.workspace, &self.scratch, &self.home]
    }
}

/// One argument.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    Text(Vec<u8>),
    /// The number of a file that holds this.
    File(Vec<u8>),
}

/// What a launcher says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// It runs: all processes of the command are below this one.
    Started { root: i32, version: Option<i32> },
    /// It did not start. When there is no reason, the output says why.
    Refused(String),
    /// It ended, and nothing of it is left. No code when it did not start
    /// inside, which the output tells.
    Ended { code: Option<i32> },
}

/// A command that runs.
pub(super) struct Launched {
    child: Child,
    connection: UnixStream,
    version: Option<i32>,
}

/// Starts a command and puts it on the leash. With it comes the end of the
/// pipe that both of its outputs go into, or its errors alone where it has
/// `ends`. Blocks for some milliseconds.
pub(super) fn start(
    program: &Program,
    launch: &Launch,
    ends: Option<&Ends>,
    leash: &Leash,
) -> Result<(Launched, PipeReader), EnterError> {
    let (output, writer) = io::pipe()?;
    let (mut command, connection) = program.command(Role::Launch)?;
    if let Some(ends) = ends {
        command.stdout(ends.output.try_clone()?);
    }
    let child = command.stderr(writer).spawn()?;
    // Its ends of pipe and socket would keep them open.
    drop(command);
    let mut launched = Launched { child, connection, version: None };
    match launched.begin(launch, ends, leash) {
        Ok(()) => Ok((launched, output)),
        Err(error) => {
            launched.end();
            leash.let_go();
            match error {
                EnterError::Refused(reason) if reason.is_empty() => {
                    Err(EnterError::Refused(status::words(output)))
                }
                error => Err(error),
            }
        }
    }
}

impl Launched {
    fn begin(
        &mut self,
        launch: &Launch,
        ends: Option<&Ends>,
        leash: &Leash,
    ) -> Result<(), EnterError> {
        leash.hold(self.connection.try_clone()?);
        send(&mut self.connection, launch)?;
        if let Some(ends) = ends {
            files::send_file(&self.connection, ends.input.as_fd())?;
        }
        match self.report()? {
            Report::Started { root, version } => {
                leash.watch(Pid::from_raw(root));
                self.version = version;
                Ok(())
            }
            Report::Refused(reason) => Err(EnterError::Refused(reason)),
            Report::Ended { .. } => Err(EnterError::Refused("it ended before it began".to_owned())),
        }
    }

    /// Of the kernel's interface that was used, where it has one.
    pub(super) fn version(&self) -> Option<i32> {
        self.version
    }

    fn report(&mut self) -> io::Result<Report> {
        receive::<_, MAX_REPORT_BYTES>(&mut self.connection)
    }

    /// Waits until nothing of the command is left. Exit code, or 128 + the
    /// signal; `None` when it did not start.
    pub(super) fn wait(&mut self) -> Option<i32> {
        let code = match self.report() {
            Ok(Report::Ended { code }) => code,
            report => {
                tracing::error!(?report, "the launcher of a command was lost");
                None
            }
        };
        self.end();
        code
    }

    fn end(&mut self) {
        // It ends when nobody holds the other end.
        let _ = self.connection.shutdown(std::net::Shutdown::Both);
        if let Err(error) = self.child.wait() {
            tracing::error!(%error, "the launcher of a command can't be waited for");
        }
    }
}

/// The program that a launcher is.
pub(super) fn program(config: &TerminalConfig) -> Result<Program, EnterError> {
    Program::find(config.helper.as_deref()).map_err(|it| EnterError::Refused(it.to_string()))
}
