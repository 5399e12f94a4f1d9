//! A ceiling on the tasks of one command that the kernel keeps: a control
//! group of its own, on machines that let this process make one.
//!
//! The kernel's other limit, of the processes of a user, does not bind root,
//! and a watcher that looks every few milliseconds lets a fork bomb grow until
//! the machine is busy with it. Groups of version 1 take single threads, so
//! the thread that starts a command joins the group, and all that it starts is
//! born there. Those of version 2 take whole processes, which would be the
//! host itself; there the other two have to do.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Where groups that count tasks usually are.
const HIERARCHY: &str = "/sys/fs/cgroup/pids";

/// Tries at a name that no other group has.
const MAX_NAMES: u32 = 16;

/// Tries at taking an emptied group away, and the pause between two: the kernel
/// needs a moment to forget its last task, and nothing tells when it has.
const MAX_REMOVALS: u32 = 1_000;
const TRY_AGAIN: Duration = Duration::from_millis(1);

/// The group of one command, with this thread in it until it is dropped.
pub(super) struct Ceiling {
    above: PathBuf,
    dir: PathBuf,
}

impl Ceiling {
    /// Puts this thread, and with it all that it starts from now on, under a
    /// ceiling of `max` tasks. `None` where this process may not.
    pub(super) fn over_this_thread(max: u64) -> Option<Self> {
        Self::below(&own_group()?, max)
            .inspect_err(|error| {
                tracing::debug!(%error, "no control group for a command");
            })
            .ok()
    }

    fn below(above: &Path, max: u64) -> io::Result<Self> {
        let dir = new_group(above)?;
        // Made first: what was made is taken away, whatever fails.
        let ceiling = Self { above: above.to_owned(), dir };
        write(&ceiling.dir.join("pids.max"), &max.to_string())?;
        join(&ceiling.dir)?;
        Ok(ceiling)
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        if join(&self.above).is_err() {
            return tracing::warn!("a thread stays under the ceiling of a command");
        }
        for _ in 0..MAX_REMOVALS {
            match fs::remove_dir(&self.dir) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => thread::sleep(TRY_AGAIN),
                Err(error) => return tracing::warn!(%error, "the group of a command is left"),
                Ok(()) => return,
            }
        }
        tracing::warn!("the group of a command is left: the kernel still holds it");
    }
}

/// The group of this process, in the hierarchy that counts tasks.
fn own_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(path_of)?;
    let dir = Path::new(HIERARCHY).join(path.trim_start_matches('/'));
    dir.join("tasks").exists().then_some(dir)
}

/// Of a line `8:pids:/some/group`, the path.
fn path_of(line: &str) -> Option<&str> {
    let mut parts = line.splitn(3, ':').skip(1);
    parts.next()?.split(',').any(|it| it == "pids").then(|| parts.next())?
}

fn new_group(above: &Path) -> io::Result<PathBuf> {
    let process = std::process::id();
    for number in 0..MAX_NAMES {
        let dir = above.join(format!("hermitage-{process}-{}-{number}", thread_number()));
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
            done => return done.map(|()| dir),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn thread_number() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

fn join(dir: &Path) -> io::Result<()> {
    write(&dir.join("tasks"), &thread_number().to_string())
}

/// In one write, as these files want it, and of a file that is there.
fn write(file: &Path, text: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_that_counts_tasks_is_found_among_others() {
        let check = |line, expect| assert_eq!(path_of(line), expect, "{line}");
        check("8:pids:/", Some("/"));
        check("3:cpu,pids:/a:b", Some("/a:b"));
        check("4:memory:/x", None);
        check("0::/", None);
        check("", None);
    }

    #[test]
    fn a_thread_under_a_ceiling_starts_no_more_than_that_and_leaves_nothing_behind() {
        let Some(above) = own_group() else {
            // Nothing to test: this machine has no such groups.
            return;
        };
        let Ok(ceiling) = Ceiling::below(&above, 3) else { return };
        let dir = ceiling.dir.clone();
        let start = || std::process::Command::new("sleep").arg("1000").spawn();
        let mut started = vec![start().unwrap(), start().unwrap()];
        assert!(start().is_err());
        for child in &mut started {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        drop(ceiling);
        assert!(!dir.exists());
    }
}
