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

use ::landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

use super::{
    TerminalConfig, filter,
    launcher::{self, Confined, Inside, Launch, Launched, Limits},
    leash::Leash,
    sandbox::{EnterError, NETWORK_SETTINGS, Order, Places, SETTINGS, SYSTEM, identity},
};
use crate::{defence::Defence, helper::Program};

/// The first version that keeps signals inside. All of it is required: with
/// an older kernel a command could end any process of the host's user.
const REQUIRED: ABI = ABI::V6;

/// Devices that programs read and write, and nobody gains by.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

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

    /// See [`super::sandbox::Sandbox::places`].
    pub(super) fn places(&self, scratch: &Path, home: &Path) -> Places {
        Places {
            workspace: self.workspace.clone(),
            scratch: scratch.to_owned(),
            tmp: scratch.join("tmp"),
            home: home.to_owned(),
        }
    }

    /// See [`super::sandbox::Sandbox::enter`].
    pub(super) fn enter(
        &self,
        order: &Order,
        leash: &Leash,
    ) -> Result<(Launched, PipeReader), EnterError> {
        let scratch = order.scratch.path().to_owned();
        std::fs::create_dir(scratch.join("tmp"))?;
        let identity = identity(&self.workspace, order, &self.read_only, self.config.defences);
        // One more than there may be, for the watcher to see and to say so.
        let tasks = u64::from(self.config.max_processes).saturating_add(1);
        let launch = Launch {
            limits: Limits::new(&self.config),
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
                defences: self.config.defences,
            }),
            identity,
        };
        let (launched, output) = launcher::start(&self.program, &launch, leash)?;
        if let (Ok(mut found), Some(version)) = (self.found.lock(), launched.version()) {
            *found = Some(version);
        }
        Ok((launched, output))
    }
}

/// Of the launcher's thread and all that it starts: no signal of theirs leaves
/// it. Gives the version of the kernel's interface.
pub(super) fn keep_signals_inside() -> Result<i32, EnterError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        // Without a word about it, no file would move to another directory.
        .handle_access(AccessFs::Refer)
        .and_then(|it| it.scope(Scope::Signal))
        .and_then(Ruleset::create)
        .and_then(|it| it.add_rules(path_beneath_rules(["/"], AccessFs::Refer)));
    let status = ruleset.and_then(|it| it.restrict_self()).map_err(|it| unavailable(&it))?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            Ok(kernel_abi.unwrap_or(effective_abi as i32))
        }
        _ => Err(EnterError::Refused("the kernel has no Landlock".to_owned())),
    }
}

/// Of the process that becomes the command, and for good: which files it
/// opens.
pub(super) fn restrict_files(confined: &Confined) -> Result<(), EnterError> {
    if !confined.defences.has(Defence::CommandFiles) {
        return Ok(());
    }
    let status = rules(confined).map_err(|it| unavailable(&it))?;
    if status.ruleset != RulesetStatus::FullyEnforced || !status.no_new_privs {
        return Err(EnterError::Refused("Landlock enforces a part".to_owned()));
    }
    Ok(())
}

/// The same for the calls that it makes.
pub(super) fn restrict_calls(confined: &Confined) -> Result<(), EnterError> {
    if !confined.defences.has(Defence::CommandCalls) {
        return Ok(());
    }
    let scope = filter::Scope { internet: confined.network, is_covered: false };
    let programs = filter::programs(&scope);
    for it in programs.map_err(|it| EnterError::Refused(it.to_string()))? {
        seccompiler::apply_filter(&it).map_err(|it| EnterError::Refused(it.to_string()))?;
    }
    Ok(())
}

fn rules(confined: &Confined) -> Result<::landlock::RestrictionStatus, RulesetError> {
    let network: &[&str] = if confined.network { &NETWORK_SETTINGS } else { &[] };
    let look = AccessFs::ReadFile | AccessFs::ReadDir;
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(REQUIRED))?
        .scope(Scope::from_all(REQUIRED))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, look | AccessFs::Execute))?
        .add_rules(path_beneath_rules(&confined.read_only, look | AccessFs::Execute))?
        .add_rules(path_beneath_rules(SETTINGS, look))?
        .add_rules(path_beneath_rules(network, look))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(confined.own(), own()))?
        .restrict_self()
}

fn unavailable(error: &RulesetError) -> EnterError {
    EnterError::Refused(format!(
        "the kernel has no Landlock of ABI 6, which Linux 6.12 brings: {error}"
    ))
}

/// Everything but devices, which root could make there.
fn own() -> BitFlags<AccessFs> {
    AccessFs::from_all(REQUIRED) & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev)
}
