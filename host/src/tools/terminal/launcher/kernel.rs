//! What the kernel offers and no safe interface reaches: the only unsafe code
//! of the terminal.

#![expect(unsafe_code, reason = "system calls that no crate in use makes, each with its reason")]

use std::{
    fs, io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd},
};

use rustix::{
    io::{FdFlags, fcntl_getfd, fcntl_setfd},
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
    const MAPPED: u64 = 0x0010_0000;
    let namespace = u64::try_from(namespace.as_raw_fd()).map_err(io::Error::other)?;
    let attributes =
        Attributes { set: NO_SETUID | NO_DEVICES | MAPPED, clear: 0, propagation: 0, namespace };
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
