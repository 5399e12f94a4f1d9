//! The sandbox of rules in the kernel, where there are no namespaces to be
//! had: in most containers.
//!
//! Landlock decides which files are opened, seccomp which calls are made. Both
//! bind a process and what it starts, so the launcher starts one that takes
//! them upon itself and becomes the command.

use std::{
    io::PipeReader,
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::{
    TerminalConfig,
    launcher::{self, Confined, Identity, Inside, Launch, Launched, Limits},
    leash::Leash,
    order::{EnterError, Order, Places},
};
use crate::helper::Program;

/// Everything that is the same for all commands of a workspace.
pub(super) struct Landlock {
    program: Program,
    workspace: PathBuf,
    /// What of the host is opened besides the system.
    read_only: Vec<PathBuf>,
    config: TerminalConfig,
    /// Version of the kernel's interface, as the last command found it.
    found: Mutex<Option<i32>>,
}

impl Landlock {
    /// For the workspace of this real path.
    pub(super) fn new(
        workspace: &Path,
        read_only: &[PathBuf],
        config: &TerminalConfig,
    ) -> Result<Self, EnterError> {
        Ok(Self {
            program: launcher::program(config)?,
            workspace: workspace.to_owned(),
            read_only: read_only.to_vec(),
            config: config.clone(),
            found: Mutex::new(None),
        })
    }

    /// Version of the kernel's interface; known when a command has run.
    pub(super) fn version(&self) -> String {
        match self.found.lock().ok().and_then(|it| *it) {
            Some(version) => format!("ABI {version}"),
            None => "unknown".to_owned(),
        }
    }

    /// See `Sandbox::places`.
    pub(super) fn places(&self, scratch: &Path, home: &Path) -> Places {
        Places {
            workspace: self.workspace.clone(),
            scratch: scratch.to_owned(),
            tmp: scratch.join("tmp"),
            home: home.to_owned(),
        }
    }

    /// See `Sandbox::enter`.
    pub(super) fn enter(
        &self,
        order: &Order,
        leash: &Leash,
    ) -> Result<(Launched, PipeReader), EnterError> {
        let scratch = order.scratch.path().to_owned();
        std::fs::create_dir(scratch.join("tmp"))?;
        let defences = self.config.defences;
        let identity = Identity::of(order, &self.workspace, &self.read_only, defences);
        // One more than there may be, for the watcher to see and to say so.
        let tasks = u64::from(self.config.max_processes).saturating_add(1);
        let launch = Launch {
            limits: Limits::new(&self.config),
            talks: order.ends.is_some(),
            inside: Inside::Rules(Confined {
                workspace: self.workspace.clone(),
                scratch,
                home: order.home.path().to_owned(),
                read_only: self.read_only.clone(),
                network: self.config.network,
                tasks: identity.is_none().then_some(tasks),
                directory: self.workspace.join(&order.directory),
                command: order.arguments.clone(),
                environment: order.environment.clone(),
                defences,
            }),
            identity,
        };
        let ends = order.ends.as_ref();
        let (launched, output) = launcher::start(&self.program, &launch, ends, leash)?;
        if let (Ok(mut found), Some(version)) = (self.found.lock(), launched.version()) {
            *found = Some(version);
        }
        Ok((launched, output))
    }
}
