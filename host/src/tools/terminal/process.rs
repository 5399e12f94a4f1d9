//! The processes of a command, as the kernel lists them.

use std::{collections::HashSet, fs, io, time::Duration};

/// The part of a second in which the kernel counts CPU time for programs, on
/// every machine that seccomp's filters know.
const TICKS_PER_SECOND: u64 = 100;

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    /// It has ended, and waits for its parent to ask.
    pub(super) ended: bool,
    threads: u64,
    pages: u64,
    ticks: u64,
}

/// What a command takes of the machine at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Those of processes that have no second one among them.
    pub(super) threads: u64,
    /// Resident; pages that are shared count for each process.
    pub(super) bytes: u64,
    /// Of all processes, those that ended and were asked for included.
    pub(super) cpu: Duration,
}

impl Load {
    /// Of these processes together.
    pub(super) fn of(processes: impl Iterator<Item = Process>) -> Self {
        let page = rustix::param::page_size() as u64;
        let mut res = Self::default();
        let mut ticks = 0_u64;
        for it in processes {
            res.threads = res.threads.saturating_add(it.threads);
            res.bytes = res.bytes.saturating_add(it.pages.saturating_mul(page));
            ticks = ticks.saturating_add(it.ticks);
        }
        res.cpu = Duration::from_millis(ticks.saturating_mul(1000 / TICKS_PER_SECOND));
        res
    }
}

/// Every process that this one can see, by its number, as they are looked at.
pub(super) fn all() -> io::Result<impl Iterator<Item = Process>> {
    let ids = fs::read_dir("/proc")?.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    // One that ends meanwhile has no file any more.
    Ok(ids.filter_map(|id: i32| parse(&fs::read(format!("/proc/{id}/stat")).ok()?)))
}

/// The children of this process, those that ended and wait to be asked for
/// among them.
pub(super) fn children() -> io::Result<Vec<i32>> {
    let mut res = Vec::new();
    for thread in fs::read_dir("/proc/self/task")? {
        match fs::read_to_string(thread?.path().join("children")) {
            Ok(ids) => res.extend(ids.split_whitespace().filter_map(|it| it.parse::<i32>().ok())),
            // A kernel without these lists: then every process is looked at.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let own = i32::try_from(std::process::id()).map_err(io::Error::other)?;
                return Ok(all()?.filter(|it| it.parent == own).map(|it| it.id).collect());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(res)
}

/// Those of `all` below `root`, without it, and `enough` at most when children
/// come after their parents. An orphan of a pid namespace belongs to the first
/// process of it, so none gets away.
pub(super) fn below(all: impl Iterator<Item = Process>, root: i32, enough: usize) -> Vec<Process> {
    let (mut found, mut known, mut rest) = (Vec::new(), HashSet::from([root]), Vec::new());
    for it in all.filter(|it| it.id != root) {
        let is_below = known.contains(&it.parent) && known.insert(it.id);
        if is_below {
            found.push(it)
        } else {
            rest.push(it)
        }
        if found.len() >= enough {
            return found;
        }
    }
    // The numbers of processes begin anew some day.
    loop {
        let (below, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|it| known.contains(&it.parent));
        if below.is_empty() || found.len() >= enough {
            return found;
        }
        known.extend(below.iter().map(|it| it.id));
        found.extend(below);
        rest = others;
    }
}

/// One line of `stat`. The name of the program stands in parentheses and is
/// the program's own choice, so the last parenthesis ends it.
fn parse(stat: &[u8]) -> Option<Process> {
    let end = stat.iter().rposition(|it| *it == b')')?;
    let id = str::from_utf8(stat.split(|it| *it == b' ').next()?).ok()?.parse().ok()?;
    let rest = str::from_utf8(stat.get(end + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |idx: usize| fields.get(idx)?.parse::<i64>().ok();
    let count = |idx: usize| Some(u64::try_from(number(idx)?).unwrap_or(0));
    let ticks = (11..=14).filter_map(count).fold(0, u64::saturating_add);
    Some(Process {
        id,
        parent: i32::try_from(number(1)?).ok()?,
        group: i32::try_from(number(2)?).ok()?,
        ended: matches!(fields.first(), Some(&("Z" | "X"))),
        threads: count(17)?,
        pages: count(21)?,
        ticks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_program_calls_itself() {
        let numbers =
            "5 6 6 0 -1 4194560 1 2 3 4 100 20 3 7 20 0 9 0 77 8192 42 18446744073709551615";
        for name in ["sh", "a b", ") S 1 1", "a) R 9 9 (", "\n"] {
            let line = format!("12 ({name}) S {numbers}");
            let found = parse(line.as_bytes()).unwrap();
            let (id, parent, group) = (found.id, found.parent, found.group);
            assert_eq!((id, parent, group, found.ended), (12, 5, 6, false), "{name:?}");
            assert_eq!((found.threads, found.pages, found.ticks), (9, 42, 130), "{name:?}");
        }
        for line in ["", "12", "12 (sh)", "12 (sh) S 5", "x (sh) S 5 6", "12 (sh) S x 6 6"] {
            assert_eq!(parse(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn descendants_are_found_and_a_circle_ends() {
        let process = |(id, parent): (i32, i32)| Process {
            id,
            parent,
            group: 1,
            ended: false,
            threads: 1,
            pages: 1,
            ticks: 1,
        };
        let check = |all: &[(i32, i32)], root, enough, expected: &[i32]| {
            let found = below(all.iter().copied().map(process), root, enough);
            let found: Vec<i32> = found.iter().map(|it| it.id).collect();
            assert_eq!(found, expected, "below {root} of {all:?}");
        };
        let all = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 9), (2, 4), (7, 4)];
        check(&all, 2, 10, &[3, 4, 7]);
        check(&all, 2, 2, &[3, 4]);
        check(&all, 8, 10, &[]);
        check(&[(3, 7), (4, 3), (7, 5), (8, 8)], 5, 10, &[7, 3, 4]);
    }

    #[test]
    fn a_child_is_among_the_children() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let id = i32::try_from(child.id()).unwrap();
        assert!(children().unwrap().contains(&id));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!children().unwrap().contains(&id));
    }

    #[test]
    fn this_process_is_among_all() {
        let own = i32::try_from(std::process::id()).unwrap();
        let found = all().unwrap().find(|it| it.id == own).unwrap();
        let load = Load::of(std::iter::once(found));
        assert!(load.threads >= 2 && load.bytes > 1 << 20, "{load:?}");
    }
}
