//! What the kernel offers and no safe interface reaches: the only unsafe code
//! of the terminal.

#![expect(unsafe_code, reason = "system calls that no crate in use makes, each with its reason")]

use std::{
    fs, io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use libc::c_long;
use rustix::{
    io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd},
    process::Pid,
    thread::UnshareFlags,
};

/// Which of two processes this is.
pub(super) enum Forked {
    Child,
    Parent(Pid),
}

/// Copies this process, which must have no other thread that matters: the
/// copy has this one alone.
pub(super) fn fork() -> io::Result<Forked> {
    // SAFETY: no memory is handed over. A launcher forks before it starts a
    // thread, so no lock is held by one that the copy lacks; the allocator of
    // the C library is made usable in the copy by `fork` itself.
    let found = unsafe { libc::fork() };
    match found {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        id => Pid::from_raw(id).map(Forked::Parent).ok_or_else(|| io::Error::other("no process")),
    }
}

/// Gives this thread a namespace of its own of the kind that is flagged.
pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    let flags = flags - UnshareFlags::FILES;
    // SAFETY: only a table of files of its own could make another thread's
    // descriptors unusable, and that flag is taken out.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// Maps the owners of all files of a mount that is not attached yet, as the
/// user namespace says, and lets no file in it give rights or be a device.
pub(super) fn map_owners(mount: BorrowedFd<'_>, namespace: BorrowedFd<'_>) -> io::Result<()> {
    const MAPPED: u64 = 0x0010_0000;
    set_attributes(mount, MAPPED, Some(namespace))
}

/// Lets nobody write in a mount that is not attached yet, nor gain rights or
/// devices by a file in it.
pub(super) fn make_read_only(mount: BorrowedFd<'_>) -> io::Result<()> {
    const READ_ONLY: u64 = 0x1;
    set_attributes(mount, READ_ONLY, None)
}

fn set_attributes(
    mount: BorrowedFd<'_>,
    set: u64,
    namespace: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    /// The kernel's `struct mount_attr`, in its first version.
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        namespace: u64,
    }
    const NO_SETUID: u64 = 0x2;
    const NO_DEVICES: u64 = 0x4;
    let number = namespace.map_or(Ok(0), |it| u64::try_from(it.as_raw_fd()));
    let namespace = number.map_err(io::Error::other)?;
    let attributes =
        Attributes { set: NO_SETUID | NO_DEVICES | set, clear: 0, propagation: 0, namespace };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the path is a text with its end, and the kernel reads as many
    // bytes of the structure as it is told that there are.
    let found = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    };
    if found == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// No program that this process starts from now on gets a file that it has
/// open, but the first three: what the host inherited from whoever started it
/// would be among them.
pub(super) fn pass_no_files_on() -> io::Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|it| it.parse::<i32>().ok()) else { continue };
        if number <= 2 {
            continue;
        }
        // SAFETY: the descriptor is open, since it is listed and nothing else
        // runs; the one of the list itself is gone when it is asked for, and
        // then it is an error of the kernel and nothing more.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        if fcntl_getfd(file.as_fd()).is_ok_and(|it| !it.contains(FdFlags::CLOEXEC)) {
            fcntl_setfd(file, FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

/// A system call that waits for an answer.
pub(super) struct Call {
    id: u64,
    /// Who made it.
    pub(super) thread: u32,
    pub(super) number: c_long,
    pub(super) arguments: [u64; 6],
}

/// Has this thread, and all that it starts, ask before each of these calls.
/// Whoever holds the file answers them.
pub(super) fn ask_before(calls: &[c_long]) -> io::Result<OwnedFd> {
    /// A call that was taken up is not interrupted but by an end.
    const WAIT_KILLABLE: libc::c_ulong = 1 << 5;
    let mut filter = asking(calls);
    let len = u16::try_from(filter.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE;
    // SAFETY: the kernel copies as many instructions as the program says that
    // there are, checks them, and gives a descriptor that is nobody's yet.
    unsafe {
        let program = &raw const program;
        match libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, program) {
            -1 => Err(io::Error::last_os_error()),
            file => Ok(OwnedFd::from_raw_fd(i32::try_from(file).map_err(io::Error::other)?)),
        }
    }
}

/// Load the number; for each that is asked for jump to the end, where the
/// answer is "ask"; before it is "go on".
fn asking(calls: &[c_long]) -> Vec<libc::sock_filter> {
    let line = |code: u32, jt: usize, k: u32| libc::sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt: u8::try_from(jt).unwrap_or_default(),
        jf: 0,
        k,
    };
    let mut res = vec![line(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (idx, call) in calls.iter().enumerate() {
        let number = u32::try_from(*call).unwrap_or(u32::MAX);
        let is_equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        res.push(line(is_equal, calls.len() - idx, number));
    }
    let answer = libc::BPF_RET | libc::BPF_K;
    res.push(line(answer, 0, libc::SECCOMP_RET_ALLOW));
    res.push(line(answer, 0, libc::SECCOMP_RET_USER_NOTIF));
    res
}

/// Waits for the next call.
pub(super) fn next_call(listener: BorrowedFd<'_>) -> Result<Call, Errno> {
    // SAFETY: all bits of the structure are numbers.
    let mut found: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills in the structure that this request is about.
    let done = unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut found)
    };
    if done == -1 {
        return Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    let libc::seccomp_notif { id, pid: thread, data, .. } = found;
    Ok(Call { id, thread, number: data.nr.into(), arguments: data.args })
}

/// Fails when nobody waits any more: then its number may be another's.
pub(super) fn is_waiting(listener: BorrowedFd<'_>, call: &Call) -> io::Result<()> {
    // SAFETY: the kernel reads the number.
    let done = unsafe {
        let id = &raw const call.id;
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, id)
    };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The call was made, or is not to be.
pub(super) fn answer_call(listener: BorrowedFd<'_>, call: &Call, done: Result<(), Errno>) {
    send_answer(listener, call, done, 0);
}

/// The kernel makes the call, or it is not to be made. For calls alone whose
/// meaning is in their registers: memory may be another by then.
pub(super) fn let_call_go_on(listener: BorrowedFd<'_>, call: &Call, may: Result<(), Errno>) {
    const GO_ON: u32 = 1;
    send_answer(listener, call, may, if may.is_ok() { GO_ON } else { 0 });
}

fn send_answer(listener: BorrowedFd<'_>, call: &Call, done: Result<(), Errno>, flags: u32) {
    let error = done.err().map_or(0, |it| -it.raw_os_error());
    let mut answer = libc::seccomp_notif_resp { id: call.id, val: 0, error, flags };
    // SAFETY: the kernel reads the structure that this request is about. It
    // fails when whoever waited was ended, and then nobody needs it.
    let _ = unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer)
    };
}
