//! Which process holds a database that is busy.
//!
//! The kernel lists every lock (`/proc/locks`). The database's own files are
//! not opened for it: closing one would give up this process's locks on it.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

/// The byte of the log's index that a writer holds locked: 120, behind the
/// index's two heads, where SQLite's file format has it.
const WRITE_LOCK: &str = "120";

/// Characters of a process's name; the kernel keeps 15.
const MAX_NAME_CHARS: usize = 32;

/// In words: its number, its name, and whether it is stopped. `None` when
/// nobody holds it now, or it can't be told.
pub(super) fn of(database: &Path) -> Option<String> {
    let mut index = database.as_os_str().to_owned();
    index.push("-shm");
    let inode = fs::metadata(index).ok()?.ino().to_string();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|it| writer(it, &inode))?;
    Some(describe(pid))
}

/// The process of a line, when that is the write lock of this file:
/// `12: POSIX  ADVISORY  WRITE 4711 fe:00:123456 120 120`.
fn writer(line: &str, inode: &str) -> Option<u32> {
    let mut fields = line.split_whitespace().skip(1).skip_while(|it| *it == "->");
    let (kind, _, mode) = (fields.next()?, fields.next()?, fields.next()?);
    let (pid, file, start) = (fields.next()?, fields.next()?, fields.next()?);
    let is_it = kind == "POSIX"
        && mode == "WRITE"
        && start == WRITE_LOCK
        && file.rsplit(':').next() == Some(inode);
    pid.parse().ok().filter(|it| is_it && *it > 0)
}

fn describe(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // `4711 (name) T …`: the name may have anything in it.
    let name = stat.split_once('(').and_then(|(_, it)| it.rsplit_once(')'));
    let Some((name, rest)) = name else {
        return format!("process {pid}");
    };
    let is_shown = |it: &char| !it.is_control() && *it != '`';
    let name: String = name.chars().filter(is_shown).take(MAX_NAME_CHARS).collect();
    match rest.trim_start().chars().next() {
        Some('T' | 't') => format!("process {pid} (`{name}`), which is stopped,"),
        _ => format!("process {pid} (`{name}`)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_is_found_among_all_locks() {
        let check = |line: &str, expect: Option<u32>| assert_eq!(writer(line, "77"), expect);
        check("1: POSIX  ADVISORY  WRITE 4711 fe:00:77 120 120", Some(4711));
        check("1: POSIX  ADVISORY  READ  4711 fe:00:77 120 120", None);
        check("1: POSIX  ADVISORY  WRITE 4711 fe:00:77 128 128", None);
        check("1: POSIX  ADVISORY  WRITE 4711 fe:00:78 120 120", None);
        check("1: FLOCK  ADVISORY  WRITE 4711 fe:00:77 120 120", None);
        check("1: POSIX  ADVISORY  WRITE -1 fe:00:77 120 120", None);
        check("1: POSIX", None);
        check("", None);
    }
}
