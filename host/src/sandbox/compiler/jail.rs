//! The limits of a helper that compiles: it takes them upon itself before it
//! reads a byte of the component.
//!
//! A compiler needs memory, threads, and one socket. It gets nothing else:
//! no file, no process, no network, no signal to anybody, whatever a
//! component makes of it.

use std::{collections::BTreeMap, env::consts::ARCH, io};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, Scope,
};
use libc::c_long;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getpid, set_dumpable_behavior, setpriority_process,
    setrlimit,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use super::Budget;

/// The version of Landlock that is asked for. With an older kernel, the rest
/// of these limits stands alone.
const LANDLOCK: ABI = ABI::V6;

/// Files that are open at a time: the socket, and what the process was
/// started with.
const MAX_FILES: u64 = 16;

/// How much a compiler gives way to children that run, in steps of `nice`.
const NICE: i32 = 5;

/// What a compiler calls, whatever the arguments.
const ALLOWED: &[c_long] = &[
    // The socket.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_close,
    libc::SYS_fcntl,
    // Memory.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    // Threads.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Its own signals: a stack that overflows is told.
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    // Seeds of hash maps, and time.
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
];

/// Of each call, when it is allowed: always when there is no rule.
type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Puts this process in jail, for good.
pub(super) fn enter(budget: Budget) -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // It only makes it slower.
    let _ = setpriority_process(None, NICE);
    limit(budget)?;
    close_files().map_err(io::Error::other)?;
    for filter in filters().map_err(io::Error::other)? {
        seccompiler::apply_filter_all_threads(&filter).map_err(io::Error::other)?;
    }
    Ok(())
}

fn limit(budget: Budget) -> io::Result<()> {
    let cpu = u64::from(budget.cpu_seconds);
    let limits = [
        // `XCPU` at the first number, which ends it in words; `KILL` at the
        // second.
        (Resource::Cpu, cpu, cpu.saturating_add(1)),
        (Resource::Data, budget.memory_bytes, budget.memory_bytes),
        (Resource::Nofile, MAX_FILES, MAX_FILES),
        (Resource::Fsize, 0, 0),
        (Resource::Core, 0, 0),
        (Resource::Memlock, 0, 0),
    ];
    for (resource, current, maximum) in limits {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })?;
    }
    Ok(())
}

/// No file and no port, by Landlock where the kernel has it.
fn close_files() -> Result<(), RulesetError> {
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?;
    rules.create()?.restrict_self().map(drop)
}

/// What is not allowed is not permitted; and threads are started by the older
/// call, whose arguments a filter can see.
fn filters() -> Result<[BpfProgram; 2], BackendError> {
    let mut allowed: Rules = ALLOWED.iter().map(|it| (*it, Vec::new())).collect();
    let own = bits(getpid().as_raw_pid());
    allowed.insert(libc::SYS_tgkill, vec![argument_is(0, SeccompCmpOp::Eq, own)?]);
    let thread = bits(libc::CLONE_THREAD);
    allowed.insert(libc::SYS_clone, vec![argument_is(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    let name = bits(libc::PR_SET_NAME);
    allowed.insert(libc::SYS_prctl, vec![argument_is(0, SeccompCmpOp::Eq, name)?]);
    let refuse = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    let absent = Rules::from([(libc::SYS_clone3, Vec::new())]);
    // The second one forbids to install a third.
    Ok([
        program(absent, SeccompAction::Allow, refuse(libc::ENOSYS))?,
        program(allowed, refuse(libc::EPERM), SeccompAction::Allow)?,
    ])
}

fn program(
    rules: Rules,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, otherwise, matching, ARCH.try_into()?)?.try_into()
}

fn argument_is(number: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    let condition = SeccompCondition::new(number, SeccompCmpArgLen::Dword, op, value)?;
    SeccompRule::new(vec![condition])
}

/// A number as the kernel sees it in a register.
fn bits(number: i32) -> u64 {
    u64::from(u32::from_ne_bytes(number.to_ne_bytes()))
}
