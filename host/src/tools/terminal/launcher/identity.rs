//! Who a command is when the host is root: a user that nobody else is, and
//! that owns nothing on the machine.
//!
//! The workspace stays writable by a mount of the launcher's own, which shows
//! its owner's files as that user's and gives what is made there to its owner.

use std::{
    collections::BTreeSet,
    ffi::CStr,
    fs::{self, File},
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::{MetadataExt as _, PermissionsExt as _, lchown},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Gid, Uid, fstat},
    io::Errno,
    mount::{
        MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change,
        mount_remount, move_mount, open_tree,
    },
    process::{Signal, WaitOptions, getpid, kill_process, waitpid},
    thread::{
        CapabilitySet, CapabilitySets, UnshareFlags, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs, set_thread_groups,
        set_thread_res_gid, set_thread_res_uid,
    },
};

use super::{
    Identity,
    kernel::{self, Forked},
};
use crate::tools::terminal::order::EnterError;

/// The first user of commands; each has the number of its launcher beyond it.
/// Far above what systems and containers give to people and services, so that
/// limits of the kernel that count by user count one command alone.
const FIRST: u32 = 0x7000_0000;

/// The one that owns nothing by convention, where numbers are few: in a
/// container with users of its own.
const NOBODY: u32 = 65_534;

/// Bytes and files of a mount that holds a way to another one, and nothing
/// else.
const WAY: &CStr = c"mode=0755,size=64k,nr_inodes=1k";

/// Has this process, which is root, be a user that nobody else is.
pub(super) fn take(identity: &Identity) -> Result<(), EnterError> {
    let user = unused();
    show(identity, user).map_err(|error| {
        EnterError::Refused(format!(
            "commands of a host that is root run as a user without rights, and the workspace \
             can't be mounted so that it stays writable for one: {error}\n\
             hint: start the host as an ordinary user, or use a workspace on a file system that \
             takes id-mapped mounts"
        ))
    })?;
    Ok(become_user(user)?)
}

/// Takes away all that root may do, from this process and from all that it
/// starts, whoever it is.
pub(super) fn drop_capabilities() -> io::Result<()> {
    set_no_new_privs(true)?;
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    Ok(set_capabilities(None, sets)?)
}

fn become_user(user: u32) -> io::Result<()> {
    for capability in (0..u64::BITS).map(|it| CapabilitySet::from_bits_retain(1 << it)) {
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // The kernel knows no more.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let (group, user) = (Gid::from_raw(user), Uid::from_raw(user));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    Ok(set_thread_res_uid(user, user, user)?)
}

fn unused() -> u32 {
    let own = FIRST.saturating_add(getpid().as_raw_nonzero().get().unsigned_abs());
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let is_mapped = map.lines().any(|line| {
        let mut numbers = line.split_whitespace().filter_map(|it| it.parse::<u64>().ok());
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        let (Some(first), Some(count)) = (first, count) else { return false };
        (first..first.saturating_add(count)).contains(&u64::from(own))
    });
    if is_mapped { own } else { NOBODY }
}

/// Puts all that the command reaches where the user can reach it, under its own
/// path, in mounts that this process alone sees.
fn show(identity: &Identity, user: u32) -> io::Result<()> {
    give(&identity.scratch, user)?;
    let workspace = mapped(&identity.workspace, user)?;
    let home = mapped(&identity.home, user);
    let read_only: Vec<_> = identity.read_only.iter().map(|it| (it, mapped(it, user))).collect();
    kernel::unshare(UnshareFlags::NEWNS)?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    let home = home.or_else(|_| {
        // Its file system takes no such mount: then it is this user's for now.
        give_all(&identity.home, user)?;
        copy_of(&identity.home)
    })?;
    let scratch = copy_of(&identity.scratch)?;
    let mut places = vec![
        (&identity.workspace, workspace),
        (&identity.scratch, scratch),
        (&identity.home, home),
    ];
    for (path, tree) in read_only {
        // Most of it is for everybody to read.
        let tree = tree.or_else(|_| copy_of(path))?;
        kernel::make_read_only(tree.as_fd())?;
        places.push((path, tree));
    }
    let closed: BTreeSet<PathBuf> = places.iter().filter_map(|(it, _)| closed_above(it)).collect();
    for it in &closed {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tmpfs", it, "tmpfs", flags, Some(WAY))?;
    }
    for (path, tree) in &places {
        make_place(path, tree)?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(tree, c"", CWD, path.as_path(), flags)?;
    }
    for it in &closed {
        mount_remount(it, MountFlags::BIND | MountFlags::RDONLY, c"")?;
    }
    Ok(())
}

/// The host reads and removes it whoever owns it.
fn give(scratch: &Path, user: u32) -> io::Result<()> {
    for entry in fs::read_dir(scratch)? {
        lchown(entry?.path(), Some(user), Some(user))?;
    }
    lchown(scratch, Some(user), Some(user))
}

/// With all that is in it. Nothing is reached through a link.
fn give_all(home: &Path, user: u32) -> io::Result<()> {
    let mut todo = vec![home.to_owned()];
    while let Some(path) = todo.pop() {
        lchown(&path, Some(user), Some(user))?;
        if path.symlink_metadata()?.is_dir() {
            todo.extend(fs::read_dir(path)?.flatten().map(|it| it.path()));
        }
    }
    Ok(())
}

/// What a mount is put over, where there is nothing yet.
fn make_place(path: &Path, tree: &OwnedFd) -> io::Result<()> {
    let is_dir = FileType::from_raw_mode(fstat(tree)?.st_mode).is_dir();
    match is_dir {
        true => fs::create_dir_all(path),
        false if path.exists() => Ok(()),
        false => {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            File::create(path).map(drop)
        }
    }
}

fn copy_of(path: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    Ok(open_tree(CWD, path, flags)?)
}

fn mapped(workspace: &Path, user: u32) -> io::Result<OwnedFd> {
    let owner = fs::metadata(workspace)?;
    let namespace = namespace_of(owner.uid(), owner.gid(), user)?;
    let tree = copy_of(workspace)?;
    kernel::map_owners(tree.as_fd(), namespace.as_fd())?;
    Ok(tree)
}

/// A user namespace that says: `owner` and `group` are `user`.
fn namespace_of(owner: u32, group: u32, user: u32) -> io::Result<OwnedFd> {
    let (mut ready, tell) = io::pipe()?;
    let (wait, hold) = io::pipe()?;
    match kernel::fork()? {
        Forked::Child => {
            drop((ready, hold));
            hold_namespace(tell, wait)
        }
        Forked::Parent(child) => {
            drop((tell, wait));
            let made = ready.read_exact(&mut [0]).and_then(|()| {
                let below = PathBuf::from(format!("/proc/{}", child.as_raw_pid()));
                fs::write(below.join("uid_map"), format!("{owner} {user} 1"))?;
                fs::write(below.join("gid_map"), format!("{group} {user} 1"))?;
                Ok(File::open(below.join("ns/user"))?.into())
            });
            drop(hold);
            let _ = kill_process(child, Signal::KILL);
            waitpid(Some(child), WaitOptions::empty())?;
            made
        }
    }
}

/// Lives in a namespace of its own until nobody needs it.
fn hold_namespace(mut tell: PipeWriter, mut wait: PipeReader) -> ! {
    let told = kernel::unshare(UnshareFlags::NEWUSER).and_then(|()| tell.write_all(&[0]));
    drop(tell);
    if told.is_ok() {
        let _ = wait.read(&mut [0]);
    }
    std::process::exit(0)
}

/// The first directory above `path` that others may not pass through.
fn closed_above(path: &Path) -> Option<PathBuf> {
    let above: Vec<&Path> = path.ancestors().skip(1).collect();
    let is_closed =
        |it: &&&Path| fs::metadata(it).is_ok_and(|it| it.permissions().mode() & 0o001 == 0);
    above.iter().rev().find(is_closed).map(|it| it.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_directory_that_others_may_not_pass_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(real.join("a/b/c")).unwrap();
        let close = |it: &str| {
            fs::set_permissions(real.join(it), fs::Permissions::from_mode(0o700)).unwrap();
        };
        let check = |expect: Option<&str>| {
            let expect = expect.map(|it| real.join(it));
            assert_eq!(closed_above(&real.join("a/b/c")), expect);
        };
        check(None);
        close("a/b/c");
        check(None);
        close("a/b");
        check(Some("a/b"));
        close("a");
        check(Some("a"));
    }
}
