//! What a process has: its descriptors, its processes, its control groups,
//! its temporary files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How deep groups of commands lie below those of their host.
const GROUP_DEPTH: usize = 6;

/// The first memory of a component that is kept for its next child.
const KEPT: &str = "/memfd:wasm-memory-image (deleted)";

/// One look at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    descriptors: BTreeMap<String, usize>,
    processes: BTreeSet<String>,
    groups: BTreeSet<PathBuf>,
    temporary: BTreeSet<PathBuf>,
}

impl Look {
    /// At the process of that number, whose temporary files are there.
    pub(crate) fn at(id: u32, temporary: &Path) -> Self {
        Self {
            descriptors: descriptors(id),
            processes: below(id),
            groups: groups(id),
            temporary: names(temporary),
        }
    }

    /// What is more than there was, when it stays so for that long.
    pub(crate) fn back_within(&self, limit: Duration, look: impl Fn() -> Look) -> Option<String> {
        let since = Instant::now();
        loop {
            let now = look();
            let more = now.more_than(self)?;
            if since.elapsed() > limit {
                return Some(more);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn more_than(&self, before: &Look) -> Option<String> {
        let processes: Vec<_> = self.processes.difference(&before.processes).collect();
        let groups: Vec<_> = self.groups.difference(&before.groups).collect();
        let temporary: Vec<_> = self.temporary.difference(&before.temporary).collect();
        let was = |it: &str| before.descriptors.get(it).copied().unwrap_or_default();
        let descriptors: Vec<_> = self.descriptors.iter().filter(|(it, n)| **n > was(it)).collect();
        let nothing = descriptors.is_empty()
            && processes.is_empty()
            && groups.is_empty()
            && temporary.is_empty();
        (!nothing).then(|| {
            format!(
                "left: descriptors {descriptors:?}, processes {processes:?}, groups {groups:?}, \
                 files {temporary:?}"
            )
        })
    }
}

/// What its descriptors are open on, and how many on each.
fn descriptors(id: u32) -> BTreeMap<String, usize> {
    let mut res = BTreeMap::new();
    for entry in names(Path::new(&format!("/proc/{id}/fd"))) {
        if let Ok(target) = fs::read_link(entry) {
            let target = target.to_string_lossy().into_owned();
            // Numbers of sockets and pipes say nothing.
            let kind = target.split_once(":[").map_or(target.as_str(), |(kind, _)| kind);
            if kind != KEPT {
                *res.entry(kind.to_owned()).or_default() += 1;
            }
        }
    }
    res
}

fn names(dir: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().filter_map(|it| Some(it.ok()?.path())).collect()
}

/// Number and name of every process that a process started, or that one of
/// those did. What lost its parent is the watcher's own child, see
/// [`adopt_orphans`].
fn below(id: u32) -> BTreeSet<String> {
    let all: Vec<(u32, u32, String)> = processes();
    let mut found = vec![id];
    let mut res = BTreeSet::new();
    while let Some(above) = found.pop() {
        for (id, _, name) in all.iter().filter(|it| it.1 == above) {
            found.push(*id);
            res.insert(format!("{id} {name}"));
        }
    }
    let own = std::process::id();
    let is_orphan = |it: &&(u32, u32, String)| it.1 == own && !it.2.starts_with("attacked");
    res.extend(all.iter().filter(is_orphan).map(|(id, _, name)| format!("{id} {name}, an orphan")));
    res
}

/// Number, parent and name of every process.
fn processes() -> Vec<(u32, u32, String)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries.filter_map(|it| process(&it.path())).collect()
}

fn process(dir: &Path) -> Option<(u32, u32, String)> {
    let id = dir.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(dir.join("stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
    let parent = rest.split(' ').nth(1)?.parse().ok()?;
    Some((id, parent, name.to_owned()))
}

/// From now on a process whose parent is gone becomes a child of this one, and
/// can't hide. What builds components is a child of this one, too, so all that
/// the cases need is built before anybody looks.
pub(crate) fn adopt_orphans() {
    hermitage_tests::guest("fails");
    hermitage_tests::plugin("react");
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own)).unwrap();
}

/// The control groups that a host of that number made.
fn groups(id: u32) -> BTreeSet<PathBuf> {
    let mut res = BTreeSet::new();
    collect(Path::new("/sys/fs/cgroup"), &format!("hermitage-{id}-"), GROUP_DEPTH, &mut res);
    res
}

fn collect(dir: &Path, prefix: &str, depth: usize, res: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
        if !entry.file_type().is_ok_and(|it| it.is_dir()) {
            continue;
        }
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            res.insert(entry.path());
        } else if depth > 0 {
            collect(&entry.path(), prefix, depth - 1, res);
        }
    }
}
