//! The system calls that no command may make, as filters of seccomp.
//!
//! A list of what is refused among the calls that are known: what a shell, a
//! compiler or an interpreter needs is far more than what it must not have. A
//! call that is newer than this list does not exist, and of the requests to a
//! device (`ioctl`), which are without number, only those on a list are let
//! through. Several filters, because programs expect different words: what is
//! refused is not permitted, what has an older substitute does not exist, so
//! that they take that one, and what is no request of a file is not its own.

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
    SYS_PROCESS_MRELEASE,
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
    SYS_QUOTACTL_FD,
    SYS_LSM_SET_SELF_ATTR,
    libc::SYS_lookup_dcookie,
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
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
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
    // The whole machine shares how much of it there is.
    libc::SYS_io_setup,
    // Mounts, by the paths of the host.
    SYS_STATMOUNT,
    SYS_LISTMOUNT,
];

/// What Landlock leaves open: files outside are changed by path without being
/// opened, and their names are seen as they come and go. The launcher makes
/// those calls on mode, owner and times that are about files of the workspace.
const UNCOVERED: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    libc::SYS_inotify_add_watch,
];

/// The same for attributes of a file that some file systems have: programs
/// that copy files take the answer of one that has none.
const ATTRIBUTES: &[c_long] = &[
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

/// Newer than the table of numbers; the same on every machine.
const SYS_QUOTACTL_FD: c_long = 443;
const SYS_PROCESS_MRELEASE: c_long = 448;
const SYS_FCHMODAT2: c_long = 452;
const SYS_STATMOUNT: c_long = 457;
const SYS_LISTMOUNT: c_long = 458;
const SYS_LSM_SET_SELF_ATTR: c_long = 460;

/// Calls from this number on are newer than what was looked at here (the last
/// is `mseal`), and there are programs that do without for years to come. The
/// numbers are the same on every machine.
const FIRST_UNKNOWN: u32 = 463;

/// What may be asked of an open file beyond reading and writing: that a
/// terminal (a command may make one for itself) and a pipe are used, and that
/// a file is copied or read.
const REQUESTS: &[u64] = &[
    0x5401,      // TCGETS
    0x5402,      // TCSETS
    0x5403,      // TCSETSW
    0x5404,      // TCSETSF
    0x5409,      // TCSBRK
    0x540a,      // TCXONC
    0x540b,      // TCFLSH
    0x540e,      // TIOCSCTTY
    0x540f,      // TIOCGPGRP
    0x5410,      // TIOCSPGRP
    0x5411,      // TIOCOUTQ
    0x5413,      // TIOCGWINSZ
    0x5414,      // TIOCSWINSZ
    0x541b,      // FIONREAD
    0x5420,      // TIOCPKT
    0x5421,      // FIONBIO
    0x5422,      // TIOCNOTTY
    0x5425,      // TCSBRKP
    0x5429,      // TIOCGSID
    0x5441,      // TIOCGPTPEER
    0x5450,      // FIONCLEX
    0x5451,      // FIOCLEX
    0x5452,      // FIOASYNC
    0x8004_5430, // TIOCGPTN
    0x4004_5431, // TIOCSPTLCK
    0x802c_542a, // TCGETS2
    0x402c_542b, // TCSETS2
    0x402c_542c, // TCSETSW2
    0x402c_542d, // TCSETSF2
    0x4004_9409, // FICLONE
    0x4020_940d, // FICLONERANGE
    0xc020_660b, // FS_IOC_FIEMAP
    0x8008_6601, // FS_IOC_GETFLAGS
];

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

/// In `ioprio_set`, the word for all processes of a user.
const IOPRIO_WHO_USER: u64 = 3;

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

/// The family of sockets that are files.
const AF_UNIX: u64 = 1;

/// The bits of a socket's type that are no flags.
const KIND_OF_SOCKET: u64 = 0xf;

/// What a filter lets through, beyond what both sandboxes refuse.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Sockets of the internet may be made; no others ever: a path to a
    /// socket is no file that a sandbox guards, and the one who listens may be
    /// a program of the host.
    pub(super) internet: bool,
    /// What lies outside is not there: so it needs no rule here.
    pub(super) is_covered: bool,
}

/// All filters, as the kernel takes them.
pub(super) fn programs(scope: &Scope) -> Result<Vec<BpfProgram>, BackendError> {
    let mut refused = Rules::default();
    refused.always(REFUSED)?;
    refused.namespaces()?;
    refused.modes()?;
    refused.sockets(scope.internet)?;
    refused.pairs()?;
    if !scope.is_covered {
        refused.always(UNCOVERED)?;
        refused.other_processes()?;
    }
    let mut absent = Rules::default();
    absent.always(ABSENT)?;
    let mut foreign = Rules::default();
    foreign.requests()?;
    let mut res = vec![
        refused.compiled(libc::EPERM)?,
        absent.compiled(libc::ENOSYS)?,
        foreign.compiled(libc::ENOTTY)?,
    ];
    if !scope.is_covered {
        let mut attributes = Rules::default();
        attributes.always(ATTRIBUTES)?;
        res.push(attributes.compiled(libc::EOPNOTSUPP)?);
    }
    Ok(res)
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

    /// Everything but [`REQUESTS`]: not typing into a terminal, for one, and
    /// no flags of a file.
    fn requests(&mut self) -> Result<(), BackendError> {
        let other = |it: &u64| compare(1, SeccompCmpOp::Ne, *it);
        self.when(libc::SYS_ioctl, REQUESTS.iter().map(other).collect::<Result<_, _>>()?)
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

    fn sockets(&mut self, internet: bool) -> Result<(), BackendError> {
        if !internet {
            return self.always(&[libc::SYS_socket]);
        }
        let other = |it| compare(0, SeccompCmpOp::Ne, unsigned(it));
        let neither = [libc::AF_INET, libc::AF_INET6].into_iter().map(other);
        self.when(libc::SYS_socket, neither.collect::<Result<_, _>>()?)
    }

    /// Two sockets that are connected to one another are a pipe, as long as
    /// they can't be turned to an address: that of a program of the host, whose
    /// socket lies in the workspace.
    fn pairs(&mut self) -> Result<(), BackendError> {
        self.when(libc::SYS_socketpair, vec![compare(0, SeccompCmpOp::Ne, AF_UNIX)?])?;
        for kind in [libc::SOCK_DGRAM, libc::SOCK_RAW].map(unsigned) {
            let of_kind = compare(1, SeccompCmpOp::MaskedEq(KIND_OF_SOCKET), kind)?;
            self.when(libc::SYS_socketpair, vec![of_kind])?;
        }
        Ok(())
    }

    fn other_processes(&mut self) -> Result<(), BackendError> {
        for (call, argument) in OF_A_PROCESS {
            self.when(*call, vec![compare(*argument, SeccompCmpOp::Ne, 0)?])?;
        }
        // Who is meant is 0 for "one's own", which is a user in this call.
        let user = compare(0, SeccompCmpOp::Eq, IOPRIO_WHO_USER)?;
        self.when(libc::SYS_ioprio_set, vec![user])
    }

    fn compiled(self, errno: i32) -> Result<BpfProgram, BackendError> {
        let errno = errno.unsigned_abs();
        let arch = std::env::consts::ARCH.try_into()?;
        let (allow, refuse) = (SeccompAction::Allow, SeccompAction::Errno(errno));
        let filter: BpfProgram = SeccompFilter::new(self.0, allow, refuse, arch)?.try_into()?;
        Ok(unknown_absent().into_iter().chain(filter).collect())
    }
}

/// Load the number; below the first that is unknown go on, else there is no
/// such call. So a second table of numbers of the same kernel, which begins
/// far above, can't be used to get around the rules by number.
fn unknown_absent() -> [sock_filter; 3] {
    let absent = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, FIRST_UNKNOWN),
        instruction(libc::BPF_RET | libc::BPF_K, 0, absent),
    ]
}

fn instruction(code: u32, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap_or_default(), jt: 0, jf, k }
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
