//! The rules of the kernel that a launcher, and the process that becomes the
//! command, take upon themselves: Landlock's for files and signals, seccomp's
//! for calls.

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

use super::Confined;
use crate::{
    defence::Defence,
    tools::terminal::{
        filter,
        order::EnterError,
        system::{NETWORK_SETTINGS, SETTINGS, SYSTEM},
    },
};

/// The first version that keeps signals inside. All of it is required: with
/// an older kernel a command could end any process of the host's user.
const REQUIRED: ABI = ABI::V6;

/// Devices that programs read and write, and nobody gains by.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

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

fn rules(confined: &Confined) -> Result<landlock::RestrictionStatus, RulesetError> {
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
