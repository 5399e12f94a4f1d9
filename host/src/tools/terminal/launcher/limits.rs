//! Limits that a launcher takes upon itself, and hands down to the command.

use std::io;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setpriority_process, setrlimit};

use super::Limits;

/// File descriptors of a process. Bounds what open pipes and sockets take of
/// the kernel.
const MAX_OPEN_FILES: u64 = 1024;

/// Tasks of the launcher and of a sandbox around the command.
const OWN_TASKS: u64 = 8;

/// How much a command gives way to everything else on the machine, in the
/// steps of `nice`. Whoever watches over a hundred processes that spin must
/// get to run.
const NICE: i32 = 10;

/// Takes them. With a user of its own (`own_user`) the kernel counts tasks for
/// the command alone.
pub(super) fn take(limits: &Limits, own_user: bool) -> io::Result<()> {
    // An image of a process may hold what it was told in secret. One byte is,
    // to the kernel, none, even where a program takes the images.
    lower(Resource::Core, 1)?;
    lower(Resource::Cpu, limits.cpu_seconds)?;
    lower(Resource::Data, limits.data_bytes)?;
    lower(Resource::Fsize, limits.file_bytes)?;
    lower(Resource::Nofile, MAX_OPEN_FILES)?;
    // No class of priority above that of other programs.
    lower(Resource::Rtprio, 0)?;
    lower(Resource::Nice, 0)?;
    // Queues of messages outlive whoever makes them.
    lower(Resource::Msgqueue, 0)?;
    if own_user {
        lower(Resource::Nproc, limits.tasks.saturating_add(OWN_TASKS))?;
    }
    Ok(())
}

/// Has a process, and what it starts, give way to everything else. Not the
/// launcher, which whoever ends a command waits for.
pub(super) fn give_way(process: Option<Pid>) {
    // A host that gives way already may be at the end of the scale.
    let _ = setpriority_process(process, NICE);
}

/// Never above what this process is held to already.
fn lower(resource: Resource, wanted: u64) -> io::Result<()> {
    let bound = getrlimit(resource).maximum.map_or(wanted, |it| it.min(wanted));
    Ok(setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) })?)
}
