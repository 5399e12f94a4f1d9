//! The sandbox of rules in the kernel, where there are no namespaces to be
//! had: in most containers.
//!
//! Landlock decides which files are opened, seccomp which calls are made. Both
//! bind a thread and what it starts, so a thread of its own takes them upon
//! itself and starts the command.

use std::{
    io::{self, PipeReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
};

use ::landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};
use rustix::process::{Pid, setpriority_process};

use super::{
    TerminalConfig, filter,
    leash::{Leash, Reach},
    sandbox::{
        EnterError, Entered, NETWORK_SETTINGS, NICE, Order, Places, SETTINGS, SYSTEM, inherited,
    },
    shell::{PREAMBLE, Shell},
};

/// The first version that keeps signals inside. All of it is required: with
/// an older kernel a command could end any process of the host's user.
const REQUIRED: ABI = ABI::V6;

/// Devices that programs read and write, and nobody gains by.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Leads the process group, outside of the sandbox, and ends all of it when
/// the host does: then its input ends.
const HOLDER: &str = "read -r _; kill -KILL 0";

/// Everything that is the same for all commands of a workspace.
pub(super) struct Landlock {
    shell: Shell,
    workspace: PathBuf,
    config: TerminalConfig,
    /// What the kernel said when it was asked last.
    found: Mutex<Option<LandlockStatus>>,
}

impl Landlock {
    /// For the workspace of this real path.
    pub(super) fn new(workspace: &Path, config: &TerminalConfig) -> Self {
        let (workspace, config) = (workspace.to_owned(), config.clone());
        Self { shell: Shell::find(), workspace, config, found: Mutex::new(None) }
    }

    /// Version of the kernel's interface; known when a command has run.
    pub(super) fn version(&self) -> String {
        match self.found.lock().ok().and_then(|it| *it) {
            Some(LandlockStatus::Available { effective_abi, kernel_abi }) => {
                format!("ABI {}", kernel_abi.unwrap_or(effective_abi as i32))
            }
            _ => "unknown".to_owned(),
        }
    }

    /// See [`super::sandbox::Sandbox::places`].
    pub(super) fn places(&self, scratch: &Path) -> Places {
        Places {
            workspace: self.workspace.clone(),
            scratch: scratch.to_owned(),
            tmp: scratch.join("tmp"),
        }
    }

    /// See [`super::sandbox::Sandbox::enter`].
    pub(super) fn enter(
        &self,
        order: &Order,
        leash: &Leash,
    ) -> Result<(Entered, PipeReader), EnterError> {
        std::fs::create_dir(order.scratch.path().join("tmp"))?;
        let (output, writer) = io::pipe()?;
        let mut command = self.command(order)?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut holder = self.holder()?;
        let group = Pid::from_child(&holder);
        leash.hold(Reach::Group { leader: group });
        command.process_group(group.as_raw_pid());
        match self.spawn(command, order, group.as_raw_pid()) {
            Ok(leader) => Ok((Entered { leader, report: None, holder: Some(holder) }, output)),
            Err(error) => {
                leash.end();
                holder.wait()?;
                Err(error)
            }
        }
    }

    fn command(&self, order: &Order) -> Result<Command, EnterError> {
        let mut words = self.shell.preamble(PREAMBLE).into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).args(Shell::limits(&self.config)).arg(inherited(&self.shell)?);
        command.args(&order.arguments).env_clear().envs(&order.environment);
        command.current_dir(self.workspace.join(&order.directory));
        Ok(command)
    }

    fn holder(&self) -> io::Result<Child> {
        let mut words = self.shell.preamble(HOLDER).into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    /// On a thread that is good for nothing else afterwards.
    fn spawn(&self, mut command: Command, order: &Order, group: i32) -> Result<Child, EnterError> {
        let confined = || {
            // Of this thread alone, on Linux.
            let _ = setpriority_process(None, NICE);
            self.restrict_files(order.scratch.path())?;
            self.restrict_calls(group)?;
            command.spawn().map_err(EnterError::from)
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("terminal".to_owned());
            let res = thread.spawn_scoped(scope, confined)?.join();
            res.unwrap_or_else(|_| Err(EnterError::Refused("the thread panicked".to_owned())))
        })
    }

    fn restrict_files(&self, scratch: &Path) -> Result<(), EnterError> {
        let status = self.ruleset(scratch).map_err(|error| {
            EnterError::Refused(format!(
                "the kernel has no Landlock of ABI 6, which Linux 6.12 brings: {error}"
            ))
        })?;
        if let Ok(mut found) = self.found.lock() {
            *found = Some(status.landlock);
        }
        let all = status.ruleset == RulesetStatus::FullyEnforced && status.no_new_privs;
        if all { Ok(()) } else { Err(EnterError::Refused("Landlock enforces a part".to_owned())) }
    }

    fn ruleset(&self, scratch: &Path) -> Result<::landlock::RestrictionStatus, RulesetError> {
        let network: &[&str] = if self.config.network { &NETWORK_SETTINGS } else { &[] };
        let look = AccessFs::ReadFile | AccessFs::ReadDir;
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(REQUIRED))?
            .scope(Scope::from_all(REQUIRED))?
            .create()?
            .add_rules(path_beneath_rules(SYSTEM, look | AccessFs::Execute))?
            .add_rules(path_beneath_rules(SETTINGS, look))?
            .add_rules(path_beneath_rules(network, look))?
            .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
            .add_rules(path_beneath_rules([self.workspace.as_path(), scratch], own()))?
            .restrict_self()
    }

    fn restrict_calls(&self, group: i32) -> Result<(), EnterError> {
        // Not AF_UNIX: a path to a socket is no file that Landlock guards.
        let network = [libc::AF_INET, libc::AF_INET6];
        let families = if self.config.network { network.to_vec() } else { Vec::new() };
        let programs = filter::programs(&filter::Scope { families, group: Some(group) });
        for it in programs.map_err(|it| EnterError::Refused(it.to_string()))? {
            seccompiler::apply_filter(&it).map_err(|it| EnterError::Refused(it.to_string()))?;
        }
        Ok(())
    }
}

/// Everything but devices, which root could make there.
fn own() -> BitFlags<AccessFs> {
    AccessFs::from_all(REQUIRED) & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev)
}
