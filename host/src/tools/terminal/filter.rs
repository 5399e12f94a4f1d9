//! The system calls that no command may make, as filters of seccomp.
//!
//! A deny list: what a shell, a compiler or an interpreter needs is far more
//! than what it must not have. Two filters, because programs expect different
//! words: what is refused is not permitted, and what has an older substitute
//! does not exist, so that they take that one.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, sock_filter,
};

/// Calls that reach into other processes, into the kernel, or leave something
/// behind that no process owns.
const REFUSED: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Programs, keys and counters in the kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_syslog,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Files by handle, past every path.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // The machine.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    // Memory and queues that outlive the command.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

/// Calls that programs do without when there are none: what their arguments
/// point to can't be checked, or they take memory that nobody counts.
const ABSENT: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_openat2,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
];

/// What Landlock leaves open: files outside are changed by path without being
/// opened, and their names are seen as they come and go.
const UNCOVERED: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    SYS_SETXATTRAT,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
    // A file of the system is opened to be read, and the host may own it.
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_fsetxattr,
    libc::SYS_fremovexattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    libc::SYS_inotify_add_watch,
    // Out of the process group, by which all of the command is found.
    libc::SYS_setsid,
];

/// Newer than the table of numbers; the same on every machine.
const SYS_FCHMODAT2: c_long = 452;
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_FILE_SETATTR: c_long = 469;

/// Calls on a process by its id, which is the given argument: 0 is the caller
/// itself, and any other may be the host.
const OF_A_PROCESS: &[(c_long, u8)] = &[
    (libc::SYS_prlimit64, 0),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_setpriority, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_ioprio_set, 1),
    (libc::SYS_migrate_pages, 0),
    (libc::SYS_move_pages, 0),
];

/// Calls that give a file a mode, and the argument that is the mode.
const WITH_MODE: &[(c_long, u8)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (SYS_FCHMODAT2, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1),
    (libc::SYS_mknodat, 2),
];

/// Calls that do so only when they create, with the arguments that are flags
/// and mode.
const OPENING: &[(c_long, u8, u8)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1, 2),
    (libc::SYS_openat, 2, 3),
];

/// Numbers from here on are those of a second table of the same kernel, which
/// the rules by number would not see.
const SECOND_TABLE: u32 = 0x4000_0000;

/// What a filter lets through, beyond what both sandboxes refuse.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Families of sockets that may be made.
    pub(super) families: Vec<libc::c_int>,
    /// For a sandbox of Landlock: the one process group that a process may
    /// move to, which it is in.
    pub(super) group: Option<i32>,
}

/// Both filters, as the kernel takes them.
pub(super) fn programs(scope: &Scope) -> Result<[BpfProgram; 2], BackendError> {
    let mut refused = Rules::default();
    refused.always(REFUSED)?;
    refused.namespaces()?;
    refused.terminal()?;
    refused.modes()?;
    refused.sockets(&scope.families)?;
    if let Some(group) = scope.group {
        refused.always(UNCOVERED)?;
        refused.group(group)?;
        refused.other_processes()?;
        refused.times_by_path()?;
    }
    let mut absent = Rules::default();
    absent.always(ABSENT)?;
    Ok([refused.compiled(libc::EPERM)?, absent.compiled(libc::ENOSYS)?])
}

/// A filter as a file of instructions.
pub(super) fn to_bytes(program: &BpfProgram) -> Vec<u8> {
    let one = |it: &sock_filter| {
        let mut bytes = it.code.to_ne_bytes().to_vec();
        bytes.extend([it.jt, it.jf]);
        bytes.extend(it.k.to_ne_bytes());
        bytes
    };
    program.iter().flat_map(one).collect()
}

/// Of each call, when it is refused: always when there is no rule.
#[derive(Default)]
struct Rules(BTreeMap<i64, Vec<SeccompRule>>);

impl Rules {
    fn always(&mut self, calls: &[c_long]) -> Result<(), BackendError> {
        self.0.extend(calls.iter().map(|it| (*it, Vec::new())));
        Ok(())
    }

    /// Refuses `call` when all conditions hold, unless it is always refused.
    fn when(
        &mut self,
        call: c_long,
        conditions: Vec<SeccompCondition>,
    ) -> Result<(), BackendError> {
        let rule = SeccompRule::new(conditions)?;
        match self.0.get_mut(&call) {
            None => drop(self.0.insert(call, vec![rule])),
            Some(rules) if rules.is_empty() => {}
            Some(rules) => rules.push(rule),
        }
        Ok(())
    }

    /// The flag for a namespace of time is none of `clone`.
    fn namespaces(&mut self) -> Result<(), BackendError> {
        for flag in [
            libc::CLONE_NEWNS,
            libc::CLONE_NEWCGROUP,
            libc::CLONE_NEWUTS,
            libc::CLONE_NEWIPC,
            libc::CLONE_NEWUSER,
            libc::CLONE_NEWPID,
            libc::CLONE_NEWNET,
        ] {
            self.when(libc::SYS_clone, vec![bits(0, unsigned(flag))?])?;
        }
        Ok(())
    }

    /// Typing into a terminal, or pasting from a console.
    fn terminal(&mut self) -> Result<(), BackendError> {
        for request in [libc::TIOCSTI, libc::TIOCLINUX] {
            self.when(libc::SYS_ioctl, vec![compare(1, SeccompCmpOp::Eq, request)?])?;
        }
        Ok(())
    }

    /// A program that runs as its owner would be the host's user in the hands
    /// of everybody who can reach the workspace.
    fn modes(&mut self) -> Result<(), BackendError> {
        for bit in [libc::S_ISUID, libc::S_ISGID].map(u64::from) {
            for (call, mode) in WITH_MODE {
                self.when(*call, vec![bits(*mode, bit)?])?;
            }
            for (call, flags, mode) in OPENING {
                for created in [libc::O_CREAT, libc::O_TMPFILE].map(unsigned) {
                    self.when(*call, vec![bits(*flags, created)?, bits(*mode, bit)?])?;
                }
            }
        }
        Ok(())
    }

    fn sockets(&mut self, families: &[libc::c_int]) -> Result<(), BackendError> {
        if families.is_empty() {
            return self.always(&[libc::SYS_socket]);
        }
        let other = |it: &libc::c_int| compare(0, SeccompCmpOp::Ne, unsigned(*it));
        self.when(libc::SYS_socket, families.iter().map(other).collect::<Result<_, _>>()?)
    }

    fn group(&mut self, group: i32) -> Result<(), BackendError> {
        self.when(libc::SYS_setpgid, vec![compare(0, SeccompCmpOp::Ne, 0)?])?;
        self.when(libc::SYS_setpgid, vec![compare(1, SeccompCmpOp::Ne, unsigned(group))?])
    }

    fn other_processes(&mut self) -> Result<(), BackendError> {
        for (call, argument) in OF_A_PROCESS {
            self.when(*call, vec![compare(*argument, SeccompCmpOp::Ne, 0)?])?;
        }
        Ok(())
    }

    /// Without a path it is the time of an open file.
    fn times_by_path(&mut self) -> Result<(), BackendError> {
        let path = SeccompCondition::new(1, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
        self.when(libc::SYS_utimensat, vec![path])
    }

    fn compiled(self, errno: i32) -> Result<BpfProgram, BackendError> {
        let errno = errno.unsigned_abs();
        let arch = std::env::consts::ARCH.try_into()?;
        let (allow, refuse) = (SeccompAction::Allow, SeccompAction::Errno(errno));
        let filter: BpfProgram = SeccompFilter::new(self.0, allow, refuse, arch)?.try_into()?;
        Ok(second_table_refused(errno).into_iter().chain(filter).collect())
    }
}

/// Load the number; below the second table go on, else refuse.
fn second_table_refused(errno: u32) -> [sock_filter; 3] {
    let instruction = |code: u32, jf: u8, k: u32| sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt: 0,
        jf,
        k,
    };
    [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, SECOND_TABLE),
        instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | errno),
    ]
}

fn compare(argument: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value)
}

/// All of these bits are set.
fn bits(argument: u8, mask: u64) -> Result<SeccompCondition, BackendError> {
    compare(argument, SeccompCmpOp::MaskedEq(mask), mask)
}

/// The bits of a number, as the kernel sees them in a register.
fn unsigned(number: i32) -> u64 {
    u64::from(u32::from_ne_bytes(number.to_ne_bytes()))
}
