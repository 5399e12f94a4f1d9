//! Calls that the rules of the kernel leave open, decided by the launcher.
//!
//! Landlock guards files as they are opened; mode, owner and times of a file
//! are changed by its path without that. So the kernel hands these calls over
//! (`seccomp_unotify`), and the launcher makes them itself, on the one file
//! that it found and only when it is one of the workspace: what the command
//! does to path or memory meanwhile changes nothing. A process that is about
//! to be made is counted in the same way, where the kernel can't do it.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::{ffi::OsStringExt as _, fs::FileExt as _, fs::PermissionsExt as _},
    },
    path::{Path, PathBuf},
    thread,
};

use libc::c_long;
use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{
        AtFlags, CWD, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_NOW, Uid,
        chownat, openat2, utimensat,
    },
    io::Errno,
    process::getpid,
};

use super::kernel::{self, Call};
use crate::tools::terminal::process::{self, Load};

/// Calls on mode, owner and times of a file.
pub(super) const METADATA: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    libc::SYS_utimensat,
];

/// Calls that make a process or a thread.
pub(super) const FORKS: &[c_long] = &[
    libc::SYS_clone,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// Newer than the table of numbers; the same on every machine.
const SYS_FCHMODAT2: c_long = 452;

/// Bytes of a path, its end included.
const MAX_PATH: usize = 4096;

/// Bits of a mode that would make a program run as its owner.
const AS_OWNER: u32 = 0o6000;

/// Answers calls of one command.
pub(super) struct Mediator {
    pub(super) listener: OwnedFd,
    /// Where the command's own files are.
    pub(super) own: [PathBuf; 3],
    /// The most processes and threads, where they are counted here.
    pub(super) tasks: Option<u64>,
}

/// What is to happen to a file.
#[derive(Clone, Copy, Debug)]
enum Change {
    Mode(u32),
    Owner(u32, u32),
    /// By the address of two points in time, in parts of a second of so many
    /// nanoseconds; now when there is none.
    Times(u64, i64),
}

/// Which file.
#[derive(Clone, Copy, Debug)]
enum Target {
    Open(i32),
    Path { below: i32, address: u64, flags: u64 },
}

impl Mediator {
    /// On a thread of its own, as long as the command lives.
    pub(super) fn start(mut self) -> io::Result<()> {
        thread::Builder::new().spawn(move || {
            let mut left = 0;
            while self.is_needed() {
                match kernel::next_call(self.listener.as_fd()) {
                    Ok(call) => self.answer(&call, &mut left),
                    // Whoever made it was ended meanwhile.
                    Err(Errno::NOENT | Errno::INTR) => {}
                    Err(_) => return,
                }
            }
        })?;
        Ok(())
    }

    fn is_needed(&self) -> bool {
        let mut waited = [PollFd::new(&self.listener, PollFlags::IN)];
        let res = rustix::io::retry_on_intr(|| poll(&mut waited, None));
        let ended = PollFlags::HUP | PollFlags::ERR;
        res.is_ok() && !waited.iter().any(|it| it.revents().intersects(ended))
    }

    fn answer(&mut self, call: &Call, left: &mut u64) {
        if FORKS.contains(&call.number) {
            let verdict = self.admit(left).then_some(()).ok_or(Errno::AGAIN);
            return kernel::let_call_go_on(self.listener.as_fd(), call, verdict);
        }
        let done = self
            .change(call)
            .map_err(|error| error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error));
        kernel::answer_call(self.listener.as_fd(), call, done);
    }

    /// `left` more can be made without another look at how many there are.
    fn admit(&self, left: &mut u64) -> bool {
        let Some(max) = self.tasks else { return true };
        if *left == 0 {
            let enough = usize::try_from(max).unwrap_or(usize::MAX);
            let own = getpid().as_raw_pid();
            let live = process::all()
                .map(|it| Load::of(process::below(it, own, enough).into_iter()).threads);
            *left = live.map_or(0, |it| max.saturating_sub(it));
        }
        let admitted = *left > 0;
        *left = left.saturating_sub(1);
        admitted
    }

    fn change(&self, call: &Call) -> io::Result<()> {
        let (target, change) = meaning(call).ok_or(Errno::NOSYS)?;
        let caller = Caller::of(call)?;
        let change = caller.read_change(change)?;
        let file = caller.open(target)?;
        // All that was read above is the caller's, and not that of a process
        // that has its number by now.
        kernel::is_waiting(self.listener.as_fd(), call)?;
        let shown = fs::read_link(own_path(&file))?;
        if !self.own.iter().any(|it| shown.starts_with(it)) {
            return Err(Errno::PERM.into());
        }
        apply(&file, &change)
    }
}

/// What a call asks for, by its arguments.
fn meaning(call: &Call) -> Option<(Target, Change)> {
    let [a, b, c, d, e, _] = call.arguments;
    let path = |below: i32, address, flags| Target::Path { below, address, flags };
    let here = |address, flags| path(libc::AT_FDCWD, address, flags);
    let no_follow = flag(AtFlags::SYMLINK_NOFOLLOW);
    Some(match call.number {
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chmod => (here(a, 0), Change::Mode(word(b))),
        libc::SYS_fchmod => (Target::Open(number(a)), Change::Mode(word(b))),
        libc::SYS_fchmodat => (path(number(a), b, 0), Change::Mode(word(c))),
        SYS_FCHMODAT2 => (path(number(a), b, d), Change::Mode(word(c))),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chown => (here(a, 0), Change::Owner(word(b), word(c))),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lchown => (here(a, no_follow), Change::Owner(word(b), word(c))),
        libc::SYS_fchown => (Target::Open(number(a)), Change::Owner(word(b), word(c))),
        libc::SYS_fchownat => (path(number(a), b, e), Change::Owner(word(c), word(d))),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_utimes => (here(a, 0), Change::Times(b, 1000)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_futimesat if b == 0 => (Target::Open(number(a)), Change::Times(c, 1000)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_futimesat => (path(number(a), b, 0), Change::Times(c, 1000)),
        libc::SYS_utimensat if b == 0 => (Target::Open(number(a)), Change::Times(c, 1)),
        libc::SYS_utimensat => (path(number(a), b, d), Change::Times(c, 1)),
        _ => return None,
    })
}

/// A change with all that there is to know of it.
enum Known {
    Mode(u32),
    Owner(Option<Uid>, Option<Gid>),
    Times(Timestamps),
}

/// Whoever made the call.
struct Caller {
    dir: PathBuf,
    memory: File,
}

impl Caller {
    fn of(call: &Call) -> io::Result<Self> {
        let dir = PathBuf::from(format!("/proc/{}", call.thread));
        Ok(Self { memory: File::open(dir.join("mem"))?, dir })
    }

    fn read_change(&self, change: Change) -> io::Result<Known> {
        // All bits set stand for "as it is".
        let given = |it: u32| (it != u32::MAX).then_some(it);
        Ok(match change {
            Change::Mode(mode) => Known::Mode(mode),
            Change::Owner(user, group) => {
                let (user, group) = (given(user), given(group));
                Known::Owner(user.map(Uid::from_raw), group.map(Gid::from_raw))
            }
            Change::Times(0, _) => {
                let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
                Known::Times(Timestamps { last_access: now, last_modification: now })
            }
            Change::Times(address, part) => {
                let last_access = self.read_time(address, part)?;
                let last_modification = self.read_time(address.saturating_add(16), part)?;
                Known::Times(Timestamps { last_access, last_modification })
            }
        })
    }

    fn read_time(&self, address: u64, part: i64) -> io::Result<Timespec> {
        let word = |address| {
            let mut bytes = [0; 8];
            self.memory.read_exact_at(&mut bytes, address).map_err(|_| Errno::FAULT)?;
            io::Result::Ok(i64::from_ne_bytes(bytes))
        };
        let (tv_sec, parts) = (word(address)?, word(address.saturating_add(8))?);
        Ok(Timespec { tv_sec, tv_nsec: parts.checked_mul(part).ok_or(Errno::INVAL)? })
    }

    fn read_path(&self, address: u64) -> io::Result<PathBuf> {
        let mut bytes = vec![0; MAX_PATH];
        // Less when there is no memory beyond it.
        let count = self.memory.read_at(&mut bytes, address).map_err(|_| Errno::FAULT)?;
        bytes.truncate(count);
        let end = bytes.iter().position(|it| *it == 0);
        bytes.truncate(end.ok_or(if count < MAX_PATH {
            Errno::FAULT
        } else {
            Errno::NAMETOOLONG
        })?);
        Ok(std::ffi::OsString::from_vec(bytes).into())
    }

    /// The file itself, for nothing but its metadata.
    fn open(&self, target: Target) -> io::Result<OwnedFd> {
        let (below, address, flags) = match target {
            Target::Open(file) => return self.open_file(file),
            Target::Path { below, address, flags } => (below, address, flags),
        };
        let path = self.read_path(address)?;
        if let Some(file) = file_by_number(&path) {
            return self.open_file(file);
        }
        if path.as_os_str().is_empty() {
            let may_be_empty = flags & flag(AtFlags::EMPTY_PATH) != 0;
            return if may_be_empty { self.open_file(below) } else { Err(Errno::NOENT.into()) };
        }
        let base = if path.is_absolute() { None } else { Some(self.open_file(below)?) };
        let base = base.as_ref().map_or(CWD, |it| it.as_fd());
        let follow = flags & flag(AtFlags::SYMLINK_NOFOLLOW) == 0;
        let link = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let wanted = OFlags::PATH | OFlags::CLOEXEC | link;
        // A link of this kind would lead to files of the launcher.
        Ok(openat2(base, &path, wanted, Mode::empty(), ResolveFlags::NO_MAGICLINKS)?)
    }

    fn open_file(&self, file: i32) -> io::Result<OwnedFd> {
        let path = match file {
            libc::AT_FDCWD => self.dir.join("cwd"),
            file => self.dir.join("fd").join(file.to_string()),
        };
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).map_err(|_| Errno::BADF.into())
    }
}

/// The C library changes the mode of an open file by this name of it.
fn file_by_number(path: &Path) -> Option<i32> {
    let dirs = ["/proc/self/fd", "/proc/thread-self/fd", "/dev/fd"];
    let below = dirs.iter().find_map(|it| path.strip_prefix(it).ok())?;
    below.to_str()?.parse().ok().filter(|it| *it >= 0)
}

fn apply(file: &OwnedFd, change: &Known) -> io::Result<()> {
    match change {
        Known::Mode(mode) if mode & AS_OWNER != 0 => Err(Errno::PERM.into()),
        Known::Mode(mode) => {
            fs::set_permissions(own_path(file), fs::Permissions::from_mode(mode & 0o7777))
        }
        Known::Owner(user, group) => Ok(chownat(file, c"", *user, *group, AtFlags::EMPTY_PATH)?),
        Known::Times(times) => Ok(utimensat(file, c"", times, AtFlags::EMPTY_PATH)?),
    }
}

/// What leads to a file that this process has open, whatever its path is.
fn own_path(file: &OwnedFd) -> PathBuf {
    Path::new("/proc/self/fd").join(file.as_raw_fd().to_string())
}

/// The lower half of a register is all that the kernel reads of a number.
fn word(register: u64) -> u32 {
    let [a, b, c, d, ..] = register.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn number(register: u64) -> i32 {
    i32::from_ne_bytes(word(register).to_ne_bytes())
}

fn flag(flag: AtFlags) -> u64 {
    u64::from(flag.bits())
}
